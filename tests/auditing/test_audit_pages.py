"""The pages of an audit: read back, read by a parser, and looked at in a browser."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fedrec.auditing.audit_curves import first_chart
from fedrec.auditing.audit_pages import read_audit, write_pages
from fedrec.auditing.audit_result import COLUMNS, AuditResult
from fedrec.auditing.audit_wording import bounded, interval
from fedrec.comparison.colours import INKS, readable_on
from fedrec.config.validation import ConfigError
from tests.auditing.made_up_audits import HELD_BACK, MARKUP, emptied, made_up_audit
from tests.browser import browser

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


def test_whoever_has_more_accounts_does_not_do_less() -> None:
    rows = [("a", 1, 0.2), ("b", 5, 0.1), ("a", 8, 0.3), ("b", 8, 0.4)]
    exposure = [dict(zip(COLUMNS["exposure"], (a, "none", "", n, n / 100, 2, y, y, y, y), strict=True)) for a, n, y in rows]
    chart = first_chart(replace(made_up_audit(1, FEW), exposure=pd.DataFrame(exposure)))
    points = [(one.x, one.y, one.source) for one in chart.lines[0].points]
    assert points == [(0, 0.0, "no attack"), (1, 0.2, "a"), (5, 0.2, "a with 1"), (8, 0.4, "b")]
    assert [line.label for line in chart.lines] == ["no defense: strongest attack"]


@pytest.mark.parametrize(
    ("least", "estimate", "most", "told"),
    [
        (5, 6.6, 8, "7 (5 to 8)"),
        (math.nan, 1, 1, "1 (up to 1)"),
        (80, 87.0, None, "87 (over 80)"),
        (94, math.nan, math.nan, "over 94"),
    ],
)
def test_accounts_in_words(least: float, estimate: float, most: float | None, told: str) -> None:
    assert interval({"least": least, "estimate": estimate, "most": most, "tried": 94}) == told


def test_the_fewest_accounts_that_were_tried_are_no_estimate(tmp_path: Path) -> None:
    row = {"least": math.nan, "estimate": 20.0, "most": 20, "tried": 94, "at_most": True}
    assert interval(row) == "at most 20"
    needed = pd.DataFrame([{"attack": "popular", "defense": "none", "settings": "", "level": 0.2, **row}])
    write_pages(replace(AUDITS["one seed"](), accounts=needed), tmp_path)
    assert "at most 20 accounts are needed, the fewest that were tried" in (tmp_path / "audit.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["accounts"][0]["at_most"] is True


def test_the_page_counts_as_the_command_does(tmp_path: Path) -> None:
    """No defense is none, and an attack that takes part with two settings is one."""
    write_pages(made_up_audit(1, FEW, attacks=["min_sum num_targets=1", "min_sum", "ipm"]), tmp_path)
    assert " · 2 attacks · 2 defenses · 1 seed · " in (tmp_path / "audit.md").read_text(encoding="utf-8")


def test_the_curves_begin_without_an_account() -> None:
    audit = made_up_audit(2, FEW)
    runs = audit.runs.copy()
    runs.loc[(runs["attack"] == "none") & (runs["defense"] == "flame"), "ER@10"] = [0.1, 0.2]
    none, flame = first_chart(replace(audit, runs=runs)).lines
    assert [(one.x, one.y) for one in (none.points[0], flame.points[0])] == [(0, 0.0), (0, pytest.approx(0.15))]
    assert none.points[0].told.startswith("0 accounts: 0 %") and 0 < flame.points[0].upper < 1
    assert all(line.points[1].x == 1 for line in (none, flame))


def test_a_run_leads_to_its_page_in_mlflow(tmp_path: Path) -> None:
    audit = made_up_audit(1, FEW, mlflow="mlflow ui --backend-store-uri sqlite:///mlflow.db")
    pages = ["http://localhost:5000/#/experiments/1/runs/ab&c", "javascript:alert(1)"]
    write_pages(replace(audit, runs=audit.runs.head(2).assign(mlflow=pages)), tmp_path)
    text = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert [attributes["href"] for attributes, _ in Page(text).named("a") if attributes["href"][0] != "#"] == pages[:1]
    assert "<code>mlflow ui --backend-store-uri sqlite:///mlflow.db</code>" in text and "javascript:alert(1)" not in text


def test_one_account_and_a_level_out_of_reach_in_words(tmp_path: Path) -> None:
    result = AUDITS["one seed"]()
    rows = [
        ("pieck_uea", "none", "", 0.2, math.nan, 1.0, 1, 94, True),
        ("pieck_uea", "flame", "", 0.2, 94, math.nan, math.nan, 94, False),
    ]
    needed = pd.DataFrame(rows, columns=list(COLUMNS["accounts"]))
    single = result.exposure[(result.exposure["accounts"] == 1)]
    write_pages(replace(result, accounts=needed, exposure=single), tmp_path)
    text = (tmp_path / "audit.md").read_text(encoding="utf-8").replace("\\", "")
    assert "without a defense 1 account is enough (0.1 % of the users; attack pieck_uea)" in text
    assert "with flame not reached with 94 accounts, the most that were tried." in text
    assert "polygon points" in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_an_item_that_people_see_anyway_needs_no_account(tmp_path: Path) -> None:
    audit = made_up_audit()
    runs = audit.runs.copy()
    runs.loc[(runs["attack"] == "none") & (runs["defense"] == "none"), "ER@10"] = 0.3
    write_pages(replace(audit, runs=runs), tmp_path)
    text = " ".join((tmp_path / "audit.md").read_text().split())
    assert "None: without attack and defense 30 % of the users have such an item in their top" in text


def test_one_seed_has_no_bounds_and_several_have() -> None:
    assert bounded(0.4, None, math.nan) == "40 %" and bounded(0.4, 0.0, 1.0).endswith("% (0 to 100)")


def test_one_seed_draws_no_band(tmp_path: Path) -> None:
    for name, has_band in (("whole", True), ("one seed", False)):
        write_pages(AUDITS[name](), tmp_path)
        assert ('opacity="0.16"' in (tmp_path / "audit.html").read_text(encoding="utf-8")) is has_band


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


@pytest.mark.parametrize("ink", INKS)
def test_letters_on_white_have_a_contrast_of_four_and_a_half(ink: str) -> None:
    parts = [int(ink[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.5
    assert readable_on(*parts) == "white"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["whole", "one seed", "nothing", "many"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_answers_and_the_page_never_scrolls_sideways(name: str, width: int, height: int, tmp_path: Path) -> None:
    write_pages(AUDITS[name](), tmp_path)
    with browser() as driver:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get((tmp_path / "audit.html").as_uri())
        assert driver.execute_script("return innerWidth") == width
        for fold in (False, True):
            driver.execute_script(f"document.querySelectorAll('details').forEach(one => one.open = {str(fold).lower()})")
            assert driver.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = false)")
        seen = "return [...document.querySelectorAll('#verdict, #picture svg')].map(one => one.getBoundingClientRect().bottom)"
        assert all(bottom <= height for bottom in driver.execute_script(seen))
        assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
        assert driver.get_log("browser") == []


@pytest.mark.slow
def test_a_keyboard_reaches_the_filter_and_a_number_its_runs(tmp_path: Path) -> None:
    write_pages(AUDITS["one seed"](), tmp_path)
    with browser() as driver:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        driver.get((tmp_path / "audit.html").as_uri())

        def press(key: str) -> Any:
            driver.switch_to.active_element.send_keys(key)
            return driver.switch_to.active_element

        first = press(Keys.TAB)
        assert first.get_attribute("class") == "skip" and first.is_displayed() and first.rect["x"] >= 0
        summary = driver.find_element(By.CSS_SELECTOR, "#all-runs > summary")
        for _ in range(1000):
            if press(Keys.TAB) == summary:
                break
        assert driver.switch_to.active_element == summary
        press(Keys.ENTER)
        field = press(Keys.TAB)
        assert field.get_attribute("id") == "filter"
        field.send_keys("pieck_uea flame 94")
        shown = [row for row in driver.find_elements(By.CSS_SELECTOR, "#runs-table tbody tr:not(.group)") if row.is_displayed()]
        assert len(shown) == 2 and driver.find_element(By.ID, "said").text == "2 of 120 runs"
        assert press(Keys.TAB).get_attribute("class") == "scroll"  # and out of the table again
        assert press(Keys.TAB).text == "copy"
        driver.execute_script("document.querySelector('#all-runs').open = false")
        link = driver.find_element(By.CSS_SELECTOR, "#accounts-needed a")
        link.send_keys(Keys.ENTER)
        group = driver.find_element(By.CSS_SELECTOR, link.get_attribute("hash"))
        assert group.is_displayed() and group.text.startswith("pieck_uea with")


@pytest.mark.slow
def test_paper_has_no_controls_and_all_that_was_folded(tmp_path: Path) -> None:
    write_pages(AUDITS["one seed"](), tmp_path)
    with browser() as driver:
        from selenium.webdriver.common.by import By

        driver.get((tmp_path / "audit.html").as_uri())
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        assert not any(one.is_displayed() for one in driver.find_elements(By.CSS_SELECTOR, "nav, button, input, .skip"))
        assert all(driver.execute_script("return [...document.querySelectorAll('details table')].map(one => one.checkVisibility())"))
