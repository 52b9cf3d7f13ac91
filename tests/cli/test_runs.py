"""Whole runs of the real program: overlays, sweeps, a plug-in, interruption."""

import json
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.cli.program import COMMAND, ENVIRONMENT, ROOT, TINY, fedrec

OVERLAYS = ("paper_targets", "paper_text", "released_code")
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


@pytest.mark.parametrize("experiments", [OVERLAYS, OF_THE_PAPER, BEYOND], ids=["overlays", "paper", "beyond"])
def test_every_experiment_runs(tmp_path: Path, experiments: Sequence[str]) -> None:
    """Each with both models, and without the attack and defense that most of those of the paper choose in their grids."""
    jobs = (f"experiment={','.join(experiments)}", "model=mf,ncf")
    result = fedrec(tmp_path, "-m", *TINY, "dataset.items=160", "system.epochs=1", *jobs)
    assert result.returncode == 0, result.stderr
    summaries = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/*/*/*/summary.json")]
    assert [summary["status"] for summary in summaries] == ["FINISHED"] * (2 * len(experiments))


@pytest.mark.parametrize("defense", ["ours", "[ours]"])
def test_a_model_brings_the_settings_of_the_paper(tmp_path: Path, defense: str) -> None:
    """What tests/test_config.py looks at in this process, in the real program; what a user sets still wins."""
    result = fedrec(tmp_path, *TINY, "model=ncf", "attack=pieck_uea", f"defense={defense}", "defense.gamma=3")
    assert result.returncode == 0, result.stderr
    (summary,) = tmp_path.glob("outputs/*/*/summary.json")
    config = json.loads(summary.read_text())["config"]
    assert config["model"]["_target_"].endswith("NeuralCollaborativeFiltering")
    assert (config["system"]["learning_rate"], config["system"]["epochs"]) == (0.005, 3)
    assert (config["attack"]["N"], config["attack"]["batches"], config["attack"]["rounds"]) == (10, 1, 1)
    assert (config["defense"]["beta"], config["defense"]["gamma"]) == (45.0, 3)
    assert (config["defense"]["client"]["beta"], config["defense"]["client"]["gamma"]) == (45.0, 3)


def test_an_experiment_may_build_on_another(tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "mine/experiment/own.yaml").write_text("# @package _global_\ndefaults: [paper_text, _self_]\nseed: 3\n")
    options = ("experiment=own", "attack=pieck_uea", "attack.N=10", "defense=ours")
    result = fedrec(tmp_path, "--config-dir", "mine", *TINY, *options)
    assert result.returncode == 0, result.stderr
    (summary,) = tmp_path.glob("outputs/*/*/summary.json")
    config = json.loads(summary.read_text())["config"]
    found = config["seed"], config["system"]["sampling"], config["attack"]["batches"], config["defense"]["reduction"]
    assert found == (3, "uniform", 1, "sum")


def test_sweep_over_groups(tmp_path: Path) -> None:
    result = fedrec(tmp_path, *TINY, "attack.N=5", "-m", "attack=pieck_ipe,pieck_uea", "defense=none,[ours,none]")
    assert result.returncode == 0, result.stderr
    configs = [json.loads(path.read_text())["config"] for path in sorted(tmp_path.glob("multirun/*/*/*/summary.json"))]
    assert [config["attack"]["_target_"].rpartition(".")[2] for config in configs] == ["PieckIPE"] * 2 + ["PieckUEA"] * 2
    assert ["client" in config["defense"] for config in configs] == [False, True] * 2
    assert {config["attack"]["N"] for config in configs} == {5}


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


def start(command: list[str], folder: Path) -> "subprocess.Popen[str]":
    """The program as an interactive shell starts it: a shell's background jobs, as CI may be, ignore SIGINT and hand that down."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, preexec_fn=heed_interrupts, **pipes)


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_so(tmp_path: Path, number: signal.Signals, status: int) -> None:
    command = [*COMMAND, *TINY, "system.epochs=1000000", "evaluation.every=10"]
    with start(command, tmp_path) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stderr:
            if line.startswith("round "):
                break
        process.send_signal(number)
        assert "interrupted" in process.stderr.read()
    assert process.returncode == status
    (summary,) = tmp_path.glob("outputs/*/*/summary.json")
    assert json.loads(summary.read_text())["status"] == "KILLED"


def test_the_attack_and_the_rule_of_the_readme(tmp_path: Path) -> None:
    """What the README shows is what a user copies; over as many rounds as would show that it diverges."""
    blocks = re.findall(r"```(python|yaml)\n# (\S+?\.(?:py|yaml)).*?\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    files = ["my_attack.py", "mine/attack/mean_item.yaml", "my_defense.py", "mine/defense/median_norm.yaml"]
    assert [name for _, name, _ in blocks] == files
    for _, name, text in blocks:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for model in ("mf", "ncf"):
        result = fedrec(tmp_path, "--config-dir", "mine", *TINY, f"model={model}", "attack=mean_item", "defense=[ours,median_norm]")
        assert result.returncode == 0, result.stderr
    result = fedrec(tmp_path, "--config-dir", "mine", *TINY, "attack=mean_item", "system.epochs=100")
    assert result.returncode == 0, result.stderr


def test_a_killed_run_is_killed_in_mlflow_too(tmp_path: Path) -> None:
    command = [*COMMAND, *TINY, "tracking=mlflow", "system.epochs=1000000", "evaluation.every=10"]
    with start(command, tmp_path) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("round "):
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("fedrec").experiment_id])
    assert run.info.status == "KILLED"
    assert run.data.metrics["loss"] > 0


@pytest.mark.parametrize("defense", ["[ours,median]", "[norm_bound,krum]", "[nnm,median]", "[ours,norm_bound,nnm,trimmed_mean]", "fltrust"])
def test_defenses_of_several_kinds_work_together(tmp_path: Path, defense: str) -> None:
    """Client-side, transforms in the order of the list, server-side; what each decided is in the telemetry of MLflow."""
    options = ["attack=pieck_uea", "attack.N=10", "system.clients_per_round=20", "tracking=mlflow"]
    result = fedrec(tmp_path, "-m", *TINY, "model=mf,ncf", f"defense={defense}", *options)
    assert result.returncode == 0, result.stderr
    documents = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/*/*/*/summary.json")]
    assert len(documents) == 2
    listed = [name for name in defense.strip("[]").split(",") if name in ("norm_bound", "nnm")]
    for document in documents:
        assert list(document["config"]["defense"].get("transforms", {})) == listed
        assert ("client" in document["config"]["defense"]) == ("ours" in defense)
        metrics = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_run(document["mlflow_run_id"]).data.metrics
        assert {"dropped_uploads", "fallback_rows", "target_uploads", "poison_share"} <= set(metrics)
        assert ("filter_recall" in metrics) == ("krum" in defense or "fltrust" in defense)
        assert ("penalty" in metrics) == ("ours" in defense)
