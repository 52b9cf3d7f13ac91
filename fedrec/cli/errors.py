"""What bad input makes Hydra, OmegaConf, the operating system or fedrec raise, as one line for the user."""

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb, walk_tb

import hydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ConfigTypeError, OmegaConfBaseException

from fedrec.config.compose import FOLDER
from fedrec.config.secrets import masked
from fedrec.config.validation import ConfigError, did_you_mean, unknown

HYDRA = str(Path(hydra.__file__).parent)
TOO_LARGE = re.compile("can't allocate memory|Storage size calculation overflowed")  # what torch says
COSTLY = (  # options whose large values need much memory
    *("model.dim", "model.layers", "system.clients_per_round", "system.negatives_per_positive"),
    *("mining_times", "attack.synthetic_users", "attack.hidden", "evaluation.candidates"),
)


def show(error: BaseException, line: str | None) -> int:
    """Print the line, or the traceback if there is none, and return the exit status. No password is printed."""
    if line is None or os.environ.get("HYDRA_FULL_ERROR") == "1":
        print(masked("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    if line is not None:
        print(f"error: {masked(line)}", file=sys.stderr)
    return 1 if line is None else 2


def explain(error: BaseException) -> str | None:
    """Return one line that says what is wrong with the input, or None for a failure that is not the user's."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_choice(error)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, RecursionError):
        return _circle(error) or "the values of an option lie too deep in each other"
    if isinstance(error, RuntimeError) and "plugin" in str(error):  # a launcher or a sweeper that Hydra does not know
        return f"hydra/launcher and hydra/sweeper take plug-ins of Hydra: {_line(str(error))}"
    if isinstance(error, AssertionError) and (last := extract_tb(error.__traceback__)[-1]).filename.startswith(HYDRA):
        return f"Hydra does not allow what one of its own options hydra.* is set to ({last.name}: {last.line})"
    if isinstance(error, ConfigCompositionException) and isinstance(error.__cause__, ConfigTypeError):
        return _wrong_container(error, error.__cause__)
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return f"{error.filename or 'the folder of this run'}: {error.strerror}"
    if isinstance(error, MemoryError) or TOO_LARGE.search(str(error)) or type(error).__name__ == "OutOfMemoryError":
        return f"not enough memory: take smaller numbers ({', '.join(COSTLY)}), or fewer users (evaluation.max_users) or items"
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError):
        if told := _unread_choice(str(error)):
            return told
        own = (str(cause) for cause in _causes(error) if isinstance(cause, ConfigError))
        return next(own, None) or _unknown_key(error) or _line(next(filter(None, map(str, _causes(error))), repr(error)))
    return _line(str(error)) if type(error).__module__.startswith("fedrec.") else None  # such as TrainingDiverged


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return f"there is no configuration {name}"
    options = sorted(error.options or (path.stem for path in (FOLDER / group).glob("*.yaml")))
    if group == "hydra/launcher" and name.startswith("submitit_"):
        return f"hydra/launcher={name}: Submitit is not installed; pip install 'fedrec[slurm]'"
    if group == "system":  # perhaps the user has named a model only
        missing = f"there is no system/{name}.yaml, and a model takes the system settings of its own name"
        return f"{missing}: add that file, or choose system={' or system='.join(options)}"
    return f"{group}={name} does not exist: choose from {', '.join(options)}{did_you_mean([name], options)}"


def _unread_choice(text: str) -> str | None:
    """Return what is wrong with a choice, or None: it has several values, or a recorded configuration has no choices any more."""
    if match := re.match(r"Ambiguous value for argument '(.*?)'\n", text):
        key, _, values = match[1].partition("=")
        return f"{match[1]}: several values make a sweep (-m; in Python fedrec.sweep), and a list is {key}=[{values}]"
    if (match := re.match(r"Could not override '(\w+)'", text)) and (FOLDER / match[1]).is_dir():
        return f"{match[1]} cannot be chosen here: a recorded configuration holds options only; start from the command of the run"
    return None


def _unreadable(error: OverrideParseException) -> str:
    key, _, value = str(error.override).partition("=")
    inner = value[1:-1].split(",") if value.startswith("[") else [value]
    texts = ",".join('"{}"'.format(one.strip(" '\"").replace('"', '\\"')) for one in inner)
    quoted = f"[{texts}]" if value.startswith("[") else texts
    how = f"; quote a value that holds special characters: '{key}={quoted}'" if re.fullmatch(r"[\w./@+~]+", key) and value else ""
    return f"cannot read {error.override}: expected KEY=VALUE or GROUP=CHOICE{how} ({_line(error.message)})"


def _wrong_container(error: ConfigCompositionException, cause: ConfigTypeError) -> str:
    override = _line(str(error)).removeprefix("Error merging override ").lstrip("+")
    return f"{override} is not allowed: {cause.full_key} takes a {'list, [A,B]' if cause.object_type is list else 'mapping, {NAME: VALUE}'}"


def _circle(error: RecursionError) -> str | None:
    """Return which files were being read when the recursion had no end, or None if it was not the reading that had none."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__) if frame.f_code.co_name == "_create_defaults_tree_impl"]
    names = [f"{frame.f_locals['path']}.yaml" for frame in frames if "path" in frame.f_locals]
    circle = list(dict.fromkeys(names[-len(names) // 2 :]))
    return f"{', '.join(circle)}: the defaults lists of these files lead back to them" if circle else None


def _unknown_key(error: BaseException) -> str | None:
    for cause in _causes(error):
        if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.full_key and cause.parent_node is not None:
            return str(unknown(cause.full_key, map(str, cause.parent_node)))
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("See https://"))
