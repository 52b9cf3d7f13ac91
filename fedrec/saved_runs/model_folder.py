"""The folder `model/` of a run: embeddings, the scorer, what each user trained on, and how to build the model again. Nothing is pickled.

`model.safetensors` holds `users` [U, d], `items` [M, d] and `scorer.NAME`; `training.safetensors` holds a CSR matrix, `offsets` [U + 1] and
`items` [I]. Both are mapped into memory. `items.parquet` and `users.parquet` hold the same embeddings for other programs, a row for each id
and a column for each dimension: every reader of parquet makes a plain table of numbers of that, whereas a column of lists becomes an array
of objects in pandas. `model.json` is written last and says which files belong together.
"""

import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fedrec.config.build import build
from fedrec.config.validation import ConfigError
from fedrec.interfaces import GlobalModel, Ids, Interactions, Model, RunInfo
from fedrec.saved_runs.run_files import DESCRIPTION, FORMAT, MODEL, read_description
from fedrec.saved_runs.trained_model import TrainedModel
from fedrec.tracking.id_maps import ITEMS, USERS
from fedrec.tracking.parquet_columns import write_columns

if TYPE_CHECKING:
    from fedrec.tracking.parquet_columns import Columns

TENSORS, TRAINING = "model.safetensors", "training.safetensors"
NUMBERS_AT_ONCE = 4_000_000  # of embeddings that are made ready for parquet, or of bytes that are summed up


def save_model(trained: TrainedModel, info: RunInfo) -> None:
    """Write the folder, under another name until it is whole. Raises ConfigError if the disk does not take it."""
    folder, part = info.folder / MODEL, info.folder / f"{MODEL}.part"
    titles = {} if info.item_titles is None else {"title": info.item_titles}
    items, scorer = trained.global_model.items, {f"scorer.{name}": value for name, value in trained.global_model.scorer.items()}
    try:
        part.mkdir()
        write_columns(part / ITEMS, _blocks({"item": info.item_ids, **titles}, items))
        write_columns(part / USERS, _blocks({"user": info.user_ids}, trained.users))
        tensors = {TENSORS: {"users": trained.users, "items": items, **scorer}}
        tensors[TRAINING] = {"offsets": trained.training.offsets, "items": trained.training.items}
        sums = {name: _write_tensors(part / name, parts) for name, parts in tensors.items()}
        description = {"format": FORMAT, "model": info.config["model"], "targets": list(trained.targets), "crc32": sums}
        (part / DESCRIPTION).write_text(json.dumps(description, indent=2), encoding="utf-8")
        part.replace(folder)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{folder}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def open_model(run: Path) -> TrainedModel:
    """Return the model that a run has saved. Raises ConfigError, which names the file, if it is missing or damaged."""
    folder, description = run / MODEL, read_description(run)
    for name in (TENSORS, TRAINING):
        if not (folder / name).is_file():
            raise ConfigError(f"{folder / name} is missing")
        if _checksum(folder / name) != description["crc32"].get(name):
            raise ConfigError(f"{folder / name} is damaged: it is not what the run has written")
    tensors, training = _read_tensors(folder / TENSORS, "users", "items"), _read_tensors(folder / TRAINING, "offsets", "items")
    users, items = tensors.pop("users"), tensors.pop("items").clone()  # aligned memory: the last digits of products depend on that, too
    scorer = {name.removeprefix("scorer."): value.clone() for name, value in tensors.items()}
    seen = Interactions(training["offsets"], training["items"], len(items))
    return TrainedModel(_build(description["model"]), users, GlobalModel(items, scorer), seen, description["targets"])


def _build(node: Mapping[str, Any]) -> Model:
    """Return the model that a node of the configuration describes; its class may be a plug-in, which must be importable."""
    model: Model = build(OmegaConf.create({"model": dict(node)}).model)
    return model


def _blocks(ids: Mapping[str, Ids], embeddings: Tensor) -> "Iterator[Columns]":
    """Yield ids [n] and embeddings [n, d] as columns e0, e1, ..., a part of the rows at a time."""
    size = max(1, NUMBERS_AT_ONCE // embeddings.shape[1])
    for start in range(0, max(1, len(embeddings)), size):
        rows = slice(start, start + size)
        named = {name: values[rows] for name, values in ids.items()}
        yield named | {f"e{number}": column.numpy() for number, column in enumerate(embeddings[rows].T.contiguous())}


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> int:
    """Write tensors and return the checksum of the file."""
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    shutil.copymode(path.with_name(ITEMS), path)  # safetensors lets only the owner read
    return _checksum(path)


def _read_tensors(path: Path, *needed: str) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path} is damaged: {error}") from None
    if lacking := [name for name in needed if name not in tensors]:
        raise ConfigError(f"{path} is damaged: it lacks {lacking[0]}")
    return tensors


def _checksum(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while block := file.read(NUMBERS_AT_ONCE):
            total = zlib.crc32(block, total)
    return total
