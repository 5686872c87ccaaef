"""Statements of the video profile beside the units that they are about: claims, and how far they go beyond our own."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.db.unit_of_work import Tx
from bridge.intake.cmi5.claims import UnitClaim, UnitClaims
from bridge.intake.video.claims import BREACH, PROFILE, SEEN, note_video
from bridge.intake.video.rules import VideoFault, claims_video, read_video
from bridge.intake.xapi.formats import instant
from bridge.intake.xapi.model import Caller, Store
from bridge.kernel.ids import RegistrationId
from bridge.kernel.intervals import IntervalSet

if TYPE_CHECKING:
    from bridge.wiring.house import House


_MOODLE_PAGE = re.compile(r"/mod/[a-z0-9]{1,40}/view\.php\?id=([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class SeenBesideOurs:
    """What a platform says was watched of a unit, beside what the bridge saw; all in milliseconds.

    Args:
        only_claimed_ms: said by the platform, not seen here; no second of it is credited.
        only_ours_ms: seen here, not said by the platform.
    """

    unit: str
    claimed_ms: int
    ours_ms: int
    only_claimed_ms: int
    only_ours_ms: int


def note_videos(house: "House", tx: Tx, caller: Caller, statements: Sequence[Mapping[str, Any]]) -> None:
    """Note what an LMS's statements of the video profile say, where learner and unit are known.

    The actor is an account of the LMS's own LTI platform, the activity a unit's resource link (`_links`). A
    statement that breaks the profile is kept as any other, and the breach stands beside the unit.
    """
    registration = caller.registration
    if registration is None or caller.store is not Store.RECORDS:
        return
    videos = [one for one in statements if claims_video(one)]
    if videos:
        issuer = house.lti_registrations.by_id(registration).issuer
        for statement in videos:
            _note_from_platform(house, tx, registration, issuer, statement)


def _note_from_platform(
    house: "House", tx: Tx, registration: RegistrationId, issuer: str, statement: Mapping[str, Any]
) -> None:
    stations = house.at(tx)
    account = statement["actor"].get("account", {})
    about = statement["object"].get("id", "")
    if account.get("homePage") != issuer or "timestamp" not in statement:
        return
    person = stations.identity.account_for(registration, account["name"])
    if person is None or person.learner is None:
        return
    units = {
        course: unit
        for link in _links(about, issuer)
        for course, unit in stations.registry_store.units_of_link(registration, link)
    }
    claims = UnitClaims(tx)
    for class_run in stations.registry.class_runs_of(person.learner) if units else ():
        unit = units.get(stations.registry.class_run(class_run).course_id)
        if unit is None:
            continue
        try:
            watched = read_video(statement)
        except VideoFault as fault:
            value = {"reason": fault.reason, "message": fault.message}
            at = instant(statement["timestamp"])
            breach = UnitClaim(unit, PROFILE, BREACH, at, value, statement["id"])
            claims.note(person.learner, class_run, breach)
        else:
            note_video(claims, person.learner, class_run, unit, statement, watched)


def _links(activity: str, issuer: str) -> Iterator[str]:
    """Yield the resource links that an activity's IRI may name: itself, and the module of a Moodle's own page."""
    yield activity
    page = activity.removeprefix(issuer.rstrip("/"))
    module = _MOODLE_PAGE.fullmatch(page) if page != activity else None
    if module is not None:
        yield f"cm-{module[1]}"


def beside_ours(claims: Sequence[UnitClaim], seen: Mapping[str, IntervalSet]) -> tuple[SeenBesideOurs, ...]:
    """Return the units that a platform says were watched, beside what the bridge saw of them.

    Args:
        seen: unit → media that was credited or may yet be.
    """
    found = []
    for claim in claims:
        if (claim.profile, claim.kind) == (PROFILE, SEEN):
            said = IntervalSet((start, end) for start, end in claim.value["segments"])
            ours = seen.get(claim.unit, IntervalSet())
            found.append(
                SeenBesideOurs(
                    claim.unit,
                    said.total,
                    ours.total,
                    said.difference(ours).total,
                    ours.difference(said).total,
                )
            )
    return tuple(found)
