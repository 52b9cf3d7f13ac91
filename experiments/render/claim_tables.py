"""The paper's claims with their verdicts, and the numbers behind them."""

from collections import Counter
from collections.abc import Iterator, Mapping

from experiments.analysis.claims import CLAIMS
from experiments.analysis.claims.estimate import ERRORS, Verdict
from experiments.analysis.measured import Measured
from experiments.render.paragraphs import filled
from fedrec.comparison.markdown_table import grid

_SHOWN: Mapping[Verdict | None, str] = {"holds": "holds", "fails": "**fails**", "undecided": "undecided", None: "not measured"}
_LEGEND = f"""A claim holds if all its checks hold, and it fails if at least one clearly fails. A check has a margin (mostly in points),
which is above 0 if the check holds. It is undecided if the margin is smaller than {ERRORS:g} of its standard errors over seeds. With a
single seed no error is known, and the sign of the margin decides. The verdict by the paper's rule takes the epoch with the best HR@10;
the one by near best takes the mean over the evaluations within five epochs of it."""


def claims(measured: Measured) -> Iterator[str]:
    """Yield how many claims have each verdict, a table of all claims, and one of their checks."""
    around = measured.near_best
    rows, checks = [], []
    best, near = Counter[Verdict | None](), Counter[Verdict | None]()
    for number, claim in enumerate(CLAIMS, 1):
        verdict, by_near, own = claim.verdict(measured), claim.verdict(around), claim.checks(measured) or []
        best[verdict] += 1
        near[by_near] += 1
        holding = f"{sum(check.verdict == 'holds' for check in own)} of {len(own)}" if own else ""
        rows.append([str(number), claim.text, claim.source, _SHOWN[verdict], holding, _SHOWN[by_near]])
        for check in own:
            error = "" if check.margin.error is None else f"{check.margin.error:.3g}"
            checks.append([str(number), check.numbers, f"{check.margin.value:+.3g}", error, _SHOWN[check.verdict]])
    counted = [[by, *(str(counts[verdict]) for verdict in _SHOWN)] for by, counts in (("the paper's rule", best), ("near best", near))]
    yield grid([f"{len(CLAIMS)} claims, by", "hold", "fail", "undecided", "not measured"], counted)
    yield filled(_LEGEND)
    yield grid(["no.", "claim", "where", "verdict", "checks that hold", "by near best"], rows)
    if checks:
        yield "### The numbers behind the claims"
        yield grid(["claim", "measured", "margin", "error of the margin", "verdict"], checks)
