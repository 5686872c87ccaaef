"""What the registry does: load a catalogue, enrol, say what a class run is, keep offline sessions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId, LearnerRef, RegistrationId, new_id
from bridge.kernel.time import epoch_ms, legal_date, require_utc
from bridge.registry.contact_gate import contact_objections
from bridge.registry.leaving_model import leaving_objections
from bridge.registry.model import Catalogue, ClassRun, ClassRunSheet, OfflineSession, PackRef
from bridge.registry.ports import Now, RegistryStore
from bridge.registry.suspension_model import suspension_objections
from bridge.rules.decisions import outline_hours, review_class
from bridge.rules.model import Decision, NoRuleInForce, ProfileInForce, Reason, Resolved, RuleBook

OFFLINE_CONFIRMED = "registry.offline_confirmed"

_REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_-]{2,36}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_CLASS_HOURS = 24


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load wrote: ids that are new, and how many things stood already as the files say."""

    added: tuple[str, ...]
    unchanged: int


class RegistryService:
    """Use cases of the registry inside one institution's unit of work.

    Args:
        clock: the study clock; dates of enrolment and of offline sessions are study dates.
        rules: names the packs (and their content hashes) of a class run's profile.
    """

    def __init__(self, store: RegistryStore, events: Events, clock: Now, rules: RuleBook) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._rules = rules

    def load_catalogue(self, catalogue: Catalogue) -> LoadReport:
        """Write what `catalogue` holds and the store does not; the same catalogue twice changes nothing.

        The institution, its LTI platforms and contexts are brought up to date. What learners' hours rest on
        (outlines, courses, class runs, city registrations) never changes under its id. The enrolment list and
        the staff go to identity, in the same unit of work.

        Raises:
            InvalidInput: catalogue_conflict (another content under a known id), catalogue_id_taken,
                profile_unknown, uscc_taken, lti_client_taken.
        """
        for run in catalogue.class_runs:
            self._rules.profile(run.profile)
        self._refuse_foreign_ids(catalogue)
        store, added, unchanged = self._store, [], 0
        if store.institution() is None:
            added.append(str(catalogue.institution.id))
        store.save_institution(catalogue.institution)
        known = {(r.division_code, r.document_number): r for r in store.city_registrations()}
        for registration in catalogue.city_registrations:
            at = (registration.division_code, registration.document_number)
            if at not in known:
                store.add_city_registration(registration)
                added.append("/".join(at))
            elif known[at] == registration:
                unchanged += 1
            else:
                raise _conflict("/".join(at))
        for outline in catalogue.outlines:
            unchanged += self._keep(store.outline(outline.id), outline, outline.id, added)
            if outline.id in added:
                store.add_outline(outline)
        for course in catalogue.courses:
            unchanged += self._keep(store.course(course.id), course, course.id, added)
            if course.id in added:
                store.add_course(course)
        for run in catalogue.class_runs:
            stands = store.class_run(run.id)
            if stands is not None and run.id in catalogue.floating:
                run = replace(run, opens_on=stands.opens_on, closes_on=stands.closes_on)  # noqa: PLW2901
            unchanged += self._keep(stands, run, run.id, added)
            if run.id in added:
                store.add_class_run(run)
        for entry in catalogue.lti_registrations:
            store.save_lti_registration(entry)
        for context in catalogue.lti_contexts:
            store.save_lti_context(context)
        return LoadReport(tuple(added), unchanged)

    def class_run(self, class_run_id: ClassRunId) -> ClassRun:
        """Return the class run; InvalidInput("class_run_unknown")."""
        run = self._store.class_run(class_run_id)
        if run is None:
            raise InvalidInput("class_run_unknown", "没有这个班次,请核对班次编号。", http_status=404)
        return run

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        """Return all that the line needs to know of `learner` in the class run.

        Raises:
            InvalidInput("class_run_unknown" | "not_enrolled")
        """
        run = self.class_run(class_run_id)
        enrolled_on = self._store.enrolled_on(class_run_id, learner)
        institution, outline = self._store.institution(), self._store.outline(run.outline_id)
        course = self._store.course(run.course_id)
        if enrolled_on is None:
            raise InvalidInput("not_enrolled", "该学员不在这个班次中,请先完成实名认证。", http_status=404)
        if institution is None or outline is None or course is None:
            raise RuntimeError(f"class run {class_run_id} stands without its outline or course")
        packs = tuple(PackRef(*pack) for pack in self._rules.profile(run.profile).pack_hashes)
        excepted = self._store.cap_exception(class_run_id)
        return ClassRunSheet(institution.id, learner, run, packs, outline, course, enrolled_on, excepted)

    def real_name_rule(self, class_run_id: ClassRunId) -> Resolved | None:
        """Return the rule that asks for a real name in the class run today; None where none is in force."""
        run = self._store.class_run(class_run_id)
        if run is None:
            return None
        try:
            rules = self._rules.profile(run.profile)
            return rules.value("identity.real_name_required", legal_date(self._clock.now()))
        except NoRuleInForce:
            return None

    def enrol(self, learner: LearnerRef, class_run: ClassRunId, list_row: str) -> bool:
        """Enrol `learner`; return False, with nothing changed, if that was done before.

        Raises:
            InvalidInput("class_run_unknown")
        """
        self.class_run(class_run)
        if self._store.enrolled_on(class_run, learner) is not None:
            return False
        now = self._clock.now()
        self._store.add_enrolment(class_run, learner, list_row, legal_date(now), now)
        return True

    def enrolled(self, class_run: ClassRunId) -> Sequence[LearnerRef]:
        """Return the learners of the class run, in the order of enrolment."""
        return self._store.enrolled(class_run)

    def require_enrolled(self, class_run: ClassRunId, learner: LearnerRef) -> None:
        """Return if `learner` is enrolled in the class run; else InvalidInput("learner_unknown")."""
        if learner not in self.enrolled(class_run):
            raise InvalidInput("learner_unknown", "本班次没有这名学员,请刷新后重试。", http_status=404)

    def class_runs_of(self, learner: LearnerRef) -> Sequence[ClassRunId]:
        """Return the class runs in which `learner` is enrolled, oldest enrolment first."""
        return self._store.class_runs_of(learner)

    def class_run_for(self, registration_id: RegistrationId, context_id: str) -> ClassRunId | None:
        """Return the class run that is taught in the LMS course; None if none is linked to it."""
        return self._store.class_run_of_context(registration_id, context_id)

    def unit_for(self, registration_id: RegistrationId, resource_link_id: str) -> CourseUnitId | None:
        """Return the course unit that the resource link opens; None for a link that opens no unit.

        Raises:
            InvalidInput("resource_link_ambiguous"): two courses of the platform use the same link.
        """
        found = self.unit_of_link(registration_id, resource_link_id)
        return None if found is None else found[1]

    def unit_of_link(
        self, registration_id: RegistrationId, resource_link_id: str
    ) -> tuple[CourseId, CourseUnitId] | None:
        """Return course and unit, since unit ids are unique within a course alone; otherwise as `unit_for`."""
        found = self._store.units_of_link(registration_id, resource_link_id)
        if len(found) > 1:
            raise InvalidInput("resource_link_ambiguous", "同一链接对应多门课程,请联系培训机构修正课程设置。")
        return found[0] if found else None

    def opening_decision(self, class_run: ClassRun, on: date) -> Decision[bool]:
        """Return whether the class run may be taught on the legal day `on`, and what stands against it.

        Raises:
            NoRuleInForce: the class run's profile does not say on that day.

        Source: 粤应急规〔2022〕3号 article 4 (provincial connection), article 13 (registration in the city),
        article 14 (outline), article 27 (no contact data kept; see `contact_gate`); the orders on training.
        """
        rules = self._rules.profile(class_run.profile)
        institution = self._store.institution()
        reasons: list[Reason] = []
        connection = rules.value("platform.provincial_connection_required", on)
        if connection.boolean() and not (institution and institution.provincial_connected):
            sentence = "网络平台尚未接入省级监管平台,不能开展培训;请先完成接入。"
            reasons.append(connection.reason("not_connected", sentence))
        registration = rules.value("institution.registration_required", on)
        registered = any(r.covers(class_run.division_code, on) for r in self._store.city_registrations())
        if registration.boolean() and not registered:
            sentence = "培训机构在开班所在地级以上市没有有效的登记,不能在该市开班;请先办理或续办登记。"
            reasons.append(registration.reason("not_registered_in_city", sentence))
        reasons.extend(suspension_objections(self._store.suspensions(), class_run, rules, on))
        reasons.extend(leaving_objections(self._store.leaving(), rules, on))
        if class_run.kind == "review":
            reasons.extend(review_class(rules, class_run.opens_on).reasons)
        reasons.extend(self._outline_objections(class_run, rules))
        standing = self._store.contact_standing(class_run.id)
        reasons.extend(contact_objections(standing, class_run, rules, on))
        return Decision(not reasons, tuple(reasons))

    def _outline_objections(self, class_run: ClassRun, rules: ProfileInForce) -> tuple[Reason, ...]:
        """Return where the outline is shorter than a confirmed rule; a category that no table knows has none."""
        outline = self._store.outline(class_run.outline_id)
        if outline is None:
            raise RuntimeError(f"class run {class_run.id} stands without its outline")
        hours, category = outline.theory_class_hours, class_run.category
        try:
            decision = outline_hours(hours, category, class_run.kind, rules, class_run.opens_on)
        except NoRuleInForce:
            return ()
        return tuple(reason for reason in decision.reasons if reason.confirmed)

    def enter_offline_session(
        self,
        *,
        class_run_id: ClassRunId,
        outline_unit_id: str,
        class_hours: int,
        starts_at: datetime,
        ends_at: datetime,
        teacher: str,
        place: str,
        sheet_sha256: str,
        learners: Sequence[LearnerRef],
        by: str,
    ) -> OfflineSession:
        """Write down a lesson in a room; it counts for nothing until another person confirms it.

        Args:
            starts_at, ends_at: study instants, UTC, [start, end).
            teacher, by: references (staff ids), never names.
            sheet_sha256: of the scanned attendance sheet, lower-case hex.

        Raises:
            InvalidInput: class_run_unknown, outline_unit_unknown, outline_unit_online, class_hours_malformed,
                session_times_reversed, session_in_future, session_outside_class_dates, reference_malformed,
                place_malformed, sheet_sha256_malformed, learners_missing, learner_not_enrolled,
                learner_elsewhere.
        """
        run = self.class_run(class_run_id)
        self._check_offline_unit(run, outline_unit_id, class_hours)
        self._check_offline_times(run, require_utc(starts_at), require_utc(ends_at))
        for reference in (teacher, by):
            if not _REFERENCE.fullmatch(reference):
                raise InvalidInput("reference_malformed", "教师和录入人请填写工作人员编号,不要填写姓名。")
        if not 1 <= len(place.strip()) <= 120:
            raise InvalidInput("place_malformed", "请填写上课地点,不超过 120 字。")
        if not _SHA256.fullmatch(sheet_sha256):
            raise InvalidInput(
                "sheet_sha256_malformed", "签到表的校验值应为 64 位十六进制数,请重新上传签到表。"
            )
        attending = tuple(dict.fromkeys(learners))
        if not attending:
            raise InvalidInput("learners_missing", "请至少选择一名到课学员。")
        if not set(attending) <= set(self._store.enrolled(class_run_id)):
            raise InvalidInput("learner_not_enrolled", "名单中有不属于本班次的学员,请重新选择。")
        if self._store.busy_offline(attending, starts_at, ends_at):
            raise InvalidInput("learner_elsewhere", "有学员在同一时间已登记另一次线下课,请核对上课时间。")
        session = OfflineSession(
            id=new_id("off"),
            class_run_id=class_run_id,
            outline_unit_id=outline_unit_id,
            class_hours=class_hours,
            starts_at=starts_at,
            ends_at=ends_at,
            teacher=teacher,
            place=place.strip(),
            sheet_sha256=sheet_sha256,
            learners=attending,
            entered_by=by,
            confirmed_by=None,
        )
        self._store.add_offline_session(session, self._clock.now())
        return session

    def confirm_offline_session(self, session_id: str, by: str) -> OfflineSession:
        """Confirm as the second person, and tell the ledger of each learner; twice by the same is once.

        Raises:
            InvalidInput: session_unknown, reference_malformed, session_confirmed (by somebody else).
            NotPermitted("second_person_required"): `by` entered the session.
        """
        session = self._store.offline_session(session_id)
        if session is None:
            raise InvalidInput("session_unknown", "没有这次线下课的记录,请刷新后重试。", http_status=404)
        if not _REFERENCE.fullmatch(by):
            raise InvalidInput("reference_malformed", "确认人请填写工作人员编号,不要填写姓名。")
        if by == session.entered_by:
            raise NotPermitted("second_person_required", "线下课须由另一名工作人员确认,录入人不能自己确认。")
        now = self._clock.now()
        if session.confirmed_by is None:
            self._store.confirm_offline_session(session_id, by, now)
            session = self._store.offline_session(session_id) or session
        if session.confirmed_by != by:
            raise InvalidInput("session_confirmed", "这次线下课已由其他工作人员确认。", http_status=409)
        for learner in session.learners:
            self._events.emit(
                OFFLINE_CONFIRMED,
                learner,
                occurred_at=now,
                idempotency_key=f"{session.id}:{learner}",
                data={
                    "learner": learner,
                    "class_run": session.class_run_id,
                    "outline_unit": session.outline_unit_id,
                    "class_hours": session.class_hours,
                    "start_ms": epoch_ms(session.starts_at),
                    "end_ms": epoch_ms(session.ends_at),
                    "teacher": session.teacher,
                    "place": session.place,
                    "sheet_sha256": session.sheet_sha256,
                    "entered_by": session.entered_by,
                    "confirmed_by": by,
                },
            )
        return session

    def offline_sessions(self, class_run_id: ClassRunId) -> Sequence[OfflineSession]:
        """Return the offline sessions of the class run, by their start."""
        return self._store.offline_sessions(class_run_id)

    def _check_offline_unit(self, run: ClassRun, outline_unit_id: str, class_hours: int) -> None:
        outline = self._store.outline(run.outline_id)
        unit = next((u for u in outline.units if u.id == outline_unit_id), None) if outline else None
        if unit is None:
            raise InvalidInput("outline_unit_unknown", "大纲中没有这个单元,请重新选择。")
        if unit.mode != "offline":
            raise InvalidInput("outline_unit_online", "这个单元是线上单元,不能登记为线下课。")
        if not 1 <= class_hours <= _MAX_CLASS_HOURS:
            raise InvalidInput("class_hours_malformed", f"学时应为 1 至 {_MAX_CLASS_HOURS} 的整数。")

    def _check_offline_times(self, run: ClassRun, starts_at: datetime, ends_at: datetime) -> None:
        if starts_at >= ends_at:
            raise InvalidInput("session_times_reversed", "下课时间应晚于上课时间,请核对。")
        if ends_at > self._clock.now():
            raise InvalidInput("session_in_future", "线下课结束后才能登记,请核对上课时间。")
        if not (run.opens_on <= legal_date(starts_at) and legal_date(ends_at) <= run.closes_on):
            raise InvalidInput("session_outside_class_dates", "上课时间不在班次的起止日期内,请核对。")

    def _refuse_foreign_ids(self, catalogue: Catalogue) -> None:
        ids = [
            catalogue.institution.id,
            *(one.id for one in catalogue.outlines),
            *(one.id for one in catalogue.courses),
            *(one.id for one in catalogue.class_runs),
            *(one.id for one in catalogue.lti_registrations),
        ]
        taken = self._store.taken_elsewhere(ids)
        if taken:
            raise InvalidInput(
                "catalogue_id_taken", f"编号 {'、'.join(sorted(taken))} 已属于另一家机构,请换一个编号。"
            )

    @staticmethod
    def _keep(stands: object, wanted: object, name: str, added: list[str]) -> int:
        """Return 1 if `wanted` stands already; else note it as new, or refuse a changed one."""
        if stands is None:
            added.append(name)
            return 0
        if stands != wanted:
            raise _conflict(name)
        return 1


def _conflict(name: str) -> InvalidInput:
    return InvalidInput(
        "catalogue_conflict",
        f"{name} 已在使用中,内容不能更改;请保留原内容,修改后的版本请使用新的编号。",
        http_status=409,
    )
