"""Grades at a platform: line items, scores and results (Assignment and Grade Services 2.0).

Declarative: the platform made the line item and names it in the launch. Programmatic: the tool makes its
own. `GradeService.line_item_address` serves both.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from lti.claims import AgsEndpoint
from lti.errors import ServiceFailed
from lti.http import Reply
from lti.registration import Registration
from lti.scores import Score, exact_number, json_number
from lti.services import PageLimits, ServiceCall, SetAside, below, with_query

_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCORE_SCOPE = _SCOPE + "score"
RESULT_READ_SCOPE = _SCOPE + "result.readonly"
LINE_ITEM_SCOPE = _SCOPE + "lineitem"
LINE_ITEM_READ_SCOPE = _SCOPE + "lineitem.readonly"

LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"

_ID_CHARACTERS = 255
_URL_CHARACTERS = 4096
# What Open edX (400) says of a score that is not newer; its other complaints name the timestamp as well.
_NEWER = re.compile(
    rb"timestamp can only be updated to a later|already exists for the provided timestamp"
    rb"|with an earlier timestamp"
)


@dataclass(frozen=True, slots=True)
class ScorePosted:
    """The platform has this score, or (`already_newer`) a later one."""

    already_newer: bool


@dataclass(frozen=True, slots=True)
class LineItem:
    """A column of the platform's grade book (AGS 2.0 §3.2).

    Args:
        id: its address; None before the platform made it.
        resource_link_id: the link whose column it is; resource_id, tag: ours, to find it again.
        start_date_time, end_date_time: as text, RFC 3339, untouched.
        other: members that this class does not name; an update sends them back.

    Raises:
        ValueError: no label, or a maximum of 0 or less.
    """

    label: str
    score_maximum: Fraction
    id: str | None = None
    resource_link_id: str | None = None
    resource_id: str | None = None
    tag: str | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None
    other: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.label or self.score_maximum <= 0:
            raise ValueError("a line item has a label and a maximum greater than 0")

    def document(self) -> dict[str, Any]:
        """Return the JSON members to send; what is None is left out."""
        named = {name: getattr(self, attribute) for name, attribute in _LINE_ITEM_MEMBERS.items()}
        given = {name: value for name, value in named.items() if value is not None}
        return {**self.other, "label": self.label, "scoreMaximum": json_number(self.score_maximum), **given}


_LINE_ITEM_MEMBERS = {
    "id": "id",
    "resourceLinkId": "resource_link_id",
    "resourceId": "resource_id",
    "tag": "tag",
    "startDateTime": "start_date_time",
    "endDateTime": "end_date_time",
}


def read_line_item(entry: Any) -> LineItem | str:
    """Return the line item in `entry`, a platform's JSON, or why it cannot be used."""
    if not isinstance(entry, dict):
        return "entry_malformed"
    maximum = exact_number(entry.get("scoreMaximum"))
    if maximum is None or maximum <= 0:
        return "maximum_malformed"
    named: dict[str, Any] = {}
    for name, attribute in _LINE_ITEM_MEMBERS.items():
        value = entry.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= _URL_CHARACTERS):
            return "entry_malformed"
        named[attribute] = value or None
    label = entry.get("label")
    if not named["id"] or not isinstance(label, str) or not label:
        return "entry_malformed"
    known = {*_LINE_ITEM_MEMBERS, "label", "scoreMaximum"}
    other = {name: value for name, value in entry.items() if name not in known}
    return LineItem(label, maximum, **named, other=other)


@dataclass(frozen=True, slots=True)
class LineItems:
    """The line items of a context, and the entries that could not be read."""

    items: tuple[LineItem, ...]
    set_aside: tuple[SetAside, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What the platform's grade book holds for one person (AGS 2.0 §3.3), exact; None: no grade."""

    user_id: str = field(repr=False)
    score: Fraction | None
    maximum: Fraction


@dataclass(frozen=True, slots=True)
class ResultPage:
    """One page of results, and the entries that could not be read."""

    results: tuple[Result, ...]
    set_aside: tuple[SetAside, ...]


def _read_result(entry: Any) -> Result | str:
    user_id = entry.get("userId") if isinstance(entry, dict) else None
    if not isinstance(user_id, str) or not 0 < len(user_id) <= _ID_CHARACTERS:
        return "user_id_missing"
    score, maximum = entry.get("resultScore"), entry.get("resultMaximum", 1)
    exact, of = exact_number(score), exact_number(maximum)
    if of is None or of <= 0 or (score is not None and exact is None):
        return "score_malformed"
    return Result(user_id, exact, of)


def scores_url(line_item_url: str) -> str:
    """Return the score address of a line item."""
    return below(line_item_url, "scores")


def _says_newer(reply: Reply) -> bool:
    # AGS 2.0 asks for 409. Not every 400 that names the timestamp means this: a platform that echoes a
    # score which it refuses names it too, and that score is lost if it counts as given.
    return reply.status == 409 or (reply.status == 400 and _NEWER.search(reply.body) is not None)


class GradeService:
    """Line items, scores and results of a registered platform.

    Reads take `granted`, the scopes that the launch named (`AgsEndpoint.scopes`): some platforms grant
    `lineitem` alone, others `lineitem.readonly` alone.
    """

    def __init__(self, call: ServiceCall) -> None:
        self._call = call

    def post_score(self, registration: Registration, line_item_url: str, score: Score) -> ScorePosted:
        """Give `score` to the platform; one that it holds a newer score against counts as given.

        Raises:
            ServiceFailed: service_host_foreign (nothing was sent), score_refused, or what
                `ServiceCall.send` raises.
        """
        reply = self._call.send(
            registration,
            "POST",
            scores_url(line_item_url),
            frozenset({SCORE_SCOPE}),
            content_type=SCORE_TYPE,
            document=score.document(),
        )
        if _says_newer(reply):
            return ScorePosted(already_newer=True)
        self._call.accepted(reply, "score_refused")
        return ScorePosted(already_newer=False)

    def line_items(
        self,
        registration: Registration,
        line_items_url: str,
        *,
        resource_link_id: str | None = None,
        resource_id: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
        granted: Collection[str] = (),
        limits: PageLimits | None = None,
    ) -> LineItems:
        """Return the line items that fit every filter given, all pages of them.

        Args:
            limit: entries a page, as a wish; None leaves it to the platform.

        Raises:
            ServiceFailed: line_item_refused, or what `ServiceCall.pages` raises.
        """
        asked = {"resource_link_id": resource_link_id, "resource_id": resource_id, "tag": tag}
        items: dict[str | None, LineItem] = {}
        set_aside: list[SetAside] = []
        for page in self._call.pages(
            registration,
            with_query(line_items_url, {**asked, "limit": limit}),
            reading_scopes(granted),
            "line_item_refused",
            accept=LINE_ITEMS_TYPE,
            entries=lambda document: document,
            limits=limits,
        ):
            for position, entry in enumerate(page.entries):
                item = read_line_item(entry)
                if isinstance(item, str):
                    set_aside.append(SetAside(page.number, position, item))
                # Filters are wishes as well: a platform that knows none of them sends everything.
                elif _fits(item, asked):
                    items.setdefault(item.id, item)
        return LineItems(tuple(items.values()), tuple(set_aside))

    def line_item(
        self, registration: Registration, line_item_url: str, *, granted: Collection[str] = ()
    ) -> LineItem:
        """Return one line item.

        Raises:
            ServiceFailed: line_item_refused (status 404: it is gone), reply_not_json, or what
                `ServiceCall.send` raises.
        """
        reply = self._call.send(
            registration, "GET", line_item_url, reading_scopes(granted), accept=LINE_ITEM_TYPE
        )
        return self._one(reply)

    def create_line_item(self, registration: Registration, line_items_url: str, item: LineItem) -> LineItem:
        """Make `item` at the platform and return it with the address that it was given there.

        Raises:
            ServiceFailed: as `line_item`.
        """
        reply = self._call.send(
            registration,
            "POST",
            line_items_url,
            frozenset({LINE_ITEM_SCOPE}),
            accept=LINE_ITEM_TYPE,
            content_type=LINE_ITEM_TYPE,
            document=item.document(),
        )
        return self._one(reply)

    def update_line_item(self, registration: Registration, item: LineItem) -> LineItem:
        """Replace the line item at `item.id` and return what the platform made of it.

        Raises:
            ServiceFailed: as `line_item`.
            ValueError: `item` has no id (a fault of the caller).
        """
        if item.id is None:
            raise ValueError("a line item that is updated has an id")
        reply = self._call.send(
            registration,
            "PUT",
            item.id,
            frozenset({LINE_ITEM_SCOPE}),
            accept=LINE_ITEM_TYPE,
            content_type=LINE_ITEM_TYPE,
            document=item.document(),
        )
        self._call.accepted(reply, "line_item_refused")
        return self._one(reply) if reply.body.strip() else item

    def delete_line_item(self, registration: Registration, line_item_url: str) -> None:
        """Delete a line item; one that is gone already counts as deleted.

        Raises:
            ServiceFailed: line_item_refused, or what `ServiceCall.send` raises.
        """
        reply = self._call.send(registration, "DELETE", line_item_url, frozenset({LINE_ITEM_SCOPE}))
        if reply.status not in (404, 410):
            self._call.accepted(reply, "line_item_refused")

    def line_item_address(self, registration: Registration, endpoint: AgsEndpoint, wanted: LineItem) -> str:
        """Return where scores for `wanted` go: the launch's own line item, else one found, else one made.

        It is looked for by its resource_id, tag and link before it is made, so asking again after a lost
        answer makes no second column.

        Raises:
            ServiceFailed: line_item_missing (none in the launch, and none may be made), or what
                `line_items` and `create_line_item` raise.
            ValueError: `wanted` has neither resource_id nor tag, so it could not be found again.
        """
        if endpoint.lineitem:
            return endpoint.lineitem
        if not wanted.resource_id and not wanted.tag:
            raise ValueError("a line item that the tool makes has a resource_id or a tag")
        if not endpoint.lineitems or LINE_ITEM_SCOPE not in endpoint.scopes:
            raise ServiceFailed("line_item_missing")
        found = self.line_items(
            registration,
            endpoint.lineitems,
            resource_link_id=wanted.resource_link_id,
            resource_id=wanted.resource_id,
            tag=wanted.tag,
            granted=endpoint.scopes,
        ).items
        made = found[0] if found else self.create_line_item(registration, endpoint.lineitems, wanted)
        assert made.id is not None  # noqa: S101  # for mypy: `read_line_item` gives every item its address
        return made.id

    def results(
        self,
        registration: Registration,
        line_item_url: str,
        *,
        user_id: str | None = None,
        limit: int | None = None,
        limits: PageLimits | None = None,
    ) -> Iterator[ResultPage]:
        """Yield the results of a line item, page by page; of one person if `user_id` is given.

        Args:
            limit: entries a page, as a wish. Open edX sends no further page after a limit: leave it out
                unless all results together may exceed what `GuardedHttp` takes in.

        Raises:
            ServiceFailed: results_refused, or what `ServiceCall.pages` raises.
        """
        for page in self._call.pages(
            registration,
            with_query(below(line_item_url, "results"), {"user_id": user_id, "limit": limit}),
            frozenset({RESULT_READ_SCOPE}),
            "results_refused",
            accept=RESULTS_TYPE,
            entries=lambda document: document,
            limits=limits,
        ):
            results: list[Result] = []
            set_aside: list[SetAside] = []
            for position, entry in enumerate(page.entries):
                result = _read_result(entry)
                if isinstance(result, str):
                    set_aside.append(SetAside(page.number, position, result))
                elif user_id in (None, result.user_id):
                    results.append(result)
            yield ResultPage(tuple(results), tuple(set_aside))

    def _one(self, reply: Reply) -> LineItem:
        item = read_line_item(self._call.accepted(reply, "line_item_refused").json())
        if isinstance(item, str):
            raise ServiceFailed("reply_not_json", status=reply.status)
        return item


def reading_scopes(granted: Collection[str]) -> frozenset[str]:
    """Return the least scopes with which line items can be read where `granted` is what the launch named."""
    writing_alone = LINE_ITEM_SCOPE in granted and LINE_ITEM_READ_SCOPE not in granted
    return frozenset({LINE_ITEM_SCOPE if writing_alone else LINE_ITEM_READ_SCOPE})


def _fits(item: LineItem, asked: Mapping[str, str | None]) -> bool:
    for name, wish in asked.items():
        value = getattr(item, name)
        if wish is not None and value != wish and not (name == "resource_link_id" and value is None):
            return False
    return True
