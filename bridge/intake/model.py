"""What doors receive, as claims: nothing here credits a second."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import MessageId

MAX_EVENTS_IN_BATCH = 200
MAX_ATTEMPT = 80
"""Characters in the LMS's id of a test attempt, in its token and in its score alike."""
_MAX_MS = 2**43
"""Until the year 2248: small enough that the demonstration's study factor leaves it an integer of JSON."""
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """One message in the inbox, chained within `chain`.

    Args:
        chain: which chain; a study session's id, or institution + source.
        original_sha256: of the bytes as they came, before anything was removed.
        verification: how the sender was proved, e.g. "id_token RS256".
        payload: canonical JSON as stored (no contact data, no secret, personal fields encrypted).
    """

    id: MessageId
    chain: str
    seq: int
    source: str
    received_at: datetime
    original_sha256: str
    verification: str
    payload: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last link of a chain: the next record follows it."""

    seq: int
    hash: str


class BeatEvent(NamedTuple):
    """What the agent says of one moment; times are the client's and prove nothing.

    Args:
        client_ms: the client's clock, real milliseconds, any origin.
        media_ms: position in the unit, media milliseconds.
        interaction_ms: the client's clock at the learner's last touch or key; None if there was none.
        rate_permille: playback rate × 1000.
    """

    client_ms: int
    media_ms: int
    visible: bool
    interaction_ms: int | None
    rate_permille: int


@dataclass(frozen=True, slots=True)
class BeatBatch:
    """One POST of the agent."""

    session: str
    seq: int
    nonce: str
    events: tuple[BeatEvent, ...]
    ending: bool

    def __post_init__(self) -> None:
        if not _SESSION.fullmatch(self.session):
            raise InvalidInput("session_malformed", "学习会话编号格式不正确,请刷新页面", http_status=422)
        if not 1 <= len(self.events) <= MAX_EVENTS_IN_BATCH:
            raise InvalidInput("events_count", f"每批须含 1–{MAX_EVENTS_IN_BATCH} 条记录", http_status=422)
        previous = None
        for event in self.events:
            if not (0 <= event.client_ms <= _MAX_MS and 0 <= event.media_ms <= _MAX_MS):
                raise InvalidInput("event_out_of_range", "记录中的时间超出范围", http_status=422)
            if event.interaction_ms is not None and not 0 <= event.interaction_ms <= _MAX_MS:
                raise InvalidInput("event_out_of_range", "记录中的操作时间超出范围", http_status=422)
            if not 0 <= event.rate_permille <= 16_000:
                raise InvalidInput("rate_out_of_range", "播放速度超出范围", http_status=422)
            if previous is not None and event.client_ms < previous:
                raise InvalidInput("events_out_of_order", "同一批内的记录须按时间排列", http_status=422)
            previous = event.client_ms


@dataclass(frozen=True, slots=True)
class ScoreClaim:
    """What an LMS says of a test attempt. Whether it counts is decided in completion."""

    sub: str
    resource_link_id: str
    attempt: str
    score: Fraction
    maximum: Fraction
    started_real: datetime
    finished_real: datetime


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A signed message of an LMS."""

    id: str
    type: str
    occurred_at: datetime
    data: dict[str, Any]


SCORE = "attempt.graded"
ACTIVITY = "lms.activity"
SIGNAL = "lms.signal"
CONTACT_SCAN = "lms.contact_scan"
PING = "lms.ping"
SUPPORTED_WEBHOOKS: Sequence[str] = (SCORE, ACTIVITY, SIGNAL, CONTACT_SCAN, PING)

SIGNAL_KINDS: Sequence[str] = (
    "login_as",
    "grade_overridden",
    "pass_mark_lowered",
    "contact_data_found",
    "course_file_changed",
)
"""What an LMS tells of itself under article 16."""
CONTACT_FIELDS: Sequence[str] = ("email", "phone1", "phone2", "address", "custom")
"""The fields that a contact scan counts; everywhere behind the door their counts stand in this order, without names."""


@dataclass(frozen=True, slots=True)
class WebhookBatch:
    """A signed batch; its messages are decoded JSON that nothing has looked at yet."""

    id: str
    sent_at: datetime
    messages: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ActivityClaim:
    """What an LMS says somebody did. It credits nothing.

    Args:
        event: the LMS's own class of event.
        actor_sub: who did it, if not the learner.
        resource_link_id: None for the course as a whole.
    """

    event: str
    sub: str = field(repr=False)
    actor_sub: str | None = field(repr=False)
    context_id: str = field(repr=False)
    resource_link_id: str | None = field(repr=False)
    attempt: str | None


@dataclass(frozen=True, slots=True)
class SignalClaim:
    """What an LMS says against its own operator (article 16). It moves no credit.

    Args:
        before, after: marks as decimal digits; None where there is none.
    """

    kind: str
    sub: str | None = field(repr=False)
    actor_sub: str | None = field(repr=False)
    context_id: str = field(repr=False)
    resource_link_id: str | None = field(repr=False)
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ContactScanClaim:
    """How many learners of an LMS course have contact data there (article 27): numbers, never a value.

    Args:
        counts: people by field, in the order of `CONTACT_FIELDS`.
    """

    context_id: str = field(repr=False)
    learners: int
    with_contact: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PingClaim:
    """That the plugin is there, and how its clock stands."""

    moodle: str
    plugin: str
    clock: datetime
