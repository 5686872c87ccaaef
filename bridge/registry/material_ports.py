"""What course material needs from outside: a place for files, and somebody who draws the pages of a PDF."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from bridge.registry.material_model import PageContent


class MaterialFiles(Protocol):
    """Keeps files under the SHA-256 of their content; what is kept never changes. Adapters are in plugins/storage/.

    Course material is nobody's personal data: it is not encrypted, and one file of two institutions is kept once.
    """

    def keep(self, source: BinaryIO) -> PageContent:
        """Store what `source` holds from where it stands, on stable storage before this returns; twice is once."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Return the file to be read and sought in; FileNotFoundError if there is none."""
        ...

    def is_whole(self, sha256: str) -> bool:
        """Return whether the file is there and its content is still what its name says."""
        ...


class PageDrawer(Protocol):
    """Draws pages."""

    def draw(self, pdf: Path, folder: Path) -> Sequence[Path]:
        """Draw each page of `pdf` into `folder` as a WebP picture; return the pictures in the order of the pages.

        Raises:
            InvalidInput: pdf_unreadable, pdf_locked (a password is asked for), pdf_pages (too many), pdf_too_slow.
        """
        ...
