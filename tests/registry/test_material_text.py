"""Text becomes pages of nothing but text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.registry.material_text import MAX_TEXT_BYTES, page_html, text_pages


def test_a_line_of_dashes_and_a_form_feed_begin_a_page() -> None:
    assert text_pages("第一页\r\n---\r\n第二页\n  ---  \n第三页\f第四页".encode()) == (
        "第一页",
        "第二页",
        "第三页",
        "第四页",
    )


def test_dashes_within_a_line_or_a_table_begin_no_page() -> None:
    content = "| a | b |\n|---|---|\n| 1 | 2 |\n\n一 --- 二\n"
    assert text_pages(content.encode()) == (content.strip(),)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"\x00binary", b"   \n", b"MZ\x90\x00\x03", "停\x07电".encode()]
)
def test_what_is_no_text_is_nothing(content: bytes) -> None:
    assert text_pages(content) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("一\n---\n\n---\n二", "material_page_empty"),
        ("一\n---\n", "material_page_empty"),
        ("字" * 20_001, "material_page_long"),
        ("字\n---\n" * 300 + "字", "material_pages"),
        ("a" * (MAX_TEXT_BYTES + 1), "material_too_large"),
    ],
)
def test_pages_that_nobody_could_read_are_refused(content: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        text_pages(content.encode())


def test_headings_lists_and_tables_are_written() -> None:
    html = page_html("# 断电\n先断电，\n再救人。\n\n- 一\n\n| 甲 | 乙 |\n|---|---|\n| 1 | 2 |")
    for part in ("<h1>断电</h1>", "先断电，<br />", "<li>一</li>", "<td>1</td>"):
        assert part in html


@pytest.mark.parametrize(
    "page",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[去](javascript:alert(1))",
        "[去](https://elsewhere.example)",
        "![图](https://elsewhere.example/track.gif)",
        "<https://elsewhere.example>",
        "[去][1]\n\n[1]: https://elsewhere.example",
    ],
)
def test_no_page_holds_markup_links_or_pictures_of_its_own(page: str) -> None:
    html = page_html(page)
    for tag in ("<script", "<img", "<a "):
        assert tag not in html


@given(st.text(max_size=200))
def test_whatever_is_written_only_known_tags_come_out(page: str) -> None:
    html = page_html(page)
    for tag in ("<script", "<img", "<a ", "<iframe", "<style", 'onerror="'):
        assert tag not in html
