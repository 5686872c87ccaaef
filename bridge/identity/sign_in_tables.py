"""The table of wrong tries to sign in."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Instant, UtcDateTime


class SignInTriesRow(Base):
    """Wrong tries of one account, address or browser; `id` is a blind index, so no address is kept.

    Without TenantRow: whoever tries has not said yet whose staff they are.
    """

    __tablename__ = "sign_in_tries"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[Code]
    failures: Mapped[int]
    last_at: Mapped[Instant] = mapped_column(UtcDateTime, index=True)
    blocked_until: Mapped[Instant | None]
