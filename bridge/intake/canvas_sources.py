"""Which Canvas accounts send Live Events, and whose institution each is.

Instructure signs for all its customers with the same keys, so that a signature alone says only that some Canvas sent an
event: the account that the event names must be the source's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, Ref, TenantRow, UtcDateTime
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, new_id
from bridge.kernel.time import Clock
from lti.registration import may_be_called

INSTRUCTURE_KEYS = "https://8axpcl50e4.execute-api.us-east-1.amazonaws.com/main/jwks"
"""Where the public keys of Live Events are, for beta and production.

Source: canvas-lms doc/api/data_services/md/static/data_service_setup.md ("HTTPS – Webhook with JWT signing").
"""
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_ACCOUNT = re.compile(r"[A-Za-z0-9-]{8,64}")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class CanvasSourceRow(TenantRow, Base):
    """One Canvas account that sends events. It holds no secret: its events are signed, or come with a credential."""

    __tablename__ = "canvas_source"

    id: Mapped[Id]
    source: Mapped[Code]
    root_account_uuid: Mapped[Code]
    hostname: Mapped[str] = mapped_column(String(253))
    jwks_url: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    created_by: Mapped[Ref]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None] = mapped_column(String(40))


@dataclass(frozen=True, slots=True)
class CanvasSource:
    """A Canvas account that sends events.

    Args:
        source: the institution's name for it; a credential of this name may bring events that are not signed.
        root_account_uuid, hostname: what its events say of themselves in Canvas's own format and in Caliper form.
    """

    id: str
    institution: InstitutionId
    source: str
    root_account_uuid: str
    hostname: str
    jwks_url: str
    created_at: datetime
    ended_at: datetime | None


class CanvasSources:
    """The Canvas accounts of all institutions.

    Args:
        demonstration: whether keys may be fetched from http on loopback.
    """

    def __init__(self, uow: UnitOfWork, clock: Clock, *, demonstration: bool) -> None:
        self._uow = uow
        self._clock = clock
        self._demonstration = demonstration

    def add(
        self,
        institution: InstitutionId,
        source: str,
        *,
        root_account_uuid: str,
        hostname: str,
        jwks_url: str,
        by: str,
    ) -> CanvasSource:
        """Let a Canvas account send events.

        Raises:
            InvalidInput: source_malformed, root_account_malformed, hostname_malformed, jwks_url_malformed.
        """
        if not _SOURCE.fullmatch(source):
            raise InvalidInput("source_malformed", "来源名须为 1–40 位小写字母、数字或 . _ -")
        if not _ACCOUNT.fullmatch(root_account_uuid):
            raise InvalidInput(
                "root_account_malformed", "请填写 Canvas 根账户的 root_account_uuid(见任一事件的 metadata)"
            )
        if not _HOST.fullmatch(hostname.lower()):
            raise InvalidInput("hostname_malformed", "请填写学校的 Canvas 域名,如 school.instructure.com")
        if not may_be_called(jwks_url, demo=self._demonstration):
            raise InvalidInput("jwks_url_malformed", "公钥地址须为 https")
        row = CanvasSourceRow(
            id=new_id("cvs"),
            institution_id=institution,
            source=source,
            root_account_uuid=root_account_uuid,
            hostname=hostname.lower(),
            jwks_url=jwks_url,
            created_at=self._clock.now(),
            created_by=by,
            ended_at=None,
            ended_by=None,
        )
        with self._uow.for_institution(institution) as tx:
            tx.session.add(row)
        return _source(row)

    def get(self, source_id: str) -> CanvasSource | None:
        """Return a source that may send; None for an unknown one and for one that was ended."""
        with self._uow.across_institutions("Canvas: whose events are these?", read_only=True) as tx:
            row = tx.session.scalar(select(CanvasSourceRow).where(CanvasSourceRow.id == source_id))
            return None if row is None or row.ended_at is not None else _source(row)

    def list(self, institution: InstitutionId) -> Sequence[CanvasSource]:
        """Return an institution's sources in the order in which they were made."""
        order = (CanvasSourceRow.created_at, CanvasSourceRow.id)
        with self._uow.for_institution(institution, read_only=True) as tx:
            return [_source(row) for row in tx.session.scalars(select(CanvasSourceRow).order_by(*order))]

    def end(self, institution: InstitutionId, source_id: str, *, by: str) -> CanvasSource:
        """Take no more events of a source; InvalidInput("canvas_source_unknown")."""
        with self._uow.for_institution(institution) as tx:
            row = tx.session.scalar(select(CanvasSourceRow).where(CanvasSourceRow.id == source_id))
            if row is None or row.ended_at is not None:
                raise InvalidInput(
                    "canvas_source_unknown", "没有这个 Canvas 来源,请用 ./anxue intake canvas list 查看"
                )
            row.ended_at, row.ended_by = self._clock.now(), by
            return _source(row)


def _source(row: CanvasSourceRow) -> CanvasSource:
    return CanvasSource(
        id=row.id,
        institution=InstitutionId(row.institution_id),
        source=row.source,
        root_account_uuid=row.root_account_uuid,
        hostname=row.hostname,
        jwks_url=row.jwks_url,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
