"""An audit in Markdown, for a wiki or a pull request: the sections of the page without its pictures and its runs."""

from collections.abc import Iterator, Sequence

from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_sections import about, title_of
from fedrec.auditing.page_parts import Cell, Grid, Heading, Part, Section, Terms
from fedrec.comparison.markdown_table import grid, plain


def as_markdown_page(result: AuditResult, parts: Sequence[Section]) -> str:
    """Return the page."""
    where = "Pictures, every run and its command: `audit.html`. All numbers: `audit.json`."
    head = [f"# {plain(title_of(result))}", plain(about(result)), *(plain(sentence) for sentence in result.verdict), where]
    return "\n\n".join([*head, *(text for section in parts for text in _section(section))]) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {plain(section.question)}"
    yield plain(section.answer)
    for part in section.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case str():
            yield plain(part)
        case Heading():
            yield f"### {plain(part.text)}"
        case list():
            yield "\n".join(f"- {plain(one)}" for one in part)
        case Terms():
            yield "\n".join(f"- **{plain(term)}**: {plain(meaning)}" for term, meaning in part.terms)
        case Grid() if part.rows and not part.name.endswith("-numbers"):  # the numbers of a picture are in another table, too
            yield plain(part.caption)
            yield grid([*map(plain, part.heads)], [[*map(_cell, row)] for row in part.rows])


def _cell(cell: Cell) -> str:
    return plain(f"{cell.text}, {cell.under}" if cell.under else cell.text)
