"""The job that forwards statements: sent with no unit of work open, what became of them kept in one."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.intake.forwarding import (
    FORWARD_WANTED,
    Forward,
    Forwarding,
    Outcome,
    Outgoing,
    due_forwards,
)
from bridge.wiring.platform_calls import CallFailed, hold_job, pause_after, want_due
from bridge.worker.runner import Work
from lti.errors import ServiceFailed
from lti.http import GuardedHttp, Reply, may_pass
from lti.registration import NetworkPolicy

if TYPE_CHECKING:
    from bridge.wiring.house import House

_THERE = 409
_TOO_LARGE = 413
_OK = range(200, 300)
_NOT_OURS = frozenset({401, 403, 404, 405})
"""Not about a statement: the key or the address is wrong, and all would be refused alike."""
_LONGEST_WAIT = timedelta(hours=3)

Post = Callable[[Sequence[Outgoing]], Reply]


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was tried."""

    forward: Forward
    outcome: Outcome


def forwarding_works(house: "House") -> Mapping[str, Work]:
    """Return how the job is done."""
    return {FORWARD_WANTED: Work(prepare=partial(send_batch, house), apply=partial(note_batch, house))}


def send_batch(house: "House", job: Job) -> Sent | None:
    """Send what is next; None when there is nothing to do."""
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        forwarding = Forwarding(tx, house.cipher)
        forward = forwarding.get()
        if forward is None or forward.id != job.key or forward.paused:
            return None
        if forward.next_at > house.clock.now():
            return None
        batch = forwarding.next_batch(forward)
    if not batch:
        return None
    http = GuardedHttp()
    policy = NetworkPolicy(
        frozenset({forward.private_host} if forward.private_host else ()), house.settings.demonstration
    )

    def post(statements: Sequence[Outgoing]) -> Reply:
        hold_job(house, job)
        said = [one.statement for one in statements]
        body = json.dumps(said if len(said) > 1 else said[0], ensure_ascii=False, separators=(",", ":"))
        return http.request(
            "POST", f"{forward.endpoint}/statements", policy, headers=_headers(forward), body=body.encode()
        )

    return Sent(forward, send(batch, post))


def send(batch: Sequence[Outgoing], post: Post) -> Outcome:
    """Send a batch, in halves where the LRS refuses one; those behind a failure are not tried.

    The order is kept: whatever is in the outcome precedes whatever is not.
    """
    outcome = Outcome()
    for run in _runs(batch, outcome):
        if outcome.failed:
            break
        _send_run(run, post, outcome)
    return outcome


def _runs(batch: Sequence[Outgoing], outcome: Outcome) -> Sequence[Sequence[Outgoing]]:
    """Return the stretches between statements that cannot be said; a failure before one leaves it for later."""
    runs: list[list[Outgoing]] = [[]]
    for one in batch:
        if one.refused is None:
            runs[-1].append(one)
        else:
            runs += [[one], []]
    return [run for run in runs if run]


def _send_run(run: Sequence[Outgoing], post: Post, outcome: Outcome) -> None:
    if outcome.failed:
        return
    first = run[0]
    if first.refused is not None:
        outcome.refused[first.seq] = (first.id, first.refused)
        return
    try:
        reply = post(run)
    except ServiceFailed as failure:
        outcome.failed = failure.reason
        return
    if reply.status in _OK:
        outcome.sent += [one.seq for one in run]
    elif may_pass(reply.status) or reply.status in _NOT_OURS:
        outcome.failed, outcome.wait = f"lrs_answered_{reply.status}", _retry_after(reply)
    elif len(run) > 1:
        # One of them is not taken, and the LRS took none.
        half = len(run) // 2
        _send_run(run[:half], post, outcome)
        _send_run(run[half:], post, outcome)
    elif reply.status == _THERE:
        outcome.already.append(first.seq)
    else:
        outcome.refused[first.seq] = (first.id, f"lrs_answered_{reply.status}")


def note_batch(house: "House", tx: Tx, job: Job, sent: Sent | None) -> None:
    """Keep what became of a batch, and ask for the next one."""
    if sent is None:
        return
    outcome = sent.outcome
    pause = None
    if outcome.failed:
        asked = CallFailed(outcome.failed, permanent=False, retry_after=outcome.wait)
        pause = pause_after(sent.forward.failures + 1, asked)
    if Forwarding(tx, house.cipher).note(job.key, outcome, pause):
        tx.want(FORWARD_WANTED, job.key)


def sweep_forwarding(house: "House") -> None:
    """Have statements sent where an LRS waits for some."""
    with house.uow.across_institutions("find statements to forward", read_only=True) as tx:
        due = [(institution, FORWARD_WANTED, key) for institution, key in due_forwards(tx)]
    want_due(house, due)


def _headers(forward: Forward) -> Mapping[str, str]:
    secret = base64.b64encode(f"{forward.key}:{forward.secret}".encode()).decode()
    return {
        "Authorization": f"Basic {secret}",
        "Content-Type": "application/json",
        "User-Agent": "anxue-bridge",
        "X-Experience-API-Version": str(forward.version),
    }


def _retry_after(reply: Reply) -> timedelta | None:
    """Return how long the LRS asks to be left alone, if it says so in seconds (RFC 9110 §10.2.3)."""
    said = reply.headers.get("retry-after", "").strip()
    if not (said.isascii() and said.isdigit() and len(said) < 8):
        return None
    return min(timedelta(seconds=int(said)), _LONGEST_WAIT)
