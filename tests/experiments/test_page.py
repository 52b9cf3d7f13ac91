"""The page of the report, in text and in a browser."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.experiments.test_report import COMMITTED

PAGE = COMMITTED / "report.html"


def test_the_page_has_a_plot_for_every_picture_and_loads_nothing():
    text = PAGE.read_text()
    assert "<link" not in text and 'src="http' not in text and "<img" not in text
    assert {"fig3", "fig4", "fig5", "fig6", "fig7", "target_items"} <= set(re.findall(r'<div id="(\w+)" class="plotly', text))


@pytest.mark.slow
def test_the_page_works_offline_in_a_browser():
    pytest.importorskip("selenium")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium chromium-driver)")
    from selenium.webdriver.common.by import By

    with browser() as driver:
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


@contextmanager
def browser() -> Iterator[Any]:
    """Start a headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    quiet = ("disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync")
    with tempfile.TemporaryDirectory() as folder:
        for flag in ("headless", "no-sandbox", *quiet, "window-size=1400,1600", f"user-data-dir={folder}"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()
