"""The vault's blob store in a folder of this machine: durable when `put` returns, whole or not there."""

import os
import re
import secrets
from pathlib import Path

from plugins.storage.drafts import sweep

_DRAFTS = ".drafts"
_NAME = re.compile(r"[0-9a-z]{2}/[0-9a-z_]{4,60}")


class LocalFolderBlobs:
    """`bridge.db.vault.BlobStore` under `root` (folders 0700, files 0600)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, content: bytes) -> None:
        """Write, fsync, link into place, fsync the folder; FileExistsError if the name is taken."""
        path = self._path(name)
        new_folder = not path.parent.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        drafts = self._root / _DRAFTS
        drafts.mkdir(exist_ok=True, mode=0o700)
        # In a folder of their own: what a killed process left is found without a look at millions of names.
        draft = drafts / f".{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, refuses to replace what is there.
            path.hardlink_to(draft)
        finally:
            draft.unlink()
        _sync_folder(path.parent)
        if new_folder:
            _sync_folder(self._root)

    def get(self, name: str) -> bytes:
        """Return what was put; FileNotFoundError if there is nothing."""
        return self._path(name).read_bytes()

    def delete(self, name: str) -> None:
        """Remove the name if it is there."""
        self._path(name).unlink(missing_ok=True)

    def sweep_drafts(self) -> int:
        """Remove what killed processes left of writes that never ended; return how many."""
        return sweep(self._root / _DRAFTS)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("a blob's name is two characters, a slash and an id")
        return self._root / name


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
