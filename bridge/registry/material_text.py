"""Text as course material: cut into pages, and each page written as HTML that can hold nothing but text.

Plain text and Markdown (CommonMark) alike. A line with nothing but `---`, or a form feed, begins a new page. HTML,
links and pictures are no part of it: what is shown is only what was reviewed, and leads nowhere.
"""

import re
from functools import cache

from markdown_it import MarkdownIt

from bridge.kernel.errors import InvalidInput
from bridge.registry.material_model import MAX_PAGES

MAX_TEXT_BYTES = 1 << 20
MAX_PAGE_CHARACTERS = 20_000
_PAGE_BREAK = re.compile(r"^[ \t]*---[ \t]*$|\f", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def text_pages(content: bytes) -> tuple[str, ...] | None:
    """Return the pages of a text; None for bytes that are no text (UTF-8).

    Raises:
        InvalidInput: material_too_large, material_pages, material_page_empty, material_page_long.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text) or not text.strip():
        return None
    if len(content) > MAX_TEXT_BYTES:
        raise InvalidInput(
            "material_too_large", f"文字课件不能超过 {MAX_TEXT_BYTES >> 20} MB。", http_status=413
        )
    pages = tuple(page.strip() for page in _PAGE_BREAK.split(text.replace("\r\n", "\n").replace("\r", "\n")))
    if len(pages) > MAX_PAGES:
        raise InvalidInput("material_pages", f"课件须有 1 至 {MAX_PAGES} 页。", http_status=422)
    for number, page in enumerate(pages, 1):
        if not page:
            raise InvalidInput(
                "material_page_empty", f"第 {number} 页没有文字,请去掉多余的分页线(---)。", http_status=422
            )
        if len(page) > MAX_PAGE_CHARACTERS:
            raise InvalidInput(
                "material_page_long",
                f"第 {number} 页超过 {MAX_PAGE_CHARACTERS} 字,请用单独一行 --- 分页。",
                http_status=422,
            )
    return pages


def page_html(page: str) -> str:
    """Return a page as HTML of paragraphs, headings, lists, quotes and tables."""
    return str(_markdown().render(page))


@cache
def _markdown() -> MarkdownIt:
    # Indented lines are plain text's own paragraphs, not code; a line break of the writer stays one.
    writer = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
    return writer.disable(["link", "autolink", "image", "reference", "code", "hr"])
