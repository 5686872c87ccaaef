"""Statements of presence that every batch, frame or look asks: made once, handed to the driver as they are."""

from typing import Any

from sqlalchemy import bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ClauseElement

from bridge.db.prepared import Prepared
from bridge.presence.tables import FaceFrameRow, FaceReferenceRow, PresenceCheckRow, StudySessionRow

_SESSION: Any = StudySessionRow.__table__
_CHECK: Any = PresenceCheckRow.__table__
_FRAME: Any = FaceFrameRow.__table__
_REFERENCE: Any = FaceReferenceRow.__table__

BATCH_SAVED = Prepared(
    lambda _dialect: update(_SESSION)
    .where(_SESSION.c.id == bindparam("session_id"), _SESSION.c.institution_id == bindparam("institution"))
    .values({name: bindparam(name) for name in (
        "next_seq", "last_batch_sha256", "last_received_ms", "chain_seq", "chain_hash", "next_due_ms",
    )})
)  # fmt: skip
SESSION_LOCKED = Prepared(
    # SQLite has no such lock, and needs none.
    lambda _dialect: (
        select(_SESSION)
        .where(
            _SESSION.c.id == bindparam("session_id"), _SESSION.c.institution_id == bindparam("institution")
        )
        .with_for_update()
    )
)


def _seen() -> ClauseElement:
    frames = select(func.count()).where(_FRAME.c.check_id == _CHECK.c.id, _FRAME.c.verdict.is_(None))
    said = (
        select(_FRAME.c.message)
        .where(_FRAME.c.check_id == _CHECK.c.id, _FRAME.c.verdict.is_not(None))
        .order_by(_FRAME.c.received_real.desc())
        .limit(literal_column("1"))
    )
    return (
        select(
            _CHECK,
            _SESSION.c.activity,
            _SESSION.c.secret_sha256,
            frames.scalar_subquery().label("waiting"),
            said.scalar_subquery().label("said"),
        )
        .join(_SESSION, _SESSION.c.id == _CHECK.c.session)
        .where(_CHECK.c.id == bindparam("check_id"), _CHECK.c.institution_id == bindparam("institution"))
    )


SEEN = Prepared(lambda _dialect: _seen())
SESSION_OF_CHECK = Prepared(
    lambda _dialect: (
        select(_SESSION.c.id)
        .join(_CHECK, _CHECK.c.session == _SESSION.c.id)
        .where(_CHECK.c.id == bindparam("check_id"), _CHECK.c.institution_id == bindparam("institution"))
        .with_for_update(of=_SESSION)
    )
)
ASKED_SAVED = Prepared(
    lambda _dialect: (
        update(_CHECK)
        .where(_CHECK.c.id == bindparam("check_id"), _CHECK.c.institution_id == bindparam("institution"))
        .values(asked=bindparam("now_asked", type_=_CHECK.c.asked.type))
    )
)
FRAME_KNOWN = Prepared(
    lambda _dialect: select(_FRAME.c.id).where(
        _FRAME.c.institution_id == bindparam("institution"),
        _FRAME.c.learner == bindparam("learner"),
        _FRAME.c.sha256 == bindparam("sha256"),
    )
)


def _frame_added(dialect: str) -> ClauseElement:
    insert: Any = sqlite_insert if dialect == "sqlite" else postgresql_insert
    values = {column.name: bindparam(column.name, type_=column.type) for column in _FRAME.c}
    added: ClauseElement = (
        insert(_FRAME)
        .values(values)
        .on_conflict_do_nothing(index_elements=["institution_id", "learner", "sha256"])
        .returning(_FRAME.c.id)
    )
    return added


FRAME_ADDED = Prepared(_frame_added)
REFERENCE_OF = Prepared(
    lambda _dialect: (
        select(_REFERENCE)
        .where(
            _REFERENCE.c.institution_id == bindparam("institution"),
            _REFERENCE.c.learner == bindparam("learner"),
            _REFERENCE.c.class_run == bindparam("class_run"),
        )
        .with_for_update()
    ),
    typed=True,
)
