"""Workers of one machine take different GPUs; there is none here, so the numbers are made up."""

import subprocess
import sys
from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from fedrec.sweeps.devices import acquire_device
names = sys.argv[1].split()
print(*(acquire_device(names, Path(sys.argv[2])) for _ in range(2)), flush=True)
sys.stdin.read()
"""


def holder(names: str, folder: Path) -> "subprocess.Popen[str]":
    """Start a worker that asks twice, and lives on."""
    return subprocess.Popen([sys.executable, "-c", HOLDER, names, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> list[int]:
    assert process.stdout is not None
    return [int(position) for position in process.stdout.readline().split()]


def test_each_worker_takes_the_next_free_device(tmp_path: Path) -> None:
    workers = [holder("a b c", tmp_path) for _ in range(3)]
    taken = [answer(worker) for worker in workers]
    assert sorted(taken) == [[0, 0], [1, 1], [2, 2]]  # the same one when asked again
    sharing = holder("a b c", tmp_path)
    assert answer(sharing)[0] in (0, 1, 2)
    others = holder("d e", tmp_path)  # other devices, another CUDA_VISIBLE_DEVICES for instance
    assert answer(others) == [0, 0]
    workers[1].kill()  # a device is free as soon as its worker is gone
    workers[1].wait()
    successor = holder("a b c", tmp_path)
    assert answer(successor) == taken[1]
    for process in (*workers, sharing, others, successor):
        process.kill()
        process.wait()
