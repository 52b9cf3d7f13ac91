"""Workers of one machine take different GPUs; there is none here, so the numbers are made up."""

import subprocess
import sys
from pathlib import Path

from fedrec.sweeps.devices import take_device

HOLDER = """
import sys
from pathlib import Path
from fedrec.sweeps.devices import take_device
print(take_device(int(sys.argv[1]), Path(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def holder(n_devices: int, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLDER, str(n_devices), str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_each_worker_takes_the_next_free_device(tmp_path: Path) -> None:
    workers = [holder(3, tmp_path) for _ in range(3)]
    assert sorted(map(answer, workers)) == ["0", "1", "2"]
    assert take_device(3, tmp_path) is None  # then they are shared
    workers[1].kill()  # a device is free as soon as its worker is gone
    workers[1].wait()
    freed = holder(3, tmp_path)
    assert answer(freed) in {"0", "1", "2"}
    for process in (*workers, freed):
        process.kill()
        process.wait()


def test_one_device_or_none_is_not_divided(tmp_path: Path) -> None:
    assert take_device(0, tmp_path) is None and take_device(1, tmp_path) is None
    assert not list(tmp_path.iterdir())
