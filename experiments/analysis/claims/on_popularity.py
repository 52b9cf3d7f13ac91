"""What the paper says about popular items: Fig. 3, Fig. 4 and Table II."""

from collections.abc import Iterable, Sequence

from experiments.analysis.claims.claim import MODELS, Check, Claim, required
from experiments.analysis.measured import Measured
from experiments.analysis.names import named
from fedrec.evaluation.popular_share import POPULAR_SHARE


def _long_tail(m: Measured) -> Iterable[Check]:
    for dataset in ("ml100k", "amazon_music"):
        share = required(m, "fig3", dataset=dataset).popular_share
        yield share > 0.5, f"{named('dataset', dataset)}: {share:.1%} of all interactions"


def _changes_tell_popularity(m: Measured) -> Iterable[Check]:
    for model in MODELS:
        run = required(m, "fig4", model=model).runs[0]
        popular = POPULAR_SHARE * run["dataset"]["items"]
        shares = {round: sum(rank <= popular for rank in ranks) / len(ranks) for round, ranks in run["delta_norm"].items()}
        numbers = ", ".join(f"{share:.0%} in round {round}" for round, share in shares.items())
        yield min(shares.values()) > 0.5, f"{named('model', model)}: popular are {numbers}"


def _popular_items_reach_users(m: Measured) -> Iterable[Check]:
    mf, dl = (required(m, "table2", model=model) for model in MODELS)
    ucr = mf.mean("UCR@10", "final")
    yield ucr > 0.98, f"ten popular items reach a share of {ucr:.4f} of the users (UCR)"
    pkl = {n: mf.mean(f"PKL@{n}", "final") for n in (1, 10, 50, 150)}
    numbers = ", ".join(f"{value:.4f} for N = {n}" for n, value in pkl.items())
    yield min(pkl, key=pkl.__getitem__) == 10, f"PKL of MF-FRS should be lowest for N = 10: {numbers}"
    deep = max(dl.mean(f"PKL@{n}", "final") for n in (1, 10, 50, 150))
    yield deep < min(pkl.values()), f"PKL of DL-FRS is at most {deep:.4f}"


CLAIMS: Sequence[Claim] = (
    Claim("The 15 % most popular items have more than half of all interactions.", "Fig. 3", _long_tail),
    Claim("Most of the 50 items that change most are popular, in every round shown.", "Fig. 4", _changes_tell_popularity),
    Claim(
        "Ten popular items reach nearly all users and resemble them most; in DL-FRS any number of them does.",
        "Table II",
        _popular_items_reach_users,
    ),
)
