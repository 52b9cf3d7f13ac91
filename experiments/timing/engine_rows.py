"""Rows about the batched engine: against one client after another, the attacks' share of a round, and growth with the data."""

import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch

from experiments.timing.rows import Row, data_folder, ratio, timed
from fedrec.config.build import check
from fedrec.config.compose import FOLDER, compose
from fedrec.experiment import Experiment, prepare
from tests.reference import defenses as oracle_defenses
from tests.reference import federation as oracle

RULES = {"median": ">= 60x, aim 100x", "trimmed_mean": ">= 60x, aim 100x", "krum": ">= 80x, aim 100x"}
RULES |= {"multi_krum": ">= 40x, aim 100x", "bulyan": ">= 40x, aim 100x"}
WARM_UP = 20  # rounds; with 4 rounds an epoch every client has mined by then


def prepared(*overrides: str) -> Experiment:
    """Return an experiment that is ready to train on the CPU."""
    config = compose(f"threads={torch.get_num_threads()}", "tracking=none", "device=cpu", *overrides)
    return prepare(check(config), Path(tempfile.gettempdir()))


def on_ml_100k(*overrides: str) -> Experiment:
    return prepared("dataset=presplit", f"dataset.root={data_folder()}/ml-100k", *overrides)


def round_against_loop(name: str, target: str, *overrides: str, item_by_item: bool = True, n_slow: int = 12) -> Row:
    """Time a round of 256 clients."""
    engine = on_ml_100k(*overrides)
    rounds = engine.system.rounds()
    for _ in islice(rounds, WARM_UP):
        pass
    server = one_by_one(engine)
    server.item_by_item = item_by_item
    slow: list[float] = []
    fast: list[float] = []
    for number in range(n_slow):  # both take turns, so that a machine that is slow for a moment is slow for both
        sampled = engine.system.sampler.sample(4 * number)  # a whole round of 256
        slow.append(timed(partial(server.round, number, sampled.tolist())))
        results = list(islice(rounds, 12))
        fast += [one.seconds for one in results if len(engine.system.sampler.sample(one.round - 1)) == 256]
    return ratio(name, statistics.median(slow), statistics.median(fast), target)


def one_by_one(engine: Experiment) -> oracle.Server:
    """Return the same federation in the same state, with one object per client."""
    system = engine.system
    config = engine.info.config["defense"]
    options = {key: value for key, value in config.items() if key != "client"} if "client" in config else {}
    rate = system.learning_rate
    benign = []
    for user in range(system.n_users):
        batch = system.data.batch(torch.tensor([user]))
        defense = oracle.Ours(**options) if options else None
        draws, n_positives = batch.items.long().repeat_interleave(batch.counts.long()), int(batch.counts[batch.labels == 1].sum())
        client = oracle.BenignClient(system.users[user], draws, n_positives, system.loss, rate, defense)
        if client.miner:
            client.miner.mined = system.defense.client.miner.mined[user].tolist()  # type: ignore[union-attr]
        benign.append(client)
    rule = next(iter(config["server"])) if "server" in config else None
    agg = oracle_defenses.RobustSum(rule, config.get("malicious_share", 0.0)) if rule else None
    return oracle.Server(system.global_model.items, rate, benign, scorer=system.global_model.scorer, agg=agg)


def rounds_under_rules() -> Iterator[Row]:
    """Time a round under each rule of the paper; the loop combines the uploads of one item after another."""
    for rule, target in RULES.items():
        yield round_against_loop(f"MF round, {rule}", target, f"defense={rule}", n_slow=3)
    for rule in ("median", "krum"):
        yield round_against_loop(f"DL round, {rule}", "", "model=ncf", f"defense={rule}", n_slow=3)


def evaluation_against_loop(name: str, target: str, *overrides: str) -> Row:
    """Time ER, HR, full-ranking HR and NDCG at 5, 10 and 20."""
    engine = on_ml_100k(*overrides)
    for _ in islice(engine.system.rounds(), WARM_UP):
        pass
    system, evaluator = engine.system, engine.evaluator
    train, held_out = evaluator.diagnostics.train, evaluator.held_out[""]
    loop = partial(
        oracle.evaluate,
        list(system.users),
        system.global_model.items,
        system.global_model.scorer,
        [part.long() for part in train.items.split(train.offsets.diff().tolist())],
        held_out.items.tolist(),
        list(held_out.candidates.T),
        list(engine.info.target_items),
        evaluator.k,
    )
    times = [(timed(loop), [timed(evaluator.evaluate) for _ in range(10)]) for _ in range(5)]
    slow, fast = [one for one, _ in times], [one for _, several in times for one in several]
    return ratio(name, statistics.median(slow), statistics.median(fast), target)


def attack_shares() -> Iterator[Row]:
    """Time the attack as a share of its round, after mining; every attack with its own defaults, 5 % malicious clients."""
    names = sorted(path.stem for path in (FOLDER / "attack").glob("*.yaml") if path.stem != "none")
    informed = ["fedreca attack.prior=interactions", "pipa attack.prior=popularity"]
    for model in ("mf", "ncf"):
        for attack in names + informed:
            engine = on_ml_100k(f"model={model}", *f"attack={attack}".split())
            results = list(islice(engine.system.rounds(), WARM_UP, WARM_UP + 100))
            attacking = statistics.median(one.telemetry.get("seconds_attack", 0.0) for one in results)
            seconds = statistics.median(one.seconds for one in results)
            share = f"{100 * attacking / seconds:.0f} % ({1e3 * attacking:.2f} of {1e3 * seconds:.2f} ms)"
            row = {"name": f"{model}, {attack}", "attack_s": attacking, "round_s": seconds, "share": attacking / seconds}
            yield {**row, "result": share, "target": "" if attack in informed else "<= 25 %"}


def scaling() -> Iterator[Row]:
    """Time a round per user-item pair, which must not depend on the number of users."""
    sizes = ((10_000, 1024, "epoch"), (100_000, 1024, "epoch"), (1_000_000, 1024, "epoch"), (1_000_000, 4096, "epoch"))
    for users, clients, sampling in (*sizes, (1_000_000, 1024, "uniform")):
        size = [f"dataset.users={users}", "dataset.items=10000", f"dataset.interactions={20 * users}", "evaluation.max_users=1000"]
        engine = prepared("dataset=synthetic", *size, f"system.clients_per_round={clients}", f"system.sampling={sampling}")
        sampled = [engine.system.sampler.sample(number) for number in range(30)]
        pairs = statistics.mean(int((engine.system.data.offsets.diff())[one[one < users]].sum()) for one in sampled)
        seconds = statistics.median(result.seconds for result in islice(engine.system.rounds(), 30))
        name = f"{users:,} users, {clients} clients a round, sampling={sampling}"
        yield {"name": name, "ms": 1e3 * seconds, "pairs": pairs, "result": f"{1e9 * seconds / pairs:.0f} ns a pair", "target": "linear"}
