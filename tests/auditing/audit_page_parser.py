"""Made-up audits of every kind, and a parser that checks how the elements of a page are nested."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from html.parser import HTMLParser
from typing import Any

from fedrec.auditing.audit_result import COLUMNS, AuditResult
from tests.auditing.made_up_audits import HELD_BACK, MARKUP, emptied, made_up_audit

VOID = {"meta", "link", "input", "br", "img", "hr"}
FEW = ("none", "flame", "[norm_bound,flame]")
MANY = (*HELD_BACK, *(f"mine_{place}" for place in range(22)))
AUDITS: Mapping[str, Callable[[], AuditResult]] = {  # of every kind
    "whole": made_up_audit,
    "one seed": lambda: made_up_audit(1, FEW, quick=True, budget=None),
    "nothing": lambda: emptied(made_up_audit(1, FEW), *COLUMNS),
    "many": lambda: made_up_audit(1, MANY, (1, 94), dataset=MARKUP, titles=[None] * 5),
    **{f"no {name}": partial(lambda name: emptied(made_up_audit(2, FEW, (1, 12, 94)), name), name) for name in COLUMNS},
}


class Page(HTMLParser):
    """The elements of a page, each with its attributes and its text. Raises AssertionError if tags are not nested."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.elements: list[tuple[str, dict[str, str | None], list[str], list[str]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        texts: list[str] = []
        self.elements.append((tag, dict(attrs), texts, [one[0] for one in self.open]))
        if tag not in VOID:
            self.open.append((tag, dict(attrs), texts))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [], [one[0] for one in self.open]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, texts in self.open:
            texts.append(data)

    def named(self, *tags: str) -> Iterator[tuple[dict[str, Any], str]]:
        return ((attributes, "".join(texts)) for tag, attributes, texts, _ in self.elements if tag in tags)
