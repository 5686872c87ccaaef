"""What staff have beside a password: authenticator apps, passkeys, recovery codes. A column in _enc is encrypted."""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, UtcDateTime


class SecondFactorRow(Base):
    """One authenticator app (its secret, the last step whose code was used) or one passkey (its public half)."""

    __tablename__ = "staff_second_factor"

    id: Mapped[Id]
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_account.id"), index=True)
    kind: Mapped[Code]
    browser: Mapped[str] = mapped_column(String(40))
    secret_enc: Mapped[str | None] = mapped_column(Text)
    last_step: Mapped[Count]
    credential_id: Mapped[str | None] = mapped_column(Text)
    credential_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    public_key: Mapped[str | None] = mapped_column(Text)
    sign_count: Mapped[Count]
    created_at: Mapped[Instant]
    confirmed_at: Mapped[Instant | None]
    used_at: Mapped[Instant | None]


class RecoveryCodeRow(Base):
    """One recovery code, as a blind index; it was shown once."""

    __tablename__ = "staff_recovery_code"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_account.id"), index=True)
    created_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class PasskeyChallengeRow(Base):
    """A challenge that waits for its one answer; `id` is its SHA-256."""

    __tablename__ = "staff_passkey_challenge"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_account.id"))
    purpose: Mapped[Code]
    expires_at: Mapped[Instant] = mapped_column(UtcDateTime, index=True)
