"""Tables of cmi5: imported packages and their AUs, registrations, what stands of each AU, launch sessions."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, JsonDict, JsonList, LongText, Ref, Sha256, TenantRow


class Cmi5PackageRow(TenantRow, Base):
    """A course package that was imported for a course of the registry; `structure` as `CourseStructure.to_json`."""

    __tablename__ = "cmi5_package"

    id: Mapped[Id]
    course_id: Mapped[str] = mapped_column(String(40), ForeignKey("course.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    structure: Mapped[JsonDict]
    sha256: Mapped[Sha256]
    imported_at: Mapped[Instant]
    imported_by: Mapped[str] = mapped_column(String(80))
    retired_at: Mapped[Instant | None]


class Cmi5AuRow(TenantRow, Base):
    """One AU of a package, and which unit of the course it teaches; None for one that teaches none."""

    __tablename__ = "cmi5_au"
    __table_args__ = (UniqueConstraint("package_id", "position"), UniqueConstraint("package_id", "unit"))

    id: Mapped[Id]
    package_id: Mapped[str] = mapped_column(String(40), ForeignKey("cmi5_package.id"))
    position: Mapped[int]
    publisher_id: Mapped[LongText]
    unit: Mapped[str | None] = mapped_column(String(40))


class Cmi5RegistrationRow(TenantRow, Base):
    """A learner's enrolment in a package for a class run.

    Args:
        actor: name of the blind account that stands for the learner in this package's statements.
        satisfied: publisher's ids of blocks, and of the course, for which "satisfied" was said.
    """

    __tablename__ = "cmi5_registration"
    __table_args__ = (UniqueConstraint("package_id", "learner", "class_run_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    package_id: Mapped[str] = mapped_column(String(40), ForeignKey("cmi5_package.id"))
    learner: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref]
    actor: Mapped[Code]
    satisfied: Mapped[JsonList]
    created_at: Mapped[Instant]


class Cmi5StandingRow(TenantRow, Base):
    """What was said of one AU in one registration, at the statements' own times; `scaled` as written."""

    __tablename__ = "cmi5_standing"

    registration_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("cmi5_registration.id"), primary_key=True
    )
    au_id: Mapped[str] = mapped_column(String(40), ForeignKey("cmi5_au.id"), primary_key=True)
    completed_at: Mapped[Instant | None]
    passed_at: Mapped[Instant | None]
    failed_at: Mapped[Instant | None]
    scaled: Mapped[str | None] = mapped_column(String(40))
    waived_at: Mapped[Instant | None]
    waived_by: Mapped[str | None] = mapped_column(String(80))
    waived_reason: Mapped[str | None] = mapped_column(String(200))


class Cmi5SessionRow(TenantRow, Base):
    """One launch. Key and secret are 256 bits of chance each, so their plain hashes tell nothing.

    Args:
        launch_data: the document LMS.LaunchData; it is answered from here, so that no AU can change it.
        said: the defined verbs of the AU, as words.
        initialized_at, last_at: the statements' own times; all other times are the server's.
        last_statement: id of "terminated": sent again, it is no new statement.
    """

    __tablename__ = "cmi5_session"
    __table_args__ = (Index("ix_cmi5_session_registration", "registration_id", "state"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    registration_id: Mapped[str] = mapped_column(String(36), ForeignKey("cmi5_registration.id"))
    au_id: Mapped[str] = mapped_column(String(40), ForeignKey("cmi5_au.id"))
    mode: Mapped[Code]
    state: Mapped[Code]
    launch_data: Mapped[JsonDict]
    said: Mapped[Code]
    initialized_at: Mapped[Instant | None]
    last_at: Mapped[Instant | None]
    last_statement: Mapped[str | None] = mapped_column(String(36))
    launched_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    fetch_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    fetch_until: Mapped[Instant]
    fetched_at: Mapped[Instant | None]
    token_sha256: Mapped[str | None] = mapped_column(String(64))
    preferences_read_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]


class UnitClaimRow(TenantRow, Base):
    """What a learning platform or AU claims of a learner's unit. Shown beside the unit; it credits nothing.

    Args:
        profile: "cmi5" or "video".
        kind: completed, passed, failed, waived; of a video also "seen".
        at: by the sender's clock.
        value: of passed and failed the scaled score as written; of "seen" segments and length in milliseconds.
    """

    __tablename__ = "unit_claim"
    __table_args__ = (UniqueConstraint("learner", "class_run_id", "unit", "profile", "kind"),)

    id: Mapped[Id]
    learner: Mapped[Ref]
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    unit: Mapped[Ref]
    profile: Mapped[Code]
    kind: Mapped[Code]
    at: Mapped[Instant]
    value: Mapped[JsonDict]
    statement_id: Mapped[str] = mapped_column(String(36))
    noted_at: Mapped[Instant]
