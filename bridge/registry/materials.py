"""Course material: a file is examined and kept, entered by one person, reviewed by another, and final from then on."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from sqlalchemy import select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CourseId, CourseUnitId
from bridge.registry.material_model import (
    Examined,
    Material,
    MaterialKind,
    MaterialPage,
    PageContent,
    even_times,
    require_length,
    require_times,
)
from bridge.registry.material_ports import MaterialFiles, PageDrawer
from bridge.registry.material_tables import CourseMaterialRow
from bridge.registry.material_text import MAX_TEXT_BYTES, text_pages
from bridge.registry.media_files import examine_media
from bridge.registry.tables import CourseUnitRow

MAX_FILE_BYTES = 2 << 30
MAX_PDF_BYTES = 64 << 20
_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that is kept already, and what it was found to be; no unit has it yet."""

    content: PageContent
    examined: Examined


def take_in(source: BinaryIO, files: MaterialFiles, drawer: PageDrawer) -> Offered:
    """Keep a file and its pages and say what it is. Takes seconds for a PDF: call it in no unit of work.

    Raises:
        InvalidInput: material_type (by content none of those that are played here), material_too_large; those of
            `examine_media`, `text_pages` and `PageDrawer.draw`.
    """
    size = source.seek(0, 2)
    if size > MAX_FILE_BYTES:
        raise InvalidInput(
            "material_too_large", f"文件不能超过 {MAX_FILE_BYTES >> 30} GB,请压缩或拆分。", http_status=413
        )
    source.seek(0)
    if b"%PDF-" in source.read(1024):
        return _pdf(source, size, files, drawer)
    media = examine_media(source)
    if media is None:
        source.seek(0)
        pages = text_pages(source.read()) if size <= 4 * MAX_TEXT_BYTES else None
        if pages is None:
            raise InvalidInput(
                "material_type",
                "不是可用的课件。可用:MP4 或 WebM 视频,MP3、M4A 或 Ogg 音频,PDF,UTF-8 文字(含 Markdown)。",
                http_status=415,
            )
        media = Examined(MaterialKind.TEXT, "text/markdown", pages=_kept(pages, files))
    source.seek(0)
    return Offered(files.keep(source), media)


def _pdf(source: BinaryIO, size: int, files: MaterialFiles, drawer: PageDrawer) -> Offered:
    if size > MAX_PDF_BYTES:
        raise InvalidInput(
            "material_too_large", f"PDF 不能超过 {MAX_PDF_BYTES >> 20} MB,请压缩或拆分。", http_status=413
        )
    with TemporaryDirectory(prefix="anxue-material-") as name, ExitStack() as opened:
        folder = Path(name)
        pdf, drawn = folder / "material.pdf", folder / "pages"
        drawn.mkdir()
        source.seek(0)
        with pdf.open("wb") as copy:
            while piece := source.read(_AT_ONCE):
                copy.write(piece)
        pictures = drawer.draw(pdf, drawn)
        pages = tuple(files.keep(opened.enter_context(picture.open("rb"))) for picture in pictures)
        content = files.keep(opened.enter_context(pdf.open("rb")))
    return Offered(content, Examined(MaterialKind.PDF, "application/pdf", pages=pages))


def _kept(pages: Sequence[str], files: MaterialFiles) -> tuple[PageContent, ...]:
    return tuple(files.keep(BytesIO(page.encode())) for page in pages)


class Materials:
    """The materials of one institution's courses, within one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def of(self, course: CourseId) -> Mapping[CourseUnitId, Material]:
        """Return the course version's materials, reviewed or not."""
        rows = self._tx.session.scalars(
            select(CourseMaterialRow).where(CourseMaterialRow.course_id == course)
        )
        return {CourseUnitId(row.unit_id): _material(row) for row in rows}

    def find(self, course: CourseId, unit: CourseUnitId) -> Material | None:
        """Return the unit's material, reviewed or not; None for none."""
        row = self._row(course, unit)
        return None if row is None else _material(row)

    def require_reviewed(self, course: CourseId, unit: CourseUnitId) -> Material:
        """Return the unit's material if it may be studied.

        Raises:
            InvalidInput("material_missing")
            NotPermitted("material_unreviewed")
        """
        found = self.find(course, unit)
        if found is None:
            raise InvalidInput(
                "material_missing", "这个单元没有在安学桥播放的课件,请在培训平台学习。", http_status=404
            )
        if found.reviewed_by is None:
            raise NotPermitted(
                "material_unreviewed", "这个单元的课件还没有经过第二人审核,暂不能学习,请联系培训机构。"
            )
        return found

    def enter(
        self,
        course: CourseId,
        unit: CourseUnitId,
        offered: Offered,
        by: str,
        times_ms: Sequence[int] | None = None,
    ) -> Material:
        """Give the unit a material that nobody studies until another person reviewed it.

        Args:
            by: a member of staff, by id.
            times_ms: of its pages; shared out evenly where none are given.

        Raises:
            InvalidInput: course_unit_unknown, material_for_test, material_stands (another file is another course
                version); what `even_times`, `require_times` and `require_length` refuse.
        """
        nominal_ms = self._nominal_ms(course, unit)
        examined = offered.examined
        times: tuple[int, ...] = ()
        if examined.kind.paged:
            count = len(examined.pages)
            times = (
                even_times(nominal_ms, count)
                if times_ms is None
                else require_times(times_ms, nominal_ms, count)
            )
        else:
            require_length(examined.length_ms, nominal_ms)
        row = self._row(course, unit, for_update=True)
        pages = [[page.sha256, page.size, time] for page, time in zip(examined.pages, times, strict=True)]
        if row is not None and (row.sha256, row.pages) == (offered.content.sha256, pages):
            return _material(row)
        if row is not None and row.reviewed_by is not None:
            raise _stands()
        if row is None:
            row = CourseMaterialRow(course_id=course, unit_id=unit, institution_id=self._tx.institution_id)
            self._tx.session.add(row)
        row.kind, row.media_type = examined.kind.value, examined.media_type
        row.sha256, row.size = offered.content.sha256, offered.content.size
        row.length_ms, row.pages = examined.length_ms, pages
        self._entered(row, by)
        return _material(row)

    def set_times(
        self, course: CourseId, unit: CourseUnitId, version: str, times_ms: Sequence[int], by: str
    ) -> Material:
        """Give the pages other times; who does so can no longer be its reviewer.

        Args:
            version: as the page showed it.

        Raises:
            InvalidInput: course_unit_unknown, material_missing, material_changed, material_stands, material_unpaged;
                what `require_times` refuses.
        """
        nominal_ms = self._nominal_ms(course, unit)
        row = self._shown(course, unit, version)
        if row.reviewed_by is not None:
            raise _stands()
        if not row.pages:
            raise InvalidInput("material_unpaged", "视频和音频没有逐页时间。", http_status=422)
        times = require_times(times_ms, nominal_ms, len(row.pages))
        row.pages = [[*page[:2], time] for page, time in zip(row.pages, times, strict=True)]
        self._entered(row, by)
        return _material(row)

    def review(self, course: CourseId, unit: CourseUnitId, version: str, by: str) -> Material:
        """Stand for the material as the second person; it never changes again. Twice by the same is once.

        Args:
            version: as the page showed it, so that a replaced one is not reviewed unseen.

        Raises:
            InvalidInput: material_missing, material_changed, material_stands (another person did).
            NotPermitted("second_person_required"): `by` put it in or set its times.
        """
        row = self._shown(course, unit, version)
        if row.reviewed_by is not None:
            if row.reviewed_by == by:
                return _material(row)
            raise InvalidInput("material_stands", "这份课件已由其他工作人员审核。", http_status=409)
        if row.entered_by == by:
            raise NotPermitted(
                "second_person_required", "课件须由另一名工作人员审核,上传或填写时间的人不能自己审核。"
            )
        row.reviewed_by, row.reviewed_at = by, self._tx.clock.now()
        self._tx.session.flush()
        return _material(row)

    def _nominal_ms(self, course: CourseId, unit: CourseUnitId) -> int:
        row = self._tx.session.scalar(
            select(CourseUnitRow).where(CourseUnitRow.course_id == course, CourseUnitRow.id == unit)
        )
        if row is None:
            raise InvalidInput("course_unit_unknown", "没有这个课程单元,请刷新后重试。", http_status=404)
        if row.activity != "study":
            raise InvalidInput("material_for_test", "测验单元没有课件。", http_status=422)
        return row.nominal_ms

    def _shown(self, course: CourseId, unit: CourseUnitId, version: str) -> CourseMaterialRow:
        row = self._row(course, unit, for_update=True)
        if row is None:
            raise InvalidInput("material_missing", "这个单元没有课件,请刷新页面。", http_status=404)
        if _material(row).version != version:
            raise InvalidInput("material_changed", "课件刚刚改过,请重新查看后再提交。", http_status=409)
        return row

    def _row(
        self, course: CourseId, unit: CourseUnitId, *, for_update: bool = False
    ) -> CourseMaterialRow | None:
        wanted = select(CourseMaterialRow).where(
            CourseMaterialRow.course_id == course, CourseMaterialRow.unit_id == unit
        )
        return self._tx.session.scalar(wanted.with_for_update() if for_update else wanted)

    def _entered(self, row: CourseMaterialRow, by: str) -> None:
        row.entered_by, row.entered_at = by, self._tx.clock.now()
        row.reviewed_by = row.reviewed_at = None
        self._tx.session.flush()


def kept_files(tx: Tx) -> tuple[str, ...]:
    """Return the hashes of all files and pages of all institutions, each once (a unit of work across them)."""
    found: set[str] = set()
    for row in tx.session.scalars(select(CourseMaterialRow)):
        found.update({row.sha256, *(page[0] for page in row.pages)})
    return tuple(sorted(found))


def _stands() -> InvalidInput:
    return InvalidInput(
        "material_stands", "这个单元的课件已经审核,不能再换;换课件须另建课程版本。", http_status=409
    )


def _material(row: CourseMaterialRow) -> Material:
    return Material(
        course=CourseId(row.course_id),
        unit=CourseUnitId(row.unit_id),
        kind=MaterialKind(row.kind),
        media_type=row.media_type,
        sha256=row.sha256,
        size=row.size,
        length_ms=row.length_ms,
        pages=tuple(MaterialPage(PageContent(sha256, size), time) for sha256, size, time in row.pages),
        entered_by=row.entered_by,
        entered_at=row.entered_at,
        reviewed_by=row.reviewed_by,
        reviewed_at=row.reviewed_at,
    )
