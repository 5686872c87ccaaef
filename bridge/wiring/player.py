"""The bridge's own player: which units a learner studies here, the token and session of its agent, how study stands."""

import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bridge.hours.service import Earned
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.model import Activity
from bridge.registry.material_model import Material
from bridge.registry.model import ClassRunSheet, CourseUnit
from bridge.rules.model import LegalDates, NoRuleInForce
from bridge.wiring.study_door import StepMissing, open_for

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

PLAYER_TOKEN = "own~"  # noqa: S105  # a kind of token, not a token
_TOKEN_SECONDS = 300
_KEY = "player token"


@dataclass(frozen=True, slots=True)
class OwnUnit:
    """A unit of the learner's class run that has a material here, reviewed or not."""

    unit: CourseUnit
    material: Material


@dataclass(frozen=True, slots=True)
class PlayerView:
    """A unit at the player and how the learner's study stands.

    Args:
        daily_cap_seconds: how much of a day may count; None where no rule says so.
        today_seconds: credited or provisional on this legal day, study clock.
        minutes_per_class_hour: online.
    """

    sheet: ClassRunSheet
    own: OwnUnit
    earned: Earned
    today_seconds: int
    daily_cap_seconds: int | None
    minutes_per_class_hour: int


def own_units(stations: "Stations", sheet: ClassRunSheet) -> Sequence[OwnUnit]:
    """Return the study units of the sheet's course that have a material here, in the course's order."""
    materials = stations.materials.of(sheet.course.id)
    return [
        OwnUnit(unit, materials[unit.id])
        for unit in sheet.course.units
        if unit.id in materials and unit.activity == "study"
    ]


def require_unit(
    stations: "Stations", learner: LearnerRef, class_run: ClassRunId, unit: CourseUnitId
) -> tuple[ClassRunSheet, OwnUnit]:
    """Return the learner's unit if it may be studied here.

    Raises:
        InvalidInput: class_run_unknown, not_enrolled, unit_unknown, material_missing.
        NotPermitted("material_unreviewed")
    """
    sheet = stations.registry.class_run_sheet(class_run, learner)
    found = next((one for one in sheet.course.units if one.id == unit and one.activity == "study"), None)
    if found is None:
        raise InvalidInput("unit_unknown", "您的班次里没有这个学习单元。", http_status=404)
    return sheet, OwnUnit(found, stations.materials.require_reviewed(sheet.course.id, unit))


def player_token(
    house: "House", institution: InstitutionId, account_id: str, class_run: ClassRunId, unit: CourseUnitId
) -> str:
    """Return the token with which the player's page opens its agent's session; good once, for five minutes."""
    until = int(house.clock.now().timestamp()) + _TOKEN_SECONDS
    parts = (institution, account_id, class_run, unit, str(until), secrets.token_hex(16))
    head = PLAYER_TOKEN + "~".join(parts)
    return f"{head}~{_mac(house, head)}"


def open_player_session(house: "House", token: str) -> dict[str, Any]:
    """Open the session that a token of the player asks for; return what the agent needs to begin.

    Raises:
        NotPermitted: player_token_invalid, material_unreviewed, class_run_not_open, token_used.
        StepMissing: real_name_required, consent_required, face_reference_required.
        InvalidInput: as `require_unit`.
    """
    head, _, mac = token.rpartition("~")
    parts = head.split("~")
    if len(parts) != 7 or not hmac.compare_digest(_mac(house, head).encode(), mac.encode()):
        raise _token_invalid()
    _, institution, account_id, class_run, unit, until, _ = parts
    if int(until) <= house.clock.now().timestamp():
        raise _token_invalid()
    page = f"{house.settings.public_url}/learner"
    with house.uow.for_institution(InstitutionId(institution)) as tx:
        stations = house.at(tx)
        account = SqlIdentityStore(tx, house.cipher).account(account_id)
        if account is None or account.learner is None:
            raise StepMissing("real_name_required", "请先完成实名登记。", page)
        sheet, own = require_unit(stations, account.learner, ClassRunId(class_run), CourseUnitId(unit))
        return open_for(
            house,
            stations,
            account_id=account.account_id,
            learner=account.learner,
            sheet=sheet,
            unit=own.unit,
            activity=Activity.STUDY,
            attempt=None,
            token_id=sha256(token.encode()).hexdigest(),
            page=page,
        )


def look_at_player(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, unit: CourseUnitId
) -> PlayerView:
    """Return the unit and how study stands; raises as `require_unit`, and NoRuleInForce."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        sheet, own = require_unit(stations, learner, class_run, unit)
        earned = stations.hours.earned(learner, class_run)
        rules = stations.profile_for(sheet)
        today = legal_date(house.study_clock.now())
        figures = earned.seconds.on_day(today)
        cap = None
        dates = LegalDates(
            enrolment=sheet.enrolled_on, opening=sheet.class_run.opens_on, study_second=today, event=today
        )
        with suppress(NoRuleInForce):
            cap = rules.read("study.daily_cap_seconds", dates).integer()
        measure = rules.read("hours.minutes_per_online_class_hour", dates).integer()
        return PlayerView(
            sheet,
            own,
            earned,
            (figures.credited_ms + figures.provisional_ms) // 1000,
            cap,
            measure,
        )


def _mac(house: "House", head: str) -> str:
    return hmac.new(house.key(_KEY), head.encode(), sha256).hexdigest()


def _token_invalid() -> NotPermitted:
    return NotPermitted("player_token_invalid", "学习页面停留太久,请刷新后重新开始。", http_status=401)
