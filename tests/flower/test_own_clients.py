"""The example of README.md: the strategy alone, with clients that know nothing of fedrec."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flwr", reason="flwr is not installed: pip install 'fedrec[flower]'")

import fedrec.flower
from tests.flower.nodes_in_one_process import NodesInOneProcess

README = Path(fedrec.flower.__file__).with_name("README.md")


def test_the_example_trains_and_is_short(tmp_path, monkeypatch):
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "RobustStrategy" in block)
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]) <= 30
    example: dict = {}
    exec(code, example)
    grid = NodesInOneProcess(tmp_path, "", 3, client=example["phone"])
    models = []
    monkeypatch.setattr(example["RobustStrategy"], "start", start_and_keep(example["RobustStrategy"].start, models))
    example["server"](grid, grid.context_of_server())
    (result,) = models
    items = result.arrays["items"].numpy()
    user = grid.states[1]["own"]["user"].numpy()
    scores = items @ user
    assert min(scores[example["LIKED"]]) > max(np.median(scores), *scores[example["OTHERS"]])
    assert result.train_metrics_clientapp[20]["clients"] == 3


def start_and_keep(start, results):
    """Return Flower's `start`, which also leaves its result in a list."""

    def kept(*arguments, **options):
        results.append(start(*arguments, **options))
        return results[-1]

    return kept
