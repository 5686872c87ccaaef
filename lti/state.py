"""One-time state: what login leaves behind for the launch that answers it, and only that one."""

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

FLOW_SECONDS = 600


def sha256_hex(secret: str) -> str:
    """Return the SHA-256 of `secret` (UTF-8) in lower-case hexadecimal, 64 characters."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """One login that waits for its launch. Secrets are kept as hashes: a copied table opens nothing.

    Args:
        state_sha256, nonce_sha256: of the values sent to the platform.
        browser_sha256: of the browser's binding cookie.
        registration_id: whose launch alone may answer.
        target_link_uri: what the platform asked to open; the token must name the same.
        created_at, expires_at: UTC; the flow is good in [created_at, expires_at).
    """

    state_sha256: str
    nonce_sha256: str
    browser_sha256: str
    registration_id: str
    target_link_uri: str
    created_at: datetime
    expires_at: datetime


class OneTimeStore(Protocol):
    """Where flows wait. `tests/lti/one_time_contract.py` is the suite that every adapter passes."""

    def put(self, flow: LoginFlow) -> None:
        """Keep `flow` durably; on return it survives a kill of the process."""
        ...

    def take(self, state_sha256: str, now: datetime) -> LoginFlow | None:
        """Remove and return the flow, once over all processes; None if unknown, taken before or expired."""
        ...


class MemoryOneTimeStore:
    """A `OneTimeStore` of one process; forgets all when the process ends."""

    def __init__(self) -> None:
        self._flows: dict[str, LoginFlow] = {}
        self._lock = threading.Lock()

    def put(self, flow: LoginFlow) -> None:
        """Keep `flow`, and drop those that expired before it was made."""
        with self._lock:
            for key in [key for key, old in self._flows.items() if old.expires_at <= flow.created_at]:
                del self._flows[key]
            self._flows[flow.state_sha256] = flow

    def take(self, state_sha256: str, now: datetime) -> LoginFlow | None:
        """See `OneTimeStore.take`."""
        with self._lock:
            flow = self._flows.pop(state_sha256, None)
        return flow if flow is not None and now < flow.expires_at else None
