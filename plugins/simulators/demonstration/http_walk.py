"""The road over HTTP: for machines without Chromium. Same doors, same forms, same frames; no script runs."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from lxml import html

from plugins.simulators.demonstration.agent_client import AgentClient
from plugins.simulators.demonstration.cameras import Camera, Puppet
from plugins.simulators.demonstration.walker import Tab

_TIMEOUT_SECONDS = 30
_LOOK_SECONDS = 0.05


class HttpTab:
    """A window without a browser: cookies, forms and links."""

    def __init__(self) -> None:
        self.http = requests.Session()
        self.url = ""
        self.status = 0
        self._page: html.HtmlElement = html.fromstring("<html></html>")
        self._files: dict[str, tuple[str, bytes]] = {}

    def open(self, url: str) -> None:
        self._show(self.http.get(urljoin(self.url, url), timeout=_TIMEOUT_SECONDS))

    def click(self, testid: str) -> None:
        element = self._one(testid)
        if element.tag == "a":
            self.open(element.get("href"))
            return
        form = next(element.iterancestors("form"))
        self.submit(form)

    def fill(self, testid: str, value: str) -> None:
        element = self._one(testid)
        if element.tag == "select":
            element.value = value
        else:
            element.set("value", value)

    def choose(self, testid: str, value: str) -> None:
        boxes = [box for box in self._all(testid) if box.get("value") == value]
        if not boxes:
            raise LookupError(f"{testid}={value}")
        boxes[0].set("checked", "checked")

    def attach(self, testid: str, path: Path) -> None:
        self._files[self._one(testid).get("name")] = (path.name, path.read_bytes())

    def count(self, testid: str) -> int:
        return len(self._all(testid))

    def text(self, testid: str) -> str:
        return " ".join(self._one(testid).text_content().split())

    def values(self, testid: str, attribute: str) -> list[str]:
        return [element.get(attribute, "") for element in self._all(testid)]

    def fetch(self, url: str) -> bytes:
        answer = self.http.get(urljoin(self.url, url), timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.content

    def submit(self, form: html.HtmlElement) -> None:
        """Send a form as a browser would, with the files attached before."""
        fields = form.form_values()
        target = urljoin(self.url, form.get("action") or self.url)
        files, self._files = self._files or None, {}
        if form.get("method", "get").lower() == "get":
            answer = self.http.get(target, params=fields, timeout=_TIMEOUT_SECONDS)
        else:
            answer = self.http.post(
                target, data=fields, files=files, timeout=_TIMEOUT_SECONDS, headers={"Referer": self.url}
            )
        self._show(answer)

    def element(self, element_id: str) -> html.HtmlElement:
        """Return the element with this id; KeyError if there is none."""
        return self._page.get_element_by_id(element_id)

    def _show(self, answer: requests.Response) -> None:
        self.url, self.status = answer.url, answer.status_code
        self._page = html.fromstring(answer.content.decode() or "<html></html>", base_url=answer.url)
        if self.status >= 500:
            raise RuntimeError(f"{urlsplit(self.url).path} answered {self.status}")
        # The platform hands the launch to the tool by a form that a script submits.
        if self.count("to-tool"):
            self.submit(self._one("to-tool"))

    def _all(self, testid: str) -> list[html.HtmlElement]:
        found: list[html.HtmlElement] = self._page.xpath("//*[@data-testid=$name]", name=testid)
        return found

    def _one(self, testid: str) -> html.HtmlElement:
        found = self._all(testid)
        if not found:
            raise LookupError(f"{testid} is not on {urlsplit(self.url).path} ({self.status})")
        return found[0]


@contextmanager
def window() -> Iterator[HttpTab]:
    """Open a window that shares nothing with the others."""
    tab = HttpTab()
    with tab.http:
        yield tab


class HttpWalk:
    """Walks without a browser; pictures of the learner are posted where a camera would be.

    Args:
        patient: its agents try again while the bridge is away (it may have been killed).
    """

    how = "HTTP(未使用浏览器:照片由程序直接提交)"

    def __init__(self, *, patient: bool = False) -> None:
        self._camera = Camera(seed=3)
        self._patient = patient

    @contextmanager
    def visitor(self) -> Iterator[Tab]:
        """Open a window that shares nothing with the others."""
        with window() as tab:
            yield tab

    def capture_face(self, tab: Tab, bridge_url: str) -> list[Mapping[str, Any]]:
        """Do what the challenge asks for, with a puppet before the camera; return what the bridge said of each step."""
        window = _own(tab)
        window.open(f"{bridge_url}/learner/face")
        panel = window.element("face")
        url = urljoin(window.url, panel.get("data-challenge-url"))
        headers = {"X-CSRFToken": panel.get("data-csrf"), "Referer": window.url, "Accept": "application/json"}

        def call(method: str, path: str, **what: Any) -> dict[str, Any]:
            more = what.pop("headers", {})
            answer = window.http.request(
                method, path, headers={**headers, **more}, timeout=_TIMEOUT_SECONDS, **what
            )
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
            return told

        puppet, replies = Puppet(seed=8), list[Mapping[str, Any]]()
        told = call("POST", url, data={"camera": "puppet"})
        while told["state"] == "open":
            step = told["step"]
            if step.get("move") and not step["judging"]:
                replies.append(told)
                for seq, picture in enumerate(puppet.burst(step["move"], step["frames"])):
                    named = {"X-Anxue-Nonce": step["nonce"], "X-Anxue-Frame": str(seq)}
                    call(
                        "POST",
                        f"{url}/{told['challenge']}/frames",
                        data=picture,
                        headers={"Content-Type": "image/jpeg", **named},
                    )
            time.sleep(_LOOK_SECONDS)
            told = call("GET", url)
        replies.append(told)
        window.open(f"{bridge_url}/learner")
        return replies

    def study(self, tab: Tab, unit_url: str, seconds: int) -> tuple[int, int]:
        """Study a unit through the agent's door."""
        window = _own(tab)
        client = self.agent(window, unit_url, "study")

        def enough(today: Mapping[str, int]) -> bool:
            return today["credited_seconds"] + today["provisional_seconds"] >= seconds

        client.answer_check()
        client.study(client.unseen(), enough)
        client.leave(client.position_ms)
        return len(client.passed), len(client.failed)

    def take_quiz(self, tab: Tab, quiz_url: str, answers: Sequence[int]) -> tuple[int, int]:
        """Take the quiz with the agent's session open over the whole of it."""
        window = _own(tab)
        window.open(quiz_url)
        window.click("start-quiz")
        client = self.agent(window, window.url, "quiz")
        client.answer_check()
        self.post_json(window, "begin", {})
        client.study([(0, client.nominal_ms)], lambda _today: "in_test" in client.passed)
        self.post_json(window, "answers", {"answers": {str(n): a for n, a in enumerate(answers)}})
        client.leave(client.nominal_ms)
        window.submit(window.element("deliver"))
        return len(client.passed), len(client.failed)

    def agent(self, tab: HttpTab, page_url: str, element_id: str) -> AgentClient:
        """Open the LMS's page with the agent and a session with the token that stands on it."""
        tab.open(page_url)
        place = tab.element(element_id)
        return AgentClient(
            place.get("data-bridge"), place.get("data-token"), self._camera.learner, patient=self._patient
        )

    def post_json(self, tab: HttpTab, what: str, body: Mapping[str, Any]) -> None:
        """Do what the quiz page's script does: tell the LMS that the attempt begins, or what was answered."""
        form = tab.element("quiz")
        answer = tab.http.post(
            urljoin(tab.url, f"/attempts/{form.get('data-attempt')}/{what}"),
            data=json.dumps(body),
            headers={"Content-Type": "application/json", "X-CSRFToken": form.get("data-form-token")},
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()

    def picture(self, tab: Tab, name: str) -> None:
        """There is nothing to see."""


def figures_in(fragment: str) -> dict[str, Any]:
    """Return what the learner's progress fragment says, by name."""
    numbers = {
        name: int(value)
        for name, value in re.findall(r'data-testid="progress-(\w+)" data-seconds="(\d+)"', fragment)
    }
    papers = re.search(r'data-papers="(\d+)"', fragment)
    return {
        **numbers,
        "reasons": tuple(dict.fromkeys(re.findall(r'data-reason="(\w+)"', fragment))),
        "papers": int(papers[1]) if papers else 0,
    }


def _own(tab: Tab) -> HttpTab:
    if not isinstance(tab, HttpTab):
        raise TypeError("a window of another walker")
    return tab
