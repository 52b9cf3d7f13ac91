"""The paper's statements as checks."""

from experiments.analysis.claims import CLAIMS
from tests.experiments.made_up import as_printed


def test_the_papers_own_numbers_hold_what_the_tables_can_tell():
    """On the paper's own numbers, every claim that needs tables alone holds: the checks say what the paper says."""
    verdicts = {claim.text: claim.verdict(as_printed()) for claim in CLAIMS}
    held = {text for text, verdict in verdicts.items() if verdict is not None and verdict.holds}
    failed = {text for text, verdict in verdicts.items() if verdict is not None and not verdict.holds}
    assert len(held) >= 14
    assert failed == set(), {text: verdicts[text] for text in failed}


def test_claims_fail_when_the_numbers_do():
    measured = as_printed()
    for cell in measured.of_experiment("table4"):
        for result in cell.runs.values():
            result["best"] = {**result["best"], "ER@10": 0.5}
    verdicts = {claim.text: claim.verdict(measured) for claim in CLAIMS}
    defends = verdicts["`ours` brings the ER@10 of every attack below 2 %."]
    assert not defends.holds and (False, "A-hum on MF-FRS: 50.00 %") in defends.checks
    assert not verdicts["No server-side defense protects DL-FRS (ER@10 above 90 %)."].holds


def test_claims_are_numbered_in_the_order_of_the_paper():
    assert len(CLAIMS) == len({claim.text for claim in CLAIMS}) == 29
    assert (CLAIMS[0].source, CLAIMS[-1].source) == ("Fig. 3", "Table XI")
