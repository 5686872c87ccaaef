"""One window of Chromium, driven by the pages' `data-testid`s."""

from pathlib import Path
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import BrowserContext, Page, Response
from playwright.sync_api import Error as PlaywrightError

_TIMEOUT_MS = 30_000


class BrowserTab:
    """A window of Chromium, as wide as a telephone."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_TIMEOUT_MS)

    def open(self, url: str) -> None:
        address = urljoin(self.page.url, url)
        try:
            arrived = self.page.goto(address, wait_until="domcontentloaded")
        except PlaywrightError as error:
            if "ERR_ABORTED" not in error.message:
                raise
            # The page that is left was loading itself anew in that moment: the learner's does when a paper arrives.
            self.page.wait_for_load_state("domcontentloaded")
            arrived = self.page.goto(address, wait_until="domcontentloaded")
        self._arrive(arrived)

    def click(self, testid: str) -> None:
        with self.page.expect_navigation(wait_until="domcontentloaded") as leaving:
            self.page.get_by_test_id(testid).first.click()
        self._arrive(leaving.value)

    def fill(self, testid: str, value: str) -> None:
        field = self.page.get_by_test_id(testid).first
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)

    def choose(self, testid: str, value: str) -> None:
        self.page.locator(f'[data-testid="{testid}"][value="{value}"]').check()

    def attach(self, testid: str, path: Path) -> None:
        self.page.get_by_test_id(testid).first.set_input_files(path)

    def count(self, testid: str) -> int:
        return self.page.get_by_test_id(testid).count()

    def text(self, testid: str) -> str:
        place = self.page.get_by_test_id(testid)
        if not place.count():
            raise LookupError(f"{testid} is not on {urlsplit(self.page.url).path}")
        return " ".join((place.first.text_content() or "").split())

    def values(self, testid: str, attribute: str) -> list[str]:
        found = self.page.get_by_test_id(testid).evaluate_all(
            "(all, name) => all.map(one => one.getAttribute(name) || '')", attribute
        )
        return [str(value) for value in found]

    def fetch(self, url: str) -> bytes:
        answer = self.page.request.get(urljoin(self.page.url, url))
        if not answer.ok:
            raise RuntimeError(f"{urlsplit(url).path} answered {answer.status}")
        return answer.body()

    def _arrive(self, response: Response | None) -> None:
        if response is not None and response.status >= 500:
            raise RuntimeError(f"{urlsplit(response.url).path} answered {response.status}")
        # The platform hands the launch to the tool by a form that its script submits.
        for _ in range(20):
            try:
                if not self.count("to-tool"):
                    return
                self.page.wait_for_selector('[data-testid="to-tool"]', state="detached")
                self.page.wait_for_load_state("domcontentloaded")
            except PlaywrightError as error:
                if not is_leaving(error):
                    raise


def is_leaving(error: PlaywrightError) -> bool:
    """Return whether the error only says that the page is being left for the next one."""
    return "navigat" in str(error) or "destroyed" in str(error)
