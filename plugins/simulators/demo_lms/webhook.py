"""The signed webhook `attempt.graded`: its body, its signature, and a courier that insists."""

import hashlib
import hmac
import json
import logging
import threading
import time

import requests

from bridge.kernel.time import Clock
from plugins.simulators.demo_lms.store import Attempt, Delivery, Store

_log = logging.getLogger(__name__)
_BACKOFF_SECONDS = (1, 2, 4, 8, 15, 30)
_TIMEOUT_SECONDS = 10


def graded_body(attempt: Attempt, resource_link_id: str) -> bytes:
    """Return the webhook's body for a finished attempt; the same attempt always gives the same bytes."""
    data = {
        "sub": attempt.sub,
        "resource_link_id": resource_link_id,
        "attempt": attempt.id,
        "score": attempt.score,
        "maximum": "100",
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
    }
    message = {
        "v": 1,
        "id": f"graded-{attempt.id}",
        "type": "attempt.graded",
        "occurred_at": attempt.finished_at,
        "data": data,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the header X-Anxue-Signature: HMAC-SHA256 over timestamp, a full stop and the body."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Courier:
    """Carries queued webhooks to the bridge in a thread of its own.

    Network failures, 5xx, 408, 425 and 429 are tried again for ever (at most 30 s apart); any other refusal
    stands until somebody sends it again, since the same bytes would be refused again.
    """

    def __init__(self, store: Store, clock: Clock, url: str, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._url = url
        self._secret = secret
        self._news = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="demo-lms-courier", daemon=True)

    def start(self) -> None:
        """Begin to deliver, what an earlier run left behind included."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        self._news.set()

    def stop(self) -> None:
        """Finish the try under way and end."""
        self._stopped = True
        self._news.set()
        self._thread.join(_TIMEOUT_SECONDS + 1)

    def _run(self) -> None:
        while not self._stopped:
            delivery = self._store.due_delivery(time.time())
            if delivery is None:
                self._news.wait(0.5)
                self._news.clear()
                continue
            self.deliver(delivery)

    def deliver(self, delivery: Delivery) -> None:
        """Try once and record what was answered."""
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Anxue-Timestamp": timestamp,
            "X-Anxue-Signature": signature(self._secret, timestamp, delivery.body),
        }
        due = time.time() + _BACKOFF_SECONDS[min(delivery.tries, len(_BACKOFF_SECONDS) - 1)]
        try:
            reply = requests.post(
                self._url,
                data=delivery.body,
                headers=headers,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException:
            words = "暂时连不上安学桥，稍后自动重新发送。"
            self._store.record_delivery(delivery.attempt, state="waiting", status=None, words=words, due=due)
            return
        state = _outcome(reply.status_code)
        words = _words(reply, state)
        self._store.record_delivery(
            delivery.attempt, state=state, status=reply.status_code, words=words, due=due
        )
        _log.info("webhook try %d answered %d", delivery.tries + 1, reply.status_code)


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return "accepted"
    return "waiting" if status >= 500 or status in (408, 425, 429) else "refused"


def _words(reply: requests.Response, state: str) -> str:
    try:
        body = reply.json()
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    if state == "accepted":
        if fields.get("duplicate") is True:
            return "安学桥此前已收到这份成绩，没有重复登记。"
        number = fields.get("message")
        return f"安学桥已收到成绩，收件编号 {number}。" if isinstance(number, str) else "安学桥已收到成绩。"
    said = fields.get("message")
    sentence = said if isinstance(said, str) else f"安学桥答复了状态 {reply.status_code}。"
    return f"{sentence}（将自动重新发送）" if state == "waiting" else sentence
