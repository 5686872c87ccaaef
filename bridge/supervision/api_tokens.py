"""The token endpoint's use cases (RFC 6749 §4.4): who proves to be a client gets a token for ten minutes.

Tokens are chance, kept as a hash: what is taken back is taken back at once, and a copy of the database opens nothing.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.time import Clock
from bridge.supervision.api_assertions import client_named, refused, verify_assertion
from bridge.supervision.api_client_tables import ApiAssertionRow, ApiClientRow, ApiTokenRow
from bridge.supervision.api_clients import digest, owner_of
from bridge.supervision.api_scopes import ApiScope, read_scopes
from bridge.supervision.list_exports import Owner

TOKEN_LIFE = timedelta(minutes=10)
_CLIENT_ID = re.compile(r"apc_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """A client that shows a token, and what this token lets it read."""

    client_id: str
    name: str
    owner: Owner
    scopes: frozenset[ApiScope]

    def require(self, scope: ApiScope) -> None:
        """Return if the token has the scope; NotPermitted("insufficient_scope")."""
        if scope not in self.scopes:
            raise NotPermitted("insufficient_scope", f"令牌没有这项权限,需要 {scope}。")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, shown once."""

    token: str = field(repr=False)
    scopes: tuple[ApiScope, ...]


class ApiTokens:
    """Tokens of all clients."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def by_secret(self, client_id: str, secret: str, scope: str | None) -> IssuedToken:
        """Return a token for who knows a client's secret.

        Raises:
            NotPermitted("invalid_client"): unknown, wrong, waiting, ended: the same for each.
            InvalidInput("invalid_scope"): more was asked for than the client is allowed.
        """
        with self._uow.across_institutions("the read API: a client asks for a token") as tx:
            row = self._live(tx, client_id)
            if not self._opens(row, secret):
                raise refused()
            return self._issue(tx, row, scope)

    def by_assertion(self, assertion: str, audiences: Collection[str], scope: str | None) -> IssuedToken:
        """Return a token for who signed an assertion that was not used before.

        Raises:
            NotPermitted("invalid_client"); InvalidInput("invalid_scope").
        """
        with self._uow.across_institutions("the read API: a client signs for a token") as tx:
            row = self._live(tx, client_named(assertion))
            if row.keys is None:
                raise refused()
            held = verify_assertion(assertion, row.keys, audiences, self._clock.now())
            self._use_once(tx, held.once, held.expires_at)
            return self._issue(tx, row, scope)

    def caller(self, token: str) -> ApiCaller:
        """Return whose token it is; NotPermitted("invalid_token") (401), the same for each reason."""
        now = self._clock.now()
        with self._uow.across_institutions("the read API: whose token is it?", read_only=True) as tx:
            asked = select(ApiTokenRow.scopes, ApiClientRow).join(
                ApiClientRow, ApiClientRow.id == ApiTokenRow.client_id
            )
            found = tx.session.execute(
                asked.where(ApiTokenRow.id == digest(token), ApiTokenRow.expires_at > now)
            ).one_or_none()
        if found is None or not _is_live(found[1], now):
            raise NotPermitted("invalid_token", "令牌无效、已过期或已收回,请重新获取。", http_status=401)
        allowed = set(found[1].scopes.split())
        return ApiCaller(
            client_id=found[1].id,
            name=found[1].name,
            owner=owner_of(found[1]),
            scopes=frozenset(ApiScope(one) for one in found[0].split() if one in allowed),
        )

    def give_back(self, client_id: str, token: str) -> None:
        """End a token of the client; any other is left alone (RFC 7009 §2.1)."""
        with self._uow.across_institutions("the read API: a token is given back") as tx:
            tx.session.execute(
                delete(ApiTokenRow).where(ApiTokenRow.id == digest(token), ApiTokenRow.client_id == client_id)
            )

    def prove(self, client_id: str, secret: str) -> None:
        """Return if the secret is the client's; NotPermitted("invalid_client")."""
        with self._uow.across_institutions("the read API: is it the client?", read_only=True) as tx:
            if not self._opens(self._live(tx, client_id), secret):
                raise refused()

    def _issue(self, tx: Tx, row: ApiClientRow, scope: str | None) -> IssuedToken:
        allowed = read_scopes(row.scopes.split())
        wanted = allowed if not scope else read_scopes(scope.split(" "))
        if set(wanted) - set(allowed):
            raise InvalidInput("invalid_scope", "申请的权限超出这个客户端获批的范围。")
        now, token = self._clock.now(), secrets.token_urlsafe(32)
        # What is over goes with the next that is made: nothing piles up, and no job is needed for it.
        tx.session.execute(delete(ApiTokenRow).where(ApiTokenRow.expires_at <= now))
        tx.session.execute(delete(ApiAssertionRow).where(ApiAssertionRow.expires_at <= now))
        tx.session.add(
            ApiTokenRow(
                id=digest(token),
                client_id=row.id,
                scopes=" ".join(wanted),
                issued_at=now,
                expires_at=now + TOKEN_LIFE,
            )
        )
        return IssuedToken(token, wanted)

    def _use_once(self, tx: Tx, once: str, expires_at: datetime) -> None:
        try:
            with tx.session.begin_nested():
                tx.session.add(ApiAssertionRow(id=once, expires_at=expires_at))
        except IntegrityError:
            raise refused() from None

    def _live(self, tx: Tx, client_id: str) -> ApiClientRow:
        row = tx.session.get(ApiClientRow, client_id) if _CLIENT_ID.fullmatch(client_id) else None
        if row is None or not _is_live(row, self._clock.now()):
            raise refused()
        return row

    def _opens(self, row: ApiClientRow, secret: str) -> bool:
        given, until = digest(secret), row.previous_until
        if row.secret_sha256 is not None and hmac.compare_digest(given, row.secret_sha256):
            return True
        return (
            row.previous_sha256 is not None
            and until is not None
            and self._clock.now() < until
            and hmac.compare_digest(given, row.previous_sha256)
        )


def _is_live(row: ApiClientRow, now: datetime) -> bool:
    return row.allowed_at is not None and row.ended_at is None and now < row.expires_at
