"""How the cost of a round grows with users, items and clients a round, on synthetic data; rows and a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from experiments.analysis.figures import Figure, Panel, Series
from experiments.render.plots import draw
from experiments.timing.checkouts import Checkouts
from experiments.timing.rows import GROWTH, MINING, Row, number

PICTURE = Path(__file__).parents[1] / "results" / "scaling.png"
Size = tuple[int, int, int]  # users, items, clients a round
AXES: Mapping[str, Sequence[Size]] = {
    "users": [(users, 10_000, 1024) for users in (3_000, 10_000, 30_000, 100_000)],
    "items": [(10_000, items, 1024) for items in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)],
    "clients a round": [(10_000, 10_000, clients) for clients in (64, 256, 1024, 4096)],
}
WHOLE_ROUNDS = 10  # of an epoch of the second size
STANDARD = ("10,000 users", "10,000 items", "1,024 clients")  # while something else grows
DEFENSES = {"no attack, no defense": ("attack=none", "defense=none"), "PIECK-UEA, Median": ("attack=pieck_uea", "defense=median")}


def synthetic(users: int, items: int, clients: int) -> list[str]:
    """Return the options of a federation with twenty interactions a user."""
    data = ["dataset=synthetic", f"dataset.users={users}", f"dataset.items={items}", f"dataset.interactions={20 * users}"]
    return [*data, f"system.clients_per_round={clients}", "evaluation.max_users=1000"]


def growth(checkouts: Checkouts) -> Iterator[Row]:
    """Time rounds of the first epoch, before anybody's mining ends, and draw what they cost."""
    measured: dict[Size, list[float]] = {}
    for size in dict.fromkeys(size for sizes in AXES.values() for size in sizes):
        measured[size] = [_cost(checkouts, size, options) for options in DEFENSES.values()]
        users, items, clients = size
        numbers = dict(zip(DEFENSES, measured[size], strict=True))
        yield Row(GROWTH, f"{users:,} users, {items:,} items, {clients:,} a round", [number(ms) for ms in measured[size]], numbers)
    costs = _costs_of_mining(checkouts)
    usual, dearest = median(costs), max(costs)
    name = f"{', '.join(STANDARD)} a round, PIECK-UEA, ours"
    yield Row(MINING, name, [number(ms) for ms in (usual, dearest, dearest / usual)], {"median_ms": usual, "dearest_ms": dearest})
    draw(picture(measured, costs), PICTURE)


def _cost(checkouts: Checkouts, size: Size, options: Sequence[str]) -> float:
    checkouts.now.prepare(*synthetic(*size), *options)
    checkouts.now.rounds(2)
    return 1e3 * median(checkouts.now.rounds(8))


def _costs_of_mining(checkouts: Checkouts) -> list[float]:
    """Return what each whole round of four epochs costs; in the third, clients end their mining."""
    checkouts.now.prepare(*synthetic(*AXES["users"][1]), "attack=pieck_uea", "defense=ours")
    return [1e3 * seconds for seconds in checkouts.now.rounds(4 * WHOLE_ROUNDS)]


def picture(measured: Mapping[Size, Sequence[float]], costs: Sequence[float]) -> Figure:
    """Return one panel for each of what grows, and one of the rounds of four epochs."""
    panels = []
    for place, (name, sizes) in enumerate(AXES.items()):
        lines = [[measured[size][which] for size in sizes] for which in range(len(DEFENSES))]
        series = [Series(defense, [size[place] for size in sizes], line) for defense, line in zip(DEFENSES, lines, strict=True)]
        others = [text for other, text in enumerate(STANDARD) if other != place]
        panels.append(
            Panel(f"Cost of a round with {' and '.join(others)}", name, "CPU time of a round, ms", series, log_x=True, log_y=True)
        )
    rounds = Series("PIECK-UEA, ours", range(1, len(costs) + 1), costs)
    title = f"Rounds of four epochs; in the third, clients end their mining\n{', '.join(STANDARD)}, PIECK-UEA, ours"
    panels.append(Panel(title, "round", "CPU time of a round, ms", [rounds], log_y=True))
    return Figure("scaling", "How the cost of a round grows", "", panels)
