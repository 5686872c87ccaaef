"""What platforms and courseware claim of a learner's units, beside what the bridge saw: for the institution's staff."""

from dataclasses import dataclass

from flask import Flask

from bridge.intake.cmi5.claims import UnitClaim, UnitClaims
from bridge.intake.video.claims import BREACH, SEEN
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.web.pages.visitors import staff_visit
from bridge.wiring import House
from bridge.wiring.video import SeenBesideOurs, beside_ours

_KINDS_ZH = {
    "completed": "已学完",
    "passed": "通过",
    "failed": "未通过",
    "waived": "已免学",
    SEEN: "已观看",
    BREACH: "视频记录不合规范",
}
_PROFILES_ZH = {"cmi5": "课件报告", "video": "播放器报告"}


@dataclass(frozen=True, slots=True)
class ClaimedUnit:
    """The claims of one unit; `seen` where a player said what was watched."""

    title: str
    claims: tuple[UnitClaim, ...]
    seen: SeenBesideOurs | None


def claim_words(claim: UnitClaim) -> str:
    """Return what is claimed, and who claims it."""
    words = f"{_PROFILES_ZH.get(claim.profile, claim.profile)}：{_KINDS_ZH.get(claim.kind, claim.kind)}"
    if "scaled" in claim.value:
        words += f"，成绩 {claim.value['scaled']}（满分 1）"
    if claim.kind == BREACH:
        words += f"（{claim.value['message']}）"
    return words


def register_unit_claims(app: Flask, house: House) -> None:
    """Give templates `unit_claims` and the filter `claim_words`."""
    app.add_template_filter(claim_words)

    @app.template_global()
    def unit_claims(class_run: ClassRunId, learner: LearnerRef) -> tuple[ClaimedUnit, ...]:
        """Return the claimed units of a learner of the own institution, in the order of the course."""
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            found = UnitClaims(tx).of(learner, class_run)
            if not found:
                return ()
            stations = house.at(tx)
            sheet = stations.registry.class_run_sheet(class_run, learner)
            statement = stations.ledger.statement(learner, class_run)
        ours = {one.unit: part.seen_media for one in found if (part := statement.unit(one.unit)) is not None}
        beside = {one.unit: one for one in beside_ours(found, ours)}
        return tuple(
            ClaimedUnit(unit.title, tuple(one for one in found if one.unit == unit.id), beside.get(unit.id))
            for unit in sheet.course.units
            if any(one.unit == unit.id for one in found)
        )
