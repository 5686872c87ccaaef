"""A key service behind our own contract: wrap, unwrap, describe; signed questions, signed answers (docs/operate.md).

The contract is ours, not a vendor's: a service of another shape, or a cryptographic machine with a library of its own,
is put behind it by a small server that the operator runs.
"""

import base64
import binascii
import hmac
import json
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from bridge.db.file_master_key import unknown_master_key
from bridge.db.key_settings import KeySettings
from bridge.db.master_keys import Bare, MasterKeyFacts, Wrapped
from bridge.db.sealing import KEY_BYTES, Tampered
from bridge.kernel.errors import Unavailable
from bridge.kernel.time import Clock
from lti.errors import ServiceFailed
from lti.http import GuardedHttp, Reply
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms
from plugins.identity.signed_http import sign

_AT_ONCE = 100
"""Keys of one question."""
_PAUSE_SECONDS = 5.0
"""After a question that was not answered the next ones fail at once for so long: a database's writers wait for us."""
_OK, _GONE, _UNREADABLE = 200, 410, 422
_REFUSED = frozenset({400, 401, 403, 404})
_LONGEST_ID = 48


class SignedHttpKms:
    """`bridge.db.master_keys.MasterKey` at a service.

    Args:
        url: of the service, without the path of the contract.
        key: name of the key there; caller, secret: shared with the service.
        http: `GuardedHttp` in production.
    """

    holder = "kms"

    def __init__(
        self,
        url: str,
        key: str,
        caller: str,
        secret: str,
        *,
        http: CallsPlatforms,
        policy: NetworkPolicy,
        clock: Clock,
    ) -> None:
        self._url = f"{url.rstrip('/')}/v1/keys/{key}"
        self._caller, self._secret = caller, secret.encode()
        self._http, self._policy, self._clock = http, policy, clock
        self._quiet_until = 0.0
        self._turn = threading.Lock()

    def wrap(self, keys: Sequence[Bare]) -> Sequence[Wrapped]:
        """See `MasterKey.wrap`."""
        made: list[Wrapped] = []
        for at in range(0, len(keys), _AT_ONCE):
            part = keys[at : at + _AT_ONCE]
            said = self._ask(
                "wrap", {"items": [{"plain": _text(one.key), "context": _text(one.bound_to)} for one in part]}
            )
            under, items = f"{self.holder}:{_id(said)}", _items(said, len(part))
            made += [Wrapped(under, item, one.bound_to) for item, one in zip(items, part, strict=True)]
        return made

    def unwrap(self, keys: Sequence[Wrapped]) -> Sequence[bytes]:
        """See `MasterKey.unwrap`."""
        bare: list[bytes] = []
        for at in range(0, len(keys), _AT_ONCE):
            part = keys[at : at + _AT_ONCE]
            items = [
                {
                    "key_id": one.under.partition(":")[2],
                    "wrapped": _text(one.sealed),
                    "context": _text(one.bound_to),
                }
                for one in part
            ]
            bare += _items(self._ask("unwrap", {"items": items}), len(part))
        if any(len(key) != KEY_BYTES for key in bare):
            raise _unavailable("answer_malformed")
        return bare

    def describe(self) -> MasterKeyFacts:
        """See `MasterKey.describe`."""
        said = self._ask("describe", {})
        older = said.get("older", [])
        return MasterKeyFacts(
            self.holder,
            f"{self.holder}:{_id(said)}",
            str(said.get("algorithm", ""))[:_LONGEST_ID],
            tuple(f"{self.holder}:{one}" for one in older if isinstance(one, str))
            if isinstance(older, list)
            else (),
        )

    def _ask(self, what: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._turn:
            if time.monotonic() < self._quiet_until:
                raise _unavailable("lately_unanswered")
        try:
            return self._answer(what, question)
        except Unavailable as error:
            if error.reason == "kms_unavailable":
                with self._turn:
                    self._quiet_until = time.monotonic() + _PAUSE_SECONDS
            raise

    def _answer(self, what: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        url, body = f"{self._url}/{what}", json.dumps({"v": 1, **question}).encode()
        at, nonce = str(int(self._clock.now().timestamp())), secrets.token_hex(16)
        path = urlsplit(url).path.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "anxue-bridge",
            "X-Anxue-Key": self._caller,
            "X-Anxue-Timestamp": at,
            "X-Anxue-Nonce": nonce,
            "X-Anxue-Signature": sign(self._secret, b"POST", path, at.encode(), nonce.encode(), body),
        }
        try:
            reply = self._http.request("POST", url, self._policy, headers=headers, body=body)
        except ServiceFailed as failure:
            raise _unavailable(failure.reason) from failure
        return self._read(reply, nonce)

    def _read(self, reply: Reply, nonce: str) -> Mapping[str, Any]:
        if reply.status in _REFUSED:
            raise Unavailable(
                "kms_refused",
                f"密钥服务拒绝了请求(HTTP {reply.status}),请核对密钥名、调用方和共享密钥;任务会自动重试。",
            )
        if reply.status not in (_OK, _GONE, _UNREADABLE):
            raise _unavailable(f"http_{reply.status}")
        # Who is between us and the service could else make us keep keys that it can read, or give content up.
        wanted = sign(self._secret, b"ANSWER", nonce.encode(), reply.body)
        if not hmac.compare_digest(wanted, reply.headers.get("x-anxue-signature", "")):
            raise _unavailable("answer_not_signed")
        if reply.status == _GONE:
            raise unknown_master_key()
        if reply.status == _UNREADABLE:
            raise Tampered
        try:
            said = reply.json()
        except ServiceFailed as failure:
            raise _unavailable("answer_malformed") from failure
        if not isinstance(said, dict) or said.get("v") != 1:
            raise _unavailable("answer_malformed")
        return said


def open_kms(settings: KeySettings, clock: Clock) -> SignedHttpKms:
    """Return the service of the settings."""
    parts = urlsplit(settings.kms_url)
    private = frozenset({settings.kms_private_host.lower()} - {""})
    return SignedHttpKms(
        settings.kms_url,
        settings.kms_key,
        settings.kms_caller,
        settings.kms_secret,
        http=GuardedHttp(connect_seconds=1, read_seconds=2, total_seconds=3, max_bytes=256 * 1024),
        # Plain http is an agent on this machine alone: the settings refuse any other.
        policy=NetworkPolicy(allow_private_hosts=private, demo=parts.scheme == "http"),
        clock=clock,
    )


def _items(said: Mapping[str, Any], number: int) -> list[bytes]:
    items = said.get("items")
    if not isinstance(items, list) or len(items) != number:
        raise _unavailable("answer_malformed")
    try:
        return [base64.b64decode(one, validate=True) for one in items]
    except (binascii.Error, TypeError, ValueError) as error:
        raise _unavailable("answer_malformed") from error


def _id(said: Mapping[str, Any]) -> str:
    found = said.get("key_id")
    if not isinstance(found, str) or not 1 <= len(found) <= _LONGEST_ID:
        raise _unavailable("answer_malformed")
    return found


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _unavailable(why: str) -> Unavailable:
    return Unavailable(
        "kms_unavailable",
        f"密钥服务暂时不可用({why}),加密内容不能读写;恢复后任务自动重试,不会丢失。",
    )
