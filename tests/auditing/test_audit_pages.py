"""The pages of an audit: read back, and read by a parser."""

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fedrec.auditing.audit_pages import read_audit, write_pages
from fedrec.auditing.audit_result import COLUMNS, AuditResult
from fedrec.config.validation import ConfigError
from tests.auditing.audit_page_parser import AUDITS, Page
from tests.auditing.made_up_audits import MARKUP, made_up_audit


@dataclass(frozen=True)
class Written:
    """An audit, the folder with its files, and its page."""

    result: AuditResult
    folder: Path
    page: Page


@pytest.fixture(scope="module", params=AUDITS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    result, folder = AUDITS[request.param](), tmp_path_factory.mktemp("audit")
    assert [path.name for path in write_pages(result, folder)] == ["audit.html", "audit.md", "audit.json"]
    return Written(result, folder, Page((folder / "audit.html").read_text(encoding="utf-8")))


def test_what_is_read_back_is_the_same_to_the_last_bit(written: Written, tmp_path: Path) -> None:
    result, folder = written.result, written.folder
    again = read_audit(folder)
    assert again.to_json() == result.to_json() == json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    for name in COLUMNS:
        if len(table := getattr(result, name)):
            pd.testing.assert_frame_equal(getattr(again, name), table.reset_index(drop=True), check_dtype=False, check_exact=True)
    write_pages(again, tmp_path)
    assert all((tmp_path / path.name).read_bytes() == path.read_bytes() for path in folder.iterdir())


def test_the_page_is_well_formed_and_leads_nowhere_else(written: Written) -> None:
    page = written.page
    ids = [attributes["id"] for _, attributes, _, _ in page.elements if "id" in attributes]
    assert max(Counter(ids).values()) == 1
    for _, attributes, _, _ in page.elements:
        assert not attributes.keys() & {"src", "srcset", "action", "background", "style"}
        assert not any(name.startswith("on") for name in attributes)
        referred = [one for name in ("for", "aria-labelledby", "aria-describedby") for one in (attributes.get(name) or "").split()]
        assert set(referred) <= set(ids)
    assert all(attributes["href"].startswith("#") and attributes["href"][1:] in ids for attributes, _ in page.named("a"))
    assert not {tag for tag, *_ in page.elements} & {"img", "link", "iframe", "object", "form", "base"}
    assert "url(" not in "".join(text for _, text in page.named("style", "script"))


def test_a_screen_reader_finds_its_way(written: Written) -> None:
    page = written.page
    (html,) = page.named("html")
    assert html[0]["lang"] == "en" and [tag for tag, *_ in page.elements].count("main") == 1
    levels = [int(tag[1]) for tag, *_ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") and text for attributes, text in page.named("th"))
    assert len([*page.named("caption")]) == len([*page.named("table")]) and all(text.strip() for _, text in page.named("caption"))
    for attributes, _ in page.named("svg"):
        assert attributes["role"] == "img" and len(attributes["aria-labelledby"].split()) == 2
    skip = next(attributes for attributes, _ in page.named("a"))
    assert skip["class"] == "skip" and skip["href"] == "#main"
    fields = {attributes["id"] for attributes, _ in page.named("input")}
    assert fields == {attributes["for"] for attributes, _ in page.named("label")}


def test_every_table_has_as_many_cells_as_heads(written: Written) -> None:
    text = (written.folder / "audit.html").read_text(encoding="utf-8")
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        heads = table[: table.index("</thead>")].count("<th ")
        for row in re.findall(r"<tr>.*?</tr>", table[table.index("</thead>") :], re.DOTALL):
            assert len(re.findall(r"<t[hd][ >]", row)) == heads


def test_the_markdown_has_every_section_and_whole_tables(written: Written) -> None:
    from markdown_it import MarkdownIt

    text = (written.folder / "audit.md").read_text(encoding="utf-8")
    page = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    html = written.page
    questions = [text for _, text in html.named("h2")]
    assert [text for _, text in page.named("h2")] == questions[:-1]  # all but that of the runs
    grids = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert len(grids) == len([*page.named("table")])
    assert not {tag for tag, *_ in page.elements} & {"script", "img", "a", "b"}
    assert [text for _, text in page.named("h1")] == [" ".join(text.split()) for _, text in html.named("h1")]


def test_whatever_an_audit_says_is_text(tmp_path: Path) -> None:
    result = made_up_audit(1, ("none", MARKUP), dataset=MARKUP)
    result.runs["command"] = MARKUP
    write_pages(replace(result, verdict=[MARKUP], left_out=[MARKUP]), tmp_path)
    page = Page((tmp_path / "audit.html").read_text(encoding="utf-8"))
    assert [tag for tag, *_ in page.elements].count("script") == 1 and not [*page.named("img")]
    verdict = next(text for tag, attributes, texts, _ in page.elements if attributes.get("id") == "verdict" for text in ["".join(texts)])
    assert verdict.strip() == MARKUP
    assert next(page.named("title"))[1] == f"Audit of {MARKUP}, model mf"


def test_every_number_leads_to_its_runs(tmp_path: Path) -> None:
    result = made_up_audit(1)
    write_pages(result, tmp_path)
    text = (tmp_path / "audit.html").read_text(encoding="utf-8")
    titles = dict(re.findall(r'<tbody id="(runs-\d+)">\n<tr class="group"><th[^>]*>(.*?)</th>', text))
    curves = re.search(r'<table id="curves">.*?</table>', text, re.DOTALL)[0]
    rows = re.findall(
        r'<span class="over">(.*?)</span> <span class="under">(.*?)</span></th><th[^>]*>(\d+)</th>.*?<a href="#(runs-\d+)">', curves
    )
    assert len(rows) == len(result.exposure)
    for defense, attack, accounts, anchor in rows:
        assert titles[anchor] == f"{attack} with {accounts} account{'s' * (accounts != '1')}, {defense}"
    for table in ("accounts-needed", "pushed", "spoiled", "prices", "worst-cases"):
        assert re.search(rf'<table id="{table}">.*?<a href="#runs-\d+">', text, re.DOTALL)
    assert text.count("data-copy>") == len(result.runs)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"facts": {}, "verdict": [], "left_out": [], "runs": 3}'])
def test_what_is_no_audit_ends_in_one_line(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "audit.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"audit\.json") as raised:
        read_audit(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("damage", [{"facts": []}, {"verdict": "text"}, {"left_out": None}, {"exposure": [{"mean": "x"}]}])
def test_an_audit_with_values_of_another_kind_is_none(damage: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(json.dumps(AUDITS["whole"]().to_json() | damage), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"audit\.json: this is no audit"):
        read_audit(tmp_path)
