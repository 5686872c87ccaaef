"""Files of course material in a folder of this machine, each under the SHA-256 of its content."""

import os
import re
import secrets
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO

from bridge.registry.material_model import PageContent
from plugins.storage.drafts import sweep

_SHA256 = re.compile(r"[0-9a-f]{64}")
_AT_ONCE = 1 << 20


class MaterialFolder:
    """`bridge.registry.material_ports.MaterialFiles` under `root` (folders 0700, files 0400: nobody changes them)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, source: BinaryIO) -> PageContent:
        """Copy, fsync, link into place, fsync the folder."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._root / f".{secrets.token_hex(8)}"
        digest, size = sha256(), 0
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        try:
            with os.fdopen(descriptor, "wb") as file:
                while piece := source.read(_AT_ONCE):
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            path = self._path(digest.hexdigest())
            path.parent.mkdir(exist_ok=True, mode=0o700)
            try:
                # A link, unlike a rename, refuses to replace what is there.
                path.hardlink_to(draft)
            except FileExistsError:
                if not self.is_whole(path.name):
                    # What stands there was damaged since: only the very same content can take its place.
                    draft.replace(path)
            _sync_folder(path.parent)
            _sync_folder(self._root)
        finally:
            draft.unlink(missing_ok=True)
        return PageContent(digest.hexdigest(), size)

    def open(self, sha256: str) -> BinaryIO:
        """Return the file; FileNotFoundError if there is none."""
        return self._path(sha256).open("rb")

    def is_whole(self, sha256: str) -> bool:
        """Return whether what lies there has the hash that it is named by."""
        try:
            with self._path(sha256).open("rb") as file:
                return file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def sweep_drafts(self) -> int:
        """Remove what killed processes left of copies that never ended; return how many."""
        return sweep(self._root)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError("a file of course material is named by 64 hex digits")
        return self._root / sha256[:2] / sha256


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
