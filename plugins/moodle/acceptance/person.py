"""A person with a browser of their own: pages, and forms filled in as a person would. No script of a page runs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
from lxml import html

from plugins.simulators.demonstration.http_walk import HttpTab
from plugins.simulators.demonstration.steps import StepFailed, expect

_TIMEOUT = 60
_MOST_HOPS = 6


@dataclass(frozen=True)
class Page:
    """What a browser was shown."""

    url: str
    status: int
    text: str

    @property
    def document(self) -> Any:
        """Return the page as lxml's tree."""
        return html.fromstring(self.text, base_url=self.url)

    @property
    def sesskey(self) -> str:
        """Return the key that Moodle wants back with each change.

        Raises:
            StepFailed: the page holds none.
        """
        found = re.search(r'"sesskey":"(\w+)"', self.text)
        if found is None:
            raise StepFailed(f"页面没有 sesskey:{self.said}")
        return found.group(1)

    @property
    def said(self) -> str:
        """Return the page's own words in short: an error's sentence, else its title."""
        document = self.document
        for path in (
            '//*[contains(@class,"errormessage")]',
            '//*[contains(@class,"alert-danger")]',
            "//title",
        ):
            words = [" ".join(node.text_content().split()) for node in document.xpath(path)]
            if any(words):
                return f"{self.status} {next(word for word in words if word)[:200]}"
        return str(self.status)

    @property
    def refusal(self) -> str:
        """Return the reason code of a refusal by quizaccess_anxue on this page, '' for none."""
        found = re.search(r'data-anxue-refused="(\w+)', self.text)
        return found.group(1) if found else ""

    def links(self, part: str) -> list[str]:
        """Return the addresses of this page that contain `part`."""
        return [urljoin(self.url, href) for href in self.document.xpath("//a/@href") if part in href]

    def agent(self) -> dict[str, Any]:
        """Return what local_anxue hands to the agent of this page: `token`, `activity`, `attempt`, `bridge`.

        Raises:
            StepFailed: the page loads no agent.
        """
        found = self.document.xpath('//script[@id="local-anxue-agent"]')
        expect(found, f"页面没有载入安学桥脚本:{self.said}")
        settings: dict[str, Any] = json.loads(found[0].text)
        return settings

    def form_of(self, testid: str) -> Any:
        """Return the form around the element that bears this test id.

        Raises:
            StepFailed: there is none.
        """
        found = self.document.xpath("//form[.//*[@data-testid=$name]]", name=testid)
        expect(found, f"页面上没有 {testid}:{self.said}")
        return found[0]

    def form(self, action: str, *, holding: str = "") -> Any:
        """Return the form whose address contains `action` and that has a field `holding`.

        Raises:
            StepFailed: there is none.
        """
        for form in self.document.forms:
            if action in urljoin(self.url, form.action or "") and (not holding or holding in form.fields):
                return form
        raise StepFailed(f"页面上没有所需的表单({action} {holding}):{self.said}")


class Person:
    """One browser session at one Moodle."""

    def __init__(self, site: str) -> None:
        self._site = site.rstrip("/")
        self._session = requests.Session()
        self._sesskey = ""

    def log_in(self, username: str, password: str) -> "Person":
        """Log in and return this person.

        Raises:
            StepFailed: Moodle let nobody in.
        """
        page = self.get("/login/index.php")
        page = self.submit(page, page.form("/login/index.php", holding="password"),
                           {"username": username, "password": password})  # fmt: skip
        expect("/login/logout.php" in page.text, f"{username} 无法登录:{page.said}")
        return self

    def log_out(self) -> None:
        """Leave the site."""
        page = self.get("/my/")
        self.get("/login/logout.php", sesskey=page.sesskey)

    @property
    def sesskey(self) -> str:
        """Return the key that Moodle wants back with each change of this session."""
        if not self._sesskey:
            self._sesskey = self.get("/user/preferences.php").sesskey
        return self._sesskey

    def forget_sesskey(self) -> None:
        """Ask for the key anew: the session has become another person's."""
        self._sesskey = ""

    def get(self, path: str, **params: object) -> Page:
        """Return a page; redirects are followed."""
        return self._page(self._session.get(self._address(path), params=_texts(params), timeout=_TIMEOUT))

    def post(self, path: str, fields: Mapping[str, object]) -> Page:
        """Send fields without any form having been shown, as a forged request would."""
        return self._page(self._session.post(self._address(path), data=_texts(fields), timeout=_TIMEOUT))

    def tab(self) -> HttpTab:
        """Return this person's browser as the demonstration's walks use one: for the bridge's own pages."""
        tab = HttpTab()
        tab.http = self._session
        return tab

    def ask(self, function: str, arguments: Mapping[str, object]) -> Any:
        """Return what one of Moodle's functions for its own pages answers.

        Raises:
            StepFailed: it answered with an exception.
        """
        reply = self._session.post(
            self._address("/lib/ajax/service.php"), params={"sesskey": self.sesskey, "info": function},
            json=[{"index": 0, "methodname": function, "args": arguments}], timeout=_TIMEOUT,
        )  # fmt: skip
        answer = reply.json()
        if not isinstance(answer, list) or answer[0].get("error"):
            raise StepFailed(f"{function}:{answer!r:.300}")
        return answer[0]["data"]

    def launch(self, path: str, **params: object) -> Page:
        """Open an LTI activity and follow the forms that its pages send by script; return where they end.

        Raises:
            StepFailed: they do not end.
        """
        page = self.get(path, **params)
        for _ in range(_MOST_HOPS):
            forms = [form for form in page.document.forms if {"iss", "id_token"} & set(form.fields)]
            if not forms:
                return page
            page = self.submit(page, forms[0], {})
        raise StepFailed(f"进入安学桥的表单没有尽头:{page.url}")

    def submit(self, page: Page, form: Any, fields: Mapping[str, object], button: str = "") -> Page:
        """Send a form with what it holds already, `fields` put over it, and the button that was pressed."""
        over = _texts(fields)
        if button:
            over[button] = next(
                (str(one.get("value", "1")) for one in form.xpath(f'.//*[@name="{button}"]')), "1"
            )
        values = [
            (name, value) for name, value in form.form_values() if name not in over and name != "cancel"
        ]
        values += over.items()
        address = urljoin(page.url, form.action or page.url)
        if form.method.upper() == "GET":
            return self._page(self._session.get(address, params=values, timeout=_TIMEOUT))
        return self._page(self._session.post(address, data=values, timeout=_TIMEOUT))

    def _address(self, path: str) -> str:
        return path if path.startswith(("http://", "https://")) else self._site + path

    @staticmethod
    def _page(reply: requests.Response) -> Page:
        reply.encoding = "utf-8"
        return Page(reply.url, reply.status_code, reply.text)


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}
