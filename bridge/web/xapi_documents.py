"""State, agent profile and activity profile at the xAPI door: three resources with one behaviour."""

from collections.abc import Callable, Mapping

from flask import Response, jsonify, make_response

from bridge.intake.xapi.documents import Conditions, Place, read_place
from bridge.intake.xapi.model import Resource, Scope
from bridge.kernel.errors import InvalidInput
from bridge.web.xapi_request import XapiRequest
from bridge.web.xapi_visit import Answer, Visit, http_date
from bridge.wiring.xapi import XapiDesk


def document_answers(resource: Resource) -> Mapping[str, Answer]:
    """Return what answers each method for documents of `resource`."""
    scope = Scope.STATE if resource is Resource.STATE else Scope.PROFILE
    naming = "stateId" if resource is Resource.STATE else "profileId"

    def allowed(answer: Callable[[Visit], Response]) -> Answer:
        def checked(visit: Visit) -> Response:
            visit.needs(scope)
            return answer(visit)

        return checked

    def get(visit: Visit) -> Response:
        several = naming not in visit.asked.parameters
        with visit.desk(read_only=True) as desk:
            place, since = read_place(
                resource, visit.asked.parameters, desk.keeping, desk.terms, several=True, since=several
            )
            if several:
                ids, changed = desk.documents.ids(place, since)
                response = jsonify(ids)
                response.headers["Last-Modified"] = http_date(changed or visit.house.clock.now())
                return response
            found = desk.documents.get(place)
        if found is None:
            raise InvalidInput("document_unknown", "没有这个文档", http_status=404)
        response = make_response(found.content)
        response.headers["Content-Type"] = found.content_type
        response.headers["Last-Modified"] = http_date(found.updated)
        response.headers["ETag"] = f'"{found.etag}"'
        return response

    def write(visit: Visit) -> Response:
        asked = visit.asked
        content_type = asked.content_type or "application/octet-stream"
        with visit.desk() as desk:
            place = _place(visit, desk, several=False)
            if asked.method == "PUT":
                desk.documents.put(place, content_type, asked.body, _conditions(asked), visit.version)
            else:
                desk.documents.post(place, content_type, asked.body, _conditions(asked))
        return make_response("", 204)

    def delete(visit: Visit) -> Response:
        with visit.desk() as desk:
            place = _place(visit, desk, several=resource is Resource.STATE)
            desk.documents.delete(place, _conditions(visit.asked))
        return make_response("", 204)

    def _place(visit: Visit, desk: XapiDesk, *, several: bool) -> Place:
        given = visit.asked.parameters
        place, _since = read_place(resource, given, desk.keeping, desk.terms, several=several)
        return place

    return {"GET": allowed(get), "PUT": allowed(write), "POST": allowed(write), "DELETE": allowed(delete)}


def _conditions(asked: XapiRequest) -> Conditions:
    return Conditions(asked.headers.get("if-match"), asked.headers.get("if-none-match"))
