"""Platform moved: another issuer or other addresses under the same registration, so learners stay who they are.

Accounts hang on the registration's id and `sub`; neither changes. The issuer that was left is refused from then
on, and nobody can register it anew under the same client id: an old domain may fall into other hands.
"""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId, new_id
from bridge.registry.lti_model import PlatformAddresses, PlatformMove
from bridge.registry.lti_rows import addresses_of, locked_registration, require_launchable, set_addresses
from bridge.registry.lti_tables import LtiPlatformMoveRow, LtiRegistrationRow

_MAX_REASON = 200
UNDONE = "撤销迁移"


class PlatformMoves:
    """The moves of an institution's platforms, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def of(self, registration_id: str) -> tuple[PlatformMove, ...]:
        """Return the moves of a platform, oldest first."""
        return tuple(map(_move, self._rows(registration_id)))

    def move(
        self, registration_id: RegistrationId, to: PlatformAddresses, *, by: str, reason: str
    ) -> PlatformMove:
        """Give the platform its new issuer and addresses; it is pending until a right launch comes from there.

        Args:
            by: a reference of who moves it, never a name.

        Raises:
            InvalidInput: registration_unknown, move_changes_nothing, move_reason_missing, lti_client_taken,
                lti_issuer_moved (another platform left the new issuer), lti_platform_invalid.
        """
        why = reason.strip()
        if not 0 < len(why) <= _MAX_REASON or not why.isprintable():
            raise InvalidInput("move_reason_missing", f"请写明迁移原因,不超过 {_MAX_REASON} 字。")
        return self._move(
            locked_registration(self._session, registration_id), to, by=by, reason=why, undo_of=None
        )

    def undo(self, registration_id: RegistrationId, *, by: str) -> PlatformMove:
        """Take back the last move, as a further move in the other direction.

        Raises:
            InvalidInput: registration_unknown, move_not_undoable (there is none, or it was taken back already),
                lti_client_taken (somebody registered the old issuer meanwhile).
        """
        row = locked_registration(self._session, registration_id)
        moves = self._rows(registration_id)
        if not moves or moves[-1].undo_of is not None:
            raise InvalidInput("move_not_undoable", "没有可以撤销的迁移。", http_status=409)
        last = _move(moves[-1])
        return self._move(row, last.before, by=by, reason=UNDONE, undo_of=last.id)

    def _move(
        self, row: LtiRegistrationRow, to: PlatformAddresses, *, by: str, reason: str, undo_of: str | None
    ) -> PlatformMove:
        before = addresses_of(row)
        if before == to:
            raise InvalidInput("move_changes_nothing", "新地址与现在的完全相同,没有需要迁移的内容。")
        if was_left(self._session, to.issuer, to.client_id, except_by=row.id):
            raise issuer_moved()
        set_addresses(row, to)
        require_launchable(row)
        row.seen_line_items_url = row.seen_line_item_url = row.seen_memberships_url = None
        if row.status == "active":
            row.status = "pending"
        made = LtiPlatformMoveRow(
            id=new_id("mov"),
            institution_id=row.institution_id,
            registration_id=row.id,
            from_issuer=before.issuer,
            from_client_id=before.client_id,
            from_addresses=before.to_json(),
            to_issuer=to.issuer,
            to_client_id=to.client_id,
            to_addresses=to.to_json(),
            moved_at=self._tx.clock.now(),
            moved_by=by,
            reason=reason,
            undo_of=undo_of,
        )
        self._session.add(made)
        try:
            self._session.flush()
        except IntegrityError as error:
            raise client_taken() from error
        return _move(made)

    def _rows(self, registration_id: str) -> Sequence[LtiPlatformMoveRow]:
        return self._session.scalars(
            select(LtiPlatformMoveRow)
            .where(LtiPlatformMoveRow.registration_id == registration_id)
            .order_by(LtiPlatformMoveRow.id)
        ).all()


def was_left(session: Session, issuer: str, client_id: str | None, *, except_by: str | None = None) -> bool:
    """Return whether a platform of any institution left `issuer` (under `client_id`, if given).

    Args:
        except_by: a registration whose own moves do not count.
    """
    # The table, not the class: the tenant rule would hide other institutions' moves.
    table = LtiPlatformMoveRow.__table__
    conditions = [table.c.from_issuer == issuer]
    if client_id is not None:
        conditions.append(table.c.from_client_id == client_id)
    if except_by is not None:
        conditions.append(table.c.registration_id != except_by)
    return bool(session.scalar(select(exists().where(*conditions))))


def issuer_moved() -> InvalidInput:
    """Return the refusal of an issuer and client id that a platform left."""
    return InvalidInput(
        "lti_issuer_moved",
        "已有平台从这个 issuer 迁走,原地址不再接受;如需迁回,请撤销那次迁移。",
        http_status=409,
    )


def client_taken() -> InvalidInput:
    """Return the refusal of an issuer and client id that another registration has."""
    return InvalidInput(
        "lti_client_taken", "这个平台的 issuer 和 client_id 已由另一条登记使用,请核对。", http_status=409
    )


def _move(row: LtiPlatformMoveRow) -> PlatformMove:
    return PlatformMove(
        id=row.id,
        before=PlatformAddresses.from_json(row.from_addresses),
        after=PlatformAddresses.from_json(row.to_addresses),
        moved_at=row.moved_at,
        moved_by=row.moved_by,
        reason=row.reason,
        undo_of=row.undo_of,
    )
