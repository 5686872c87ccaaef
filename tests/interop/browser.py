"""A browser as far as LTI needs one: cookies, redirects, and forms that submit themselves."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import requests

_SECONDS = 20
_JSON = {"Accept": "application/json"}


@dataclass
class Form:
    """One form of a page."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", "")))
        elif tag == "input" and self.forms and "name" in found:
            self.forms[-1].fields[found["name"]] = found.get("value", "")


def form_of(page: requests.Response) -> Form:
    """Return the page's only form."""
    parser = _Forms()
    parser.feed(page.text)
    assert len(parser.forms) == 1, f"{page.status_code} {page.url}: {page.text[:500]}"
    return parser.forms[0]


class Browser:
    """One person's browser at the test platform; two browsers share nothing."""

    def __init__(self, platform_url: str, username: str) -> None:
        self._platform_url = platform_url
        self._session = requests.Session()
        self._session.trust_env = False
        self.post(f"{platform_url}/desk/sign-in", {"username": username}).raise_for_status()

    def post(self, url: str, fields: dict[str, str]) -> requests.Response:
        """Submit a form; the tool is asked to answer in JSON, the platform answers as it likes."""
        return self._session.post(url, data=fields, headers=_JSON, timeout=_SECONDS)

    def get(self, url: str, query: dict[str, str] | None = None) -> requests.Response:
        """Open an address and follow where it leads."""
        return self._session.get(url, params=query, headers=_JSON, timeout=_SECONDS)

    def open_link(self, name: str, **query: str) -> requests.Response:
        """Click a link on the platform; return the page with the launch, or where it ended before."""
        return self.get(f"{self._platform_url}/desk/launch/{name}", query)

    def launch(self, name: str, **query: str) -> requests.Response:
        """Click a link and let the launch submit itself; return the tool's answer."""
        form = form_of(self.open_link(name, **query))
        return self.post(form.action, form.fields)
