"""The three families of errors. A refusal is a value (`rules.Decision`); these are surprises and edges.

Every error carries a `reason` code (snake_case, stable, may be shown to a machine) and a sentence in
Chinese that says what to do. Neither may hold a name, a citizen id or contact data.
"""

from datetime import timedelta


class BridgeError(Exception):
    """Base of all errors of the bridge.

    Args:
        reason: stable code, e.g. "nonce_mismatch".
        message: Simplified Chinese, for the person who must act.
    """

    http_status = 500

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class InvalidInput(BridgeError):
    """The sender's fault; sending the same again will fail again."""

    http_status = 400

    def __init__(self, reason: str, message: str, *, http_status: int = 400) -> None:
        super().__init__(reason, message)
        self.http_status = http_status


class NotPermitted(BridgeError):
    """The edge met a refused decision or a missing role."""

    http_status = 403

    def __init__(self, reason: str, message: str, *, http_status: int = 403) -> None:
        super().__init__(reason, message)
        self.http_status = http_status


class Unavailable(BridgeError):
    """An outside system did not do its part; only `permanent=False` is retried.

    Args:
        retry_after: how long it asks to be left alone, if it says so.
    """

    http_status = 503

    def __init__(
        self, reason: str, message: str, *, permanent: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(reason, message)
        self.permanent = permanent
        self.retry_after = retry_after
