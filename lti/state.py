"""One-time state: what login sends along so that one launch may answer it, and only once.

The flow travels in the `state` parameter itself, signed with the tool's own key, so login writes nothing; the one
durable write is the mark, at launch, that this flow has been used.
"""

import hashlib
import hmac
import secrets
import struct
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from joserfc.util import urlsafe_b64encode

FLOW_SECONDS = 600
STATE_KEY_BYTES = 32
MAX_STORAGE_TARGET_CHARACTERS = 64

_VERSION = 1
_HEAD = struct.Struct(
    ">B16sQ32s32sB"
)  # version, id, created_at, browser, target, length of the storage target
_MAC_BYTES = 32
_MAX_STATE_CHARACTERS = 1024
_KEPT_IN_MEMORY = timedelta(hours=1)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """One login that waits for its launch.

    Args:
        id: 16 random bytes.
        created_seconds: Unix time.
        browser_sha256, target_sha256: of the browser's binding cookie, and of what the platform asked to open;
            secrets stay out of the state, since the platform sees it.
        registration_id: whose launch alone may answer.
        storage_target: the frame that keeps values for us where cookies are refused; "" if none was offered.
    """

    id: bytes
    created_seconds: int
    browser_sha256: bytes
    target_sha256: bytes
    registration_id: str
    storage_target: str = ""

    def is_bound_to(self, browser_id: str) -> bool:
        """Return whether `browser_id` is the browser that started this login."""
        return hmac.compare_digest(_sha256(browser_id), self.browser_sha256)

    def opens(self, target_link_uri: str) -> bool:
        """Return whether the platform asked to open `target_link_uri` when it started this login."""
        return hmac.compare_digest(_sha256(target_link_uri), self.target_sha256)

    def expires_at(self, flow_seconds: int) -> datetime:
        """Return the first moment (UTC) at which the flow is no longer good."""
        return datetime.fromtimestamp(self.created_seconds + flow_seconds, UTC)


def new_flow(
    *, browser_id: str, target_link_uri: str, registration_id: str, now_seconds: int, storage_target: str = ""
) -> LoginFlow:
    """Return a flow that begins now."""
    return LoginFlow(
        secrets.token_bytes(16),
        now_seconds,
        _sha256(browser_id),
        _sha256(target_link_uri),
        registration_id,
        storage_target,
    )


class StateSeal:
    """Signs flows into `state` values and reads them back; derives the secrets of a flow.

    Args:
        key: 32 bytes, the same in all processes of the tool and over restarts; another key ends waiting logins.

    Raises:
        ValueError: the key is of another length.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != STATE_KEY_BYTES:
            raise ValueError(f"the state key has {STATE_KEY_BYTES} bytes")
        self._key = key

    def seal(self, flow: LoginFlow) -> str:
        """Return the `state` of `flow`: lower-case hexadecimal, about 300 characters."""
        target = flow.storage_target.encode()
        body = _HEAD.pack(
            _VERSION, flow.id, flow.created_seconds, flow.browser_sha256, flow.target_sha256, len(target)
        )
        body += target + flow.registration_id.encode()
        return (body + self._mac(b"state", body)).hex()

    def open(self, state: str) -> LoginFlow | None:
        """Return the flow in `state`; None if this tool did not make it. Its age is not looked at."""
        if len(state) > _MAX_STATE_CHARACTERS:
            return None
        try:
            sealed = bytes.fromhex(state)
        except ValueError:
            return None
        body, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        # The second look refuses other spellings of the same bytes: one flow, one state.
        if not hmac.compare_digest(self._mac(b"state", body), mac) or sealed.hex() != state:
            return None
        version, flow_id, created, browser, link, length = _HEAD.unpack_from(body)
        if version != _VERSION:
            return None
        target, registration = body[_HEAD.size : _HEAD.size + length], body[_HEAD.size + length :]
        return LoginFlow(flow_id, created, browser, link, registration.decode(), target.decode())

    def nonce(self, flow: LoginFlow) -> str:
        """Return the nonce that the id_token must carry: 43 characters, known to this tool and the platform."""
        return self._secret(b"nonce", flow)

    def storage_value(self, flow: LoginFlow) -> str:
        """Return what the platform's storage keeps for the browser in place of a cookie: 43 characters."""
        return self._secret(b"storage", flow)

    def _secret(self, purpose: bytes, flow: LoginFlow) -> str:
        return urlsafe_b64encode(self._mac(purpose, flow.id)).decode()

    def _mac(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\x00" + message, "sha256")


class UsedStates(Protocol):
    """Which flows have been used. `tests/lti/used_states_contract.py` is the suite that every adapter passes."""

    def use(self, flow_id: bytes, expires_at: datetime) -> bool:
        """Mark the flow as used, durably; True for the first caller over all processes, False for any other.

        The mark must be kept until `expires_at` (UTC) at least.
        """
        ...


class MemoryUsedStates:
    """`UsedStates` of one process; forgets all when the process ends."""

    def __init__(self) -> None:
        self._used: dict[bytes, datetime] = {}
        self._lock = threading.Lock()

    def use(self, flow_id: bytes, expires_at: datetime) -> bool:
        """See `UsedStates.use`; marks that ended long before this one are dropped."""
        with self._lock:
            if flow_id in self._used:
                return False
            for old in [old for old, end in self._used.items() if end < expires_at - _KEPT_IN_MEMORY]:
                del self._used[old]
            self._used[flow_id] = expires_at
            return True
