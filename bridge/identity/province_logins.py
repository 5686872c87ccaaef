"""Which account an identity of the provincial unified login signs in to: an operator's list, never a name.

The province's id of a person is kept as a blind index alone, bound to the server that gave it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.identity.ports import Now
from bridge.identity.province_login_tables import ProvinceLoginRow
from bridge.identity.staff import StaffAccount, account_of
from bridge.identity.tables import StaffAccountRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import new_id

ROLES = frozenset({"authority", "institution"})
"""GD-11-SSO: regulators and institutions. Who runs the bridge signs in at the bridge."""
_MAX_SUBJECT = 200


class ProvinceLogin(Protocol):
    """The province's server; the adapter is in plugins/identity/."""

    def address(self, *, state: str, verifier: str, redirect_uri: str) -> str:
        """Return where the browser goes to sign in."""
        ...

    def subject(self, *, code: str, verifier: str, redirect_uri: str) -> str:
        """Return the province's id of who signed in.

        Raises:
            Unavailable: province_login_away, province_login_answer (an answer that cannot be read).
            NotPermitted("province_login_refused"): the server does not take the code.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mapped:
    """One mapping as operators see it."""

    id: str
    login: str
    added_at: datetime
    used_at: datetime | None


class ProvinceLogins:
    """The list, in a unit of work across institutions.

    Args:
        server: which server gives the ids, so that another server's are never taken for its.
    """

    def __init__(self, session: Session, cipher: FieldCipher, clock: Now, server: str) -> None:
        self._session = session
        self._cipher = cipher
        self._clock = clock
        self._server = server

    def add(self, account: StaffAccount, subject: str) -> str:
        """Let the province's `subject` sign in to an account; return the mapping's id.

        Raises:
            InvalidInput: province_subject_malformed, province_login_role, province_subject_taken.
        """
        subject = subject.strip()
        if not 1 <= len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            raise InvalidInput("province_subject_malformed", "省统一身份的用户标识为空或过长。")
        if account.role not in ROLES:
            raise InvalidInput(
                "province_login_role", "只有监管人员和培训机构的账号可以用省统一身份登录。", http_status=409
            )
        row = ProvinceLoginRow(
            id=new_id("prl"),
            subject_index=self._index(subject),
            staff_id=account.id,
            added_at=self._clock.now(),
            ended_at=None,
            used_at=None,
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError as error:
            raise InvalidInput(
                "province_subject_taken", "这个省统一身份已对应一个账号,请先移除。", http_status=409
            ) from error
        return row.id

    def remove(self, mapping_id: str) -> str:
        """End a mapping; return whose account it was. InvalidInput("province_mapping_unknown")."""
        row = self._session.get(ProvinceLoginRow, mapping_id)
        if row is None or row.ended_at is not None:
            raise InvalidInput("province_mapping_unknown", "没有这项对应,请先列出。", http_status=404)
        row.ended_at = self._clock.now()
        self._session.flush()
        return row.staff_id

    def all(self) -> Sequence[Mapped]:
        """Return the mappings that hold, by login."""
        rows = self._session.execute(
            select(ProvinceLoginRow, StaffAccountRow.login)
            .join(StaffAccountRow, StaffAccountRow.id == ProvinceLoginRow.staff_id)
            .where(ProvinceLoginRow.ended_at.is_(None))
            .order_by(StaffAccountRow.login, ProvinceLoginRow.id)
        )
        return [Mapped(row.id, login, row.added_at, row.used_at) for row, login in rows]

    def account(self, subject: str) -> StaffAccount | None:
        """Return whose account it is, signed in now; None for nobody's, and for one that is shut."""
        row = self._session.scalar(
            select(ProvinceLoginRow).where(
                ProvinceLoginRow.subject_index == self._index(subject), ProvinceLoginRow.ended_at.is_(None)
            )
        )
        held = None if row is None else self._session.get(StaffAccountRow, row.staff_id)
        if row is None or held is None or held.disabled_at is not None or held.role not in ROLES:
            return None
        row.used_at = held.signed_in_at = self._clock.now()
        self._session.flush()
        return account_of(held)

    def _index(self, subject: str) -> str:
        return self._cipher.blind_index(subject, domain=f"province login:{self._server}")
