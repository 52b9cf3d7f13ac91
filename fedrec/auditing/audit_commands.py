"""The commands that repeat an audit and its runs, as one types them in the folder in which the audit was started."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fedrec.auditing.audit_arguments import AUDIT_DEFAULTS, QUICK, QUIET
from fedrec.auditing.audit_options import AuditOptions
from fedrec.config.secrets import masked, without_references

_ASKED = ("attacks", "defenses", "levels", "seeds", "folder")  # told even where they are the defaults, which may change
_IF_GIVEN = ("accounts", "device", "launcher", "workers", "storage", "tracking")
_FOLDERS = "hydra.searchpath="


def audit_command(options: AuditOptions, overrides: Sequence[str], passed: Sequence[str]) -> str:
    """Return the command of an audit; `passed` are options of Hydra and of tracking."""
    names = [*_ASKED, *(name for name in _IF_GIVEN if getattr(options, name) != AUDIT_DEFAULTS[name])]
    budget = "none" if options.budget is None else f"{options.budget:g}s"
    own = [*(f"{name}={_typed(getattr(options, name))}" for name in names), f"budget={budget}"]
    return _command("audit", [*overrides, *own, *_rest(passed), *([QUICK] if options.quick else [])])


def common_arguments(arguments: Sequence[str], passed: Sequence[str]) -> list[str]:
    """Return what the commands of all runs of an audit begin with; `arguments` are the planner's, and the audit compares runs itself."""
    return [*(text for text in _rest(passed) if not text.startswith(("hydra", "tracking."))), *arguments, "reference=null"]


def run_command(common: Sequence[str], overrides: Sequence[str]) -> str:
    """Return the command of a run."""
    return _command("main", [*common, *overrides])


def _command(program: str, arguments: Sequence[str]) -> str:
    """Return a command for a shell. A password is left out."""
    return shlex.join(["python", "-m", f"fedrec.{program}", *(without_references(masked(text)) for text in arguments)])


def _typed(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _rest(passed: Sequence[str]) -> list[str]:
    """Return options of Hydra and of tracking as they were given, a folder of somebody's own with its flag."""
    given: list[str] = []
    for text in (one for one in passed if one != QUIET):
        uri = text.removeprefix(_FOLDERS).strip("[]")
        is_folder = text.startswith(_FOLDERS) and uri.startswith("file:") and "," not in uri
        given += ["--config-dir", str(Path(url2pathname(urlsplit(uri).path)))] if is_folder else [text]
    return given
