"""Another master key for all data keys: each is unwrapped and wrapped anew, slice by slice; no content is touched."""

from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, select

from bridge.db.data_keys import DataKeyRow, bound_to, damaged, wrapped_of
from bridge.db.file_master_key import FileMasterKey
from bridge.db.key_ring import KeyRing, root_is_under, write_root
from bridge.db.master_keys import Bare
from bridge.db.sealing import Tampered
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput

SLICE = 200
"""Practice: keys of one unit of work, so that others may write in between."""
_WHY = "data keys of all institutions are wrapped by one master key"


def keys_under(units: UnitOfWork) -> dict[str, int]:
    """Return how many data keys stand under each master key ("": under the root key, as they once were)."""
    with units.across_institutions(_WHY, read_only=True) as tx:
        rows = tx.session.execute(
            select(DataKeyRow.wrapped_by, func.count())
            .where(DataKeyRow.destroyed_at.is_(None))
            .group_by(DataKeyRow.wrapped_by)
        ).all()
    return {row[0]: row[1] for row in rows}


def rotate(
    ring: KeyRing, folder: Path, units: UnitOfWork, told: Callable[[int], None] = lambda _done: None
) -> str:
    """Wrap everything under another master key; return its id. What was interrupted is gone on with.

    In a file a new key is made; at a service its administrators made one before, and `describe` names it. The old key
    stays until everything is under the new one, and longer: `retire` lets it go.

    Raises:
        Unavailable: as `MasterKey.wrap` and `MasterKey.unwrap`; evidence_damaged. All that was rewrapped stays so.
    """
    master = ring.master
    if master is None:
        raise RuntimeError("a ring without a master key has nothing to rotate")
    # Before the file holds another key: of an older installation the present one is the root key.
    write_root(folder, ring.root, master)
    current = master.begin_rotation() if isinstance(master, FileMasterKey) else master.describe().id
    write_root(folder, ring.root, master)
    done = 0
    for number in _slices(ring, units, current):
        done += number
        told(done)
    if isinstance(master, FileMasterKey):
        master.finish_rotation()
    return current


def _slices(ring: KeyRing, units: UnitOfWork, current: str) -> Iterator[int]:
    while True:
        with units.across_institutions(_WHY) as tx:
            rows = tx.session.scalars(
                select(DataKeyRow)
                .where(DataKeyRow.destroyed_at.is_(None), DataKeyRow.wrapped_by != current)
                .order_by(DataKeyRow.id)
                .limit(SLICE)
                .with_for_update()
            ).all()
            if not rows:
                return
            try:
                bare = ring.unwrap([wrapped_of(row) for row in rows])
            except Tampered as error:
                raise damaged() from error
            again = ring.wrap([Bare(key, bound_to(row)) for key, row in zip(bare, rows, strict=True)])
            for row, wrapped in zip(rows, again, strict=True):
                row.wrapped, row.wrapped_by = wrapped.sealed, wrapped.under
        yield len(rows)
        if any(wrapped.under != current for wrapped in again):
            raise InvalidInput(
                "master_key_changed", "轮换期间主密钥又换了,请重新运行 keys rotate。", http_status=409
            )


def retire(ring: KeyRing, folder: Path, units: UnitOfWork, key_id: str) -> None:
    """Remove an earlier master key from this machine for good.

    Raises:
        InvalidInput: master_key_in_use, master_key_rotating; as `FileMasterKey.retire`.
    """
    file = next((one for one in ring.holders if isinstance(one, FileMasterKey)), None)
    if file is None:
        raise InvalidInput("master_key_unknown", "主密钥不在本机,请在密钥服务中停用旧版本。", http_status=404)
    if file.is_rotating:
        raise InvalidInput("master_key_rotating", "轮换还没有完成,请先运行 keys rotate。", http_status=409)
    if keys_under(units).get(key_id) or root_is_under(folder) == key_id:
        raise InvalidInput("master_key_in_use", "还有密钥由它包裹,请先运行 keys rotate。", http_status=409)
    file.retire(key_id)
