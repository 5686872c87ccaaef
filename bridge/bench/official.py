"""An official's browser, as far as a measurement needs one: a session, a cookie, forms, and an address of its own."""

import http.client
import re
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from bridge.kernel.errors import Unavailable

_RESTS_SECONDS = 20
"""After how long without a request the connection is opened anew, as browsers do: the server closes it after 30."""
_CSRF = re.compile(rb'name="csrf_token" value="([^"]+)"')


class Official:
    """Signed in over a connection that is kept.

    Args:
        number: which address of loopback is the official's own, as each office has one: limits count by address.
    """

    def __init__(self, port: int, area: str, number: int, password: str) -> None:
        self.area = area
        source = (f"127.0.1.{number + 1}", 0)
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=120, source_address=source)
        self._cookies: dict[str, str] = {}
        self._token = ""
        self._used = time.monotonic()
        self.get("/sign-in")
        self.post("/sign-in", {"login": f"official-{area}", "password": password}, status=303)
        self.get("/authority")

    def get(self, path: str) -> bytes:
        """Return the page; Unavailable("bench_refused") for anything but 200."""
        return self._ask("GET", path, None, 200)

    def post(self, path: str, form: Mapping[str, str], status: int = 200) -> bytes:
        """Send a form with the token of the last page that had one; return the answer."""
        return self._ask("POST", path, {"csrf_token": self._token, **form}, status)

    def timed(self, path: str, form: Mapping[str, str] | None = None) -> float:
        """Return milliseconds from the request's first byte to the answer's last."""
        began = time.perf_counter()
        if form is None:
            self.get(path)
        else:
            self.post(path, form)
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _ask(self, method: str, path: str, form: Mapping[str, str] | None, status: int) -> bytes:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        if time.monotonic() - self._used > _RESTS_SECONDS:
            self._http.close()
        self._http.request(method, path, body, headers)
        answer = self._http.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        if answer.status != status:
            raise Unavailable("bench_refused", f"测量中 {path} 的回答是 {answer.status}。", permanent=True)
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self._cookies[key] = rest.partition(";")[0]
        found = _CSRF.search(content)
        if found is not None:
            self._token = found[1].decode()
        return content
