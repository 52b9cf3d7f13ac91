"""Checkpoints on disk: whole or not there, and damage is found."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from fedrec.checkpoints.nested_state import encode
from fedrec.checkpoints.state_files import Damaged, is_checkpoint, read_about, read_state, write, written

STATE = {"users": torch.arange(6.0).view(2, 3), "round": 7, "nothing": None, "shared": [torch.arange(9)[2:5]]}
FILES = ["about.json", "state.json", "tensors.safetensors", "SHA256SUMS"]


def saved(parent: Path, round: int = 7) -> Path:
    about = {"round": round, "options": {"seed": 0}, "data": "checksum", "targets": [], "code": "version"}
    return write(parent, round, about, *encode(STATE))


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert is_checkpoint(folder) and not is_checkpoint(tmp_path)
    assert read_about(folder) == {"round": 7, "options": {"seed": 0}, "data": "checksum", "targets": [], "code": "version"}
    assert repr(read_state(folder, torch.device("cpu"))) == repr(STATE)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["round_0000007"]


def test_the_latest_round_comes_first_and_half_a_checkpoint_is_none(tmp_path: Path) -> None:
    for round in (7, 12_345_678, 300):
        saved(tmp_path, round)
    (tmp_path / "round_0000400.part").mkdir()
    assert [path.name for path in written(tmp_path)] == ["round_12345678", "round_0000300", "round_0000007"]
    assert written(tmp_path / "missing") == []


@pytest.mark.parametrize("step", range(6))
def test_a_writing_that_is_cut_off_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """A checkpoint of the same round takes the place of another one at once, and what was cut off is no obstacle."""
    saved(tmp_path, 5)
    calls = []

    def cut_off(number: int) -> None:
        calls.append(number)
        if len(calls) == step:
            raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", cut_off)
        if step:
            with pytest.raises(OSError, match="No space"):
                saved(tmp_path, 6)
    assert written(tmp_path) == [tmp_path / "round_0000005"]
    read_about(tmp_path / "round_0000005")
    assert read_about(saved(tmp_path, 6))["round"] == 6


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize("most", [10, 1000])
def test_a_full_disk_is_an_error_of_the_disk(tmp_path: Path, most: int) -> None:
    """The first file does not fit, or that of the tensors."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    state = encode({"users": torch.zeros(1000)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))  # bytes of each file
    try:
        with pytest.raises(OSError, match="File too large"):
            write(tmp_path, 6, {"round": 6}, *state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "binary"])
def test_damage_is_found(tmp_path: Path, name: str, harm: str) -> None:
    file = saved(tmp_path) / name
    content = bytearray(file.read_bytes())
    if harm == "gone":
        file.unlink()
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes({"cut": content[:-1], "flipped": content, "binary": b"\xff\xfe" * 9}[harm])
    with pytest.raises(Damaged, match=r"SHA256SUMS|is not as it was written|No such file|decode"):
        read_about(file.parent)


@pytest.mark.parametrize("about", [[], {}, {"round": 7}, "round"])
def test_a_checkpoint_of_nobody_is_none(tmp_path: Path, about: Any) -> None:
    with pytest.raises(Damaged, match=r"about\.json does not say which run it belongs to"):
        read_about(write(tmp_path, 7, about, *encode(STATE)))


@pytest.mark.parametrize(
    "tree", [{"os": "system"}, {"tensor": "9", "on": "cpu", "strides": [1]}, {"tensor": "0", "on": "cpu", "strides": [1]}]
)
def test_a_state_of_another_kind_is_none(tmp_path: Path, tree: Any) -> None:
    with pytest.raises(Damaged):
        read_state(write(tmp_path, 7, {}, tree, {"0": torch.ones(2, 3)}), torch.device("cpu"))


def test_the_sums_are_those_of_a_common_program(tmp_path: Path) -> None:
    assert subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=saved(tmp_path), check=False, capture_output=True).returncode == 0
