"""Pages of a PDF become pictures; what cannot be drawn is refused with its reason, in a process of its own."""

from pathlib import Path

import cv2
import pytest
import typst

from bridge.kernel.errors import InvalidInput
from plugins.materials.pdf_pages import WIDTH, PdfPages


def pdf(folder: Path, pages: int) -> Path:
    path = folder / "made.pdf"
    source = folder / "made.typ"
    source.write_text("#set page(width: 100mm, height: 60mm)\n" + "\n#pagebreak()\n".join(["page"] * pages))
    typst.compile(str(source), output=str(path))
    return path


def locked(folder: Path) -> Path:
    """Return a PDF that asks for a password: its trailer names an encryption that no empty password opens."""
    path = folder / "locked.pdf"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>>",
        b"<</Filter/Standard/V 2/R 3/Length 128/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj" % number + content + b"endobj\n"
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF" % len(body)
    path.write_bytes(body + table + trailer)
    return path


def drawn(folder: Path) -> Path:
    made = folder / "pages"
    made.mkdir()
    return made


def test_each_page_is_a_picture_of_the_same_width(tmp_path: Path) -> None:
    pictures = PdfPages().draw(pdf(tmp_path, 3), drawn(tmp_path))

    assert len(pictures) == 3
    for picture in pictures:
        read = cv2.imread(str(picture))
        assert read is not None
        assert read.shape == (WIDTH * 60 // 100, WIDTH, 3)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\nrubbish", b"not a PDF"])
def test_what_is_no_whole_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pdf"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="pdf_unreadable"):
        PdfPages().draw(path, drawn(tmp_path))


def test_a_locked_pdf_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="pdf_locked"):
        PdfPages().draw(locked(tmp_path), drawn(tmp_path))


def test_a_pdf_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="pdf_pages"):
        PdfPages().draw(pdf(tmp_path, 301), drawn(tmp_path))
