"""The tables of rosters: where a platform lets us read who is in a course, who was in it when, and each reading.

No name, no number of a person: an account stands for one, and identity keeps its `sub` encrypted.
"""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, JsonDict, LongText, TenantRow


class LmsRosterRow(Base, TenantRow):
    """The roster of one LMS course, as a launch named it. `next_read_at` is None once the platform offers none."""

    __tablename__ = "lms_roster"
    __table_args__ = (
        UniqueConstraint("registration_id", "context_id"),
        Index("ix_lms_roster_due", "next_read_at"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    memberships_url: Mapped[LongText]
    differences_url: Mapped[str | None] = mapped_column(Text)
    full_read_at: Mapped[Instant | None]
    next_read_at: Mapped[Instant | None]
    failures: Mapped[int]
    launched_at: Mapped[Instant]


_LIVE = text("until IS NULL")


class LmsMembershipRow(Base, TenantRow):
    """Somebody was in an LMS course in one role from `since` to `until`; a change of role is a further row.

    `status` says how it stands ("active") or how it ended. Rows are added and ended, never deleted.
    """

    __tablename__ = "lms_membership"
    __table_args__ = (
        Index(
            "uq_lms_membership_live",
            "registration_id",
            "context_id",
            "account_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index("ix_lms_membership_context", "registration_id", "context_id"),
    )

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"), index=True)
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    role: Mapped[Code]
    status: Mapped[Code]
    since: Mapped[Instant]
    until: Mapped[Instant | None]
    source: Mapped[Code]


class LmsRosterReadRow(Base, TenantRow):
    """One reading of a roster: how it went, and how many; `set_aside` counts unreadable entries by reason."""

    __tablename__ = "lms_roster_read"

    id: Mapped[Id]
    roster_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_roster.id"), index=True)
    kind: Mapped[Code]
    started_at: Mapped[Instant]
    ended_at: Mapped[Instant]
    outcome: Mapped[Code]
    members: Mapped[Count]
    joined: Mapped[Count]
    left: Mapped[Count]
    changed: Mapped[Count]
    with_contact: Mapped[Count]
    set_aside: Mapped[JsonDict]
