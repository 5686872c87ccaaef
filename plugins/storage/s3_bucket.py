"""The vault's blob store in a bucket of an S3-compatible service; what lies there is ciphertext, as everywhere.

The service must honour `If-None-Match: *` on PUT, so that no name is written twice; the contract suite holds a
real one to it. Writers of one moment some services still let through; the vault never gives a name twice.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

import requests

from bridge.db.store_settings import StoreSettings
from bridge.kernel.errors import Unavailable
from plugins.storage.sigv4 import EMPTY_SHA256, Signer, encoded

_NAME = re.compile(r"[0-9a-z]{2}/[0-9a-z_]{4,60}")
_SECONDS = (5, 60)
"""To connect, and between two pieces of an answer."""
_TRIES = 5
_FIRST_PAUSE, _LONGEST_PAUSE, _ALL_SECONDS = 0.2, 3.0, 20.0
"""Practice. A pause is of random length below a bound that doubles, so that those whom one fault turned away do not
come back at once; no try begins once so many seconds have gone since the first."""
_OK, _NO_CONTENT, _NOT_FOUND, _TAKEN = (200, 201), 204, 404, 412
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class S3BucketBlobs:
    """`bridge.db.vault.BlobStore` on a bucket. Threads share it, each with a connection of its own."""

    def __init__(self, settings: StoreSettings, pause: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(settings.s3_endpoint)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.netloc
        # The bucket in the path, not in the host: services of one's own have no names for buckets.
        self._base = f"{parts.path.rstrip('/')}/{settings.s3_bucket}/{settings.s3_prefix}"
        self._signer = Signer(settings.s3_access_key, settings.s3_secret_key, settings.s3_region)
        self._of_thread = threading.local()
        self._pause = pause

    def put(self, name: str, content: bytes) -> None:
        """Store `content`, on the service's word that it is stored; FileExistsError if the name is taken."""
        again = False
        for last in self._tries():
            answer = self._ask("PUT", name, content, {"If-None-Match": "*"}, last=last)
            if answer is None:
                again = True
                continue
            if answer.status_code in _OK:
                return
            if answer.status_code == _TAKEN:
                if again and self.get(name) == content:
                    # Our own write of before, whose answer was lost.
                    return
                raise FileExistsError(name)
            raise _refused(answer.status_code)

    def get(self, name: str) -> bytes:
        """Return what was put; FileNotFoundError if there is nothing."""
        for last in self._tries():
            answer = self._ask("GET", name, b"", {}, last=last)
            if answer is None:
                continue
            if answer.status_code in _OK:
                return answer.content
            if answer.status_code == _NOT_FOUND:
                raise FileNotFoundError(name)
            raise _refused(answer.status_code)
        raise _unavailable()

    def delete(self, name: str) -> None:
        """Remove the name if it is there."""
        for last in self._tries():
            answer = self._ask("DELETE", name, b"", {}, last=last)
            if answer is None:
                continue
            if answer.status_code in (*_OK, _NO_CONTENT, _NOT_FOUND):
                return
            raise _refused(answer.status_code)

    def _ask(
        self, method: str, name: str, body: bytes, more: dict[str, str], *, last: bool
    ) -> requests.Response | None:
        """Return the answer; None for one that may come another time, unless this was the last try."""
        if not _NAME.fullmatch(name):
            raise ValueError("a blob's name is two characters, a slash and an id")
        path = self._base + name
        digest = sha256(body).hexdigest() if body else EMPTY_SHA256
        headers = self._signer.headers(method, self._host, path, datetime.now(UTC), digest, more)
        try:
            answer = self._session().request(
                method,
                self._origin + encoded(path),
                data=body if method == "PUT" else None,
                headers=headers,
                timeout=_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            if last:
                raise _unavailable() from error
            return None
        if answer.status_code in _PASSING:
            if last:
                raise _unavailable()
            return None
        return answer

    def _tries(self) -> Iterator[bool]:
        """Yield before each try whether it is the last; between two there is a pause. Unavailable: time is over."""
        end = time.monotonic() + _ALL_SECONDS
        bound = _FIRST_PAUSE
        for _ in range(_TRIES - 1):
            yield False
            pause = random.uniform(0, bound)  # noqa: S311  # only spreads tries
            if time.monotonic() + pause >= end:
                raise _unavailable()
            self._pause(pause)
            bound = min(_LONGEST_PAUSE, bound * 2)
        yield True

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = requests.Session()
            # No .netrc of this machine puts another authorization in place of ours.
            session.trust_env = False
        return session


def _unavailable() -> Unavailable:
    return Unavailable(
        "evidence_store_unavailable", "加密材料的对象存储没有应答,请稍后重试。", permanent=False
    )


def _refused(status: int) -> Unavailable:
    return Unavailable(
        "evidence_store_refused",
        f"加密材料的对象存储拒绝了请求({status}),请检查存储桶、访问密钥和时钟。",
        permanent=True,
    )
