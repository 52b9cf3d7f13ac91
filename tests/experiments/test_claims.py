"""The paper's statements as checks."""

from experiments.analysis.claims import CLAIMS
from tests.experiments.made_up import as_printed


def test_the_papers_own_numbers_hold_what_the_tables_can_tell():
    """On the paper's own numbers, every claim that needs tables alone holds: the checks say what the paper says."""
    measured = as_printed()
    verdicts = {claim.text: claim.verdict(measured) for claim in CLAIMS}
    held = {text for text, verdict in verdicts.items() if verdict == "holds"}
    assert len(held) >= 14
    assert {verdict for verdict in verdicts.values() if verdict != "holds"} == {None}, verdicts
    assert {claim.text: claim.verdict(measured.near_best) for claim in CLAIMS} == verdicts  # runs of one evaluation


def test_claims_fail_when_the_numbers_do():
    measured = as_printed()
    for cell in measured.of_experiment("table4"):
        for result in cell.runs.values():
            result["best"] = {**result["best"], "ER@10": 0.5}
    claims = {claim.text: claim for claim in CLAIMS}
    defends = claims["`ours` brings the ER@10 of every attack below 2 %."]
    assert defends.verdict(measured) == "fails"
    (check,) = [check for check in defends.checks(measured) if check.numbers == "A-hum on MF-FRS: 50.00 %"]
    assert (check.margin.value, check.margin.error, check.verdict) == (-48, 0, "fails")
    assert defends.verdict(measured.near_best) == "holds"  # around the best epoch the numbers are still the paper's
    assert claims["No server-side defense protects DL-FRS (ER@10 above 90 %)."].verdict(measured) == "fails"


def test_a_claim_is_undecided_when_seeds_scatter_more_than_its_margin():
    measured = as_printed()
    cell = measured.find("table3", model="mf", dataset="ml100k", attack="pieck_uea")
    for seed, value in enumerate((0.5, 0.9, 0.95)):
        cell.runs[seed]["best"] = {**cell.runs[seed]["best"], "ER@10": value}
    beats = next(claim for claim in CLAIMS if claim.text == "PIECK-UEA beats PIECK-IPE on MF-FRS with every data set.")
    assert beats.verdict(measured) == "undecided"
    assert [check.verdict for check in beats.checks(measured)] == ["undecided", "holds", "holds"]


def test_claims_are_numbered_in_the_order_of_the_paper():
    assert len(CLAIMS) == len({claim.text for claim in CLAIMS}) == 29
    assert (CLAIMS[0].source, CLAIMS[-1].source) == ("Fig. 3", "Table XI")
