"""What `python -m fedrec.audit` does: it says what it is going to do, has it done, writes the page, and says what it has found."""

import shlex
from collections.abc import Sequence, Set
from pathlib import Path

from fedrec.auditing.audit_arguments import DRY, QUICK, Asked, as_time, asked_for
from fedrec.auditing.audit_pages import write_pages
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import counted
from fedrec.auditing.engine import conduct_audit, planned
from fedrec.cli.terminal_width import columns, fitted


def program(arguments: list[str], flags: Set[str]) -> int:
    """Plan or conduct an audit and return the exit status. Raises ConfigError, or what Hydra raises, for bad input."""
    asked = asked_for(arguments, QUICK in flags)
    print(announcement(asked), flush=True)
    if DRY in flags or asked.options.budget is None:  # else the budget says how long it takes
        print(fitted(planned(asked.options, asked.overrides, asked.passed)), flush=True)
    if DRY in flags:
        return 0
    result = conduct_audit(asked.options, asked.overrides, asked.passed)
    pages = write_pages(result, Path(asked.options.folder))
    print(ending(result, asked.overrides, pages))
    return 1 if result.facts["failed"] else 0  # `left_out` names them


def announcement(asked: Asked) -> str:
    """Return what an audit is going to do, and how long it may take, as a paragraph."""
    options = asked.options
    tried = f"{counted(len(options.attacks), 'attack')} against {counted(len(options.defenses), 'defense')} and against none"
    shares = ", ".join(f"{100 * level:g}" for level in sorted(options.levels))
    limit = "until everything is answered" if options.budget is None else f"for about {as_time(options.budget)}"
    return fitted(
        f"Audit of {asked.data} with {asked.model}: {tried}, each with {counted(options.seeds, 'seed')}. How many fake accounts show an "
        f"item to {shares} % of the users, and what prevents it? Runs go on {limit} on {counted(options.workers, 'worker')}; they and "
        f"the page lie in {options.folder}. Interrupted? Give the same command again."
    )


def ending(result: AuditResult, overrides: Sequence[str], pages: Sequence[Path]) -> str:
    """Return what has been found: the verdict, the recommended defense with the command that uses it, and where the page is."""
    paragraphs = [fitted(" ".join(result.verdict))]
    for row in (row for row in result.front.to_dict("records") if row["recommended"]):
        used = command([*overrides, f"defense={row['defense']}", *str(row["settings"]).split()])
        paragraphs.append(f"Recommended: {row['defense']}. This command trains with it:\n{used}")
    if result.left_out:
        paragraphs.append("\n".join(map(fitted, result.left_out)))
    return "\n\n".join([*paragraphs, f"page: {next(page for page in pages if page.suffix == '.html')}"])


def command(overrides: Sequence[str]) -> str:
    """Return a command of fedrec.main in lines that fit, as a shell takes them."""
    lines = ["  python -m fedrec.main"]
    for word in map(shlex.quote, overrides):
        if len(lines[-1]) + len(word) + 3 > columns() and not lines[-1].isspace():
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(lines)
