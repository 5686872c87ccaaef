"""Accounts of staff, officials and operators: invited once, then a password. Sessions are kept elsewhere.

Lockout, password and invitation numbers are practice; GB/T 22239 8.1.4.1 asks for such limits without values.
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
from werkzeug.security import check_password_hash, generate_password_hash

from bridge.identity.ports import Now
from bridge.identity.tables import StaffAccountRow
from bridge.kernel.citation import Basis, Citation
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, new_id
from bridge.registry.model import DIVISION_CODE, StaffEntry, StaffRole
from bridge.rules.model import Decision, Reason

MAX_TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
INVITATION_LIFE = timedelta(days=7)
_MIN_PASSWORD, _MAX_PASSWORD = 10, 128
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")
_ROLES = ("administrator", "institution", "authority", "operator")
_METHOD = "scrypt:32768:8:1"
_PRACTICE = Citation(Basis.PRACTICE, "安学桥账号安全")
_REFUSALS = {
    "sign_in_refused": "账号或密码不对,请重新输入。",
    "account_locked": "输错次数过多,账号已锁定 15 分钟,请稍后再试。",
}


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


class StaffService:
    """Use cases of staff accounts, in a unit of work across institutions (at sign-in no tenant is known)."""

    def __init__(self, session: Session, clock: Now) -> None:
        self._session = session
        self._clock = clock

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
            failed_tries=0,
            failing_since=None,
            locked_until=None,
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
        row = self._session.get(StaffAccountRow, account_id)
        if row is None or row.disabled_at is not None:
            raise InvalidInput("staff_unknown", "没有这个账号,请刷新后重试。", http_status=404)
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
            InvalidInput: invitation_invalid (unknown, used, too old), password_weak.
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
        _require_strong(password, row.login)
        row.password_hash = generate_password_hash(password, method=_METHOD)
        row.invitation_sha256 = row.invited_until = None
        row.failed_tries, row.failing_since, row.locked_until = 0, None, None
        self._session.flush()
        return _account(row)

    def sign_in(self, login: str, password: str) -> Decision[StaffAccount | None]:
        """Return who signed in, or None and why not; an unknown login and a wrong password read the same.

        Five wrong passwords within 15 minutes lock the account for 15 minutes. The caller commits a refusal
        as well, since it is counted.
        """
        name = unicodedata.normalize("NFKC", login).strip().lower()
        row = self._session.scalar(
            select(StaffAccountRow).where(StaffAccountRow.login == name).with_for_update()
        )
        now = self._clock.now()
        if row is not None and row.locked_until is not None and now < row.locked_until:
            return _refused("account_locked")
        usable = row is not None and row.disabled_at is None and row.password_hash is not None
        stored = row.password_hash if row is not None and usable else None
        # The same work for an unknown login, so that time does not tell who has an account.
        right = check_password_hash(stored or _decoy(), password[:_MAX_PASSWORD])
        if row is None:
            return _refused("sign_in_refused")
        if not right or stored is None:
            return self._wrong(row, now)
        row.failed_tries, row.failing_since, row.locked_until = 0, None, None
        row.signed_in_at = now
        self._session.flush()
        return Decision(_account(row))

    def by_id(self, account_id: str) -> StaffAccount | None:
        """Return the account for a session that names it; None if it is gone or disabled."""
        row = self._session.get(StaffAccountRow, account_id)
        return None if row is None or row.disabled_at is not None else _account(row)

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

    def _wrong(self, row: StaffAccountRow, now: datetime) -> Decision[StaffAccount | None]:
        if row.failing_since is None or now - row.failing_since >= LOCKED_FOR:
            row.failing_since, row.failed_tries = now, 0
        row.failed_tries += 1
        locked = row.failed_tries >= MAX_TRIES
        if locked:
            row.locked_until, row.failing_since, row.failed_tries = now + LOCKED_FOR, None, 0
        self._session.flush()
        return _refused("account_locked" if locked else "sign_in_refused")

    def _invitation(self, row: StaffAccountRow) -> Invitation:
        token = secrets.token_urlsafe(32)
        row.invitation_sha256 = _digest(token)
        row.invited_until = self._clock.now() + INVITATION_LIFE
        self._session.flush()
        return Invitation(row.id, row.login, token, row.invited_until)

    def _row(self, login: str) -> StaffAccountRow | None:
        return self._session.scalar(select(StaffAccountRow).where(StaffAccountRow.login == login))


def _require_strong(password: str, login: str) -> None:
    kinds = sum(any(test(c) for c in password) for test in (str.isalpha, str.isdigit, _is_sign))
    if not _MIN_PASSWORD <= len(password) <= _MAX_PASSWORD or kinds < 2 or login in password.lower():
        raise InvalidInput(
            "password_weak",
            f"密码应为 {_MIN_PASSWORD} 至 {_MAX_PASSWORD} 位,至少含字母、数字、符号中的两种,且不含账号。",
        )


def _is_sign(character: str) -> bool:
    return not character.isalnum()


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


_decoys: list[str] = []


def _decoy() -> str:
    # Made at first need: a scrypt hash takes 50 ms, and nothing is built at import.
    if not _decoys:
        _decoys.append(generate_password_hash(secrets.token_urlsafe(16), method=_METHOD))
    return _decoys[0]


def _account(row: StaffAccountRow) -> StaffAccount:
    institution_id = None if row.institution_id is None else InstitutionId(row.institution_id)
    return StaffAccount(row.id, cast(StaffRole, row.role), institution_id, row.division_code, row.login)


def _refused(code: str) -> Decision[StaffAccount | None]:
    reason = Reason(code, _REFUSALS[code], "bridge", "identity.staff_lockout", _PRACTICE)
    return Decision(None, (reason,))
