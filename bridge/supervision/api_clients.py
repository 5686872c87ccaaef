"""The read API's clients: asked for by one person, allowed by another, their secrets shown once and never kept."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, new_id
from bridge.kernel.time import Clock
from bridge.supervision.api_client_tables import ApiClientRow, ApiClientStepRow, ApiTokenRow
from bridge.supervision.api_scopes import ApiScope, read_scopes
from bridge.supervision.list_exports import Owner

GRACE = timedelta(days=7)
"""Practice: for how long the secret before stays valid unless the operator says otherwise."""
LONGEST = timedelta(days=366)
"""Practice: a client ends after a year at the latest and is asked for anew."""
_LONGEST_NAME, _LONGEST_NOTE = 80, 200

Method = Literal["client_secret_basic", "private_key_jwt"]
State = Literal["waiting", "active", "expired", "ended"]
STATES_ZH: Mapping[State, str] = {
    "waiting": "待批准",
    "active": "使用中",
    "expired": "已到期",
    "ended": "已停用",
}
STEPS_ZH: Mapping[str, str] = {
    "ask": "申请",
    "allow": "批准",
    "refuse": "不批准",
    "rotate": "更换密钥",
    "revoke": "停用",
}


@dataclass(frozen=True, slots=True)
class ClientStep:
    """One thing that was done about a client."""

    step: str
    by: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class ApiClient:
    """A client as people see it; no secret."""

    id: str
    owner: Owner
    name: str
    purpose: str
    scopes: tuple[ApiScope, ...]
    method: Method
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    allowed_at: datetime | None
    ended_at: datetime | None
    previous_until: datetime | None
    steps: tuple[ClientStep, ...]

    def state(self, now: datetime) -> State:
        """Return where it stands."""
        if self.ended_at is not None:
            return "ended"
        if now >= self.expires_at:
            return "expired"
        return "waiting" if self.allowed_at is None else "active"


@dataclass(frozen=True, slots=True)
class IssuedClient:
    """A client and its new secret, which is shown once; None for a client that signs with a key of its own."""

    client: ApiClient
    secret: str | None = field(repr=False)


class ApiClients:
    """All clients, or those of one owner, in a unit of work across institutions."""

    def __init__(self, session: Session, clock: Clock, owner: Owner | None = None) -> None:
        self._session = session
        self._clock = clock
        self._owner = owner

    def all(self) -> Sequence[ApiClient]:
        """Return them in the order in which they were asked for."""
        rows = self._session.scalars(
            select(ApiClientRow).where(*self._own()).order_by(ApiClientRow.asked_at, ApiClientRow.id)
        ).all()
        return [self._client(row) for row in rows]

    def one(self, client_id: str) -> ApiClient:
        """Return one; InvalidInput("api_client_unknown") for another owner's, too."""
        return self._client(self._row(client_id))

    def ask(
        self,
        owner: Owner,
        *,
        name: str,
        purpose: str,
        scopes: Sequence[str],
        by: str,
        keys: Mapping[str, Any] | None = None,
        lasts: timedelta = LONGEST,
    ) -> IssuedClient:
        """Write a client down; it is of no use until a second person allows it.

        Args:
            keys: a JWK set of public keys (`client_keys.read_keys`), for a client that signs; None: it has a secret.

        Raises:
            InvalidInput: api_text_malformed, invalid_scope, api_client_lasts_too_long.
        """
        if not timedelta(days=1) <= lasts <= LONGEST:
            raise InvalidInput("api_client_lasts_too_long", "有效期为 1 至 366 天。")
        allowed = read_scopes(scopes)
        if owner.institution is not None and ApiScope.EXPORTS in allowed:
            raise InvalidInput("invalid_scope", "整表只提供给监管部门,机构客户端不能有 exports:read。")
        secret = None if keys is not None else secrets.token_urlsafe(32)
        now = self._clock.now()
        row = ApiClientRow(
            id=new_id("apc"),
            division_code=owner.division_code,
            institution_id=owner.institution,
            name=_stated(name, "名称", 2, _LONGEST_NAME),
            purpose=_stated(purpose, "用途", 4, _LONGEST_NOTE),
            scopes=" ".join(allowed),
            method="client_secret_basic" if keys is None else "private_key_jwt",
            secret_sha256=None if secret is None else digest(secret),
            keys=None if keys is None else dict(keys),
            asked_by=by,
            asked_at=now,
            expires_at=now + lasts,
        )
        self._session.add(row)
        self._session.flush()
        self._step(row, "ask", by, row.purpose)
        return IssuedClient(self._client(row), secret)

    def decide(self, client_id: str, *, allow: bool, by: str) -> None:
        """Allow or refuse a client, as the second person; that is final.

        Raises:
            InvalidInput: api_client_unknown, api_client_decided.
            NotPermitted("second_person_required"): `by` asked for it.
        """
        row = self._row(client_id)
        if row.asked_by == by:
            raise NotPermitted("second_person_required", "接口客户端须由另一人批准,申请人不能自己批准。")
        if row.allowed_at is not None or row.ended_at is not None:
            raise InvalidInput("api_client_decided", "这个接口客户端已经有人决定。", http_status=409)
        now = self._clock.now()
        if allow:
            row.allowed_at = now
        else:
            row.ended_at = now
        self._step(row, "allow" if allow else "refuse", by, "")

    def rotate(self, client_id: str, *, by: str, grace: timedelta = GRACE) -> IssuedClient:
        """Give a client a new secret; the one before stays valid for `grace`, and only that one.

        Raises:
            InvalidInput: api_client_unknown, api_client_ended, api_client_has_key.
        """
        row = self._live(client_id)
        if row.secret_sha256 is None:
            raise InvalidInput("api_client_has_key", "这个客户端用自己的私钥签名,请用 keys 更换公钥。")
        secret, now = secrets.token_urlsafe(32), self._clock.now()
        row.previous_sha256 = row.secret_sha256 if grace else None
        row.previous_until = now + grace if grace else None
        row.secret_sha256 = digest(secret)
        self._step(row, "rotate", by, f"grace {int(grace.total_seconds()) // 3600} h")
        return IssuedClient(self._client(row), secret)

    def replace_keys(self, client_id: str, keys: Mapping[str, Any], *, by: str) -> None:
        """Give a client that signs other public keys; keep the old one among them for as long as it is in use.

        Raises:
            InvalidInput: api_client_unknown, api_client_ended, api_client_has_secret.
        """
        row = self._live(client_id)
        if row.keys is None:
            raise InvalidInput("api_client_has_secret", "这个客户端使用密钥,请用 rotate 更换。")
        row.keys = dict(keys)
        self._step(row, "rotate", by, " ".join(str(one["kid"]) for one in keys["keys"])[:_LONGEST_NOTE])

    def revoke(self, client_id: str, *, by: str, reason: str) -> None:
        """End a client at once, with every token that it holds.

        Raises:
            InvalidInput: api_client_unknown, api_client_ended, api_text_malformed.
        """
        row = self._live(client_id)
        row.ended_at = self._clock.now()
        self._step(row, "revoke", by, _stated(reason, "停用原因", 4, _LONGEST_NOTE))
        for token in self._session.scalars(select(ApiTokenRow).where(ApiTokenRow.client_id == client_id)):
            self._session.delete(token)

    def _own(self) -> tuple[ColumnElement[bool], ...]:
        if self._owner is None:
            return ()
        if self._owner.institution is not None:
            return (ApiClientRow.institution_id == self._owner.institution,)
        return (ApiClientRow.division_code == self._owner.division_code,)

    def _row(self, client_id: str) -> ApiClientRow:
        asked = select(ApiClientRow).where(ApiClientRow.id == client_id, *self._own()).with_for_update()
        row = self._session.scalar(asked)
        if row is None:
            raise InvalidInput("api_client_unknown", "没有这个接口客户端,请刷新。", http_status=404)
        return row

    def _live(self, client_id: str) -> ApiClientRow:
        row = self._row(client_id)
        if row.ended_at is not None:
            raise InvalidInput("api_client_ended", "这个接口客户端已停用,请另行申请。", http_status=409)
        return row

    def _steps(self, client_id: str) -> Sequence[ApiClientStepRow]:
        return self._session.scalars(
            select(ApiClientStepRow)
            .where(ApiClientStepRow.client_id == client_id)
            .order_by(ApiClientStepRow.number)
        ).all()

    def _step(self, row: ApiClientRow, step: str, by: str, note: str) -> None:
        self._session.add(
            ApiClientStepRow(
                id=new_id("apcs"),
                client_id=row.id,
                number=len(self._steps(row.id)) + 1,
                step=step,
                by=by,
                at=self._clock.now(),
                note=note,
            )
        )
        self._session.flush()

    def _client(self, row: ApiClientRow) -> ApiClient:
        return ApiClient(
            id=row.id,
            owner=owner_of(row),
            name=row.name,
            purpose=row.purpose,
            scopes=read_scopes(row.scopes.split()),
            method="private_key_jwt" if row.method == "private_key_jwt" else "client_secret_basic",
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            expires_at=row.expires_at,
            allowed_at=row.allowed_at,
            ended_at=row.ended_at,
            previous_until=row.previous_until,
            steps=tuple(ClientStep(one.step, one.by, one.at, one.note) for one in self._steps(row.id)),
        )


def owner_of(row: ApiClientRow) -> Owner:
    """Return whose client it is."""
    if row.institution_id is not None:
        return Owner(institution=InstitutionId(row.institution_id))
    return Owner(division_code=row.division_code)


def digest(secret: str) -> str:
    """Return what is kept of a secret or a token; 256 bits of chance need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _stated(text: str, what: str, shortest: int, longest: int) -> str:
    stated = " ".join(text.split())
    if not shortest <= len(stated) <= longest or not stated.isprintable():
        raise InvalidInput(
            "api_text_malformed", f"请写明{what},{shortest} 至 {longest} 字。", http_status=422
        )
    return stated
