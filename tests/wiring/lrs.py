"""A made-up LRS on loopback that keeps one statement of each id, and can be told to misbehave."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.web.learning_doors import serving

KEY, SECRET = "made-up-key", "made-up-secret"
Trouble = Callable[[list[dict[str, Any]]], int | None]
"""What is answered in place of the truth; None for none. Statements are kept before it is asked in `after`."""


@dataclass
class Lrs:
    """An LRS.

    Args:
        before: asked before anything is kept; after: when all is kept, and the answer may still be lost.
        kept: by id; posted: how often each id came.
    """

    url: str = ""
    before: Trouble = lambda _statements: None
    after: Trouble = lambda _statements: None
    kept: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    posted: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, statements: list[dict[str, Any]]) -> int:
        self.requests += 1
        self.posted.update(one["id"] for one in statements)
        trouble = self.before(statements)
        if trouble is not None:
            return trouble
        if any(one["id"] in self.kept and self.kept[one["id"]] != one for one in statements):
            return 409
        self.kept.update({one["id"]: one for one in statements})
        return self.after(statements) or 200


@contextmanager
def made_up_lrs() -> Iterator[Lrs]:
    """Run one until the block ends."""
    lrs = Lrs()
    basic = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lrs.headers = dict(self.headers)
            if self.path != "/xapi/statements" or self.headers["Authorization"] != basic:
                self._say(401)
                return
            value = json.loads(body)
            self._say(lrs.answer(value if isinstance(value, list) else [value]))

        def _say(self, status: int) -> None:
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "120")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_said: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        lrs.url = f"http://127.0.0.1:{port}/xapi"
        yield lrs
