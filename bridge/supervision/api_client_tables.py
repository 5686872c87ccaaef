"""Tables of the read API's clients: who may ask, with what proof, and each thing that was done about them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Id, Instant, Ref, UtcDateTime


class ApiClientRow(Base):
    """One program of an office or an institution. Without TenantRow: an office's spans institutions."""

    __tablename__ = "api_client"

    id: Mapped[Id]
    division_code: Mapped[str | None] = mapped_column(String(6), index=True)
    institution_id: Mapped[str | None] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(80))
    purpose: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[str] = mapped_column(String(400))
    method: Mapped[Code]
    secret_sha256: Mapped[str | None] = mapped_column(String(64))
    previous_sha256: Mapped[str | None] = mapped_column(String(64))
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    keys: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    asked_by: Mapped[Ref]
    asked_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    allowed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiClientStepRow(Base):
    """What was done about a client: asked, allowed, refused, rotated, revoked; who, when and why."""

    __tablename__ = "api_client_step"
    __table_args__ = (UniqueConstraint("client_id", "number"),)

    id: Mapped[Id]
    client_id: Mapped[str] = mapped_column(String(40), ForeignKey("api_client.id"))
    number: Mapped[int]
    step: Mapped[Code]
    by: Mapped[Ref]
    at: Mapped[Instant]
    note: Mapped[str] = mapped_column(String(200))


class ApiTokenRow(Base):
    """An access token that was handed out; `id` is its SHA-256, the token itself is not kept."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(40), ForeignKey("api_client.id"), index=True)
    scopes: Mapped[str] = mapped_column(String(400))
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(UtcDateTime, index=True)


class ApiAssertionRow(Base):
    """A signed assertion that was used; `id` is the SHA-256 of client and jti."""

    __tablename__ = "api_assertion"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[Instant] = mapped_column(UtcDateTime, index=True)


guard(ApiClientStepRow)
