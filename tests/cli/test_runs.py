"""Whole runs of the program: overlays, sweeps, a plug-in, interruption."""

import json
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from mlflow.tracking import MlflowClient

from fedrec.config import build, run_name
from tests.cli.program import COMMAND, ENVIRONMENT, ROOT, TINY, Ended, fedrec

Program = Callable[..., Ended]

OVERLAYS = ("paper_start", "paper_targets", "paper_text", "released_code")
OF_THE_PAPER = sorted(f"paper/{path.stem}" for path in (ROOT / "conf/experiment/paper").glob("*.yaml"))
BEYOND = sorted(f"beyond/{path.stem}" for path in (ROOT / "conf/experiment/beyond").glob("*.yaml"))

PLUGIN = """
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fedrec.attacks.none import NoAttack


@dataclass(kw_only=True)
class MyAttack(NoAttack):
    strength: Annotated[float, Field(ge=0, le=1)]

    def setup(self, *arguments):
        if self.strength == 1:
            raise RuntimeError("a mistake in the plug-in")
"""


def summaries(folder: Path) -> list[Any]:
    """What the runs in a working directory left behind, in the order of their jobs (at most ten)."""
    paths = [*folder.glob("outputs/*/*/summary.json"), *sorted(folder.glob("multirun/*/*/*/summary.json"))]
    return [json.loads(path.read_text()) for path in paths]


@pytest.mark.parametrize(
    "experiments",
    [
        pytest.param(OVERLAYS, id="overlays"),
        pytest.param(("paper/table7_q", "beyond/told_interactions"), id="some"),
        pytest.param(OF_THE_PAPER, id="paper", marks=pytest.mark.slow),
        pytest.param(BEYOND, id="beyond", marks=pytest.mark.slow),
    ],
)
def test_every_experiment_runs(program: Program, tmp_path: Path, experiments: Sequence[str]) -> None:
    """Each with both models, and without the attack and defense that most of those of the paper choose in their grids."""
    jobs = (f"experiment={','.join(experiments)}", "model=mf,ncf")
    result = program("-m", *TINY, "dataset.items=160", "system.epochs=1", *jobs)
    assert result.returncode == 0, result.stderr
    assert [summary["status"] for summary in summaries(tmp_path)] == ["FINISHED"] * (2 * len(experiments))


@pytest.mark.parametrize("defense", ["ours", "[ours]"])
def test_a_model_brings_the_settings_of_the_paper(program: Program, tmp_path: Path, defense: str) -> None:
    """What a user sets still wins."""
    result = program(*TINY, "model=ncf", "attack=pieck_uea", f"defense={defense}", "defense.gamma=3")
    assert result.returncode == 0, result.stderr
    (config,) = (summary["config"] for summary in summaries(tmp_path))
    assert config["model"]["_target_"].endswith("NeuralCollaborativeFiltering")
    assert (config["system"]["learning_rate"], config["system"]["epochs"]) == (0.005, 3)
    assert (config["attack"]["N"], config["attack"]["batches"], config["attack"]["rounds"]) == (10, 1, 1)
    assert (config["defense"]["beta"], config["defense"]["gamma"]) == (45.0, 3)
    ours = config["defense"]["client"]["ours"]
    assert (ours["beta"], ours["gamma"]) == (45.0, 3)


def test_an_experiment_may_build_on_another(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/own.yaml").write_text("# @package _global_\ndefaults: [paper_text, _self_]\nseed: 3\n")
    result = program("--config-dir", "mine", *TINY, "experiment=own", "attack=pieck_uea", "attack.N=10", "defense=ours")
    assert result.returncode == 0, result.stderr
    (config,) = (summary["config"] for summary in summaries(tmp_path))
    found = config["seed"], config["system"]["sampling"], config["attack"]["batches"], config["defense"]["reduction"]
    assert found == (3, "uniform", 1, "sum")


def test_sweep_over_groups(program: Program, tmp_path: Path) -> None:
    result = program(*TINY, "attack.N=5", "-m", "attack=pieck_ipe,pieck_uea", "defense=none,[ours,none]")
    assert result.returncode == 0, result.stderr
    configs = [summary["config"] for summary in summaries(tmp_path)]
    assert [config["attack"]["_target_"].rpartition(".")[2] for config in configs] == ["PieckIPE"] * 2 + ["PieckUEA"] * 2
    assert ["client" in config["defense"] for config in configs] == [False, True] * 2
    assert {config["attack"]["N"] for config in configs} == {5}


def test_a_run_is_composed_and_checked_once(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs of a sweep are checked before the first one runs, then a launcher composes each: it may do so on another machine.

    The name of a run needs what its choices alone compose to, once for all runs with these choices.
    """
    run_name._composed.cache_clear()
    counted: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *arguments, **named: (counted.update([name]), original(*arguments, **named))[1])

    count(ConfigLoaderImpl, "load_configuration")
    count(build, "check")
    count(build, "locate")
    assert program(*TINY, "attack=pieck_uea", "attack.N=5", "defense=[ours,krum]").returncode == 0
    assert counted == {"load_configuration": 1 + 1, "check": 1, "locate": 8}  # ours, krum and six groups
    counted.clear()
    assert program("-m", *TINY, "seed=0,1").returncode == 0
    assert (counted["load_configuration"], counted["check"]) == (1 + 2 * 2 + 1, 2 * 2)


@pytest.mark.parametrize(
    ("strength", "status", "message"),
    [
        (0.5, 0, "round 3/3"),
        (2, 2, "error: attack.strength=2 is not allowed: must be a number from 0 to 1\n"),
        (1, 1, "RuntimeError: a mistake in the plug-in\n"),
    ],
)
def test_plugin_from_a_folder(tmp_path: Path, strength: float, status: int, message: str) -> None:
    (tmp_path / "my_attack.py").write_text(PLUGIN)
    (tmp_path / "mine/attack").mkdir(parents=True)
    (tmp_path / "mine/attack/my_attack.yaml").write_text("_target_: my_attack.MyAttack\nnum_targets: 1\ntargets: random\nstrength: 0\n")
    result = fedrec(tmp_path, "--config-dir", "mine", *TINY, "attack=my_attack", f"attack.strength={strength}")
    assert result.returncode == status
    assert message in result.stderr
    assert ("Traceback" in result.stderr) == (status == 1)


def heed_interrupts() -> None:
    """Do as an interactive shell: background jobs of other shells, as CI may be one, ignore SIGINT and hand that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "status", "tracking"), [(signal.SIGINT, 130, "none"), (signal.SIGTERM, 143, "mlflow")])
def test_an_interrupted_run_says_so(tmp_path: Path, number: signal.Signals, status: int, tracking: str) -> None:
    """It also shows what it has reached so far, and where it lies."""
    command = [*COMMAND, *TINY, f"tracking={tracking}", "system.epochs=1000000", "evaluation.every=10"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, text=True, preexec_fn=heed_interrupts, **pipes) as process:
        assert process.stderr and process.stdout
        for line in process.stderr:
            if line.startswith("round "):
                break
        process.send_signal(number)
        said, shown = process.stderr.read(), process.stdout.read()
    assert process.returncode == status
    (summary,) = summaries(tmp_path)
    assert summary["status"] == "KILLED"
    (folder,) = tmp_path.glob("outputs/*/*")
    assert re.search(r"^ER@10 .*%", shown, re.MULTILINE) and f"results: {folder}\n" in shown
    assert re.search(rf"^interrupted( by SIGTERM)?; what there is lies in {folder}$", said, re.MULTILINE)
    if tracking == "mlflow":
        run = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(summary["mlflow_run_id"])
        assert run.info.status == "KILLED"
        assert run.data.metrics["loss"] > 0


TRANSFORMS = ("norm_bound", "nnm", "bucketing", "arc")
SELECTING = ("krum", "fltrust", "flame", "dnc", "sign_guard")
OTHERS = ("[ours,median]", "[norm_bound,krum]", "[nnm,median]", "fltrust", "[bucketing,arc,flame]", "[ours,dnc]", "sign_guard")


@pytest.mark.parametrize(
    "defense",
    [
        "[ours,norm_bound,nnm,trimmed_mean]",
        *(pytest.param(one, marks=pytest.mark.slow) for one in OTHERS),
    ],
)
def test_defenses_of_several_kinds_work_together(program: Program, tmp_path: Path, defense: str) -> None:
    """Client-side, transforms in the order of the list, server-side; what each decided is in the telemetry of MLflow."""
    options = ["attack=pieck_uea", "attack.N=10", "system.clients_per_round=20", "tracking=mlflow"]
    result = program("-m", *TINY, "model=mf,ncf", f"defense={defense}", *options)
    assert result.returncode == 0, result.stderr
    documents = summaries(tmp_path)
    assert len(documents) == 2
    listed = [name for name in defense.strip("[]").split(",") if name in TRANSFORMS]
    for document in documents:
        assert list(document["config"]["defense"].get("transforms", {})) == listed
        assert ("client" in document["config"]["defense"]) == ("ours" in defense)
        metrics = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(document["mlflow_run_id"]).data.metrics
        assert {"dropped_uploads", "fallback_rows", "target_uploads", "poison_share"} <= set(metrics)
        assert ("filter_recall" in metrics) == any(name in defense for name in SELECTING)
        assert ("penalty" in metrics) == ("ours" in defense)
