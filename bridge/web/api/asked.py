"""One authorised request, and what every operation's code needs of it."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import legal_date
from bridge.supervision.api_queries import Chosen, Key, Listed, Page, SqlApiQueries
from bridge.supervision.api_tokens import ApiCaller
from bridge.web.api.cursors import Cursors
from bridge.web.api.parameters import PURPOSE_HEADER, Query
from bridge.web.api.shapes import Shape
from bridge.wiring import House
from bridge.wiring.api import scope_of_owner


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, by whom, in a unit of work across institutions that only reads.

    Args:
        operation: its id, one of what a cursor is bound to.
        place: the values in the path.
        url: of the request without its query, for the next page.
    """

    house: House
    tx: Tx
    caller: ApiCaller
    operation: str
    place: dict[str, str]
    query: Query
    purpose: str | None
    url: str

    @property
    def today(self) -> date:
        """The legal day of the study clock, by which class runs open and close."""
        return legal_date(self.house.study_clock.now())

    @property
    def queries(self) -> SqlApiQueries:
        return SqlApiQueries(scope_of_owner(self.house, self.tx, self.caller.owner))

    def stated_purpose(self) -> str:
        """Return the purpose; InvalidInput("purpose_missing")."""
        if self.purpose is None:
            raise InvalidInput(
                "purpose_missing", f"请在请求头 {PURPOSE_HEADER} 中写明查询事由,查询会被记录。"
            )
        return self.purpose

    def page(self, listed: Listed, chosen: Chosen) -> Page:
        """Return the page that limit and cursor name; InvalidInput("cursor_unknown")."""
        limit, cursor = int(self._said("limit")), self._said("cursor")
        after: Key | None = None if cursor is None else self._cursors().open(cursor)
        return listed(self.queries, chosen, after, limit)

    def answer(self, page: Page, shape: type[Shape], rows: Any) -> dict[str, Any]:
        """Return the JSON of a page: its rows in their shape, and the address of the next one."""
        return {"items": [shape.model_validate(dict(row)) for row in rows], "next": self._next(page)}

    def _next(self, page: Page) -> str | None:
        if page.next is None:
            return None
        said = self.query.model_dump(mode="json", exclude_none=True, exclude={"cursor"})
        return f"{self.url}?{urlencode({**said, 'cursor': self._cursors().seal(page.next)})}"

    def _cursors(self) -> Cursors:
        said = self.query.model_dump(mode="json", exclude_none=True, exclude={"cursor", "limit"})
        about = {"client": self.caller.client_id, "list": self.operation, "place": self.place, "query": said}
        return Cursors(self.house.key("api cursors"), about)

    def _said(self, name: str) -> Any:
        return getattr(self.query, name)
