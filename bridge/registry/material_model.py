"""Course material that the bridge itself keeps and plays: what it is, and how long each of its pages may count. Pure.

A page of text or of a PDF has a nominal time that two people stand for (basis: practice); no more of it is credited.
The pages' times add up to the unit's nominal time, so a page's place in the unit is the sum of those before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseId, CourseUnitId

MAX_PAGES = 300
SHORTEST_PAGE_MS = 1000
LENGTH_TOLERANCE_MS = 1000
"""Practice: a player rounds a file's length; the reviewed time may differ from it by less than a second."""


class MaterialKind(StrEnum):
    """How it is played (第二十条: video, audio, text with pictures)."""

    VIDEO = "video"
    AUDIO = "audio"
    PDF = "pdf"
    TEXT = "text"

    @property
    def paged(self) -> bool:
        """Whether it is read page by page."""
        return self in (MaterialKind.PDF, MaterialKind.TEXT)


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page as it is kept: a picture of it, or its text. Named by the SHA-256 of its bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class MaterialPage:
    """A page and its nominal time, milliseconds."""

    content: PageContent
    nominal_ms: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file was found to be, by its content.

    Args:
        media_type: as it is served.
        length_ms: of video and audio, as the file itself says; None where it does not.
        pages: of a text or PDF, in order.
    """

    kind: MaterialKind
    media_type: str
    length_ms: int | None = None
    pages: tuple[PageContent, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """The material of one unit of one course version.

    Args:
        sha256, size: of the file as it came in.
        length_ms: as the file says; None if it does not, or has pages.
        entered_by: who put it in or last set its pages' times.
        reviewed_by: the second person; None until there is one, and until then nobody studies it.
    """

    course: CourseId
    unit: CourseUnitId
    kind: MaterialKind
    media_type: str
    sha256: str
    size: int
    length_ms: int | None
    pages: tuple[MaterialPage, ...]
    entered_by: str
    entered_at: datetime
    reviewed_by: str | None
    reviewed_at: datetime | None

    @property
    def version(self) -> str:
        """Return what a reviewer reviews, as 64 hex digits: the file and its pages with their times."""
        pages = [[page.content.sha256, page.nominal_ms] for page in self.pages]
        return sha256_hex(canonical_json({"file": self.sha256, "length_ms": self.length_ms, "pages": pages}))


def even_times(nominal_ms: int, pages: int) -> tuple[int, ...]:
    """Return `pages` times that add up to `nominal_ms`: whole seconds as even as can be, what is left at the end.

    Raises:
        InvalidInput: material_pages (none, or too many), material_page_time (less than a second for each).
    """
    _require_count(pages)
    seconds, rest_ms = divmod(nominal_ms, 1000)
    if seconds < pages:
        raise _page_time()
    each, more = divmod(seconds, pages)
    times = [(each + (1 if index < more else 0)) * 1000 for index in range(pages)]
    times[-1] += rest_ms
    return tuple(times)


def require_times(times_ms: Sequence[int], nominal_ms: int, pages: int) -> tuple[int, ...]:
    """Return the times if there is one for each page and they add up to the unit's nominal time.

    Raises:
        InvalidInput: material_pages, material_page_count, material_page_time, material_pages_sum.
    """
    _require_count(pages)
    if len(times_ms) != pages:
        raise InvalidInput("material_page_count", f"课件共 {pages} 页,须逐页填写时间。", http_status=422)
    if any(time < SHORTEST_PAGE_MS for time in times_ms):
        raise _page_time()
    missing = nominal_ms - sum(times_ms)
    if missing:
        word = "还差" if missing > 0 else "多出"
        raise InvalidInput(
            "material_pages_sum",
            f"各页时间之和须等于单元的审定时长,现在{word} {_seconds(abs(missing))} 秒。",
            http_status=422,
        )
    return tuple(times_ms)


def require_length(length_ms: int | None, nominal_ms: int) -> None:
    """Refuse a video or audio whose own length is not the unit's reviewed one; what says no length passes.

    Raises:
        InvalidInput("material_length")
    """
    if length_ms is not None and abs(length_ms - nominal_ms) >= LENGTH_TOLERANCE_MS:
        raise InvalidInput(
            "material_length",
            f"文件长 {_seconds(length_ms)} 秒,单元的审定时长是 {_seconds(nominal_ms)} 秒,两者须一致;"
            "请核对文件,或另建课程版本。",
            http_status=422,
        )


def page_starts(times_ms: Sequence[int]) -> tuple[int, ...]:
    """Return where in the unit each page begins, ms."""
    starts, at = [], 0
    for time in times_ms:
        starts.append(at)
        at += time
    return tuple(starts)


def position_on_page(times_ms: Sequence[int], page: int, spent_ms: int) -> int:
    """Return the position in the unit after `spent_ms` on page `page` (from 0): no more than the page's time counts."""
    return page_starts(times_ms)[page] + min(max(spent_ms, 0), times_ms[page])


def page_at(times_ms: Sequence[int], position_ms: int) -> int:
    """Return the page (from 0) on which a position lies; the last one for what lies beyond."""
    starts = page_starts(times_ms)
    return max(index for index, start in enumerate(starts) if start <= max(position_ms, 0))


def _require_count(pages: int) -> None:
    if not 1 <= pages <= MAX_PAGES:
        raise InvalidInput("material_pages", f"课件须有 1 至 {MAX_PAGES} 页。", http_status=422)


def _page_time() -> InvalidInput:
    return InvalidInput(
        "material_page_time", "每页至少 1 秒;页数多于单元的审定秒数时请合并页面。", http_status=422
    )


def _seconds(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
