"""`ledger.ports.BeatSource`: the agent's accepted batches, as the inbox keeps them and its reader reads them."""

from collections.abc import Sequence

from bridge.intake.model import InboxRecord
from bridge.intake.normalisers import BatchClaim, PoisonMessage, normalise
from bridge.intake.quarantine import Quarantine
from bridge.intake.store import SqlInbox
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import StudySessionId
from bridge.ledger.model.facts import Beat
from bridge.ledger.ports import Batch, SessionFacts
from bridge.presence.service import BATCHES_AT_ONCE
from bridge.presence.store import SqlPresenceStore


class BatchesInInbox:
    """Batches in their order; one that cannot be read is set aside, and those behind it go on."""

    def __init__(self, inbox: SqlInbox, presence: SqlPresenceStore, quarantine: Quarantine) -> None:
        self._inbox = inbox
        self._presence = presence
        self._quarantine = quarantine

    def session_facts(self, session: StudySessionId) -> SessionFacts:
        found = self._presence.whose(session)
        if found is None:
            raise InvalidInput("session_unknown", "没有这个学习会话", http_status=404)
        return SessionFacts(*found)

    def waiting(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        good: list[Batch] = []
        # Where some are set aside more are read: who asks takes a short answer for the end.
        while len(good) < BATCHES_AT_ONCE:
            records = self._inbox.after(session, after_seq, BATCHES_AT_ONCE - len(good))
            for record in records:
                try:
                    good.append(batch_of(record))
                except PoisonMessage as fault:
                    self._quarantine.set_aside(record, fault.reason)
                after_seq = record.seq
            if not records:
                break
        return good

    def readable(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        try:
            return [batch_of(record) for record in self._inbox.after(session, after_seq, BATCHES_AT_ONCE)]
        except PoisonMessage:
            return ()


def batch_of(record: InboxRecord) -> Batch:
    """Return the batch in a stored message of the agent; PoisonMessage as `normalise`."""
    (claim,) = normalise(record)
    if not isinstance(claim, BatchClaim):
        raise PoisonMessage("payload_malformed", "消息内容不是学习记录")
    return laid_on_study_clock(claim)


def laid_on_study_clock(claim: BatchClaim) -> Batch:
    """Return the batch with its client times laid onto the server's study clock.

    Only differences of the client's clock are used, and settlement keeps them within what the server saw; a client
    whose clock jumps by decades must not lead to before all time, where no entry can be read.
    """
    factor, last = claim.study_factor, claim.events[-1].client_ms
    beats = []
    for event in claim.events:
        touched = event.interaction_ms
        age = None if touched is None else max(0, event.client_ms - touched) * factor
        at_ms = max(0, claim.received_ms - (last - event.client_ms) * factor)
        beats.append(Beat(at_ms, event.media_ms, int(event.visible), age, event.rate_permille))
    return Batch(claim.seq, claim.received_ms, claim.previous_received_ms, tuple(beats))
