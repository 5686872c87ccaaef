"""One-time invitations by which a platform may register itself (Dynamic Registration) with an institution."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import or_, select, update

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId, new_id
from bridge.registry.lti_tables import LtiInvitationRow
from bridge.registry.tables import InstitutionRow

INVITATION_LIFE = timedelta(days=3)
MAX_TRIES = 5
"""Practice: a link that fell into other hands lets this machine fetch at most so many addresses."""
_CLAIM = timedelta(seconds=90)
"""Longer than a registration can take: the guarded client gives up before."""
_MAX_TOKEN = 100
_TABLE: Any = LtiInvitationRow.__table__


@dataclass(frozen=True, slots=True)
class PlatformInvitation:
    """An invitation that has just been made; the token is shown once and never stored."""

    id: str
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that may still be used, as staff see it: without its token, which nobody can show again.

    Args:
        created_by: as `invite_platform`.
        tries: how often a platform failed to do its part; of `MAX_TRIES`.
        in_use: a platform registers at this moment.
    """

    id: str
    institution: InstitutionId
    created_at: datetime
    created_by: str
    expires_at: datetime
    tries: int
    in_use: bool
    private_hosts: tuple[str, ...]
    vouched_issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimedInvitation:
    """An invitation in use: for whom it was made, which private hosts may be called, whom its maker vouches for."""

    id: str
    institution_id: InstitutionId
    private_hosts: frozenset[str]
    vouched_issuers: frozenset[str]


def invite_platform(
    tx: Tx,
    *,
    by: str,
    private_hosts: frozenset[str] = frozenset(),
    vouched_issuers: frozenset[str] = frozenset(),
) -> PlatformInvitation:
    """Return an invitation to register with the unit of work's institution.

    Args:
        by: a reference of who invites, never a name.
        private_hosts: as `LtiPlatforms.allow_private_hosts`; for the operator alone.
        vouched_issuers: issuers whose configuration may lie on another origin (hosted platforms share one issuer).

    Raises:
        InvalidInput("institution_unknown")
    """
    if tx.session.get(InstitutionRow, tx.institution_id) is None:
        raise InvalidInput("institution_unknown", "没有这家培训机构,请核对机构编号。", http_status=404)
    token, now = secrets.token_urlsafe(32), tx.clock.now()
    row = LtiInvitationRow(
        id=new_id("inv"),
        institution_id=tx.institution_id,
        token_sha256=_digest(token),
        private_hosts=sorted(private_hosts),
        vouched_issuers=sorted(vouched_issuers),
        created_at=now,
        created_by=by,
        expires_at=now + INVITATION_LIFE,
        tries=0,
        claimed_at=None,
        used_at=None,
        registration_id=None,
        revoked_at=None,
        revoked_by=None,
    )
    tx.session.add(row)
    tx.session.flush()
    return PlatformInvitation(row.id, token, row.expires_at)


def open_invitations(tx: Tx) -> Sequence[OpenInvitation]:
    """Return the invitations that may still be used, those that end first first."""
    now = tx.clock.now()
    rows = tx.session.scalars(
        select(LtiInvitationRow).where(*_open(now)).order_by(LtiInvitationRow.expires_at, LtiInvitationRow.id)
    )
    return [
        OpenInvitation(
            id=row.id,
            institution=InstitutionId(row.institution_id),
            created_at=row.created_at,
            created_by=row.created_by,
            expires_at=row.expires_at,
            tries=row.tries,
            in_use=row.claimed_at is not None and row.claimed_at > now - _CLAIM,
            private_hosts=tuple(row.private_hosts),
            vouched_issuers=tuple(row.vouched_issuers),
        )
        for row in rows
    ]


def revoke(tx: Tx, invitation_id: str, *, by: str) -> None:
    """Take an invitation back, also one that is in use at this moment; again changes nothing.

    Raises:
        InvalidInput: invitation_unknown; invitation_used (409): a platform has registered with it.
    """
    found = select(LtiInvitationRow).where(LtiInvitationRow.id == invitation_id)
    row = tx.session.scalar(found.with_for_update())
    if row is None:
        raise InvalidInput("invitation_unknown", "没有这条登记链接,请刷新页面。", http_status=404)
    if row.used_at is not None:
        raise InvalidInput(
            "invitation_used", "学习平台已用这条链接完成登记;如不认识,请停用那个平台。", http_status=409
        )
    if row.revoked_at is None:
        row.revoked_at, row.revoked_by = tx.clock.now(), by
        tx.session.flush()


def is_good(tx: Tx, token: str) -> bool:
    """Return whether `token` may still be used; nothing changes. In a unit of work across institutions."""
    return tx.session.scalar(select(_TABLE.c.id).where(*_usable(tx, token))) is not None


def claim(tx: Tx, token: str) -> ClaimedInvitation:
    """Take the invitation for one try, in a unit of work across institutions, committed before the network is used.

    Raises:
        InvalidInput("invitation_invalid"): unknown, used, too old, tried too often, or in use at this moment.
    """
    now = tx.clock.now()
    # One statement: of two that come at once only one finds the row free.
    taken: Any = tx.session.execute(
        update(_TABLE)
        .where(*_usable(tx, token))
        .values(tries=_TABLE.c.tries + 1, claimed_at=now)
        .returning(_TABLE.c.id, _TABLE.c.institution_id, _TABLE.c.private_hosts, _TABLE.c.vouched_issuers)
    ).one_or_none()
    if taken is None:
        raise InvalidInput(
            "invitation_invalid",
            "登记链接无效、已使用或已过期。请联系培训机构在安学桥中重新生成。",
            http_status=403,
        )
    return ClaimedInvitation(taken[0], InstitutionId(taken[1]), frozenset(taken[2]), frozenset(taken[3]))


def finish(tx: Tx, invitation: ClaimedInvitation, registration_id: RegistrationId) -> None:
    """End the invitation, in the unit of work that registers the platform."""
    found = select(LtiInvitationRow).where(LtiInvitationRow.id == invitation.id)
    row = tx.session.scalar(found.with_for_update())
    # It may have been taken back while the platform was asked.
    if row is None or row.used_at is not None or row.revoked_at is not None:
        raise InvalidInput(
            "invitation_invalid", "登记链接已使用或已撤回。请联系培训机构重新生成。", http_status=403
        )
    row.used_at, row.registration_id = tx.clock.now(), registration_id
    tx.session.flush()


def release(tx: Tx, invitation: ClaimedInvitation) -> None:
    """Let the invitation be tried again, up to `MAX_TRIES`: the platform did not do its part."""
    row = tx.session.scalar(select(LtiInvitationRow).where(LtiInvitationRow.id == invitation.id))
    if row is not None:
        row.claimed_at = None
        tx.session.flush()


def _usable(tx: Tx, token: str) -> tuple[Any, ...]:
    now = tx.clock.now()
    return (
        _TABLE.c.token_sha256 == _digest(token[:_MAX_TOKEN]),
        *_open(now),
        _TABLE.c.tries < MAX_TRIES,
        or_(_TABLE.c.claimed_at.is_(None), _TABLE.c.claimed_at <= now - _CLAIM),
    )


def _open(now: datetime) -> tuple[Any, ...]:
    return (_TABLE.c.used_at.is_(None), _TABLE.c.revoked_at.is_(None), _TABLE.c.expires_at > now)


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
