"""The second factor of staff: codes of an authenticator app (RFC 6238), recovery codes; passkeys are in `passkeys`.

Numbers are practice: GB/T 22239 8.1.4.1 asks for two factors without saying which.
"""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyotp import TOTP, random_base32
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.identity.ports import Now
from bridge.identity.second_factor_tables import PasskeyChallengeRow, RecoveryCodeRow, SecondFactorRow
from bridge.identity.staff import StaffAccount
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import new_id

ISSUER = "安学桥"
_STEP_SECONDS = 30
_DRIFT = (-1, 0, 1)
"""Steps by which the app's clock may differ from ours."""
RECOVERY_CODES = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without what people take for something else: 0 o 1 i l."""
_CODE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Factor:
    """One second factor as its owner sees it."""

    id: str
    kind: str
    browser: str
    confirmed_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApp:
    """What an authenticator app reads; shown while it is set up, and never again."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


class SecondFactors:
    """Use cases of second factors, in units of work of their own: what was used once must stay used."""

    def __init__(self, uow: UnitOfWork, clock: Now, cipher: FieldCipher) -> None:
        self._uow = uow
        self._clock = clock
        self._cipher = cipher

    def of(self, staff_id: str) -> tuple[Factor, ...]:
        """Return somebody's factors, oldest first."""
        with self._uow.across_institutions("second factors of an account", read_only=True) as tx:
            rows = tx.session.scalars(
                select(SecondFactorRow)
                .where(SecondFactorRow.staff_id == staff_id, SecondFactorRow.confirmed_at.is_not(None))
                .order_by(SecondFactorRow.created_at, SecondFactorRow.id)
            )
            return tuple(
                Factor(row.id, row.kind, row.browser, row.confirmed_at, row.used_at)
                for row in rows
                if row.confirmed_at is not None
            )

    def owners(self) -> frozenset[str]:
        """Return the ids of the accounts that have a second factor."""
        with self._uow.across_institutions("who has a second factor", read_only=True) as tx:
            found = select(SecondFactorRow.staff_id).where(SecondFactorRow.confirmed_at.is_not(None))
            return frozenset(tx.session.scalars(found))

    def codes_left(self, staff_id: str) -> int:
        """Return how many recovery codes are still good."""
        with self._uow.across_institutions("recovery codes of an account", read_only=True) as tx:
            left = select(func.count(RecoveryCodeRow.id)).where(
                RecoveryCodeRow.staff_id == staff_id, RecoveryCodeRow.used_at.is_(None)
            )
            return tx.session.scalar(left) or 0

    def begin_app(self, account: StaffAccount, browser: str) -> None:
        """Make a secret that waits for its first code; one that waited before ends."""
        now, row_id = self._clock.now(), new_id("fac")
        secret = random_base32()
        with self._uow.across_institutions("set up an authenticator app") as tx:
            tx.session.execute(delete(SecondFactorRow).where(*_waits(account.id)))
            tx.session.add(
                SecondFactorRow(
                    id=row_id,
                    staff_id=account.id,
                    kind="app",
                    browser=browser[:40],
                    secret_enc=self._cipher.encrypt_text(
                        secret, table=SecondFactorRow.__tablename__, row_id=row_id
                    ),
                    last_step=0,
                    sign_count=0,
                    created_at=now,
                )
            )

    def waiting_app(self, account: StaffAccount) -> NewApp | None:
        """Return what the app that is being set up reads; None if none is."""
        with self._uow.across_institutions("set up an authenticator app", read_only=True) as tx:
            row = tx.session.scalar(select(SecondFactorRow).where(*_waits(account.id)))
            if row is None:
                return None
            secret = self._secret(row)
        return NewApp(secret, TOTP(secret).provisioning_uri(name=account.login, issuer_name=ISSUER))

    def confirm_app(self, account: StaffAccount, code: str) -> tuple[str, ...]:
        """Take the app into use by its first code; return recovery codes if there are none yet.

        Raises:
            InvalidInput: second_factor_wrong, second_factor_over (nothing is being set up).
        """
        with self._uow.across_institutions("take an authenticator app into use") as tx:
            row = tx.session.scalar(select(SecondFactorRow).where(*_waits(account.id)).with_for_update())
            if row is None:
                raise InvalidInput("second_factor_over", "请重新开始设置验证器。")
            step = self._step_of(row, code)
            if step is None:
                raise InvalidInput(
                    "second_factor_wrong", "验证码不对。请核对手机时间是否准确,再输入最新的 6 位数字。"
                )
            row.confirmed_at, row.last_step = self._clock.now(), step
            held = select(RecoveryCodeRow.id).where(RecoveryCodeRow.staff_id == account.id).limit(1)
            return () if tx.session.scalar(held) else self._new_codes(tx.session, account.id)

    def code_is_right(self, account: StaffAccount, typed: str) -> str | None:
        """Return how a code of an app or a recovery code proves its owner: "app", "recovery"; None if it does not.

        Each code proves once. The caller counts tries.
        """
        code = _plain(typed)
        with self._uow.across_institutions("a code of a second factor") as tx:
            apps = tx.session.scalars(
                select(SecondFactorRow)
                .where(
                    SecondFactorRow.staff_id == account.id,
                    SecondFactorRow.kind == "app",
                    SecondFactorRow.confirmed_at.is_not(None),
                )
                .order_by(SecondFactorRow.id)
            )
            for row in apps:
                step = self._step_of(row, code)
                if step is not None and self._used(tx.session, row.id, step):
                    return "app"
            if self._spent(tx.session, account.id, code):
                return "recovery"
        return None

    def new_codes(self, account: StaffAccount) -> tuple[str, ...]:
        """Return new recovery codes; those before end. InvalidInput("second_factor_missing") without a factor."""
        with self._uow.across_institutions("new recovery codes") as tx:
            if self._has_none(tx.session, account.id):
                raise InvalidInput("second_factor_missing", "请先设置验证器或通行密钥。")
            return self._new_codes(tx.session, account.id)

    def remove(self, account: StaffAccount, factor_id: str) -> bool:
        """Take a factor out of use, with the last one the recovery codes too; False if it is not theirs."""
        with self._uow.across_institutions("remove a second factor") as tx:
            gone: Any = tx.session.execute(
                delete(SecondFactorRow).where(
                    SecondFactorRow.id == factor_id, SecondFactorRow.staff_id == account.id
                )
            )
            if self._has_none(tx.session, account.id):
                tx.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.staff_id == account.id))
            return bool(gone.rowcount)

    def _has_none(self, session: Session, staff_id: str) -> bool:
        found = select(SecondFactorRow.id).where(
            SecondFactorRow.staff_id == staff_id, SecondFactorRow.confirmed_at.is_not(None)
        )
        return session.scalar(found.limit(1)) is None

    def _secret(self, row: SecondFactorRow) -> str:
        return self._cipher.decrypt_text(
            row.secret_enc or "", table=SecondFactorRow.__tablename__, row_id=row.id
        )

    def _step_of(self, row: SecondFactorRow, code: str) -> int | None:
        """Return the step whose code this is, if it is later than the last one that was used."""
        totp, now = TOTP(self._secret(row)), int(self._clock.now().timestamp()) // _STEP_SECONDS
        plain = _plain(code)
        found = [
            now + drift for drift in _DRIFT if hmac.compare_digest(totp.generate_otp(now + drift), plain)
        ]
        return next((step for step in found if step > row.last_step), None)

    def _used(self, session: Session, factor_id: str, step: int) -> bool:
        """Use up the codes up to `step`; False if somebody was first."""
        done: Any = session.execute(
            update(SecondFactorRow)
            .where(SecondFactorRow.id == factor_id, SecondFactorRow.last_step < step)
            .values(last_step=step, used_at=self._clock.now())
        )
        return bool(done.rowcount)

    def _spent(self, session: Session, staff_id: str, code: str) -> bool:
        done: Any = session.execute(
            update(RecoveryCodeRow)
            .where(RecoveryCodeRow.id == self._index(staff_id, code), RecoveryCodeRow.used_at.is_(None))
            .values(used_at=self._clock.now())
        )
        return bool(done.rowcount)

    def _new_codes(self, session: Session, staff_id: str) -> tuple[str, ...]:
        session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.staff_id == staff_id))
        codes = [
            "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES)
        ]
        now = self._clock.now()
        session.add_all(
            RecoveryCodeRow(id=self._index(staff_id, code), staff_id=staff_id, created_at=now, used_at=None)
            for code in codes
        )
        return tuple(f"{code[:5]}-{code[5:]}" for code in codes)

    def _index(self, staff_id: str, code: str) -> str:
        return self._cipher.blind_index(code, domain=f"recovery:{staff_id}")


def reset(session: Session, staff_id: str) -> None:
    """Take away all second factors (an administrator's help to who lost theirs); end the sessions as well."""
    for row in (SecondFactorRow, RecoveryCodeRow, PasskeyChallengeRow):
        session.execute(delete(row).where(row.staff_id == staff_id))


def _waits(staff_id: str) -> tuple[Any, ...]:
    return (SecondFactorRow.staff_id == staff_id, SecondFactorRow.confirmed_at.is_(None))


def _plain(typed: str) -> str:
    """Return a code as it is compared: people type spaces, hyphens and full-width digits."""
    folded = unicodedata.normalize("NFKC", typed).lower()
    return "".join(c for c in folded if c.isascii() and c.isalnum())
