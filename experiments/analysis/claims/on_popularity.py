"""What the paper says about popular items: Fig. 3, Fig. 4 and Table II."""

from collections.abc import Iterable, Sequence

from experiments.analysis.claims.claim import MODELS, Check, Claim, estimated, required
from experiments.analysis.claims.estimate import Estimate, weakest
from experiments.analysis.measured import Measured
from experiments.analysis.names import named
from fedrec.evaluation.popular_share import POPULAR_SHARE

SIZES = (1, 10, 50, 150)  # N of Table II


def _long_tail(m: Measured) -> Iterable[Check]:
    for dataset in ("ml100k", "amazon_music"):
        share = required(m, "fig3", dataset=dataset).popular_share
        yield Check(Estimate(100 * (share - 0.5)), f"{named('dataset', dataset)}: {share:.1%} of all interactions")


def _changes_tell_popularity(m: Measured) -> Iterable[Check]:
    for model in MODELS:
        runs = required(m, "fig4", model=model).runs
        popular = POPULAR_SHARE * runs[min(runs)]["dataset"]["items"]
        shares = {
            round: Estimate.of([sum(rank <= popular for rank in run["delta_norm"][round]) / len(ranks) for run in runs.values()])
            for round, ranks in runs[min(runs)]["delta_norm"].items()
        }
        numbers = ", ".join(f"{share:.0%} in round {round}" for round, share in shares.items())
        yield Check(weakest(100 * (share - 0.5) for share in shares.values()), f"{named('model', model)}: popular are {numbers}")


def _popular_items_reach_users(m: Measured) -> Iterable[Check]:
    mf, dl = (required(m, "table2", model=model) for model in MODELS)
    ucr = estimated(mf, "UCR@10", "final")
    yield Check(ucr - 0.98, f"ten popular items reach a share of {ucr:.4f} of the users (UCR)")
    pkl = {n: estimated(mf, f"PKL@{n}", "final") for n in SIZES}
    numbers = ", ".join(f"{value:.4f} for N = {n}" for n, value in pkl.items())
    lowest = weakest(value - pkl[10] for n, value in pkl.items() if n != 10)
    yield Check(lowest, f"PKL of MF-FRS should be lowest for N = 10: {numbers}")
    deep = max(estimated(dl, f"PKL@{n}", "final") for n in SIZES)
    yield Check(min(pkl.values()) - deep, f"PKL of DL-FRS is at most {deep:.4f}")


CLAIMS: Sequence[Claim] = (
    Claim("The 15 % most popular items have more than half of all interactions.", "Fig. 3", _long_tail),
    Claim("Most of the 50 items that change most are popular, in every round shown.", "Fig. 4", _changes_tell_popularity),
    Claim(
        "Ten popular items reach nearly all users and resemble them most; in DL-FRS any number of them does.",
        "Table II",
        _popular_items_reach_users,
    ),
)
