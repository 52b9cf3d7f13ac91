"""The page of the report, in text and in a browser."""

import html
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from experiments.report import main
from tests.browser import browser
from tests.experiments.test_report import COMMITTED

PAGE = COMMITTED / "report.html"
FOREIGN = """<script>document.title = "taken"</script> <img src=x onerror="document.title = 'taken'">
[x](javascript:alert) **b** `c` | &lt; $x^2$
# d
- e"""


def test_the_page_has_a_plot_for_every_picture_and_loads_nothing():
    text = PAGE.read_text()
    assert "<link" not in text and 'src="http' not in text and "<img" not in text
    assert {"fig3", "fig4", "fig5", "fig6", "fig7", "target_items"} <= set(re.findall(r'<div id="(\w+)" class="plotly', text))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of runs in which every text is markup."""
    folder = tmp_path_factory.mktemp("foreign")
    runs = pd.read_parquet(COMMITTED / "runs.parquet")
    runs = runs[runs["experiment"].isin(["paper/fig3", "paper/fig6_cost", "paper/table3", "beyond/matrix"]) & (runs["seed"] == 0)].copy()
    runs["result"] = [json.dumps({**json.loads(result), "machine": FOREIGN, "torch": FOREIGN}) for result in runs["result"]]
    for column in ("dataset", "setting", "version", "key"):
        runs[column] = FOREIGN
    for option in ("attack", "defense"):
        runs["point"] = runs["point"].str.replace(
            rf'"{option}=(pieck_uea|ours)"', lambda _, o=option: json.dumps(f"{o}={FOREIGN}"), regex=True
        )
    runs.to_parquet(folder / "runs.parquet")
    assert main([f"runs={folder}/runs.parquet", f"to={folder}"]) == 0
    return folder / "report.html"


def test_whatever_a_parquet_says_is_text(foreign: Path) -> None:
    """Choices are in lower case."""
    text = foreign.read_text(encoding="utf-8")
    body = text[text.index("<body>") :]
    assert "<img" not in body and 'javascript:alert"' not in body
    assert "<script>document" not in text and "<strong>b</strong>" not in body and "<code>c</code>" not in body and "<h1>d</h1>" not in body
    shown, whole = " ".join(FOREIGN.split()), " ".join(html.unescape(body).split())
    assert f"Measured on {shown}" in whole and f"<th>{shown.lower()}</th>" in whole


@pytest.mark.slow
def test_the_page_works_offline_in_a_browser():
    with browser() as driver:
        from selenium.webdriver.common.by import By

        driver.get(PAGE.as_uri())
        plots = driver.find_elements(By.CSS_SELECTOR, ".js-plotly-plot")
        assert {plot.get_attribute("id") for plot in plots} >= {"fig3", "fig4", "fig5", "fig7"}
        assert len(driver.find_elements(By.CSS_SELECTOR, "#fig7 .scatterlayer .trace")) == 3  # 150 epochs, 300 epochs, the paper
        table = next(one for one in driver.find_elements(By.TAG_NAME, "table") if one.text.startswith("attack defense K"))
        field = table.find_element(By.XPATH, "preceding-sibling::input[1]")
        field.send_keys("pieck-uea ours")
        shown = [row.text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
        assert len(shown) == 2 and all(row.startswith("PIECK-UEA ours") for row in shown)
        field.clear()
        field.send_keys(" ")
        heads = table.find_elements(By.TAG_NAME, "th")
        column = [head.text for head in heads].index("ER@K")
        heads[column].click()
        values = [row.find_elements(By.TAG_NAME, "td")[column].text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
        numbers = [float(value.split()[0]) for value in values]
        assert numbers == sorted(numbers, reverse=True)
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.slow
def test_a_browser_runs_nothing_that_a_parquet_says(foreign: Path) -> None:
    with browser() as driver:
        driver.get(foreign.as_uri())
        assert driver.title == "The paper, measured"
        assert not driver.find_elements("css selector", "img[onerror], a[href^=javascript]")
        assert " ".join(FOREIGN.split()) in " ".join(driver.find_element("tag name", "body").text.split())
