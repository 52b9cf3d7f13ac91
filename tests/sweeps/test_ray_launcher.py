"""Workers of a sweep on a Ray cluster of two nodes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sweeps.postgresql import free_port
from tests.sweeps.sweeps import sweep_with_two_workers
from tests.tracking.runs import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster whose nodes have room for one worker each."""
    address, command = f"127.0.0.1:{free_port()}", (str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1")
    environment = {**os.environ, "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    with ExitStack() as stack:
        for role in (("--head", f"--port={address.split(':')[1]}", "--include-dashboard=false"), (f"--address={address}",)):
            path = tmp_path / f"ray{role[0]}.log"
            log = stack.enter_context(path.open("w"))
            node = subprocess.Popen([*command, *role], env=environment, stdout=log, stderr=log, cwd=tmp_path)
            stack.callback(node.wait, 300)
            stack.callback(node.terminate)
            wait_until(lambda path=path: "Ray runtime started" in path.read_text())
        yield address


def test_ray_on_two_nodes(tmp_path: Path, two_nodes: str) -> None:
    sweep_with_two_workers(tmp_path, "hydra/launcher=ray", RAY_ADDRESS=two_nodes)
