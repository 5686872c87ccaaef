"""A paper's page as a picture: PDFium on a file that this bridge printed itself."""

from io import BytesIO

import pypdfium2

_SCALE = 150 / 72
"""150 dots to an inch: sharp on paper, and 1240 pixels wide on a screen."""


def draw_paper(pdf: bytes) -> bytes:
    """Return the first page as PNG."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        picture = document[0].render(scale=_SCALE, may_draw_forms=False).to_pil()
    finally:
        document.close()
    out = BytesIO()
    picture.convert("P", palette=1, colors=128).save(out, "PNG", optimize=True)
    return out.getvalue()


def text_of(pdf: bytes) -> tuple[int, str]:
    """Return the number of pages, and the text of all of them."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return len(document), "".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()
