"""What a page of an audit consists of, whatever it is written as."""

from collections.abc import Sequence
from dataclasses import dataclass

from fedrec.auditing.audit_charts import Chart
from fedrec.auditing.audit_wording import bounded, count
from fedrec.auditing.line_charts import LineChart

NOT_MEASURED = "This was not measured in this audit."


@dataclass(frozen=True)
class Cell:
    """A text of a table; `runs` is the anchor of the runs behind it. What is `under` it stands beside it on a wide screen."""

    text: str
    runs: str | None = None
    is_code: bool = False
    under: str = ""


@dataclass(frozen=True)
class Grid:
    """A table. The first `keys` columns say what a row is; a `folded` one is shown if somebody clicks on these words."""

    name: str
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    keys: int = 1
    folded: str = ""


@dataclass(frozen=True)
class Heading:
    """What the next parts of a section are about."""

    text: str


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    terms: Sequence[tuple[str, str]]


Part = str | list[str] | Grid | Chart | Terms | Heading  # a text is a paragraph, texts are a list


@dataclass(frozen=True)
class Section:
    """A question, the sentence that answers it, and what the answer rests on."""

    name: str
    question: str
    answer: str
    parts: Sequence[Part] = ()


def numbers_of(chart: LineChart) -> Grid:
    """Return the table behind a picture of lines."""
    rows = [
        [
            Cell(line.label.replace(":", ",")),
            Cell(chart.categories[int(one.x)] if chart.categories else count(one.x)),
            Cell(bounded(one.y, one.lower, one.upper)),
            *([] if chart.categories else [Cell(one.source)]),
        ]
        for line in chart.lines
        for one in line.points
    ]
    heads = ["line", "kind of item" if chart.categories else "accounts", chart.y_label.removeprefix("% of ")]
    heads += [] if chart.categories else ["attack"]
    return Grid(f"{chart.name}-numbers", chart.title, heads, rows, 2, "The numbers of this picture")
