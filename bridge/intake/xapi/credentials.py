"""Who may use the xAPI door: a key and a secret for each source of an institution, with scope, and two secrets while
one is being changed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import IntegrityError

from bridge.db.prepared import Prepared
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.intake.xapi.model import Caller, Scope, Store, Version
from bridge.intake.xapi.tables import XapiCredentialRow
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, RegistrationId, new_id
from bridge.kernel.time import Clock

GRACE = timedelta(days=7)
"""For how long the secret before stays valid unless the operator says otherwise."""
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_ROW: Any = XapiCredentialRow.__table__
_ASKED = (
    "id",
    "institution_id",
    "source",
    "scopes",
    "store",
    "registration_id",
    "newest",
    "secret_sha256",
    "revoked_at",
)
_BY_KEY = Prepared(
    lambda _dialect: select(*(_ROW.c[name] for name in _ASKED)).where(_ROW.c.id == bindparam("key"))
)
_KEY = re.compile(r"xk_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class Credential:
    """A key as the operator sees it; no secret."""

    id: str
    institution: InstitutionId
    source: str
    scopes: tuple[Scope, ...]
    store: Store
    registration: RegistrationId | None
    newest: Version
    created_at: datetime
    rotated_at: datetime | None
    previous_until: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential and its new secret, which is shown once and never kept."""

    credential: Credential
    secret: str = field(repr=False)


class Credentials:
    """The keys of all institutions.

    Args:
        demonstration: whether credentials of a conformance store may be made and used.
    """

    def __init__(self, uow: UnitOfWork, clock: Clock, *, demonstration: bool) -> None:
        self._uow = uow
        self._clock = clock
        self._demonstration = demonstration

    def authenticate(self, key: str, secret: str) -> Caller:
        """Return who calls; NotPermitted("credential_wrong") (401), the same for each reason."""
        if _KEY.fullmatch(key):
            with self._uow.across_institutions("xAPI: whose key is it?", read_only=True) as tx:
                # Prepared: it is asked for at each request, and may never be remembered: a key can be revoked.
                row = _BY_KEY.row(tx.session, {"key": key})
                opens = row is not None and self._opens(tx, row, secret)
            if opens:
                return Caller(
                    credential=row.id,
                    institution=InstitutionId(row.institution_id),
                    source=row.source,
                    scopes=frozenset(Scope(one) for one in row.scopes.split()),
                    store=Store(row.store),
                    registration=None if row.registration_id is None else RegistrationId(row.registration_id),
                    newest=Version(row.newest),
                )
        raise NotPermitted(
            "credential_wrong", "密钥无效或已停用,请核对机构分配的 key 和 secret", http_status=401
        )

    def add(
        self,
        institution: InstitutionId,
        source: str,
        scopes: Iterable[Scope],
        *,
        by: str,
        store: Store = Store.RECORDS,
        registration: RegistrationId | None = None,
        newest: Version = Version.TWO,
    ) -> Issued:
        """Make a credential.

        Raises:
            InvalidInput: source_malformed, scope_missing, registration_unknown, conformance_in_production.
        """
        if not _SOURCE.fullmatch(source):
            raise InvalidInput("source_malformed", "来源名须为 1–40 位小写字母、数字或 . _ -")
        wanted = sorted(set(scopes))
        if not wanted:
            raise InvalidInput("scope_missing", "请至少指定一个权限范围(--scope)")
        if store is Store.CONFORMANCE and not self._demonstration:
            raise InvalidInput(
                "conformance_in_production",
                "符合性测试的凭证按原样保存虚构人员的数据,只能在演示模式(ANXUE_MODE=demonstration)中使用",
            )
        secret = secrets.token_urlsafe(32)
        row = XapiCredentialRow(
            id=new_id("xk"),
            institution_id=institution,
            source=source,
            scopes=" ".join(wanted),
            store=store,
            registration_id=registration,
            newest=newest,
            secret_sha256=_digest(secret),
            created_at=self._clock.now(),
            created_by=by,
        )
        try:
            with self._uow.for_institution(institution) as tx:
                tx.session.add(row)
        except IntegrityError as error:
            raise InvalidInput("registration_unknown", "没有这个学习平台登记") from error
        return Issued(_credential(row), secret)

    def list(self, institution: InstitutionId | None = None) -> Sequence[Credential]:
        """Return all credentials, or those of one institution, in the order in which they were made."""
        wanted = select(XapiCredentialRow).order_by(XapiCredentialRow.created_at, XapiCredentialRow.id)
        if institution is not None:
            wanted = wanted.where(XapiCredentialRow.institution_id == institution)
        with self._uow.across_institutions("the operator lists xAPI keys", read_only=True) as tx:
            return [_credential(row) for row in tx.session.scalars(wanted)]

    def rotate(self, key: str, *, grace: timedelta = GRACE) -> Issued:
        """Give the credential a new secret; the one before stays valid for `grace`, and only that one.

        Raises:
            InvalidInput: credential_unknown, credential_revoked.
        """
        secret = secrets.token_urlsafe(32)
        with self._uow.across_institutions("the operator changes an xAPI key's secret") as tx:
            row = self._live(tx.session.scalar(_of(key)))
            now = self._clock.now()
            row.previous_sha256 = row.secret_sha256 if grace else None
            row.previous_until = now + grace if grace else None
            row.secret_sha256 = _digest(secret)
            row.rotated_at = now
        return Issued(_credential(row), secret)

    def revoke(self, key: str, *, by: str) -> Credential:
        """End the credential at once; InvalidInput: credential_unknown, credential_revoked."""
        with self._uow.across_institutions("the operator ends an xAPI key") as tx:
            row = self._live(tx.session.scalar(_of(key)))
            row.revoked_at = self._clock.now()
            row.revoked_by = by
        return _credential(row)

    def _live(self, row: XapiCredentialRow | None) -> XapiCredentialRow:
        if row is None:
            raise InvalidInput("credential_unknown", "没有这个凭证,请用 ./anxue intake credential list 查看")
        if row.revoked_at is not None:
            raise InvalidInput("credential_revoked", "这个凭证已停用,请另建一个")
        return row

    def _opens(self, tx: Tx, row: Any, secret: str) -> bool:
        if row.revoked_at is not None or (row.store == Store.CONFORMANCE and not self._demonstration):
            return False
        given = _digest(secret)
        if hmac.compare_digest(given, row.secret_sha256):
            return True
        before, until = tx.session.execute(
            select(_ROW.c.previous_sha256, _ROW.c.previous_until).where(_ROW.c.id == row.id)
        ).one()
        return (
            before is not None
            and until is not None
            and self._clock.now() < until
            and hmac.compare_digest(given, before)
        )


def _of(key: str) -> Select[XapiCredentialRow]:
    return select(XapiCredentialRow).where(XapiCredentialRow.id == key).with_for_update()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _credential(row: XapiCredentialRow) -> Credential:
    return Credential(
        id=row.id,
        institution=InstitutionId(row.institution_id),
        source=row.source,
        scopes=tuple(Scope(one) for one in row.scopes.split()),
        store=Store(row.store),
        registration=None if row.registration_id is None else RegistrationId(row.registration_id),
        newest=Version(row.newest),
        created_at=row.created_at,
        rotated_at=row.rotated_at,
        previous_until=row.previous_until,
        revoked_at=row.revoked_at,
    )
