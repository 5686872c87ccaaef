"""Signing in with a password: each try is counted before it is looked at, and who tried too often waits.

Tries are counted for the account, for the address, and for a browser that the account was signed in from before.
Such a browser is counted alone: whoever guesses from elsewhere can make the account wait for strangers, never for
its owner. An unknown account is counted like any other, so that waiting tells nobody who has one.
"""

import hmac
import math
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, cast

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.identity.passwords import MAX_PASSWORD, hash_password, is_outdated, is_right
from bridge.identity.ports import Now
from bridge.identity.sign_in_tables import SignInTriesRow
from bridge.identity.staff import StaffAccount, account_of
from bridge.identity.tables import StaffAccountRow
from bridge.identity.tries import Tries, TryLimit
from bridge.kernel.citation import Basis, Citation
from bridge.rules.model import Decision, Reason

_MAX_LOGIN = 64
_IPV6_NETWORK = 64
_MINUTE = timedelta(minutes=1)
_ADDRESS = TryLimit(20, _MINUTE, timedelta(minutes=15), timedelta(hours=1))
"""Practice: an office behind one address has many people, so it waits later and less."""
_KEPT = timedelta(days=2)
_PRACTICE = Citation(Basis.PRACTICE, "安学桥账号安全(GB/T 22239 8.1.4.1 要求限制,未给数值)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a try comes from.

    Args:
        address: of the visitor; empty if unknown.
        known_browser: what `known_browser` once gave this browser; anything else counts as unknown.
    """

    address: str = field(repr=False)
    known_browser: str = field(default="", repr=False)


class SignIn:
    """Use cases of signing in; each opens units of work of its own, since what is counted must stay counted.

    Args:
        tries: wrong tries of one account, or one known browser, before the first wait.
        longest_wait: no account waits longer.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        clock: Now,
        cipher: FieldCipher,
        key: bytes,
        *,
        tries: int,
        longest_wait: timedelta,
    ) -> None:
        self._uow = uow
        self._clock = clock
        self._cipher = cipher
        self._key = key
        self._limits: Mapping[str, TryLimit] = {
            kind: TryLimit(tries, _MINUTE, longest_wait, timedelta(hours=24))
            for kind in ("account", "browser", "second", "second_browser", "program")
        } | {"address": _ADDRESS}

    def with_password(self, login: str, password: str, caller: Caller) -> Decision[StaffAccount | None]:
        """Return who signed in; None and sign_in_refused (unknown, wrong, shut) or sign_in_blocked."""
        name = unicodedata.normalize("NFKC", login[:_MAX_LOGIN]).strip().lower()
        with self._uow.across_institutions("count a try to sign in") as tx:
            row = tx.session.scalar(select(StaffAccountRow).where(StaffAccountRow.login == name))
            buckets = self._buckets("account", name, row, caller)
            wait = self._count(tx.session, buckets)
            usable = row is not None and row.disabled_at is None
            stored = row.password_hash if row is not None and usable else None
        if wait is not None:
            return blocked(wait)
        if not is_right(stored, password) or row is None or stored is None:
            return _refused("sign_in_refused", "账号或密码不对,请重新输入。")
        with self._uow.across_institutions("take back a counted try") as tx:
            self._forgive(tx.session, buckets)
            held = tx.session.get(StaffAccountRow, row.id, with_for_update=True)
            # Shut, or given another password, while this one was looked at.
            if held is None or held.disabled_at is not None or held.password_hash != stored:
                return _refused("sign_in_refused", "账号或密码不对,请重新输入。")
            held.signed_in_at = self._clock.now()
            if is_outdated(stored):
                held.password_hash = hash_password(password[:MAX_PASSWORD])
            return Decision(account_of(held))

    def second_try(self, account: StaffAccount, caller: Caller) -> "timedelta | Counted":
        """Count a try at the second factor; return how long to wait, or what `forgive` takes back."""
        with self._uow.across_institutions("count a try at a second factor") as tx:
            row = tx.session.get(StaffAccountRow, account.id)
            buckets = self._buckets("second", account.id, row, caller)
            wait = self._count(tx.session, buckets)
        return Counted(buckets) if wait is None else wait

    def program_try(self, client_id: str, caller: Caller) -> "timedelta | Counted":
        """Count a try of a program that says it is a client of the read API; return how long to wait, or what it costs.

        It is counted for client and address together, so that who guesses elsewhere keeps no client from its own door.
        """
        with self._uow.across_institutions("count a program's try") as tx:
            of = f"{client_id[:_MAX_LOGIN]}|{_network(caller.address)}"
            buckets = sorted([("program", self._key_of("program", of)), *self._of_address(caller)])
            wait = self._count(tx.session, buckets)
        return Counted(buckets) if wait is None else wait

    def forgive(self, counted: "Counted") -> None:
        """Take back a try that was right."""
        with self._uow.across_institutions("take back a counted try") as tx:
            self._forgive(tx.session, counted.buckets)

    def known_browser(self, account_id: str) -> str:
        """Return what a browser keeps, so that it is known when it tries for this account again."""
        with self._uow.across_institutions("know a browser again", read_only=True) as tx:
            row = tx.session.get(StaffAccountRow, account_id)
            if row is None:
                return ""
            browser = secrets.token_urlsafe(18)
            return f"{browser}.{self._sealed(browser, row)}"

    def unlock(self, account: StaffAccount) -> None:
        """Forget what was tried at an account; browsers and addresses wait on."""
        with self._uow.across_institutions("unlock an account") as tx:
            tx.session.execute(
                delete(SignInTriesRow).where(
                    SignInTriesRow.id.in_(
                        [self._key_of("account", account.login), self._key_of("second", account.id)]
                    )
                )
            )

    def waiting(self, accounts: Sequence[StaffAccount]) -> dict[str, datetime]:
        """Return until when strangers wait, by account id, for those of `accounts` for which they do."""
        keys = {self._key_of("account", one.login): one.id for one in accounts}
        keys |= {self._key_of("second", one.id): one.id for one in accounts}
        now = self._clock.now()
        until: dict[str, datetime] = {}
        with self._uow.across_institutions("which accounts wait", read_only=True) as tx:
            rows = tx.session.scalars(select(SignInTriesRow).where(SignInTriesRow.blocked_until > now))
            for row in rows:
                if row.id in keys and row.blocked_until is not None:
                    account = keys[row.id]
                    until[account] = max(row.blocked_until, until.get(account, row.blocked_until))
        return until

    def _buckets(
        self, kind: str, of: str, row: StaffAccountRow | None, caller: Caller
    ) -> list[tuple[str, str]]:
        """Return (kind, key) of what a try counts for, in the order in which rows are locked."""
        browser, _, seal = caller.known_browser.partition(".")
        if (
            row is not None
            and browser
            and hmac.compare_digest(seal.encode(), self._sealed(browser, row).encode())
        ):
            known = "browser" if kind == "account" else "second_browser"
            return [(known, self._key_of(known, f"{row.id}|{browser}"))]
        return sorted([(kind, self._key_of(kind, of)), *self._of_address(caller)])

    def _of_address(self, caller: Caller) -> list[tuple[str, str]]:
        if not caller.address:
            return []
        return [("address", self._key_of("address", _network(caller.address)))]

    def _sealed(self, browser: str, row: StaffAccountRow) -> str:
        # A new password makes every browser a stranger.
        since = "" if row.password_changed_at is None else row.password_changed_at.isoformat()
        return hmac.new(self._key, f"{browser}|{row.id}|{since}".encode(), "sha256").hexdigest()

    def _key_of(self, kind: str, of: str) -> str:
        return self._cipher.blind_index(of, domain=f"sign_in:{kind}")

    def _count(self, session: Session, buckets: Sequence[tuple[str, str]]) -> timedelta | None:
        """Count a try for each; return the longest wait, with nothing counted, if one of them waits."""
        now = self._clock.now()
        rows = [_row(session, kind, key, now) for kind, key in buckets]
        waits = [wait for row in rows if (wait := _tries(row).blocked(now)) is not None]
        if waits:
            return max(waits)
        for row in rows:
            _write(row, _tries(row).counted(self._limits[row.kind], now))
        return None

    def _forgive(self, session: Session, buckets: Sequence[tuple[str, str]]) -> None:
        for kind, key in buckets:
            row = session.get(SignInTriesRow, key, with_for_update=True)
            if row is None:
                continue
            if kind == "address":
                # Else whoever has one account could try at all others without end.
                _write(row, _tries(row).taken_back())
            else:
                session.delete(row)


@dataclass(frozen=True, slots=True)
class Counted:
    """A try that was counted."""

    buckets: Sequence[tuple[str, str]] = field(repr=False)


def blocked(wait: timedelta) -> Decision[StaffAccount | None]:
    """Return the refusal of who must wait."""
    minutes = max(1, math.ceil(wait / _MINUTE))
    return _refused(
        "sign_in_blocked", f"尝试次数过多,请约 {minutes} 分钟后再试。忘记密码可请管理员重新发出邀请。"
    )


def sweep_tries(uow: UnitOfWork, now: datetime) -> int:
    """Delete tries that nobody waits for any more; return how many."""
    with uow.across_institutions("forget old tries") as tx:
        result: Any = tx.session.execute(delete(SignInTriesRow).where(SignInTriesRow.last_at < now - _KEPT))
    return cast(int, result.rowcount)


def _network(address: str) -> str:
    """Return the address as tries are counted: of IPv6 the network that one household or office has."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address[:_MAX_LOGIN]
    if ip.version == 6:
        return str(int(ip) >> (128 - _IPV6_NETWORK))
    return str(ip)


def _row(session: Session, kind: str, key: str, now: datetime) -> SignInTriesRow:
    found = session.get(SignInTriesRow, key, with_for_update=True)
    if found is None:
        made = SignInTriesRow(id=key, kind=kind, failures=0, last_at=now, blocked_until=None)
        try:
            with session.begin_nested():
                session.add(made)
        except IntegrityError:
            pass
        found = session.get_one(SignInTriesRow, key, with_for_update=True, populate_existing=True)
    return found


def _tries(row: SignInTriesRow) -> Tries:
    return Tries(row.failures, row.last_at, row.blocked_until)


def _write(row: SignInTriesRow, tries: Tries) -> None:
    row.failures, row.blocked_until = tries.failures, tries.blocked_until
    row.last_at = tries.last_at or row.last_at


def _refused(code: str, sentence: str) -> Decision[StaffAccount | None]:
    return Decision(None, (Reason(code, sentence, "bridge", "identity.sign_in", _PRACTICE),))
