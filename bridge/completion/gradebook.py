"""Columns of LMS gradebooks: which there are, which of them are for class hours, and one made where staff want it.

Hours are not written into a gradebook unless somebody chose so: a platform may add them to the marks (measured:
Moodle makes the course total a sum). A teacher's choice stands on the column (its tag), or where the platform drops
the columns of chosen items, on the link (measured: Open edX, which keeps one gradebook for each link).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.completion.gradebook_model import ItemState, LineItemFacts
from bridge.completion.gradebook_tables import LmsGradebookRow, LmsLineItemRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId, new_id

_REFUSED_FOR = timedelta(days=1)
_OPEN_EDX_COURSE = "course-v1:"
"""What course ids of Open edX begin with; a column there that is of no link takes scores and shows them nowhere."""
LINE_ITEM_WANTED = "gradebook.line_item"
"""Kind of the job that reads a column, or makes one; its key is the line item's id."""


class Gradebook:
    """Columns of the LMS courses of one institution, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def offer(
        self,
        registration: RegistrationId,
        context_id: str,
        *,
        line_items_url: str | None,
        line_item_url: str | None,
        resource_link_id: str | None,
        scopes: Sequence[str],
        hours_chosen: bool | None = None,
        may_make: bool = False,
    ) -> None:
        """Note what a launch says of the gradebook; a column that was never seen is read at once.

        Args:
            line_items_url, line_item_url: on the platform's own hosts; the caller has looked.
            hours_chosen: whether the link says that its own column is for class hours; None if it says neither.
            may_make: columns can be made at `line_items_url`.
        """
        now = self._tx.clock.now()
        book = self._book(registration, context_id)
        if book is None:
            self._inserted(
                LmsGradebookRow(
                    id=new_id("gbk"),
                    institution_id=self._tx.institution_id,
                    registration_id=registration,
                    context_id=context_id,
                    line_items_url=line_items_url,
                    scopes=list(scopes),
                    noted_at=now,
                )
            )
        else:
            said = (line_items_url or book.line_items_url, list(scopes))
            if said != (book.line_items_url, book.scopes):
                book.line_items_url, book.scopes = said
                book.noted_at = now
        taken = False
        if hours_chosen is not None and resource_link_id is not None:
            column = _Column(
                line_item_url or (line_items_url if may_make else None) or "",
                ItemState.UNREAD if line_item_url else ItemState.WANTED,
            )
            taken = self._choose(registration, context_id, resource_link_id, column, chosen=hours_chosen)
        if line_item_url is not None and not taken:
            self._offer_item(registration, context_id, resource_link_id, line_item_url)
        self._session.flush()

    def line_items_url(self, registration: RegistrationId, context_id: str) -> str | None:
        """Return where the columns of a course are; None if no launch said so."""
        book = self._book(registration, context_id)
        return None if book is None else book.line_items_url

    def scopes(self, registration: RegistrationId, context_id: str) -> tuple[str, ...]:
        """Return what the launch said may be done in the gradebook."""
        book = self._book(registration, context_id)
        return () if book is None else tuple(book.scopes)

    def switch_on(self, registration: RegistrationId, context_id: str, *, by: str) -> None:
        """Have one column for class hours made in the course; asked twice is asked once.

        Args:
            by: a reference of who wants it, never a name.

        Raises:
            InvalidInput("gradebook_not_offered"): no launch has named a place to make one, or the platform keeps a
                gradebook for each link.
        """
        if context_id.startswith(_OPEN_EDX_COURSE):
            raise InvalidInput(
                "gradebook_not_offered",
                "Open edX 按链接保存成绩,不能为整门课程建立学时列。请教师用“深层链接”选择班次入口,"
                "并勾选“随班次入口建立一列学时”。",
                http_status=409,
            )
        if self.line_items_url(registration, context_id) is None:
            raise InvalidInput(
                "gradebook_not_offered",
                "学习平台没有开放成绩簿,请先在学习平台的工具设置中开启成绩服务,再从课程进入一次。",
                http_status=409,
            )
        now = self._tx.clock.now()
        place = _made_in(context_id)
        row = self._at(registration, place)
        if row is None:
            row = self._new(registration, context_id, None, place, "", ItemState.WANTED, by)
            if not self._inserted(row):
                return
        elif row.state in (ItemState.OFF, ItemState.REFUSED):
            row.state = ItemState.UNREAD.value if row.url else ItemState.WANTED.value
            row.reason, row.failures, row.next_at, row.asked_by = "", 0, now, by
        else:
            return
        self._session.flush()
        self._tx.want(LINE_ITEM_WANTED, row.id)

    def switch_off(self, registration: RegistrationId, context_id: str, *, by: str) -> None:
        """Send nothing more to the column that was made; it stays at the platform with what it holds."""
        row = self._at(registration, _made_in(context_id))
        if row is not None:
            row.state, row.next_at, row.asked_by = ItemState.OFF.value, None, by
            self._session.flush()

    def get(self, line_item_id: str) -> LineItemFacts | None:
        """Return a column by its id."""
        row = self._session.scalar(select(LmsLineItemRow).where(LmsLineItemRow.id == line_item_id))
        return None if row is None else _facts(row)

    def items(self, registration: RegistrationId, context_id: str) -> Sequence[LineItemFacts]:
        """Return the columns of a course that are known, oldest first."""
        rows = self._session.scalars(
            select(LmsLineItemRow)
            .where(LmsLineItemRow.registration_id == registration, LmsLineItemRow.context_id == context_id)
            .order_by(LmsLineItemRow.noted_at, LmsLineItemRow.id)
        )
        return [_facts(row) for row in rows]

    def of_link(self, registration: RegistrationId, resource_link_id: str) -> Sequence[LineItemFacts]:
        """Return the columns that launches by a link named."""
        rows = self._session.scalars(
            select(LmsLineItemRow)
            .where(
                LmsLineItemRow.registration_id == registration,
                LmsLineItemRow.resource_link_id == resource_link_id,
            )
            .order_by(LmsLineItemRow.noted_at.desc(), LmsLineItemRow.id)
        )
        return [_facts(row) for row in rows]

    def note_read(
        self, line_item_id: str, *, url: str, for_hours: bool, maximum: Fraction
    ) -> LineItemFacts | None:
        """Keep what a column is; None if it is gone, or nothing more was wanted of it meanwhile."""
        row = self._locked(line_item_id)
        if row is None or row.state not in (ItemState.UNREAD, ItemState.WANTED):
            return None
        row.url, row.maximum = url, str(maximum)
        taken = (for_hours or _is_chosen(row)) and not self._serves_already(row)
        row.state = (ItemState.HOURS if taken else ItemState.OTHER).value
        row.reason, row.failures, row.next_at = "", 0, None
        self._session.flush()
        return _facts(row)

    def note_failure(self, line_item_id: str, reason: str, *, pause: timedelta | None) -> None:
        """Keep that a column could not be read or made; `pause` is None where trying again cannot help."""
        row = self._locked(line_item_id)
        if row is None or row.state not in (ItemState.UNREAD, ItemState.WANTED):
            return
        row.reason = reason
        row.failures += 1
        if pause is None:
            row.state, row.next_at = ItemState.REFUSED.value, None
        else:
            row.next_at = self._tx.clock.now() + pause
        self._session.flush()

    def failures(self, line_item_id: str) -> int:
        """Return how many tries in a row came to nothing."""
        found = self._session.scalar(select(LmsLineItemRow.failures).where(LmsLineItemRow.id == line_item_id))
        return found or 0

    def _choose(
        self, registration: RegistrationId, context_id: str, link: str, column: "_Column", *, chosen: bool
    ) -> bool:
        """Take a link's own column for class hours, or no longer; return whether it is taken."""
        place = _chosen_at(context_id, link)
        row = self._at(registration, place)
        if not chosen:
            if row is not None:
                row.state, row.next_at = ItemState.OFF.value, None
            return False
        if not column.url:
            return False
        if row is None:
            row = self._new(registration, context_id, link, place, column.url, column.state, None)
            if self._inserted(row):
                self._tx.want(LINE_ITEM_WANTED, row.id)
            return True
        now = self._tx.clock.now()
        another = column.state is ItemState.UNREAD and column.url != row.url
        late = row.state == ItemState.REFUSED and now - row.noted_at >= _REFUSED_FOR
        if another or late or row.state == ItemState.OFF:
            row.url, row.state, row.reason, row.failures = column.url, column.state.value, "", 0
            row.noted_at, row.next_at = now, now
            self._session.flush()
            self._tx.want(LINE_ITEM_WANTED, row.id)
        return True

    def _serves_already(self, row: LmsLineItemRow) -> bool:
        """Return whether hours go to the same column by another row: it is filled once."""
        other = select(LmsLineItemRow.id).where(
            LmsLineItemRow.registration_id == row.registration_id,
            LmsLineItemRow.url == row.url,
            LmsLineItemRow.id != row.id,
            LmsLineItemRow.state == ItemState.HOURS.value,
        )
        return self._session.scalar(other) is not None

    def _offer_item(
        self, registration: RegistrationId, context_id: str, resource_link_id: str | None, url: str
    ) -> None:
        place = sha256_hex(f"url|{url}".encode())
        known = self._at(registration, place)
        if known is not None:
            if resource_link_id is not None and known.resource_link_id != resource_link_id:
                known.resource_link_id = resource_link_id
            self._ask_again(known)
            return
        row = self._new(registration, context_id, resource_link_id, place, url, ItemState.UNREAD, None)
        if self._inserted(row):
            self._tx.want(LINE_ITEM_WANTED, row.id)

    def _ask_again(self, row: LmsLineItemRow) -> None:
        """Read a column anew that the platform would not show, a day later: its settings may have been mended."""
        now = self._tx.clock.now()
        if row.state == ItemState.REFUSED and row.url and now - row.noted_at >= _REFUSED_FOR:
            row.state, row.noted_at, row.next_at = ItemState.UNREAD.value, now, now
            self._tx.want(LINE_ITEM_WANTED, row.id)

    def _new(
        self,
        registration: RegistrationId,
        context_id: str,
        resource_link_id: str | None,
        place: str,
        url: str,
        state: ItemState,
        by: str | None,
    ) -> LmsLineItemRow:
        now = self._tx.clock.now()
        return LmsLineItemRow(
            id=new_id("lit"),
            institution_id=self._tx.institution_id,
            registration_id=registration,
            context_id=context_id,
            resource_link_id=resource_link_id,
            place=place,
            url=url,
            state=state.value,
            maximum=None,
            reason="",
            failures=0,
            next_at=now,
            noted_at=now,
            asked_by=by,
        )

    def _book(self, registration: RegistrationId, context_id: str) -> LmsGradebookRow | None:
        return self._session.scalar(
            select(LmsGradebookRow).where(
                LmsGradebookRow.registration_id == registration, LmsGradebookRow.context_id == context_id
            )
        )

    def _at(self, registration: RegistrationId, place: str) -> LmsLineItemRow | None:
        return self._session.scalar(
            select(LmsLineItemRow).where(
                LmsLineItemRow.registration_id == registration, LmsLineItemRow.place == place
            )
        )

    def _locked(self, line_item_id: str) -> LmsLineItemRow | None:
        return self._session.scalar(
            select(LmsLineItemRow).where(LmsLineItemRow.id == line_item_id).with_for_update(),
            execution_options={"populate_existing": True},
        )

    def _inserted(self, row: LmsGradebookRow | LmsLineItemRow) -> bool:
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False  # another launch of the class was first
        return True


def due_line_items(tx: Tx, limit: int = 100) -> Sequence[tuple[InstitutionId, str]]:
    """Return which columns are to be read or made now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(LmsLineItemRow.institution_id, LmsLineItemRow.id)
        .where(LmsLineItemRow.next_at <= tx.clock.now())
        .order_by(LmsLineItemRow.next_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), item_id) for institution, item_id in rows]


@dataclass(frozen=True, slots=True)
class _Column:
    """A link's column: UNREAD at its address, or WANTED where the link's columns are made."""

    url: str
    state: ItemState


def _chosen_at(context_id: str, link: str) -> str:
    return sha256_hex(f"chosen|{context_id}|{link}".encode())


def _is_chosen(row: LmsLineItemRow) -> bool:
    return row.resource_link_id is not None and row.place == _chosen_at(row.context_id, row.resource_link_id)


def _made_in(context_id: str) -> str:
    return sha256_hex(f"made|{context_id}".encode())


def _facts(row: LmsLineItemRow) -> LineItemFacts:
    return LineItemFacts(
        row.id,
        RegistrationId(row.registration_id),
        row.context_id,
        row.resource_link_id,
        row.url,
        ItemState(row.state),
        None if row.maximum is None else Fraction(row.maximum),
        row.reason,
        row.next_at,
        row.asked_by,
    )
