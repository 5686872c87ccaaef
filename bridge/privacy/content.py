"""What lies inside of files: members of archives, the text of a PDF."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator

_MOST_BYTES = 1 << 28
"""What one piece of an archive may unpack to."""
_DEEPEST = 3


class NotOpened(Exception):
    """An archive or a PDF could not be looked into."""


def inside(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield `content` itself and all that is packed in it.

    Raises:
        NotOpened: it is broken, locked, packed too deep or too large.
    """
    yield content
    opened = next((open_it for magic, open_it in _OPENERS if content.startswith(magic)), None)
    if opened is None:
        return
    if depth == _DEEPEST:
        raise NotOpened("packed too deep")
    try:
        for part in opened(content):
            yield from inside(part, depth + 1)
    # RuntimeError: an encrypted member; PDFium's own error is one too.
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise NotOpened(type(error).__name__) from error


def _zip(content: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            yield member.filename.encode()
            with archive.open(member) as file:
                yield _whole(file.read(_MOST_BYTES + 1))


def _gzip(content: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        yield _whole(file.read(_MOST_BYTES + 1))


def _pdf(content: bytes) -> Iterator[bytes]:
    # Glyphs are numbers of the embedded font: only a reader can say what stands there.
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    try:
        for value in document.get_metadata_dict().values():
            yield value.encode()
        for page in document:
            yield page.get_textpage().get_text_bounded().encode()
    finally:
        document.close()


def _whole(content: bytes) -> bytes:
    if len(content) > _MOST_BYTES:
        raise NotOpened("unpacks too large")
    return content


_OPENERS: tuple[tuple[bytes, Callable[[bytes], Iterator[bytes]]], ...] = (
    (b"PK\x03\x04", _zip),
    (b"\x1f\x8b", _gzip),
    (b"%PDF-", _pdf),
)
