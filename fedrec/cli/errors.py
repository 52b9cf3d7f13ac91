"""What bad input makes Hydra, OmegaConf, the operating system or fedrec raise, as one line for the user."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from fedrec.config.compose import FOLDER
from fedrec.config.secrets import masked
from fedrec.config.validation import did_you_mean, unknown


def show(error: BaseException, line: str | None) -> int:
    """Print the line, or the traceback if there is none, and return the exit status. No password is printed."""
    if line is None or os.environ.get("HYDRA_FULL_ERROR") == "1":
        print(masked("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    if line is not None:
        print(f"error: {masked(line)}", file=sys.stderr)
    return 1 if line is None else 2


def explain(error: BaseException) -> str | None:
    """Return one line that says what is wrong with the input, or None for a failure that is not the user's."""
    if isinstance(error, MissingConfigException):
        return _unknown_choice(error)
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override}: expected KEY=VALUE or GROUP=CHOICE ({_line(error.message)})"
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return f"{error.filename or 'the folder of this run'}: {error.strerror}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or type(error).__name__ == "OutOfMemoryError":
        return "not enough memory: take a smaller model.dim or system.clients_per_round, or fewer users (evaluation.max_users) or items"
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError):
        return _unknown_key(error) or _line(next(filter(None, map(str, _causes(error))), repr(error)))
    return _line(str(error)) if type(error).__module__.startswith("fedrec.") else None  # such as TrainingDiverged


def _unknown_choice(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if not group:
        return f"there is no configuration {name}"
    options = sorted(error.options or (path.stem for path in (FOLDER / group).glob("*.yaml")))
    if group == "system":  # perhaps the user has named a model only
        missing = f"there is no system/{name}.yaml, and a model takes the system settings of its own name"
        return f"{missing}: add that file, or choose system={' or system='.join(options)}"
    return f"{group}={name} does not exist: choose from {', '.join(options)}{did_you_mean([name], options)}"


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
