"""Accounts of staff, officials and operators: invited once, then a password. Sessions are kept elsewhere.

How they sign in is `sign_in`. Numbers are practice; GB/T 22239 8.1.4.1 asks for such limits without values.
"""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.identity.passwords import hash_password, is_right, require_strong
from bridge.identity.ports import Now
from bridge.identity.tables import StaffAccountRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, new_id
from bridge.registry.model import DIVISION_CODE, StaffEntry, StaffRole

INVITATION_LIFE = timedelta(days=7)
LEAST_PASSWORD = 12
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")
_ROLES = ("administrator", "institution", "authority", "operator")


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """Who signed in, and what they may look at.

    Args:
        institution_id: whose staff; None for officials, operators and administrators.
        division_code: an official's own area; None for others.
    """

    id: str
    role: StaffRole
    institution_id: InstitutionId | None
    division_code: str | None
    login: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time way to set a password; the token is shown once and never stored."""

    account_id: str
    login: str
    token: str = field(repr=False)
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class StaffRecord:
    """An account as administrators see it."""

    account: StaffAccount
    accepted: bool
    signed_in_at: datetime | None
    disabled_at: datetime | None


class StaffService:
    """Use cases of staff accounts, in a unit of work across institutions (administrators are of none).

    Args:
        least_password: how many characters a new password has at least.
    """

    def __init__(self, session: Session, clock: Now, least_password: int = LEAST_PASSWORD) -> None:
        self._session = session
        self._clock = clock
        self._least_password = least_password

    def invite(
        self,
        role: StaffRole,
        login: str,
        *,
        institution_id: InstitutionId | None = None,
        division_code: str | None = None,
    ) -> Invitation:
        """Make an account without a password; return the invitation that its owner accepts.

        Raises:
            InvalidInput: login_malformed, login_taken, role_unknown, role_scope_wrong (institution staff need
                an institution, officials a division, others neither).
        """
        name = unicodedata.normalize("NFKC", login).strip().lower()
        if not _LOGIN.fullmatch(name):
            raise InvalidInput("login_malformed", "账号应为 3 至 40 位小写字母、数字、点、横线或下划线。")
        if role not in _ROLES:
            raise InvalidInput("role_unknown", "没有这种角色,请重新选择。")
        scoped = (institution_id is not None, division_code is not None)
        if scoped != (role == "institution", role == "authority"):
            raise InvalidInput(
                "role_scope_wrong", "机构人员须指定机构,监管人员须指定行政区划,其他角色都不指定。"
            )
        if division_code is not None and not DIVISION_CODE.fullmatch(division_code):
            raise InvalidInput("role_scope_wrong", "行政区划代码应为 6 位数字。")
        if self._row(name) is not None:
            raise InvalidInput("login_taken", "这个账号已存在,请换一个。", http_status=409)
        row = StaffAccountRow(
            id=new_id("staff"),
            role=role,
            institution_id=institution_id,
            division_code=division_code,
            login=name,
            password_hash=None,
            invitation_sha256=None,
            invited_until=None,
            password_changed_at=None,
            disabled_at=None,
            created_at=self._clock.now(),
            signed_in_at=None,
        )
        self._session.add(row)
        return self._invitation(row)

    def invite_again(self, account_id: str) -> Invitation:
        """Return a new invitation (a forgotten password); earlier ones and the password end at once.

        Raises:
            InvalidInput("staff_unknown")
        """
        row = self._row_of(account_id)
        row.password_hash = None
        return self._invitation(row)

    def load(self, entries: Sequence[StaffEntry]) -> tuple[Invitation, ...]:
        """Invite those of `entries` who have no account yet; return their invitations.

        Raises:
            InvalidInput("login_taken"): a login exists with another role or scope.
        """
        invitations: list[Invitation] = []
        for entry in entries:
            row = self._row(entry.login)
            if row is None:
                invitations.append(
                    self.invite(
                        entry.role,
                        entry.login,
                        institution_id=entry.institution_id,
                        division_code=entry.division_code,
                    )
                )
            elif (row.role, row.institution_id, row.division_code) != (
                entry.role,
                entry.institution_id,
                entry.division_code,
            ):
                raise InvalidInput("login_taken", f"账号 {entry.login} 已存在且角色不同。", http_status=409)
        return tuple(invitations)

    def accept(self, token: str, password: str) -> StaffAccount:
        """Set the password of the invited account; the token ends.

        Raises:
            InvalidInput: invitation_invalid (unknown, used, too old), password_weak, password_common.
        """
        row = self._session.scalar(
            select(StaffAccountRow)
            .where(StaffAccountRow.invitation_sha256 == _digest(token))
            .with_for_update()
        )
        now = self._clock.now()
        if (
            row is None
            or row.disabled_at is not None
            or row.invited_until is None
            or now >= row.invited_until
        ):
            raise InvalidInput("invitation_invalid", "邀请链接无效或已过期,请联系管理员重新邀请。")
        self._set_password(row, password)
        row.invitation_sha256 = row.invited_until = None
        self._session.flush()
        return account_of(row)

    def change_password(self, account_id: str, password: str) -> None:
        """Set another password; whoever keeps the account's sessions must end them.

        Raises:
            InvalidInput: staff_unknown, password_weak, password_common, password_unchanged.
        """
        row = self._row_of(account_id)
        if is_right(row.password_hash, password):
            raise InvalidInput("password_unchanged", "新密码与现在的密码相同,请换一个。")
        self._set_password(row, password)
        self._session.flush()

    def by_id(self, account_id: str) -> StaffAccount | None:
        """Return the account for a session that names it; None if it is gone or disabled."""
        row = self._session.get(StaffAccountRow, account_id)
        return None if row is None or row.disabled_at is not None else account_of(row)

    def by_login(self, login: str) -> StaffAccount:
        """Return the account that stands under `login`; InvalidInput("staff_unknown") if none does."""
        row = self._row(login)
        if row is None:
            raise InvalidInput("staff_unknown", "没有这个账号,请核对后重试。", http_status=404)
        return account_of(row)

    def all(self) -> tuple[StaffRecord, ...]:
        """Return every account, by login."""
        rows = self._session.scalars(select(StaffAccountRow).order_by(StaffAccountRow.login))
        return tuple(
            StaffRecord(account_of(row), row.password_hash is not None, row.signed_in_at, row.disabled_at)
            for row in rows
        )

    def disable(self, account_id: str) -> None:
        """Shut the account; whoever keeps its sessions must end them. InvalidInput("staff_unknown")."""
        row = self._session.get(StaffAccountRow, account_id)
        if row is None:
            raise InvalidInput("staff_unknown", "没有这个账号,请刷新后重试。", http_status=404)
        row.disabled_at = row.disabled_at or self._clock.now()
        self._session.flush()

    def exists(self, role: StaffRole) -> bool:
        """Return whether any account of `role` stands (the first start invites an administrator)."""
        return (
            self._session.scalar(select(StaffAccountRow.id).where(StaffAccountRow.role == role).limit(1))
            is not None
        )

    def _invitation(self, row: StaffAccountRow) -> Invitation:
        token = secrets.token_urlsafe(32)
        row.invitation_sha256 = _digest(token)
        row.invited_until = self._clock.now() + INVITATION_LIFE
        self._session.flush()
        return Invitation(row.id, row.login, token, row.invited_until)

    def _set_password(self, row: StaffAccountRow, password: str) -> None:
        require_strong(password, row.login, self._least_password)
        row.password_hash, row.password_changed_at = hash_password(password), self._clock.now()

    def _row_of(self, account_id: str) -> StaffAccountRow:
        row = self._session.get(StaffAccountRow, account_id)
        if row is None or row.disabled_at is not None:
            raise InvalidInput("staff_unknown", "没有这个账号,请刷新后重试。", http_status=404)
        return row

    def _row(self, login: str) -> StaffAccountRow | None:
        return self._session.scalar(select(StaffAccountRow).where(StaffAccountRow.login == login))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def account_of(row: StaffAccountRow) -> StaffAccount:
    """Return the account of a row."""
    institution_id = None if row.institution_id is None else InstitutionId(row.institution_id)
    return StaffAccount(row.id, cast(StaffRole, row.role), institution_id, row.division_code, row.login)
