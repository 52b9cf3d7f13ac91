"""Rows about a round and an evaluation on ML-100K: the loop that people run, another checkout, this one, and the limit of the machine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from statistics import mean

import torch

from experiments.timing.checkouts import Checkout, Checkouts
from experiments.timing.federation_clock import FederationClock, elapsed
from experiments.timing.limits import OF_ROUND, Load, evaluation
from experiments.timing.machine import Machine, Work
from experiments.timing.rows import ROUNDS, SHARES, Row, data_folder, median_ms, number, quotient
from experiments.timing.stacked_rules import COMBINE
from experiments.timing.whole_uploads import one_by_one
from fedrec.config.compose import FOLDER
from fedrec.evaluation.held_out import HeldOut
from tests.reference import federation as oracle

SETTLED = 16  # whole rounds before anything is timed; with three of them an epoch every client has mined by then
CPU = torch.device("cpu")
LOOPED = {"none", "ours", "norm_bound", *COMBINE}  # what the published code has


def ml_100k() -> list[str]:
    return ["dataset=presplit", f"dataset.root={data_folder()}/ml-100k"]


@dataclass(frozen=True)
class Case:
    """What a row is about."""

    name: str
    attack: str
    defense: str
    model: str = "mf"
    turns: int = 5  # of the loop, this checkout and the other one

    @property
    def overrides(self) -> list[str]:
        return [*ml_100k(), f"model={self.model}", f"attack={self.attack}", f"defense={self.defense}"]


ROUND_CASES = {
    "mf": Case("MF, no attack", "none", "none"),
    "mf_uea": Case("MF, no defense", "pieck_uea", "none"),
    "mf_ours": Case("MF, ours", "pieck_uea", "ours"),
    **{f"mf_{rule}": Case(f"MF, {rule}", "pieck_uea", rule, turns=3) for rule in OF_ROUND if rule not in ("none", "ours")},
    "ncf": Case("DL, no attack", "none", "none", "ncf"),
    "ncf_ours": Case("DL, ours", "pieck_uea", "ours", "ncf"),
    "ncf_median": Case("DL, median", "pieck_uea", "median", "ncf", turns=3),
    "ncf_krum": Case("DL, krum", "pieck_uea", "krum", "ncf", turns=3),
}
EVALUATION_CASES = {
    "evaluation": replace(ROUND_CASES["mf"], name="MF, evaluation"),
    "ncf_evaluation": replace(ROUND_CASES["ncf"], name="DL, evaluation", turns=3),
}


def round_row(case: Case, checkouts: Checkouts, machine: Machine) -> Iterator[Row]:
    """Time whole rounds of 256 clients after every client has mined."""
    clock = settled(case, checkouts)
    server = one_by_one(clock.experiment, case.defense) if case.defense in LOOPED else None
    loop: list[float] = []
    seconds: list[list[float]] = [[] for _ in checkouts.both()]
    for turn in range(case.turns):  # all take turns, so that a machine that is slow for a moment is slow for all
        sampled = clock.experiment.system.sampler.sample(4 * turn).tolist()  # a whole round
        loop += [elapsed(partial(server.round, turn, sampled), CPU)] if server else []
        for times, checkout in zip(seconds, checkouts.both(), strict=True):
            times += checkout.rounds(12)
    yield compared(case, loop, seconds, machine.seconds(round_work(clock, case)))


def evaluation_row(case: Case, checkouts: Checkouts, machine: Machine) -> Iterator[Row]:
    """Time ER, HR, full-ranking HR and NDCG at 5, 10 and 20."""
    clock = settled(case, checkouts)
    system, evaluator = clock.experiment.system, clock.experiment.evaluator
    train, held_out = evaluator.split.train, evaluator.held_out[""]
    assert isinstance(held_out, HeldOut)  # nobody has several test items
    trained = [part.long() for part in train.items.split(train.offsets.diff().tolist())]
    truth = (held_out.items.tolist(), list(held_out.candidates.T), list(system.targets), evaluator.k)
    model = system.global_model
    user_by_user = partial(oracle.evaluate, list(system.users), model.items, model.scorer, trained, *truth)
    loop: list[float] = []
    seconds: list[list[float]] = [[] for _ in checkouts.both()]
    for _ in range(case.turns):
        loop.append(elapsed(user_by_user, CPU))
        for times, checkout in zip(seconds, checkouts.both(), strict=True):
            times += checkout.evaluations(5)
    layers = clock.experiment.info.config["model"].get("layers", [])
    work = evaluation(system.n_users, len(model.items), model.items.shape[1], layers, held_out.candidates.numel() + len(train.items))
    yield compared(case, loop, seconds, machine.seconds(work))


def settled(case: Case, checkouts: Checkouts) -> FederationClock:
    """Bring the federation of a case to the same state here and in every checkout."""
    clock = FederationClock()
    everywhere: list[FederationClock | Checkout] = [clock, *checkouts.both()]
    for one in everywhere:
        one.prepare(*case.overrides)
        one.rounds(SETTLED)
    return clock


def round_work(clock: FederationClock, case: Case) -> Work:
    """Return what the rounds of the first epoch must do, on average."""
    system, config = clock.experiment.system, clock.experiment.info.config["defense"]
    n_whole = (system.n_users + system.n_malicious) // system.clients_per_round
    scorer = [value.numel() for value in system.global_model.scorer.values()]
    works = []
    for number_of_round in range(n_whole):
        sampled = system.sampler.sample(number_of_round)
        batch = system.data.batch(sampled[sampled < system.n_users])
        sizes = torch.bincount(batch.items, minlength=system.n_items).double()
        tensors = [(sizes.new_full((1,), len(batch.clients)), size) for size in scorer]
        groups = [(sizes, system.global_model.items.shape[1]), *tensors]
        works.append(OF_ROUND[case.defense](Load(groups, sum(scorer), config.get("malicious_share", 0.0), config.get("iterations", 0))))
    return Work(*(mean(getattr(work, part) for work in works) for part in ("dram", "l2", "operations")))


def compared(case: Case, loop: list[float], seconds: list[list[float]], limit: float) -> Row:
    """Return the row of a case; `seconds` are those of this checkout and perhaps of another one."""
    now, before = median_ms(seconds[0]), median_ms(seconds[1]) if len(seconds) > 1 else None
    loop_ms, limit_ms = median_ms(loop), 1e3 * limit
    cells = (loop_ms, before, now, quotient(loop_ms, now), quotient(before, now), limit_ms, quotient(now, limit_ms))
    numbers = {"loop_ms": loop_ms, "before_ms": before, "now_ms": now, "limit_ms": limit_ms}
    return Row(ROUNDS, case.name, [number(value) for value in cells], numbers)


def attack_shares() -> Iterator[Row]:
    """Time the attack as a share of its round, after mining; every attack with its own defaults."""
    names = sorted(path.stem for path in (FOLDER / "attack").glob("*.yaml") if path.stem != "none")
    informed = ["fedreca attack.prior=interactions", "pipa attack.prior=popularity"]
    for model in ("mf", "ncf"):
        for attack in names + informed:
            clock = FederationClock()
            clock.prepare(*ml_100k(), f"model={model}", *f"attack={attack}".split())
            clock.rounds(SETTLED)
            rounds = islice(clock.experiment.system.rounds(), 40)
            seconds = [
                (one.telemetry.get("seconds_attack", 0.0), one.seconds) for one in rounds
            ]  # a result that is kept unread keeps uploads
            attacking, whole = (median_ms(list(column)) or 0.0 for column in zip(*seconds, strict=True))
            cells = [f"{100 * attacking / whole:.0f} %", number(attacking), number(whole), "" if attack in informed else "<= 25 %"]
            yield Row(SHARES, f"{'DL' if model == 'ncf' else 'MF'}, {attack}", cells, {"attack_ms": attacking, "round_ms": whole})
