"""The roster of the course: Names and Role Provisioning Services 2.0, in pages, with differences."""

import threading
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request

from plugins.simulators.demo_lms.access import Refused, require_scope, service_blueprint
from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.names import LEARNER, ROSTER_SCOPE, TEACHER
from plugins.simulators.demo_lms.paging import page_of

blueprint = service_blueprint("roster")

MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
_ROLES = {"learner": LEARNER, "teacher": TEACHER}
STATUSES = ("Active", "Inactive", "Deleted")


@dataclass(slots=True)
class _Membership:
    user: User
    status: str
    changed: int


class Roster:
    """Who is in the course, and what has changed since when; it begins anew with each start.

    Args:
        users: in the order in which they are listed.
    """

    def __init__(self, users: tuple[User, ...]) -> None:
        self._lock = threading.Lock()
        self._version = 1
        self._members = {user.sub: _Membership(user, "Active", 1) for user in users}

    def set_status(self, sub: str, status: str) -> None:
        """Let a member pause (Inactive), go (Deleted) or come back (Active).

        Raises:
            KeyError: nobody has this `sub`.
            ValueError: another status.
        """
        if status not in STATUSES:
            raise ValueError("Active, Inactive or Deleted")
        with self._lock:
            member = self._members[sub]
            self._version += 1
            member.status, member.changed = status, self._version

    def read(self, since: int | None = None) -> tuple[int, list[tuple[User, str]]]:
        """Return the version and the members: all that are not deleted, or all that changed after `since`."""
        with self._lock:
            found = [
                (member.user, member.status)
                for member in self._members.values()
                if (member.status != "Deleted" if since is None else member.changed > since)
            ]
            return self._version, found


@blueprint.get("/lti/memberships")
def memberships() -> Response:
    """The members, or the differences since an answer that offered them."""
    require_scope(ROSTER_SCOPE)
    here, roster = desk(), course_roster()
    version, found = roster.read(_since())
    role, link = request.args.get("role"), request.args.get("rlid")
    if link is not None and link not in here.lms.link_titles():
        raise Refused("invalid_request", "rlid")
    members = [
        _entry(user, status)
        for user, status in found
        if role is None or role in (_ROLES[user.role][0], _ROLES[user.role][0].rpartition("#")[2])
    ]
    course, url = here.lms.course, f"{here.lms.issuer}/lti/memberships"
    context = {"id": course.context_id, "label": course.label, "title": course.title}
    return page_of(
        members,
        url,
        MEDIA_TYPE,
        lambda page: {"id": url, "context": context, "members": page},
        more_links=[f'<{url}?since={version}>; rel="differences"'],
    )


def _entry(user: User, status: str) -> dict[str, Any]:
    """Return a member; e-mail and telephone are canaries that a tool must drop."""
    return {
        "user_id": user.sub,
        "status": status,
        "roles": _ROLES[user.role],
        "name": user.name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "email": user.email,
        "phone_number": user.phone,
    }


def _since() -> int | None:
    text = request.args.get("since")
    if text is None:
        return None
    if not text.isdecimal() or not 0 < int(text) <= course_roster().read()[0]:
        raise Refused("invalid_request", "that answer is forgotten; read all again")
    return int(text)


def course_roster() -> Roster:
    """Return the roster of the running simulator."""
    roster = current_app.extensions["demo_lms_roster"]
    assert isinstance(roster, Roster)  # noqa: S101  # for mypy: `create_app` put it there
    return roster
