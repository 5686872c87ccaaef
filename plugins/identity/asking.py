"""What the providers that are asked over a network share: one guarded call, and its failures as outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.identity.provider_model import Answer, Outcome
from lti.errors import ServiceFailed
from lti.http import GuardedHttp, Reply
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms

_SLOW = "platform_slow"
_AWAY = frozenset({"platform_unreachable", "host_not_found"})
_UNREADABLE = frozenset({"reply_not_json", "reply_too_large"})
_REQUEST_TIMEOUT, _TOO_MANY = 408, 429
_GATEWAY_TIMEOUT, _SERVER_ERROR = 504, 500
MALFORMED = Answer(Outcome.OUTAGE, "reply_malformed")
"""Whoever answers this is not the service: a captive portal, a page of a broken gateway. No verdict."""


class Unanswered(Exception):
    """The question ended before the provider said anything of the person."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Line:
    """How a provider is reached: https alone, no redirect, public addresses but for the named hosts.

    Args:
        http: `GuardedHttp` in production; with a shorter time than a job's lease.
    """

    http: CallsPlatforms
    policy: NetworkPolicy = field(default_factory=NetworkPolicy)

    @classmethod
    def out(cls, private_hosts: frozenset[str] = frozenset()) -> "Line":
        """Return the line of production."""
        guarded = GuardedHttp(connect_seconds=2, read_seconds=5, total_seconds=6, max_bytes=64 * 1024)
        return cls(guarded, NetworkPolicy(allow_private_hosts=private_hosts))

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the reply; Unanswered for none, and for a status that says why there is no answer."""
        try:
            reply = self.http.request(
                "POST", url, self.policy, headers={"User-Agent": "anxue-bridge", **headers}, body=body
            )
        except ServiceFailed as failure:
            raise Unanswered(Answer(_outcome_of(failure.reason), failure.reason)) from failure
        return reply


def read_object(reply: Reply) -> Mapping[str, Any]:
    """Return the reply's JSON object; Unanswered for anything else."""
    try:
        found = reply.json()
    except ServiceFailed as failure:
        raise Unanswered(by_status(reply.status) or MALFORMED) from failure
    if not isinstance(found, dict):
        raise Unanswered(by_status(reply.status) or MALFORMED)
    return found


def by_status(status: int) -> Answer | None:
    """Return what an HTTP status alone says; None for 2xx."""
    detail = f"http_{status}"
    if status in (_REQUEST_TIMEOUT, _GATEWAY_TIMEOUT):
        return Answer(Outcome.TIMEOUT, detail)
    if status == _TOO_MANY:
        return Answer(Outcome.QUOTA, detail)
    if status >= _SERVER_ERROR:
        return Answer(Outcome.OUTAGE, detail)
    return None if 200 <= status < 300 else Answer(Outcome.REFUSED, detail)


def _outcome_of(reason: str) -> Outcome:
    if reason == _SLOW:
        return Outcome.TIMEOUT
    # All others are ours to mend: an address that is not allowed, a certificate, a redirect.
    return Outcome.OUTAGE if reason in _AWAY | _UNREADABLE else Outcome.REFUSED
