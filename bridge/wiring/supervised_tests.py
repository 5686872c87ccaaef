"""What staff left unseen of a test that they supervise: presence over the whole of it rests on their words alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bridge.intake.model import InboxRecord
from bridge.kernel.time import epoch_ms
from bridge.presence.model import SUPERVISED, CheckState, PresenceCheck, StudySession
from bridge.presence.supervised import NOT_SEEN_OUT, SupervisedStretch


@dataclass(frozen=True, slots=True)
class WatchedSession:
    """One session of an attempt, its checks, and the batches that were heard in it, oldest first."""

    session: StudySession
    checks: Sequence[PresenceCheck]
    heard: Sequence[InboxRecord]


def unseen(
    watched: Sequence[WatchedSession],
    stretches: Iterable[SupervisedStretch],
    *,
    start_ms: int,
    finish_ms: int,
    limit_ms: int,
) -> int:
    """Return how often staff were silent for too long in the attempt, or ended without having seen the person.

    Args:
        watched: the attempt's sessions, oldest first; one without supervision proves itself by its face checks.
        stretches: the learner's.
        start_ms, finish_ms: of the attempt, real.
        limit_ms: how long a silence may be, study ms.
    """
    by_id = {one.id: one for one in stretches}
    failures, abandoned = 0, set[str]()
    for before, one, after in zip([None, *watched[:-1]], watched, [*watched[1:], None], strict=True):
        if one.session.method != SUPERVISED or not one.heard:
            continue
        words = [check for check in one.checks if check.state is CheckState.PASSED]
        start, finish = (_study_ms(one.heard[-1], at) for at in (start_ms, finish_ms))
        took_over = before is None or before.session.method != SUPERVISED
        began = max(start, one.session.opened_ms) if took_over else start
        # The next session answers for what comes after this one's last batch.
        ended = finish if after is None else min(finish, one.session.last_received_ms or began)
        moments = [*sorted(max(word.due_ms, began) for word in words if word.due_ms < ended), ended]
        failures += sum(later - earlier > limit_ms for earlier, later in pairwise(moments))
        abandoned |= {word.reference for word in words if _abandoned(by_id, word, start, finish)}
    return failures + len(abandoned)


def _abandoned(
    stretches: Mapping[str, SupervisedStretch], word: PresenceCheck, start: int, finish: int
) -> bool:
    stretch = stretches.get(word.reference)
    if stretch is None or stretch.ended_ms is None or stretch.ended_reason != NOT_SEEN_OUT:
        return False
    return start <= stretch.ended_ms <= finish


def _study_ms(heard: InboxRecord, real_ms: int) -> int:
    """Return a real moment on the study clock, as the two ran when a batch was heard."""
    said = json.loads(heard.payload)
    received_ms: int = said["received_ms"]
    factor: int = said["study_factor"]
    return received_ms + (real_ms - epoch_ms(heard.received_at)) * factor
