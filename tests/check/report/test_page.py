"""The HTML report in a real browser: what a reader sees, and reaches with the keyboard or a screen reader.

Runs wherever there is a Chromium with its driver: `CHROMIUM` and `CHROMEDRIVER` in the environment, or on PATH.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corral.check.report import write_report
from corral.check.tool.result import Result
from tests.check.report.specimens import CLEAN, DATA, LOST, LOST_TOO, PATH, RESULT

webdriver = pytest.importorskip("selenium.webdriver", reason="of the group `heavy`")
from selenium.webdriver.common.keys import Keys  # noqa: E402 - after the question whether it is there

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("browser")]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What WCAG 2.1 asks of text (AA).
CONTRAST = 4.5


def program(variable: str, *names: str) -> str:
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(names)} is on PATH, and {variable} names none")
    return found


class Page:
    """A report in a browser."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self._folder = folder

    def open(self, result: Result = RESULT, *, at: str = "") -> None:
        path = self._folder / "page.html"
        with path.open("w", encoding="utf-8") as file:
            write_report("html", result, file)
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + at)

    def all(self, selector: str) -> list[Any]:
        return [each for each in self.driver.find_elements("css selector", selector) if each.is_displayed()]

    def one(self, selector: str) -> Any:
        (found,) = self.all(selector)
        return found

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def focused(self) -> str:
        return self.run("return document.activeElement.id")

    def look(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """One browser for all tests."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("CHROMIUM", *BROWSERS)
    service = webdriver.ChromeService(program("CHROMEDRIVER", "chromedriver", "chromium.chromedriver"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=service)
    yield running
    running.quit()


@pytest.fixture
def page(driver: Any, tmp_path: Path) -> Iterator[Page]:
    """The report, light and as wide as a desk; afterwards the browser has nothing to complain about."""
    opened = Page(driver, tmp_path)
    opened.look()
    opened.open()
    yield opened
    assert driver.get_log("browser") == []


def test_page_needs_nothing_beside_it(page: Page) -> None:
    """Nothing is loaded from anywhere, and the page's own policy lets nothing else run than its own script and style."""
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    page.run("document.body.insertAdjacentHTML('beforeend', '<p id=strange style=\"color: red\">x</p>')")
    assert page.run("return getComputedStyle(document.getElementById('strange')).color") != "rgb(255, 0, 0)"
    (refused,) = page.driver.get_log("browser")
    assert "Content Security Policy" in refused["message"]


def test_lines_are_outlined_in_the_colour_of_the_level(page: Page) -> None:
    """The lines of an error stand in a red box, in the light as in the dark."""
    for dark in (False, True):
        page.look(dark=dark)
        border = page.run(
            "const style = getComputedStyle(document.querySelector('.hit.error'));"
            "return [style.borderTopStyle, ...style.borderTopColor.match(/\\d+/g).map(Number)]"
        )
        style, red, green, blue = border[:4]
        assert style == "solid"
        assert red > 1.5 * max(green, blue)
        assert "asyncio.create_task(watch())" in page.all(".hit.error")[-1].text


def test_finding_opens_a_dialog_and_escape_gives_the_focus_back(page: Page) -> None:
    """Enter on a finding opens a modal dialog with the focus inside; Escape closes it where one was."""
    page.all("button.why")[1].send_keys(Keys.ENTER)
    dialog = page.one("dialog")
    assert page.run("return arguments[0].matches(':modal') && arguments[0].contains(document.activeElement)", dialog)
    assert "TG001 lost-task" in dialog.text
    assert "Nothing keeps the task of watch()" in dialog.text
    assert "spawn(watch())" in page.one("dialog ins:last-of-type").text
    assert page.driver.current_url.endswith("#f2")
    page.press(Keys.ESCAPE)
    assert page.all("dialog") == []
    assert page.focused() == "f2"
    assert page.driver.current_url.endswith("page.html")


def test_dialog_shows_the_rules_page(page: Page) -> None:
    """The page of the rule is one step away, and is the one that `corral explain` shows."""
    page.all("button.why")[1].click()
    page.one("dialog summary").click()
    assert "Why is this bad" in page.one("dialog .page").text


def test_findings_are_stepped_through_by_keys_and_buttons(page: Page) -> None:
    """`j` and `k` go from finding to finding, in the dialog too, where buttons do the same."""
    page.press("j", "j")
    assert page.focused() == "f2"
    page.press("k")
    assert page.focused() == "f1"
    page.press(Keys.ENTER)
    assert not page.one("dialog .step[value='-1']").is_enabled()
    page.press("j")
    assert "2 of 4" in page.one("dialog footer").text
    page.one("dialog .step[value='1']").click()
    assert "3 of 4" in page.one("dialog footer").text
    page.one("dialog .close").click()
    assert page.focused() == "f3"


def test_levels_can_be_hidden(page: Page) -> None:
    """A level that is unchecked takes its findings away, and they are not stepped through."""
    page.one("input[value='error']").click()
    assert [each.get_attribute("id") for each in page.all("button.why")] == ["f3", "f4"]
    page.press("j")
    assert page.focused() == "f3"
    assert page.all("#title-1") == []


def test_link_to_a_finding_opens_it(page: Page) -> None:
    """What stands in the address bar can be sent to a colleague."""
    page.open(at="#f4")
    assert "TG002 orphaned-siblings" in page.one("dialog").text
    page.open(at="#nothing")
    assert page.all("dialog") == []


def test_screen_reader_is_told_what_is_what(page: Page) -> None:
    """Every control has a name, each dialog is a dialog that is named by its title, headings go down by one."""
    page.all("button.why")[1].click()
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    assert ("dialog", "ERROR TG001 lost-task") in named
    controls = {"button", "link", "checkbox", "region", "DisclosureTriangle"}
    assert [role for role, name in named if role in controls and not name.strip()] == []
    assert {"Close", "Next", "Previous"} <= {name for role, name in named if role == "button"}
    page.press(Keys.ESCAPE)
    levels = page.run(
        "return [...document.querySelectorAll('body > :not(dialog) :is(h1, h2, h3), body > h1')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.run("return document.documentElement.lang") == "en"


LUMINANCE = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const colour = parse(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const low = [];
for (const node of document.querySelectorAll('body *')) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  if (!own || !node.checkVisibility() || node.closest(':disabled, script, style')) continue;
  const [a, b] = [luminance(parse(getComputedStyle(node).color)), luminance(ground(node))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < arguments[0]) low.push([node.className || node.tagName, node.textContent.trim().slice(0, 30), ratio]);
}
return low;
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read(page: Page, *, dark: bool) -> None:
    """All text has the contrast that WCAG asks for, on the page and in each dialog."""
    page.look(dark=dark)
    assert page.run(LUMINANCE, CONTRAST) == []
    for opener in page.all("button.why"):
        opener.click()
        page.one("dialog summary").click()
        assert page.run(LUMINANCE, CONTRAST) == []
        page.press(Keys.ESCAPE)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_fits_the_screen(page: Page, width: int) -> None:
    """Only the code scrolls sideways, and a finger meets every button: also on a phone."""
    page.look(width=width)
    page.open()
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.all("button.why")[1].click()
    box = page.one("dialog").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert min(min(each.rect["width"], each.rect["height"]) for each in page.all("dialog button")) >= 44
    page.driver.save_screenshot(str(page._folder / "page.png"))


def test_checked_file_cannot_take_the_page_over(page: Page) -> None:
    """Markup in names, code and messages is shown as it is written, and never runs."""
    evil = "</script><img src=x onerror='window.owned = 1'><script>window.owned = 1</script>"
    finding = LOST._replace(path=f"{evil}.py", message=f"Task `{evil}` {evil}.", fix=None)
    page.open(Result(1, (finding,), lambda _: DATA.replace(b"watch()", evil.encode())))
    page.all("button.why")[0].click()
    assert page.run("return [window.owned === undefined, document.images.length]") == [True, 0]
    assert evil in page.one("dialog .message").text


def test_many_findings_stay_quick_to_open(page: Page) -> None:
    """Hundreds of findings are hundreds of buttons, and the rule's page is in the document once."""
    many = tuple(LOST_TOO._replace(path=f"{at // 10:03}/{PATH}") for at in range(300))
    page.open(Result(30, many, lambda _: DATA))
    assert page.run("return document.querySelectorAll('template').length") == 1
    page.press("j", Keys.ENTER)
    assert "1 of 300" in page.one("dialog footer").text


def test_clean_run_says_so(page: Page) -> None:
    """Nothing found is a page too."""
    page.open(CLEAN)
    assert page.one(".clear").text == "No hazards found in 3 files."
