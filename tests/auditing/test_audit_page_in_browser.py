"""The page of an audit in a browser: the first screen, the keyboard, and paper."""

from pathlib import Path
from typing import Any

import pytest

from fedrec.auditing.audit_pages import write_pages
from tests.auditing.audit_page_parser import AUDITS
from tests.browser import browser

pytestmark = pytest.mark.slow


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


def test_paper_has_no_controls_and_all_that_was_folded(tmp_path: Path) -> None:
    write_pages(AUDITS["one seed"](), tmp_path)
    with browser() as driver:
        from selenium.webdriver.common.by import By

        driver.get((tmp_path / "audit.html").as_uri())
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        assert not any(one.is_displayed() for one in driver.find_elements(By.CSS_SELECTOR, "nav, button, input, .skip"))
        assert all(driver.execute_script("return [...document.querySelectorAll('details table')].map(one => one.checkVisibility())"))
