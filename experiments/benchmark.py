"""How fast, how small: `python -m experiments.benchmark [--only NAME] [--json FILE]`; needs FEDREC_DATA (see README).

Every ratio comes from one run: our batched engine against one client after another (tests/oracle.py in float32), on the same
data, from the same state, with the same number of threads, medians over rounds.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import optuna
import torch
from rich.console import Console
from rich.table import Table

from fedrec.config.compose import FOLDER, compose
from fedrec.experiment import Experiment, prepare
from fedrec.sweeps.trial_runs import SECONDS
from tests.reference import defenses as oracle_defenses
from tests.reference import federation as oracle

Row = dict[str, Any]
LOOPS = {"median": ">= 60x, aim 100x", "trimmed_mean": ">= 60x, aim 100x", "krum": ">= 80x, aim 100x"}
LOOPS |= {"multi_krum": ">= 40x, aim 100x", "bulyan": ">= 40x, aim 100x"}
TRACKED = ((), ("attack=pieck_uea", "defense=ours"), ("attack=pieck_uea", "defense=krum"))
RULES = sorted({path.stem for path in (FOLDER / "defense").glob("*.yaml")} - {"none", "ours"})
WARM_UP = 20  # rounds; with 4 rounds an epoch every client has mined by then


def experiment(*overrides: str) -> Experiment:
    config = compose(f"threads={torch.get_num_threads()}", "tracking=none", "device=cpu", *overrides)
    return prepare(config, Path(tempfile.gettempdir()))


def ml_100k(*overrides: str) -> Experiment:
    return experiment("dataset=presplit", f"dataset.root={data_folder()}/ml-100k", *overrides)


def data_folder() -> Path:
    if "FEDREC_DATA" not in os.environ:
        sys.exit("error: the benchmark needs FEDREC_DATA, a folder with ml-100k and az (train.txt, test.txt)")
    return Path(os.environ["FEDREC_DATA"]).absolute()


def round_against_loop(name: str, target: str, *overrides: str, item_by_item: bool = True, n_slow: int = 12) -> Row:
    """A round of 256 clients."""
    ours = ml_100k(*overrides)
    rounds = ours.system.rounds()
    for _ in islice(rounds, WARM_UP):
        pass
    server = per_client(ours)
    server.item_by_item = item_by_item
    slow, fast = [], []
    for number in range(n_slow):  # in turns, so that a machine that is slow for a moment is slow for both
        sampled = ours.system.sampler.sample(4 * number)  # a whole round of 256
        slow.append(timed(lambda number=number, sampled=sampled: server.round(number, sampled.tolist())))
        results = list(islice(rounds, 12))
        fast += [one.seconds for one in results if len(ours.system.sampler.sample(one.round - 1)) == 256]
    return ratio(name, statistics.median(slow), statistics.median(fast), target)


def per_client(ours: Experiment) -> oracle.Server:
    """The same federation in the same state, one object per client."""
    system = ours.system
    config = ours.info.config["defense"]
    options = {key: value for key, value in config.items() if key != "client"} if "client" in config else {}
    rate = system.learning_rate
    benign = []
    for user in range(system.n_users):
        batch = system.data.batch(torch.tensor([user]))
        defense = oracle.Ours(**options) if options else None
        client = oracle.BenignClient(system.users[user], batch.items.long(), int(batch.labels.sum()), system.loss, rate, defense)
        if client.miner:
            client.miner.mined = system.defense.client.miner.mined[user].tolist()  # type: ignore[union-attr]
        benign.append(client)
    rule = config["server"]["_target_"].split(".")[-2] if "server" in config else None
    agg = oracle_defenses.RobustSum(rule, config.get("malicious_share", 0.0)) if rule else None
    return oracle.Server(system.global_model.items, rate, benign, scorer=system.global_model.scorer, agg=agg)


def rules() -> Iterator[Row]:
    """A round under the rules of the paper; the loop combines the uploads of one item after another."""
    for rule, target in LOOPS.items():
        yield round_against_loop(f"MF round, {rule}", target, f"defense={rule}", n_slow=3)
    for rule in ("median", "krum"):
        yield round_against_loop(f"DL round, {rule}", "", "model=ncf", f"defense={rule}", n_slow=3)


def evaluation_against_loop(name: str, target: str, *overrides: str) -> Row:
    """ER, HR, full-ranking HR and NDCG at 5, 10 and 20."""
    ours = ml_100k(*overrides)
    for _ in islice(ours.system.rounds(), WARM_UP):
        pass
    system, evaluator, train = ours.system, ours.evaluator, ours.evaluator.explanations.train
    held_out = evaluator.held_out[""]
    users, global_model = list(system.users), system.global_model
    seen = [part.long() for part in train.items.split(train.offsets.diff().tolist())]
    arguments = (
        users,
        global_model.items,
        global_model.scorer,
        seen,
        held_out.items.tolist(),
        list(held_out.candidates.T),
        list(ours.info.target_items),
        evaluator.k,
    )
    times = [(timed(lambda: oracle.evaluate(*arguments)), [timed(evaluator.evaluate) for _ in range(10)]) for _ in range(5)]
    slow, fast = [one for one, _ in times], [one for _, several in times for one in several]
    return ratio(name, statistics.median(slow), statistics.median(fast), target)


def attack_shares() -> Iterator[Row]:
    """Seconds in an attack as a share of its round, from mining on; every attack with its own defaults, 5 % malicious clients."""
    names = sorted(path.stem for path in (FOLDER / "attack").glob("*.yaml") if path.stem != "none")
    informed = ["fedreca attack.prior=interactions", "pipa attack.prior=popularity"]
    for model in ("mf", "ncf"):
        for attack in names + informed:
            ours = ml_100k(f"model={model}", *f"attack={attack}".split())
            results = list(islice(ours.system.rounds(), WARM_UP, WARM_UP + 100))
            attacking = statistics.median(one.telemetry.get("seconds_attack", 0.0) for one in results)
            seconds = statistics.median(one.seconds for one in results)
            share = f"{100 * attacking / seconds:.0f} % ({1e3 * attacking:.2f} of {1e3 * seconds:.2f} ms)"
            row = {"name": f"{model}, {attack}", "attack_s": attacking, "round_s": seconds, "share": attacking / seconds}
            yield {**row, "result": share, "target": "" if attack in informed else "<= 25 %"}


def scaling() -> Iterator[Row]:
    """Time per round is linear in the pairs touched, whatever the number of users."""
    sizes = ((10_000, 1024, "epoch"), (100_000, 1024, "epoch"), (1_000_000, 1024, "epoch"), (1_000_000, 4096, "epoch"))
    for users, clients, sampling in (*sizes, (1_000_000, 1024, "uniform")):
        size = [f"dataset.users={users}", "dataset.items=10000", f"dataset.interactions={20 * users}", "evaluation.max_users=1000"]
        ours = experiment("dataset=synthetic", *size, f"system.clients_per_round={clients}", f"system.sampling={sampling}")
        sampled = [ours.system.sampler.sample(number) for number in range(30)]
        pairs = statistics.mean(int((ours.system.data.offsets.diff())[one[one < users]].sum()) for one in sampled)
        seconds = statistics.median(result.seconds for result in islice(ours.system.rounds(), 30))
        per_pair = f"{1e9 * seconds / pairs:.0f} ns a pair"
        yield {
            "name": f"{users:,} users, {clients} clients a round, sampling={sampling}",
            "ms": 1e3 * seconds,
            "pairs": pairs,
            "result": per_pair,
            "target": "linear",
        }


def tracking(name: str, *overrides: str) -> Row:
    """Wall time of the whole command with and without MLflow, 300 epochs; the store exists."""
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "system.epochs=1")
        pairs = [(command(folder, "tracking=none", *overrides)[0], command(folder, *overrides)[0]) for _ in range(5)]
    without, tracked = (statistics.median(values) for values in zip(*pairs, strict=True))
    result = f"{100 * (tracked / without - 1):+.1f} % ({without:.1f} s -> {tracked:.1f} s)"
    return {"name": f"tracking, 300 epochs, {name}", "slow_s": without, "fast_s": tracked, "result": result, "target": "<= 10 %"}


def command_time() -> Row:
    """`python -m fedrec.main attack=pieck_uea defense=ours` in a new folder: imports, data, a new MLflow store, pictures."""
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "dataset=ml100k", "dataset.root=null", "system.epochs=1", "tracking=none")  # the download is in the cache
        seconds, summary = command(folder, "dataset=ml100k", "dataset.root=null", "attack=pieck_uea", "defense=ours")
    result = f"{seconds:.1f} s, peak {summary['peak_memory_mb']:.0f} MB"
    return {"name": "main command, ML-100K, everything included", "seconds": seconds, "result": result, "target": "aim 20 s"}


def memory() -> Iterator[Row]:
    """Amazon Digital Music, 1,024 clients a round: pieck_uea and ours until long after mining, then a round or more under every rule."""
    yield peak("pieck_uea and ours", "< 1536 MB", "defense=ours", "system.epochs=6")
    for rule in (*RULES, "krum defense.scope=whole_update"):
        yield peak(rule, "< 1024 MB", *f"defense={rule}".split(), "system.epochs=1", "tracking=none", "evaluation.max_users=1000")


def peak(name: str, target: str, *overrides: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        az = ["attack=pieck_uea", f"dataset.root={data_folder()}/az", "system.clients_per_round=1024"]
        _, summary = command(folder, *az, *overrides)
    value = summary["peak_memory_mb"]
    return {"name": f"peak memory, AZ, {name}", "peak_memory_mb": value, "result": f"{value:.0f} MB", "target": target}


def sweep() -> Row:
    """A defense sweep of 60 trials on ML-100K by two workers, pruned; the MLflow store exists.

    Overhead is the workers' time outside trials, from the start of the command to its end; in all, with what trials take beside
    their runs: composing, reporting to the study, their own run in MLflow.
    """
    with tempfile.TemporaryDirectory() as folder:
        command(folder, "system.epochs=1")
        options = ["sweep=defense", "hydra.sweeper.n_trials=60", "hydra.sweeper.n_jobs=2", "hydra.sweeper.study_name=tuned"]
        seconds = timed(lambda: program(folder, "-m", *options))
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/multirun/tuned/study.db")
        names = optuna.get_all_study_names(storage)
        trials = [trial for name in names for trial in optuna.load_study(study_name=name, storage=storage).get_trials()]
        inside = sum(trial.duration.total_seconds() for trial in trials if trial.duration)
        runs = sum(trial.user_attrs[SECONDS] for trial in trials)
    overhead, in_all = 1 - inside / 2 / seconds, 1 - runs / 2 / seconds
    result = f"{seconds / 60:.1f} min, overhead {100 * overhead:.1f} % (in all {100 * in_all:.1f} %)"
    row = {"name": "defense sweep, 60 trials, two workers", "seconds": seconds, "overhead": overhead, "overhead_in_all": in_all}
    return {**row, "result": result, "target": "< 15 min, overhead <= 5 %"}


def command(folder: str, *overrides: str) -> tuple[float, dict[str, Any]]:
    """Seconds and summary of the real program in a folder."""
    run = Path(folder) / f"run-{time.time_ns()}"
    seconds = timed(lambda: program(folder, f"hydra.run.dir={run}", *overrides))
    return seconds, json.loads((run / "summary.json").read_text())


def program(folder: str, *arguments: str) -> None:
    """The real program in a folder, on ML-100K."""
    source = ["dataset=presplit", f"dataset.root={data_folder()}/ml-100k", f"threads={torch.get_num_threads()}"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-m", "fedrec.main", *source, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(name: str, slow: float, fast: float, target: str) -> Row:
    result = f"{slow / fast:.0f}x ({1e3 * slow:.1f} ms -> {1e3 * fast:.2f} ms)"
    return {"name": name, "slow_s": slow, "fast_s": fast, "ratio": slow / fast, "result": result, "target": target}


ROWS: dict[str, Callable[[], Iterator[Row] | list[Row]]] = {
    "mf": lambda: [round_against_loop("MF round, no defense", ">= 60x, aim 100x")],
    "mf_upload": lambda: [round_against_loop("the same, loop adds whole uploads", "", item_by_item=False)],
    "mf_ours": lambda: [round_against_loop("MF round, ours", ">= 40x", "defense=ours")],
    "rules": rules,
    "ncf": lambda: [round_against_loop("DL round, no defense", ">= 40x, aim 60x", "model=ncf")],
    "ncf_upload": lambda: [round_against_loop("the same, loop adds whole uploads", "", "model=ncf", item_by_item=False)],
    "ncf_ours": lambda: [round_against_loop("DL round, ours", "", "model=ncf", "defense=ours")],
    "evaluation": lambda: [evaluation_against_loop("evaluation of all users", ">= 60x")],
    "ncf_evaluation": lambda: [evaluation_against_loop("DL evaluation of all users", "", "model=ncf")],
    "attacks": attack_shares,
    "scaling": scaling,
    "tracking": lambda: [tracking(" and ".join(names) or "no attack", *names) for names in TRACKED],
    "command": lambda: [command_time()],
    "sweep": lambda: [sweep()],
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ROWS, help="measure one row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of both sides (default 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [row for name, measure in ROWS.items() if options.only in (None, name) for row in measure()]
    machine = f"{platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}, {date.today()}"
    table = Table("what", "measured", "required", title=machine, title_justify="left")
    for row in rows:
        table.add_row(row["name"], row["result"], row["target"])
    Console(width=110).print(table)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
