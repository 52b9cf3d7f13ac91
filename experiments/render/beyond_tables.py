"""Tables of what the paper does not have: all attacks against all defenses, the popularity of targets, what knowledge is worth."""

from collections.abc import Iterable, Iterator, Sequence

from experiments.analysis.claims.claim import MODELS, PIECK
from experiments.analysis.measured import Measured, MeasuredCell
from experiments.analysis.names import named
from fedrec.comparison.markdown_table import grid, plain

_BUCKETS = ((0.0, 0.05), (0.05, 0.15), (0.15, 0.5), (0.5, 1.0))  # ranks of targets, as shares of all items


def matrix(measured: Measured) -> Iterator[str]:
    """Yield, for each model, every defense against every attack with its worst case."""
    for model in MODELS:
        cells = {(cell.choices["defense"], cell.choices["attack"]): cell for cell in measured.where("matrix", {"model": model})}
        if cells:
            attacks, defenses = (list(dict.fromkeys(key[position] for key in cells)) for position in (1, 0))
            found = [
                (defense, {attack: cells[defense, attack] for attack in attacks if (defense, attack) in cells}) for defense in defenses
            ]
            rows = sorted((_against_all(defense, own, attacks) for defense, own in found), key=lambda row: row[0])
            yield f"### Every attack against every defense: {named('model', model)}, ML-100K"
            seeds = len(next(iter(cells.values())).runs)
            yield (
                f"ER@10 in percent at the epoch with the best HR@10 (seeds: {seeds}). The defense with the best worst case comes first. "
                "The last column is the lowest HR@10 of the row."
            )
            heads = ["defense", *(named("attack", attack) for attack in attacks), "worst case", "attacks that reach it", "HR@10"]
            yield grid(heads, [row for _, row in rows])


def _against_all(defense: str, cells: dict[str, MeasuredCell], attacks: Sequence[str]) -> tuple[float, list[str]]:
    """Return the worst case of a defense and its row."""
    er = {attack: 100 * cell.mean("ER@10") for attack, cell in cells.items()}
    against = {attack: value for attack, value in er.items() if attack != "none"} or er
    worst = max(against.values())
    by = ", ".join(named("attack", attack) for attack, value in against.items() if value == worst > 0)
    shown = [f"{er[attack]:.1f}" if attack in er else "" for attack in attacks]
    hits = 100 * min(cell.mean("HR@10") for cell in cells.values())
    return worst, [named("defense", defense), *shown, f"**{worst:.1f}**", by, f"{hits:.1f}"]


def buckets(measured: Measured) -> Iterator[str]:
    """Yield the mean exposure of targets by their popularity."""
    rows = []
    for model in MODELS:
        for attack in PIECK:
            for defense in ("none", "ours"):
                cells = list(measured.where("target_items", {"model": model, "attack": attack, "defense": defense}))
                if cells:
                    setting = [named("model", model), named("attack", attack), named("defense", defense)]
                    mean = sum(100 * cell.mean("ER@10") for cell in cells) / len(cells)
                    rows.append([*setting, *(_bucket(cells, low, high) for low, high in _BUCKETS), f"{mean:.1f}"])
    if rows:
        yield "Mean ER@10 by the popularity rank of the target (0 % is the most popular item), with the lowest and the highest in brackets:"
        yield grid(["model", "attack", "defense", *(f"rank {low:.0%} to {high:.0%}" for low, high in _BUCKETS), "all"], rows)


def _bucket(cells: Iterable[MeasuredCell], low: float, high: float) -> str:
    values = []
    for cell in cells:
        run = next(iter(cell.runs.values()))
        if low < run["target_ranks"][0] / run["dataset"]["items"] <= high:
            values.append(100 * cell.mean("ER@10"))
    return f"{sum(values) / len(values):.1f} ({min(values):.0f} to {max(values):.0f}; {len(values)} items)" if values else "no item"


def knowledge(measured: Measured) -> Iterator[str]:
    """Yield the attacks that are told what the paper denies them."""
    rows = []
    for experiment, told in (("told_interactions", "attack.known_share"), ("told_popularity", "attack.prior")):
        for cell in measured.of_experiment(experiment):
            what = f"{float(cell.choices[told]):.0%} of all interactions" if told == "attack.known_share" else plain(cell.choices[told])
            numbers = [f"{100 * cell.mean(metric, rule):.1f}" for rule in ("best", "final") for metric in ("ER@10", "HR@10")]
            rows.append([named("model", cell.choices["model"]), named("attack", cell.choices.get("attack", "fedreca")), what, *numbers])
    if rows:
        yield "### Beyond the paper: what knowledge is worth"
        yield (
            "ML-100K without a defense. The paper masks the prior knowledge of FedRecA and PIPA. "
            "Here these attacks, and those with fake profiles, are told it."
        )
        yield grid(["model", "attack", "told", "ER@10", "HR@10", "ER@10 at the last epoch", "HR@10 at the last epoch"], rows)
