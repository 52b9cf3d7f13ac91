"""A separator of two letters is found wherever the pieces of a file end."""

import io
from pathlib import Path

import pytest
import torch

import fedrec
from fedrec.config.build import build
from fedrec.data.table import separated_values
from fedrec.data.table.dialect import ONE_LETTER, Dialect
from fedrec.data.table.separated_values import _Replaced

TEXT = b"1::2::3\n10:x::20::::4:\n::7::8"
DIALECT = Dialect("utf-8", "::", None, None, [], 0, 0)


@pytest.mark.parametrize("size", [*range(2, 12), 1000])
def test_pieces_of_any_size_hold_the_same_text_and_are_no_longer(size: int) -> None:
    stream, pieces = _Replaced(io.BytesIO(TEXT), DIALECT), []
    while piece := stream.read(size):
        assert len(piece) <= size
        pieces.append(piece)
    assert b"".join(pieces) == TEXT.replace(b"::", ONE_LETTER.encode())


def test_all_at_once() -> None:
    assert _Replaced(io.BytesIO(TEXT), DIALECT).read() == TEXT.replace(b"::", ONE_LETTER.encode())


@pytest.mark.parametrize("block", range(40, 48))
def test_a_block_that_ends_in_a_separator_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(separated_values, "BLOCK", block)
    (tmp_path / "ratings.dat").write_text("".join(f"{row % 7}::{row}::5::97{row:02}\n" for row in range(99)), "utf-8")
    split = build(fedrec.compose("dataset=table", f"dataset.path={tmp_path / 'ratings.dat'}").dataset).load(torch.Generator())
    assert (split.statistics()["users"], split.statistics()["interactions"]) == (7, 99)
