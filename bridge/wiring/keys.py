"""Opens the key ring that the settings describe, and lets signed receipts of destroyed keys leave the database."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.db.destroyed_list import DestroyedList
from bridge.db.destruction import Receipts
from bridge.db.file_master_key import FileMasterKey
from bridge.db.key_ring import KeyRing, open_root
from bridge.db.key_settings import KeySettings
from bridge.db.master_key import derive
from bridge.db.master_keys import MasterKey
from bridge.kernel.time import Clock
from bridge.plugin_loader import load

if TYPE_CHECKING:
    from bridge.wiring.house import House

KEYS = "keys"
_LIST = "destroyed-keys.jsonl"


def open_ring(folder: Path, settings: KeySettings, clock: Clock) -> KeyRing:
    """Return the keys of the installation whose files of keys are in `folder`.

    Raises:
        Unavailable: as `open_root`; with a key service that does not answer, kms_unavailable or kms_refused.
    """
    file = FileMasterKey(folder, settings.cipher)
    if settings.master_key == "file":
        earlier = [_service(settings, clock)] if settings.kms_url else []
        return KeyRing(open_root(folder, file, earlier), file, earlier, settings.cipher)
    service = _service(settings, clock)
    return KeyRing(open_root(folder, service, [file]), service, [file], settings.cipher)


def _service(settings: KeySettings, clock: Clock) -> MasterKey:
    made: MasterKey = load("master_key.kms")(settings, clock)
    return made


def destroyed_list(house: "House") -> DestroyedList:
    """Return the list of destroyed keys, which stands outside of the database."""
    path = house.key_settings.destroyed_keys or house.settings.data_dir / KEYS / _LIST
    return DestroyedList(path, derive(house.key_ring.root, "destroyed keys"))


def receipts(house: "House") -> Receipts:
    """Return who writes receipts: signed with the bridge's key, listed outside of the database once durable."""
    return Receipts(house.ledger_keys.sign_within, partial(house.destroyed.sync_if_possible, house.uow))
