"""The roster of a course: Names and Role Provisioning Services 2.0, read in bounded pages.

Of each member only what enrolment needs is taken over: id, status, roles, the two parts of the name and the
platform's own number. E-mail, picture and the `message` claims of a link's roster are never looked at, and
`name` is not either: some platforms write it in the order of their own language.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from lti.contact import strip_contact_claims
from lti.registration import Registration
from lti.roles import CONTEXT_ROLES, Role, context_role
from lti.services import Page, PageLimits, ServiceCall, SetAside, with_query

MEMBERSHIP_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEMBERSHIP_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"

_PAGE_ENTRIES = 100
_ID_CHARACTERS = 255
_TEXT_CHARACTERS = 4096
_MAX_ROLES = 100
_NAMES = ("given_name", "family_name", "lis_person_sourcedid")


class MembershipStatus(Enum):
    """Whether a member takes part (NRPS 2.0 §2.3); DELETED comes in differences alone."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Member:
    """A person on the roster.

    Args:
        user_id: the `sub` of this person's launches; some platforms put a citizen id there, so it is not shown.
        roles: as sent; `role` is what they amount to here.
        given_name, family_name: None if the platform keeps them to itself.
        lis_person_sourcedid: the platform's own number of the person; None if not sent, or a citizen id.
        contact_removed, citizen_id_seen_in: names of the members that held contact data, or a citizen id
            (`user_id` among them: then an administrator of the platform has to act).
    """

    user_id: str = field(repr=False)
    status: MembershipStatus
    roles: tuple[str, ...]
    role: Role
    given_name: str | None = field(repr=False)
    family_name: str | None = field(repr=False)
    lis_person_sourcedid: str | None = field(repr=False)
    contact_removed: tuple[str, ...]
    citizen_id_seen_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RosterPage:
    """One page of a roster.

    Args:
        set_aside: entries that could not be read; `role_malformed` alone loses the role, not the member.
        differences_url: where to ask next time for what has changed since; None if not offered.
    """

    number: int
    context_id: str | None
    members: tuple[Member, ...]
    set_aside: tuple[SetAside, ...]
    differences_url: str | None


@dataclass(frozen=True, slots=True)
class Roster:
    """A whole roster, or all differences: nothing is missing but what was set aside."""

    context_id: str | None
    members: tuple[Member, ...]
    set_aside: tuple[SetAside, ...]
    differences_url: str | None


def _text(value: Any, longest: int = _TEXT_CHARACTERS) -> str | None:
    """Return `value` if it is text that can be stored; None for anything else."""
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None  # half a character
    return value


def read_member(entry: Any) -> tuple[Member | None, str | None]:
    """Return the member in `entry`, a platform's JSON, and the reason if something had to be set aside."""
    if not isinstance(entry, dict):
        return None, "entry_malformed"
    user_id = entry.get("user_id")
    if user_id is None or user_id == "":
        return None, "user_id_missing"
    user_id = _text(user_id, _ID_CHARACTERS)
    if user_id is None:
        return None, "user_id_malformed"
    try:
        status = MembershipStatus(entry.get("status") or "Active")
    except ValueError:
        return None, "status_unknown"
    sent = entry.get("roles")
    if not isinstance(sent, list) or len(sent) > _MAX_ROLES:
        return None, "roles_missing" if sent is None else "roles_malformed"
    roles = tuple(role for role in (_text(each, _TEXT_CHARACTERS) for each in sent) if role is not None)
    # Members of the entry that hold more than text are not looked into: nothing there is wanted.
    stripped = strip_contact_claims({name: text for name, text in entry.items() if isinstance(text, str)})
    given_name, family_name, number = (_text(stripped.claims.get(name)) or None for name in _NAMES)
    member = Member(
        user_id,
        status,
        roles,
        context_role(roles),
        given_name,
        family_name,
        number,
        stripped.removed,
        stripped.citizen_ids,
    )
    return member, None if len(roles) == len(sent) else "role_malformed"


def _context_id(document: Any) -> str | None:
    context = document.get("context") if isinstance(document, dict) else None
    return _text(context.get("id"), _ID_CHARACTERS) if isinstance(context, dict) else None


class RosterService:
    """Rosters of a registered platform."""

    def __init__(self, call: ServiceCall) -> None:
        self._call = call

    def pages(
        self,
        registration: Registration,
        memberships_url: str,
        *,
        role: str | None = None,
        resource_link_id: str | None = None,
        limit: int | None = _PAGE_ENTRIES,
        limits: PageLimits | None = None,
    ) -> Iterator[RosterPage]:
        """Yield the roster page by page; whoever stops at an error must not take the rest for gone.

        Args:
            role: only members with this context role, by full or short name ("Learner").
            resource_link_id: only those who may open this link (NRPS 2.0 §3).
            limit: entries a page, as a wish.

        Raises:
            ServiceFailed: roster_refused, or what `ServiceCall.pages` raises.
        """
        wishes = {"role": role, "rlid": resource_link_id, "limit": limit}
        url = with_query(memberships_url, {name: wish for name, wish in wishes.items() if wish is not None})
        return self._read(registration, url, role, limits)

    def differences(
        self, registration: Registration, differences_url: str, *, limits: PageLimits | None = None
    ) -> Iterator[RosterPage]:
        """Yield what has changed since the answer that offered `differences_url` (NRPS 2.0 §2.5).

        Raises:
            ServiceFailed: as `pages`. A platform that has forgotten that answer refuses: read all again.
        """
        return self._read(registration, differences_url, None, limits)

    def _read(
        self, registration: Registration, url: str, role: str | None, limits: PageLimits | None
    ) -> Iterator[RosterPage]:
        for page in self._call.pages(
            registration,
            url,
            frozenset({MEMBERSHIP_SCOPE}),
            "roster_refused",
            accept=MEMBERSHIP_TYPE,
            entries=lambda document: document.get("members") if isinstance(document, dict) else None,
            limits=limits,
        ):
            yield _read_page(page, registration, role)


def _read_page(page: Page, registration: Registration, role: str | None) -> RosterPage:
    members: list[Member] = []
    set_aside: list[SetAside] = []
    for position, entry in enumerate(page.entries):
        member, reason = read_member(entry)
        if reason is not None:
            set_aside.append(SetAside(page.number, position, reason))
        # Moodle's further pages have forgotten the filter, Open edX never knew it.
        if member is not None and (role is None or _holds(member, role)):
            members.append(member)
    differences = page.links.get("differences")
    if differences is not None and not registration.owns(differences):
        differences = None  # never kept, so never called
    return RosterPage(page.number, _context_id(page.document), tuple(members), tuple(set_aside), differences)


def _holds(member: Member, role: str) -> bool:
    short = role.removeprefix(CONTEXT_ROLES)
    return short in member.roles or CONTEXT_ROLES + short in member.roles


def whole(pages: Iterator[RosterPage]) -> Roster:
    """Return all of `pages` as one; raises what they raise, so there is never half a roster.

    A person on several pages (the roster moved while it was read) is taken from the last.
    """
    context_id = differences_url = None
    members: dict[str, Member] = {}
    set_aside: list[SetAside] = []
    for page in pages:
        context_id = context_id or page.context_id
        differences_url = page.differences_url or differences_url
        set_aside += page.set_aside
        for member in page.members:
            members.pop(member.user_id, None)
            members[member.user_id] = member
    return Roster(context_id, tuple(members.values()), tuple(set_aside), differences_url)
