"""Writes what an audit has found for people (audit.html, audit.md) and for programs (audit.json), and reads it back."""

import json
from pathlib import Path

from fedrec.auditing.audit_html import as_html_page
from fedrec.auditing.audit_markdown import as_markdown_page
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_sections import sections, with_real_bounds
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.config.validation import ConfigError


def write_pages(result: AuditResult, folder: Path) -> list[Path]:
    """Write the files into a folder and return them, the page first. Equal results make equal files. Raises ConfigError if that fails."""
    runs, shown = GroupedRuns(result.runs), with_real_bounds(result)
    parts = sections(shown, runs)
    texts = {
        "audit.html": as_html_page(shown, parts, runs),
        "audit.md": as_markdown_page(shown, parts),
        "audit.json": json.dumps(result.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            part = folder / f".{name}.part"  # a file is there as a whole or not at all
            part.write_text(text, encoding="utf-8")
            part.replace(folder / name)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror or error}") from None
    return [folder / name for name in texts]


def read_audit(folder: Path) -> AuditResult:
    """Return what `write_pages` has written. Raises ConfigError if there is no audit, or none that can be read."""
    file = folder / "audit.json"
    try:
        return AuditResult.from_json(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file}: this is no audit ({type(error).__name__}: {error})") from None
