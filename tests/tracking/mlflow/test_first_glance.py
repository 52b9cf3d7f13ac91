"""What a person sees who opens the address that a run prints: a real browser before a real `mlflow ui`."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from tests.browser import browser
from tests.cli.program import TINY, fedrec
from tests.tracking.runs import wait_until

OPTIONS = (*TINY, "tracking=mlflow", "system.epochs=8")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder in which an attack met a defense and two others none, the address that the last run printed, and the command of the UI."""
    folder = tmp_path_factory.mktemp("runs")
    ended = fedrec(folder, *OPTIONS, "attack=spattack", "defense=ours", "defense.N=20", "seed=7")
    assert ended.returncode == 0, ended.stderr
    ended = fedrec(folder, *OPTIONS, "attack=pieck_uea,pieck_ipe", "attack.N=10", "-m")
    assert ended.returncode == 0, ended.stderr
    command, address = re.findall(r"^MLflow: (.+)\n  then open (\S+)$", ended.stdout, re.MULTILINE)[-1]
    return folder, address, command


@contextmanager
def serving(folder: Path, command: str) -> Iterator[str]:
    """Run the printed command on a free port. Yield the address of the UI."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program, *arguments = shlex.split(command)
    assert program == "mlflow"
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen([sys.executable, "-m", "mlflow", *arguments, "--port", str(port)], **options) as server:
        try:
            wait_until(lambda: answers(f"http://localhost:{port}/health"))
            yield f"http://localhost:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(address) as answer:
        return bool(answer.status == 200)
    return False


def found(driver: Any, selector: str) -> list[Any]:
    return list(driver.find_elements("css selector", selector))


def shows(driver: Any, text: str) -> Callable[[], bool]:
    """Whether a text is on the page; MLflow may replace parts of it meanwhile."""

    def is_there() -> bool:
        return text in str(driver.execute_script("return document.body.innerText"))

    return is_there


def cells(driver: Any, column: str) -> list[str]:
    """The texts of a column of the table of runs, from top to bottom."""
    script = "return [...document.querySelectorAll('.ag-row [col-id]')].filter(c => c.getAttribute('col-id') === arguments[0])"
    script += ".map(c => [c.closest('.ag-row').getAttribute('row-index'), c.innerText])"
    return [text.strip() for _, text in sorted(driver.execute_script(script, column), key=lambda cell: int(cell[0]))]


def test_the_printed_address_shows_what_matters(printed: tuple[Path, str, str]) -> None:
    folder, address, command = printed
    runs = list(MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["1"]))
    assert len({run.info.run_name for run in runs}) == 4
    with serving(folder, command) as place, browser(2400) as driver:
        driver.get(address.replace("http://localhost:5000", place))
        wait_until(lambda: len(cells(driver, "tags.`attack`")) == len(runs))
        for tag in ("attack", "defense", "model", "dataset"):
            assert cells(driver, f"tags.`{tag}`") == [run.data.tags.get(tag, "-") for run in runs]
        reported = ("best/ER_at_10", "near_best/ER_at_10", "final/ER_at_10", "best/HR_at_10", "degradation/HR_at_10", "seconds/total")
        for metric in reported:
            for run, cell in zip(runs, cells(driver, f"metrics.`{metric}`"), strict=True):
                assert cell == "-" if metric not in run.data.metrics else float(cell) == pytest.approx(run.data.metrics[metric], abs=1e-3)
        assert shows(driver, "ER@10: share of users who see the attacked item")()

        driver.get(f"{address.replace('http://localhost:5000', place)}&compareRunsMode=CHART")
        wait_until(shows(driver, "Runs side by side"))
        wait_until(lambda: len(found(driver, ".js-plotly-plot")) >= 2)
        text = driver.execute_script("return document.body.innerText")
        assert text.index("Over the rounds") < text.index("ER_at_10") < text.index("HR_at_10") < text.index("Runs side by side")

        driver.get(f"{place}/#/experiments/1/runs/{runs[0].info.run_id}?workflowType=machine_learning")
        wait_until(shows(driver, "of the users who have not trained on it; HR@10 is"))
        assert not shows(driver, "[//]")()  # the mark by which fedrec knows its notes
        (picture,) = found(driver, "img[src*='trajectory.png']")
        wait_until(lambda: driver.execute_script("return arguments[0].naturalWidth", picture) == 800)

        driver.get(f"{place}/#/experiments/1/runs/{runs[2].info.run_id}?workflowType=machine_learning")
        wait_until(shows(driver, "2 of 2 runs are finished."))
        assert shows(driver, "attack: pieck_uea, pieck_ipe")()


def test_jobs_lie_below_one_run(printed: tuple[Path, str, str]) -> None:
    folder = printed[0]
    *jobs, parent, alone = MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["1"])
    (multirun,) = folder.glob("multirun/*/*")
    assert {run.data.tags["mlflow.parentRunId"] for run in jobs} == {parent.info.run_id}
    assert {run.data.tags["multirun"] for run in (*jobs, parent)} == {multirun.name}
    assert parent.info.status == "FINISHED"
    assert not {"multirun", "mlflow.parentRunId"} & alone.data.tags.keys()
    summaries = [json.loads(path.read_text()) for path in multirun.glob("*/summary.json")]
    note = parent.data.tags["mlflow.note.content"]
    assert all(f"| {summary['name']}" in note for summary in summaries)
    assert not (multirun / "tracking").exists()
