"""Writes the leaderboard: README.md, leaderboard.html, pictures of the fronts, standings.csv, cells.csv and runs.parquet."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.analysis.figures import Figure, Panel, Series
from experiments.analysis.measured import Measured
from experiments.analysis.names import named
from experiments.leaderboards import board_tables as tables
from experiments.leaderboards.board_page import board_page
from experiments.leaderboards.board_record import RULES
from experiments.leaderboards.boards import RANDOM, Board, boards
from experiments.leaderboards.share_tables import share_tables
from experiments.leaderboards.standings import DEGRADATION, EXPOSURE, PRICE, standings
from experiments.leaderboards.wanted_cells import EXPERIMENTS
from experiments.render.paragraphs import filled
from experiments.render.plots import draw
from fedrec.comparison.markdown_table import plain

if TYPE_CHECKING:
    import pandas as pd

_INTRODUCTION = """Every attack against every defense, measured by `python -m experiments.leaderboard`. Attacks and defenses have
the defaults of their yamls, and 5 % of the clients are malicious unless a table says otherwise. Seeds: {seeds}. Runs: {runs}. Measured on
{machines}. [leaderboard.html](leaderboard.html) shows the same with tables that can be filtered and sorted; `cells.csv` has every number
and `runs.parquet` every run."""
_LEGEND = f"""ER@10 is the share of users to whom the target item is recommended, as the mean around the epoch with the best HR@10
(`near_best`). Degradation is the share of HR@10, at the best epoch, that an attack takes from the same defense without an attack; below 0
it adds some. At the last epoch both may be more: an attack may win late, and then the best epoch is an early one. No share is told where
the run without an attack has collapsed and hits no more than a random ranking. The worst ER@10 is that of the attacks that promote items,
the worst degradation that of all attacks. The worst of both is the larger one; ER@10 and a degradation above 0 have the same scale, on
which 100 % is the most, but a recommender that ranks at random still has an HR@10 of {100 * RANDOM:g} %. The price is what the defense
costs without an attack, in points of HR@10 against no defense. A defense is on the Pareto front if no other has both a lower price and a
lower worst of both. It keeps to the limits if ER@10 is at most {100 * EXPOSURE:g} %, degradation at most {100 * DEGRADATION:g} % and the
price at most {100 * PRICE:g} points. Numbers are in percent, means over seeds ± their standard error. Ranks go by the worst of both; beside
the rank stand the best and the worst one that a single seed gives. The harm of an attack is the larger of both again, as the mean over
defenses. An attack breaks a defense if it exceeds a limit. A run that diverged is marked, and counts as the worst case: everybody sees the
target, and no hit is left."""
_COMBINED = """Runs are longer than those of the boards (`conf/experiment/leaderboard/combinations.yaml`), because rows that a defense has
cut learn slowly. Each combination is measured until its price or an attack exceeds a limit, so a worst case is the least that it can be."""


def write(table: "pd.DataFrame", to: Path) -> str:
    """Write all files of the leaderboard. Return what was written, in one line."""
    to.mkdir(parents=True, exist_ok=True)
    found = boards(table, [*EXPERIMENTS["ml100k"], *EXPERIMENTS["large"]])
    text = "\n\n".join(_markdown(table, found)) + "\n"
    pictures = [_front(board) for board in found]
    (to / "README.md").write_text(text, encoding="utf-8")
    (to / "leaderboard.html").write_text(board_page(text, pictures), encoding="utf-8")
    for picture in pictures:
        draw(picture, to / f"{picture.name}.png")
    _write_rows(_standing_rows(found), to / "standings.csv")
    _write_rows(_cell_rows(found), to / "cells.csv")
    table.to_parquet(to / "runs.parquet", index=False, compression="zstd")
    return f"{to}/README.md, leaderboard.html, {len(found)} board{'s' * (len(found) != 1)}: {len(table)} run{'s' * (len(table) != 1)}"


def _markdown(table: "pd.DataFrame", found: Sequence[Board]) -> Iterator[str]:
    yield "# Leaderboard"
    yield filled(_INTRODUCTION.format(seeds=_seeds(table, found), runs=len(set(table["key"])), machines=_machines(table)))
    yield filled(_LEGEND)
    for dataset in dict.fromkeys(board.dataset for board in found):
        own = [board for board in found if board.dataset == dataset]
        if summary := list(tables.all_models(own)):
            yield f"## {named('dataset', dataset)}: all models"
            yield from summary
        for board in own:
            yield f"## {_title(board)}"
            yield from tables.standing_table(board)
            yield f'<img src="{_front(board).name}.png" alt="Price against the worst of both kinds">'
            yield "### What each attack does to each defense"
            yield from tables.attack_tables(board)
            yield "### Which attack is strongest"
            yield from tables.strength_table(board)
    if shares := list(share_tables(table)):
        yield "## At which share of malicious clients"
        yield from shares
    if combined := list(tables.combination_table(table)):
        yield "## Combinations of defenses, MF-FRS, ML-100K"
        yield filled(_COMBINED)
        yield from combined


def _title(board: Board) -> str:
    return f"{named('dataset', board.dataset)}, {named('model', board.model)}"


def _seeds(table: "pd.DataFrame", found: Sequence[Board]) -> str:
    """Return how many seeds were run on each data set, with which models if they have not all as many, and with combinations."""
    models: dict[str, dict[int, list[str]]] = {}
    for board in found:
        models.setdefault(board.dataset, {}).setdefault(len(board.seeds), []).append(named("model", board.model))
    kinds = [f"{named('dataset', dataset)} {_numbers(own)}" for dataset, own in models.items()]
    if combined := table.loc[table["experiment"].isin(EXPERIMENTS["combinations"]), "seed"].nunique():
        kinds.append(f"combinations of defenses up to {combined}")
    return ", ".join(kinds) or "none"


def _numbers(models: Mapping[int, Sequence[str]]) -> str:
    """Return a number of seeds, with its models only if other models have other numbers."""
    if len(models) == 1:
        return str(next(iter(models)))
    return " and ".join(f"{number} ({', '.join(names)})" for number, names in models.items())


def _machines(table: "pd.DataFrame") -> str:
    runs = [run for cells in Measured.of(table).cells.values() for cell in cells for run in cell.runs.values()]
    counts = Counter(f"{run['machine']}, torch {run['torch']}" for run in runs)
    return "; ".join(plain(name) for name, _ in counts.most_common()) or "nothing yet"


def _front(board: Board) -> Figure:
    """Return the picture of price against worst of both, in which the defenses on the front have names."""
    found = [one for one in standings(board) if one.price.n]
    points = {one.defense: (100 * one.price.mean, 100 * one.both) for one in found}
    front = sorted((one.defense for one in found if one.on_front), key=lambda defense: points[defense])
    series = [Series(named("defense", defense), [points[defense][0]], [points[defense][1]]) for defense in front]
    x, y = ([points[one.defense][axis] for one in found if not one.on_front] for axis in (0, 1))
    panel = Panel(_title(board), "price: points of HR@10", "worst of both kinds [%]", [*series, Series("all others", x, y, kind="points")])
    return Figure(f"front_{board.dataset}_{board.model}", "Pareto front", "", [panel])


def _standing_rows(found: Sequence[Board]) -> Iterator[dict[str, Any]]:
    for board in found:
        for one in standings(board):
            worst = {"exposure": one.exposure, "degradation": one.degradation}
            worst |= {"exposure_at_end": one.exposure_at_end, "degradation_at_end": one.degradation_at_end}
            yield {
                "dataset": board.dataset,
                "model": board.model,
                "defense": one.defense,
                "rank": one.rank,
                "both": one.both,
                "lowest_rank": one.ranks[0],
                "highest_rank": one.ranks[1],
                "hits": one.hits.mean,
                "price": one.price.mean if one.price.n else None,
                **{f"worst_{name}": case and case.value for name, case in worst.items()},
                **{f"worst_{name}_by": case and case.attack for name, case in worst.items()},
                "on_front": one.on_front,
                "survives": one.survives and one.attacks == len(board.attacks),
                "attacks": one.attacks,
                "diverged": " ".join(one.diverged),
            }


def _cell_rows(found: Sequence[Board]) -> Iterator[dict[str, Any]]:
    for board in found:
        for (attack, defense), runs in board.runs.items():
            for seed, run in runs.items():
                rules = {f"{rule}_{metric}": value for rule in RULES for metric, value in run.get(rule, {}).items()}
                lost = board.degradation(attack, defense).values.get(seed) if attack != "none" else None
                place = {"dataset": board.dataset, "model": board.model, "attack": attack, "defense": defense, "seed": seed}
                yield {**place, **rules, "degradation": lost, "diverged": run.get("diverged", ""), "seconds": run["seconds"]["total"]}


def _write_rows(rows: Iterator[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")
