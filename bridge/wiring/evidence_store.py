"""Opens the store of encrypted evidence that the settings describe."""

from pathlib import Path

from bridge.db.store_settings import StoreSettings
from bridge.db.vault import BlobStore
from bridge.plugin_loader import load


def open_store(folder: Path, settings: StoreSettings) -> BlobStore:
    """Return the store.

    Args:
        folder: of evidence on this machine, where that is the store.
    """
    store: BlobStore = (
        load("blobs.s3")(settings) if settings.evidence_store == "s3" else load("blobs.local_folder")(folder)
    )
    return store
