"""Identity's tables. A column that ends in _enc is encrypted, one that ends in _index is a blind index."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Id, Instant, LongText, Ref, Sha256, TenantRow


class LearnerRow(Base, TenantRow):
    """A person, under a random id that says nothing of them."""

    __tablename__ = "learner"
    __table_args__ = (UniqueConstraint("institution_id", "citizen_id_index"),)

    id: Mapped[Id]
    name_enc: Mapped[LongText]
    citizen_id_enc: Mapped[LongText]
    citizen_id_index: Mapped[Sha256]
    created_at: Mapped[Instant]


class LmsAccountRow(Base, TenantRow):
    """An account of an LMS. A `sub` may be a citizen id or an address, so it is encrypted, too."""

    __tablename__ = "lms_account"
    __table_args__ = (UniqueConstraint("registration_id", "sub_index"),)

    id: Mapped[Id]
    registration_id: Mapped[Ref]
    sub_enc: Mapped[LongText]
    sub_index: Mapped[Sha256]
    first_seen_at: Mapped[Instant]


def _while_bound(name: str, column: str) -> Index:
    live = text("ended_at IS NULL")
    return Index(name, "institution_id", column, unique=True, sqlite_where=live, postgresql_where=live)


class AccountBindingRow(Base, TenantRow):
    """Who owned which account from when to when: one owner an account, one account a person at a time."""

    __tablename__ = "account_binding"
    __table_args__ = (
        _while_bound("uq_account_binding_live_account", "account_id"),
        _while_bound("uq_account_binding_live_learner", "learner"),
    )

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"))
    learner: Mapped[str] = mapped_column(String(40), ForeignKey("learner.id"))
    bound_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    ended_reason: Mapped[str | None] = mapped_column(String(64))
    ended_by: Mapped[str | None] = mapped_column(String(40))


class EnrolmentListRow(Base, TenantRow):
    """One person of a class run's enrolment list; `learner` once they proved who they are."""

    __tablename__ = "enrolment_list_row"
    __table_args__ = (UniqueConstraint("class_run_id", "citizen_id_index"),)

    id: Mapped[Id]
    class_run_id: Mapped[Ref]
    name_enc: Mapped[LongText]
    citizen_id_enc: Mapped[LongText]
    citizen_id_index: Mapped[str] = mapped_column(String(64), index=True)
    employer_enc: Mapped[LongText]
    trade_enc: Mapped[str | None] = mapped_column(Text)
    photo: Mapped[str | None] = mapped_column(String(40))
    learner: Mapped[str | None] = mapped_column(String(40), ForeignKey("learner.id"), index=True)
    created_at: Mapped[Instant]


class ConsentRow(Base, TenantRow):
    """One consent to one version of one text; revoked, never deleted."""

    __tablename__ = "consent"

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"), index=True)
    purpose: Mapped[Code]
    version: Mapped[Code]
    given_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]


class RealNameRefusalRow(Base, TenantRow):
    """A refused try to prove who one is; without what was typed."""

    __tablename__ = "real_name_refusal"

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"), index=True)
    reason: Mapped[Code]
    at: Mapped[Instant]


class DisclosureRow(Base, TenantRow):
    """Who learnt a learner's name, number or face, why, when (article 28); chained by `access_log`.

    Rows from before there was a chain have neither number nor marks.
    """

    __tablename__ = "disclosure"
    __table_args__ = (Index("uq_disclosure_seq", "institution_id", "seq", unique=True),)

    id: Mapped[Id]
    learner: Mapped[str] = mapped_column(String(40), ForeignKey("learner.id"), index=True)
    purpose: Mapped[Code]
    recipient: Mapped[str] = mapped_column(String(120))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[Instant]
    what: Mapped[str | None] = mapped_column(String(64))
    seq: Mapped[int | None] = mapped_column(BigInteger)
    previous: Mapped[str | None] = mapped_column(String(64))
    mark: Mapped[str | None] = mapped_column(String(64))


guard(DisclosureRow)


class AccessLogHeadRow(Base):
    """Where an institution's chain of disclosures ends. Without TenantRow: it is written beside the tenant's rows."""

    __tablename__ = "access_log_head"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    mark: Mapped[str] = mapped_column(String(64))


class StaffAccountRow(Base):
    """A member of staff, an official, an operator. Without TenantRow: some belong to no institution."""

    __tablename__ = "staff_account"

    id: Mapped[Id]
    role: Mapped[Code]
    institution_id: Mapped[str | None] = mapped_column(String(40), index=True)
    division_code: Mapped[str | None] = mapped_column(String(6))
    login: Mapped[str] = mapped_column(String(40), unique=True)
    password_hash: Mapped[str | None] = mapped_column(Text)
    invitation_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    invited_until: Mapped[Instant | None]
    password_changed_at: Mapped[Instant | None]
    disabled_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    signed_in_at: Mapped[Instant | None]
