"""The Caliper door (1.1 and 1.2): an endpoint of the Sensor API. What it takes are claims; none of them is credit."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from bridge.intake.caliper import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    id_of,
    is_described_entity,
    read_envelope,
    read_event,
)
from bridge.intake.learning import Blind, LearningEvent
from bridge.intake.learning_inbox import CALIPER
from bridge.intake.xapi.decoding import decoded
from bridge.intake.xapi.model import Scope
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.web.learning_visit import answered, bearer_caller, bounded_body, refuse_as_json, verdict
from bridge.wiring import House
from bridge.wiring.learning import blind_iris, learning_inbox

PATH = "/caliper/v1"
_ENTITY = InvalidInput("entity_described", "这是实体说明而不是事件,未保存", http_status=422)


def caliper_door(house: House) -> Blueprint:
    """Return the blueprint of `POST /caliper/v1`."""
    door = Blueprint("caliper", __name__)

    @door.post(PATH)
    def receive() -> Response:
        caller = bearer_caller(house, Scope.CALIPER)
        body = bounded_body(MAX_ENVELOPE_BYTES)
        if request.mimetype != "application/json":
            raise InvalidInput("content_type", "Content-Type 应为 application/json", http_status=415)
        envelope = read_envelope(decoded(body), house.clock.now())
        return answered(
            take_envelope(
                house,
                envelope,
                institution=caller.institution,
                kind=CALIPER,
                source=caller.source,
                original_sha256=sha256_hex(body),
                verification=f"Bearer, credential {caller.credential}",
            )
        )

    refuse_as_json(door)
    return door


def take_envelope(
    house: House,
    envelope: Envelope,
    *,
    institution: InstitutionId,
    kind: str,
    source: str,
    original_sha256: str,
    verification: str,
    check: Callable[[LearningEvent], None] = lambda _event: None,
) -> list[dict[str, Any]]:
    """Keep what can be read of an envelope; return the verdict on each item, in the order sent.

    Args:
        check: raises InvalidInput for an event that may not be kept.
    """
    blind = blind_iris(house, institution)
    read = [_read(house, one, envelope.form, blind, check) for one in envelope.data]
    events = [one for one in read if isinstance(one, LearningEvent)]
    with house.uow.for_institution(institution) as tx:
        taken = iter(
            learning_inbox(house, tx).receive(
                kind, source, events, original_sha256=original_sha256, verification=verification
            )
        )
        return [
            verdict(one.key, "accepted" if next(taken) else "duplicate")
            if isinstance(one, LearningEvent)
            else verdict(id_of(sent), "ignored" if one is _ENTITY else "refused", one)
            for one, sent in zip(read, envelope.data, strict=True)
        ]


def _read(
    house: House, value: Any, form: str, blind: Blind, check: Callable[[LearningEvent], None]
) -> LearningEvent | InvalidInput:
    if is_described_entity(value):
        return _ENTITY
    try:
        event = read_event(value, form, blind, house.clock.now())
        check(event)
    except InvalidInput as refused:
        return refused
    return event
