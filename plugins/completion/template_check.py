"""Whether an institution's own template may set its papers: it prints everything, on one page, and reads no files."""

import re
from collections.abc import Sequence

from bridge.completion.model import Paper
from bridge.kernel.errors import InvalidInput
from plugins.completion.paper_picture import text_of
from plugins.completion.typst_pdf import TypstPrinter

MAX_BYTES = 64 * 1024
_LOOKS_ELSEWHERE = re.compile(r"\b(read|csv|yaml|toml|xml|cbor|plugin|include|import)\b")
"""A template is given its words; what reaches for a file or a package has no place in one."""


def check_template(printer: TypstPrinter, source: str, papers: Sequence[Paper]) -> None:
    """Return if the template is good for all of `papers`.

    Raises:
        InvalidInput: template_too_large, template_reads_files, template_broken, glyph_missing, template_pages (not one
            page each), template_leaves_out (a value is not on the paper; the sentence names it).
    """
    if len(source.encode()) > MAX_BYTES:
        raise InvalidInput("template_too_large", "版式文件不能超过 64 KB。")
    found = _LOOKS_ELSEWHERE.search(source)
    if found is not None:
        raise InvalidInput("template_reads_files", f"版式文件不能使用 {found[1]}:所有内容都由系统给出。")
    for paper in papers:
        pages, text = text_of(printer.print_paper(paper, source))
        if pages != 1:
            raise InvalidInput("template_pages", f"{paper.title}排成了 {pages} 页,应为 1 页,请调整版式。")
        shown = _bare(text)
        for name, value in _must_show(paper):
            if _bare(value) not in shown:
                raise InvalidInput("template_leaves_out", f"{paper.title}的版式没有印出“{name}”,请补上。")
        # A note repeats the mark; across the paper it must stand as well.
        repeated = sum(_bare(value).count(_bare(paper.mark or "-")) for _name, value in _must_show(paper))
        if paper.mark and shown.count(_bare(paper.mark)) < repeated:
            raise InvalidInput("template_leaves_out", f"{paper.title}的版式没有在纸面上印出“标记”,请补上。")


def _must_show(paper: Paper) -> list[tuple[str, str]]:
    return [
        ("标题", paper.title),
        ("编号", paper.number),
        ("校验码", paper.verify_code),
        ("标记", paper.mark or ""),
        ("出具机构", paper.issuer),
        ("统一社会信用代码", paper.uscc),
        ("网络平台", paper.operator),
        ("正文", paper.statement),
        *((field.label, field.value or "") for field in paper.fields),
        *((row[0], cell) for row in paper.table.rows for cell in row),
        *(("附注", note) for note in paper.notes),
        ("出具日期", str(paper.printed()["issued_on"])),
    ]


def _bare(text: str) -> str:
    """Return `text` without what line breaking may add or take."""
    return "".join(text.split()).replace("\ufffe", "").replace("\u00ad", "").replace("\u200b", "")
