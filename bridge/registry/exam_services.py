"""How a platform opens its tests when the bridge says so: kind, address and token, one for each registration."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Instant, TenantRow
from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId
from bridge.kernel.time import rfc3339
from bridge.registry.lti_rows import registration_unknown
from bridge.registry.lti_tables import LtiRegistrationRow
from lti.registration import may_be_called, origin_of

STATES_WANTED = "registry.learner_states_wanted"
"""Type of the event that a platform is to be told of all its learners: it can be now, or staff ask for it."""
MOODLE = "moodle"
"""The only kind so far: the web services of local_anxue."""
_MAX_URL = 500
_MAX_TOKEN = 255


class ExamServiceRow(Base, TenantRow):
    """A platform's web service for opening tests. The token is encrypted."""

    __tablename__ = "exam_service"

    registration_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("lti_registration.id"), primary_key=True
    )
    kind: Mapped[Code]
    base_url: Mapped[str] = mapped_column(Text)
    token_enc: Mapped[str] = mapped_column(Text)
    set_at: Mapped[Instant]
    set_by: Mapped[str] = mapped_column(String(80))


@dataclass(frozen=True, slots=True)
class ExamService:
    """A platform's web service for opening tests."""

    registration_id: RegistrationId
    kind: str
    base_url: str
    token: str = field(repr=False)
    set_at: datetime
    set_by: str


class ExamServices:
    """The services in one unit of work."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher

    def get(self, registration_id: RegistrationId) -> ExamService | None:
        """Return the registration's service; None where none is set up: nothing is opened then."""
        row = self._session.scalar(
            select(ExamServiceRow).where(ExamServiceRow.registration_id == registration_id)
        )
        if row is None:
            return None
        token = self._cipher.decrypt_text(
            row.token_enc, table=ExamServiceRow.__tablename__, row_id=row.registration_id
        )
        return ExamService(registration_id, row.kind, row.base_url, token, row.set_at, row.set_by)

    def is_set_up(self, registration_id: RegistrationId) -> bool:
        """Return whether the registration has a service."""
        found = select(ExamServiceRow.registration_id).where(
            ExamServiceRow.registration_id == registration_id
        )
        return self._session.scalar(found) is not None

    def tell_states_again(self, registration_id: RegistrationId) -> bool:
        """Have the platform told of all its learners anew; False if it has no service."""
        if not self.is_set_up(registration_id):
            return False
        now = self._tx.clock.now()
        self._tx.emit(
            STATES_WANTED,
            registration_id,
            occurred_at=now,
            idempotency_key=f"{registration_id}|{rfc3339(now)}",
            data={"registration": registration_id},
        )
        return True

    def set_up(
        self, registration_id: RegistrationId, *, base_url: str, token: str, by: str, kind: str = MOODLE
    ) -> None:
        """Set the service up, or change it.

        Args:
            base_url: of the site, e.g. "https://moodle.example/site"; on an origin of the registration itself.
            by: a reference of who does it, never a name.

        Raises:
            InvalidInput: registration_unknown; exam_service_kind, exam_service_url, exam_service_token (422).
        """
        row = self._session.scalar(select(LtiRegistrationRow).where(LtiRegistrationRow.id == registration_id))
        if row is None:
            raise registration_unknown()
        if kind != MOODLE:
            raise InvalidInput("exam_service_kind", "目前只支持 Moodle 的考试授权服务。", http_status=422)
        base_url, token = base_url.strip().rstrip("/"), token.strip()
        # The token opens tests: it goes to the platform's own site and nowhere else.
        known = {_origin(url) for url in (row.auth_login_url, row.auth_token_url, row.jwks_url)}
        if (
            len(base_url) > _MAX_URL
            or not may_be_called(base_url, demo=row.demo)
            or _origin(base_url) not in known
        ):
            raise InvalidInput(
                "exam_service_url",
                "地址须是这个学习平台自己的网址(与登记的地址同一网站,https)。",
                http_status=422,
            )
        if not 0 < len(token) <= _MAX_TOKEN or not token.isascii() or not token.isalnum():
            raise InvalidInput("exam_service_token", "令牌只含字母和数字,请从 Moodle 复制。", http_status=422)
        sealed = self._cipher.encrypt_text(
            token, table=ExamServiceRow.__tablename__, row_id=str(registration_id)
        )
        self._session.merge(
            ExamServiceRow(
                registration_id=registration_id,
                institution_id=self._tx.institution_id,
                kind=kind,
                base_url=base_url,
                token_enc=sealed,
                set_at=self._tx.clock.now(),
                set_by=by,
            )
        )
        self._session.flush()
        self.tell_states_again(registration_id)

    def remove(self, registration_id: RegistrationId) -> bool:
        """Forget the service; False if there was none."""
        row = self._session.scalar(
            select(ExamServiceRow).where(ExamServiceRow.registration_id == registration_id)
        )
        if row is None:
            return False
        self._session.delete(row)
        self._session.flush()
        return True


def _origin(url: str) -> object:
    try:
        return origin_of(url)
    except ValueError:
        return None
