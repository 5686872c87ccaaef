"""Server-side sessions: the cookie holds a random id, the row holds who it is.

Rows carry role, institution and division, so that scope is the server's word and never the browser's.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy import String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Instant, JsonDict
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import Clock
from bridge.settings import Settings

_TOUCH_EVERY = timedelta(minutes=1)
_LONGEST_IDLE = timedelta(hours=1)
STAFF = frozenset({"administrator", "institution", "authority", "operator"})
"""Roles that sign in with a password."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session holds without a request, and at most."""

    idle: timedelta = timedelta(minutes=30)
    lifetime: timedelta = timedelta(hours=10)

    @classmethod
    def of_staff(cls, settings: Settings) -> Self:
        """Return those that the operator set for staff."""
        return cls(
            timedelta(minutes=settings.staff_idle_minutes), timedelta(hours=settings.staff_session_hours)
        )


_OF_OTHERS = SessionLimits()


class WebSessionRow(Base):
    """One browser's session. `id` is the SHA-256 of what the cookie holds."""

    __tablename__ = "web_session"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(24))
    institution_id: Mapped[str | None] = mapped_column(String(40))
    division_code: Mapped[str | None] = mapped_column(String(6))
    data: Mapped[JsonDict]
    created_at: Mapped[Instant]
    seen_at: Mapped[Instant]


class WebSession(SessionMixin):
    """A session that is read from the database when it is first looked at, and written only when changed."""

    def __init__(
        self, uow: UnitOfWork, clock: Clock, token: str | None, staff: SessionLimits = _OF_OTHERS
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._staff = staff
        self.token = token
        self._data: dict[str, Any] | None = None
        self._created_at: datetime | None = None
        self.modified = False
        self.accessed = False
        self._drop: str | None = None

    def _loaded(self) -> dict[str, Any]:
        self.accessed = True
        if self._data is None:
            self._data = {}
            if self.token:
                self._load(self.token)
        return self._data

    def _load(self, token: str) -> None:
        now = self._clock.now()
        with self._uow.across_institutions("find a browser's session", read_only=True) as tx:
            row = tx.session.get(WebSessionRow, sha256_hex(token.encode()))
        limits = _OF_OTHERS if row is None or row.role not in STAFF else self._staff
        if row is None or now - row.created_at > limits.lifetime or now - row.seen_at > limits.idle:
            self.token = None
            return
        self._data = {
            **row.data,
            "role": row.role,
            "institution_id": row.institution_id,
            "division_code": row.division_code,
        }
        self._created_at = row.created_at
        if now - row.seen_at > _TOUCH_EVERY:
            self.modified = True

    def __getitem__(self, key: str) -> Any:
        return self._loaded()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._loaded()[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._loaded()[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    @property
    def row_id(self) -> str | None:
        """The id of the session's row; None while it has none."""
        self._loaded()
        return None if self.token is None else sha256_hex(self.token.encode())

    def rotate(self) -> None:
        """Start anew under another id with nothing carried over: at each launch, sign-in and sign-out."""
        self._loaded()
        self._drop = self._drop or self.token
        self.token = None
        self._data = {}
        self._created_at = None
        self.modified = True

    def save(self) -> str | None:
        """Write the session; return the cookie's value, or None if there is nothing to keep."""
        now = self._clock.now()
        data = dict(self._loaded())
        with self._uow.across_institutions("keep a browser's session") as tx:
            if self._drop:
                tx.session.execute(
                    delete(WebSessionRow).where(WebSessionRow.id == sha256_hex(self._drop.encode()))
                )
            if not data:
                return None
            if self.token and tx.session.get(WebSessionRow, self.row_id, with_for_update=True) is None:
                # Ended from elsewhere while this request was under way: it must not come back.
                return None
            token = self.token or secrets.token_urlsafe(32)
            tx.session.merge(
                WebSessionRow(
                    id=sha256_hex(token.encode()),
                    role=data.pop("role", None) or "visitor",
                    institution_id=data.pop("institution_id", None),
                    division_code=data.pop("division_code", None),
                    data=data,
                    created_at=self._created_at or now,
                    seen_at=now,
                )
            )
        return token


class DatabaseSessions(SessionInterface):
    """Flask's door to `WebSession`."""

    def __init__(self, uow: UnitOfWork, clock: Clock, staff: SessionLimits) -> None:
        self._uow = uow
        self._clock = clock
        self._staff = staff

    def open_session(self, app: Flask, request: Request) -> WebSession:
        return WebSession(self._uow, self._clock, request.cookies.get(self.get_cookie_name(app)), self._staff)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, WebSession) or not session.modified:
            return
        token = session.save()
        name = self.get_cookie_name(app)
        if token is None:
            response.delete_cookie(name)
            return
        response.set_cookie(
            name,
            token,
            max_age=int(max(_OF_OTHERS.lifetime, self._staff.lifetime).total_seconds()),
            httponly=True,
            secure=self.get_cookie_secure(app),
            samesite=self.get_cookie_samesite(app),
            partitioned=self.get_cookie_partitioned(app),
        )
        response.headers.add("Vary", "Cookie")


def end_sessions_of_account(tx: Tx, institution_id: InstitutionId, account_id: str) -> None:
    """Drop every browser's session that a launch of the LMS account began, whoever sits before it."""
    tx.session.execute(
        delete(WebSessionRow).where(
            WebSessionRow.institution_id == institution_id,
            WebSessionRow.data["account_id"].as_string() == account_id,
        )
    )


@dataclass(frozen=True, slots=True)
class StaffSession:
    """One place where somebody is signed in."""

    id: str
    began_at: datetime
    seen_at: datetime
    browser: str


def sessions_of_staff(tx: Tx, staff_id: str, limits: SessionLimits) -> list[StaffSession]:
    """Return where somebody is signed in now, newest first."""
    now = tx.clock.now()
    rows = tx.session.scalars(
        select(WebSessionRow)
        .where(
            WebSessionRow.data["staff_id"].as_string() == staff_id,
            WebSessionRow.role.in_(STAFF),
            WebSessionRow.created_at >= now - limits.lifetime,
            WebSessionRow.seen_at >= now - limits.idle,
        )
        .order_by(WebSessionRow.created_at.desc(), WebSessionRow.id)
    )
    return [StaffSession(row.id, row.created_at, row.seen_at, row.data.get("browser", "")) for row in rows]


def end_sessions_of_staff(tx: Tx, staff_id: str, only: str | None = None, keep: str | None = None) -> int:
    """End where somebody is signed in: everywhere, `only` there, or everywhere but at `keep` (ids of rows)."""
    ended = delete(WebSessionRow).where(WebSessionRow.data["staff_id"].as_string() == staff_id)
    if only is not None:
        ended = ended.where(WebSessionRow.id == only)
    if keep is not None:
        ended = ended.where(WebSessionRow.id != keep)
    result: Any = tx.session.execute(ended)
    return int(result.rowcount)


def sweep_sessions(uow: UnitOfWork, clock: Clock) -> int:
    """Delete sessions that are over; return how many."""
    with uow.across_institutions("drop sessions that are over") as tx:
        result: Any = tx.session.execute(
            delete(WebSessionRow).where(WebSessionRow.seen_at < clock.now() - _LONGEST_IDLE)
        )
    return int(result.rowcount)
