"""Documents: what a player remembers between visits. Free of contact data like all else; never evidence."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.intake.xapi import formats
from bridge.intake.xapi.cleaning import Blinded, Keeping
from bridge.intake.xapi.decoding import decoded
from bridge.intake.xapi.model import MAX_DOCUMENT_BYTES, Caller, Resource, Version
from bridge.intake.xapi.query import Parameters, check_names, read_agent, read_checked, read_instant
from bridge.intake.xapi.tables import XapiDocumentRow
from bridge.intake.xapi.terms import Terms
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import new_id
from bridge.kernel.time import Clock

_KEYS: Mapping[Resource, tuple[frozenset[str], str]] = {
    Resource.STATE: (frozenset({"activityId", "agent"}), "stateId"),
    Resource.AGENT_PROFILE: (frozenset({"agent"}), "profileId"),
    Resource.ACTIVITY_PROFILE: (frozenset({"activityId"}), "profileId"),
}
"""Of each resource: what every request names, and which parameter names one document."""
_MAX_NAME = 255
_MAX_TYPE = 255
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Place:
    """Which documents are meant.

    Args:
        agent, activity: terms; empty where the resource has none.
        registration: None where any will do (several documents at once).
        name: None for all of them.
    """

    resource: Resource
    agent: str
    activity: str
    registration: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is kept."""

    content_type: str
    content: bytes
    etag: str
    updated: datetime


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request demands of the document that is there (HTTP's If-Match and If-None-Match)."""

    if_match: str | None
    if_none_match: str | None


class DocumentKeeping(Protocol):
    """How a store keeps a document's content."""

    def __call__(self, content_type: str, content: bytes) -> bytes: ...


def keep_as_sent(content_type: str, content: bytes) -> bytes:
    """Return the content as it came: for made-up people alone."""
    del content_type
    return content


def keep_blinded(keeping: Blinded) -> DocumentKeeping:
    """Return what takes contact data, secrets and citizen ids out of a document.

    The returned function raises InvalidInput("document_refused") for content that is no text.
    """

    def keep(content_type: str, content: bytes) -> bytes:
        try:
            if _is_json(content_type):
                return _packed(keeping.document(decoded(content)))
            return keeping.words(content.decode()).encode()
        except ValueError as error:
            raise InvalidInput(
                "document_refused", "文档只接收 JSON 或文字(UTF-8);其他内容可能含个人信息,不予保存"
            ) from error

    return keep


def read_place(
    resource: Resource,
    given: Parameters,
    keeping: Keeping,
    terms: Terms,
    *,
    several: bool,
    since: bool = False,
) -> tuple[Place, datetime | None]:
    """Return which documents a request means, and since when.

    Args:
        several: whether the one document's name may be missing.

    Raises:
        InvalidInput: parameter_unknown, parameter_missing, parameter_malformed.
    """
    required, naming = _KEYS[resource]
    allowed = required | {naming}
    if resource is Resource.STATE:
        allowed |= {"registration"}
    check_names(given, allowed | {"since"} if since else allowed)
    for key in (*sorted(required), *(() if several else (naming,))):
        if key not in given:
            raise InvalidInput("parameter_missing", f"缺少参数 {key}")
    name = given.get(naming)
    if name is not None and not (0 < len(name) <= _MAX_NAME and name.isprintable()):
        raise InvalidInput("parameter_malformed", f"参数 {naming} 的值不符合规范")
    registration = None if name is None else ""
    if "registration" in given:
        registration = read_checked(given, "registration", formats.uuid).lower()
    place = Place(
        resource=resource,
        agent=terms.agent(keeping.agent(read_agent(given))) if "agent" in required else "",
        activity=terms.key("activity", keeping.iri(read_checked(given, "activityId", formats.iri)))
        if "activityId" in required
        else "",
        registration=registration,
        name=None if name is None else keeping.words(name),
    )
    return place, read_instant(given, "since")


class Documents:
    """The documents of a caller's source, in an open unit of work."""

    def __init__(self, tx: Tx, caller: Caller, clock: Clock, keep: DocumentKeeping) -> None:
        self._session = tx.session
        self._institution = tx.institution_id
        self._caller = caller
        self._clock = clock
        self._keep = keep

    def get(self, place: Place) -> Document | None:
        """Return the document; None if there is none."""
        row = self._session.scalar(select(XapiDocumentRow).where(*self._there(place)))
        return None if row is None else Document(row.content_type, row.content, row.etag, row.updated)

    def ids(self, place: Place, since: datetime | None) -> tuple[list[str], datetime | None]:
        """Return the ids of the documents there, and when the last of them was changed."""
        wanted = select(XapiDocumentRow.name, XapiDocumentRow.updated).where(*self._there(place))
        if since is not None:
            wanted = wanted.where(XapiDocumentRow.updated > since)
        rows = self._session.execute(wanted.order_by(XapiDocumentRow.name)).all()
        return list(dict.fromkeys(name for name, _at in rows)), max((at for _name, at in rows), default=None)

    def put(
        self, place: Place, content_type: str, content: bytes, conditions: Conditions, version: Version
    ) -> None:
        """Keep the document in place of the one that is there.

        Raises:
            InvalidInput: precondition_failed (412); document_exists (409): a profile, and in 2.0 any document, is
                not overwritten by who does not say which; condition_missing: in 1.0.3 no profile is put without a
                condition; json_malformed, document_refused.
        """
        row = self._row(place)
        _check(row, conditions)
        unsaid = conditions.if_match is None and conditions.if_none_match is None
        profile = place.resource is not Resource.STATE
        if unsaid and row is not None and (profile or version is Version.TWO):
            raise InvalidInput(
                "document_exists", "该文档已存在,请先读取并用 If-Match 给出其 ETag", http_status=409
            )
        if unsaid and profile and version is Version.ONE:
            raise InvalidInput("condition_missing", "请用 If-Match 或 If-None-Match 说明是更新还是新建")
        if _is_json(content_type):
            decoded(content)
        self._write(place, row, content_type, self._keep(content_type, content))

    def post(self, place: Place, content_type: str, content: bytes, conditions: Conditions) -> None:
        """Merge the document's members into the one that is there, or keep it if none is.

        Raises:
            InvalidInput: precondition_failed (412); document_not_json, json_malformed, document_refused.
        """
        row = self._row(place)
        _check(row, conditions)
        given = decoded(content) if _is_json(content_type) else None
        if row is not None:
            if given is None or not _is_json(row.content_type):
                raise InvalidInput("document_not_json", "只有两份文档都是 application/json 才能合并")
            before = decoded(row.content)
            if not isinstance(before, dict) or not isinstance(given, dict):
                raise InvalidInput("document_not_json", "只有两份 JSON 对象才能合并")
            content = _packed({**before, **given})
        elif given is not None and not isinstance(given, dict):
            raise InvalidInput("document_not_json", "文档应为 JSON 对象")
        self._write(place, row, content_type, self._keep(content_type, content))

    def delete(self, place: Place, conditions: Conditions) -> None:
        """Delete the documents there; InvalidInput("precondition_failed") (412)."""
        if place.name is not None:
            _check(self._row(place), conditions)
        self._session.execute(delete(XapiDocumentRow).where(*self._there(place)))

    def _row(self, place: Place) -> XapiDocumentRow | None:
        return self._session.scalar(select(XapiDocumentRow).where(*self._there(place)).with_for_update())

    def _there(self, place: Place) -> list[Any]:
        named: Mapping[str, Any] = {
            "institution_id": self._institution,
            "store": self._caller.store,
            "source": self._caller.source,
            "resource": place.resource,
            "agent": place.agent,
            "activity": place.activity,
            "registration": place.registration,
            "name": place.name,
        }
        return [getattr(XapiDocumentRow, name) == value for name, value in named.items() if value is not None]

    def _write(self, place: Place, row: XapiDocumentRow | None, content_type: str, content: bytes) -> None:
        if len(content_type) > _MAX_TYPE:
            raise InvalidInput("parameter_malformed", "Content-Type 过长")
        if len(content) > MAX_DOCUMENT_BYTES:
            raise InvalidInput("body_too_large", "文档超过 256 KB", http_status=413)
        if row is None:
            row = XapiDocumentRow(
                id=new_id("xst"),
                institution_id=self._institution,
                store=self._caller.store,
                source=self._caller.source,
                resource=place.resource,
                agent=place.agent,
                activity=place.activity,
                registration=place.registration or "",
                name=place.name or "",
            )
            self._session.add(row)
        row.content_type = content_type
        row.content = content
        row.etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        row.updated = self._clock.now()
        try:
            self._session.flush()
        except IntegrityError as error:
            # Another request made the same document at the same time.
            raise InvalidInput(
                "document_exists", "该文档刚由另一请求建立,请重新读取", http_status=409
            ) from error


def _check(row: XapiDocumentRow | None, conditions: Conditions) -> None:
    etag = None if row is None else row.etag
    wrong = (conditions.if_match is not None and not _named(etag, conditions.if_match)) or (
        conditions.if_none_match is not None and _named(etag, conditions.if_none_match)
    )
    if wrong:
        raise InvalidInput(
            "precondition_failed", "文档已被他人改动(ETag 不符),请重新读取后再提交", http_status=412
        )


def _named(etag: str | None, header: str) -> bool:
    """Return whether the header names the document that is there."""
    if header.strip() == "*":
        return etag is not None
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))
    return etag is not None and etag in tags


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == _JSON


def _packed(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
