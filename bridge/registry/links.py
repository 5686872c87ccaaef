"""Links in LMS courses: what may be linked, what a link is for, which class run a course is."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId, RegistrationId, new_id
from bridge.kernel.time import rfc3339
from bridge.registry.link_model import (
    BY_LAUNCH,
    ONLY_TEST,
    RESTORED,
    UNDONE,
    ContextChange,
    LinkChoice,
    LinkKind,
    LinkTarget,
    LmsLink,
    TestBinding,
)
from bridge.registry.link_tables import LmsLinkRow, LtiContextChangeRow
from bridge.registry.model import ClassRun, Course, LtiContext
from bridge.registry.ports import RegistryStore
from bridge.registry.tables import ClassRunRow

TEST_LINK_CHANGED = "registry.test_link_changed"
"""Type of the event that staff ended or restored what a link of the LMS became by itself."""


class LmsLinks:
    """Use cases in one institution's unit of work; another institution's class runs are not there at all."""

    def __init__(self, tx: Tx, store: RegistryStore) -> None:
        self._tx = tx
        self._session = tx.session
        self._store = store

    def choices(self, class_run: ClassRunId) -> list[LinkChoice]:
        """Return what may be linked of a class run: its entry, its units, and a gate for each test.

        Raises:
            InvalidInput("link_target_unknown")
        """
        run, course = self._known(class_run)
        outline = self._store.outline(run.outline_id)
        online = [unit.class_hours for unit in outline.units if unit.mode == "online"] if outline else []
        hours = sum(online) or None
        found = [LinkChoice(LinkTarget(LinkKind.ENTRY, run.id), run.title, hours)]
        for unit in course.units:
            kind = LinkKind.GATE if unit.activity == "test" else LinkKind.UNIT
            found.append(LinkChoice(LinkTarget(kind, run.id, unit.id), unit.title))
        return found

    def require(self, target: LinkTarget) -> CourseId:
        """Return the course of a target that stands in this institution's registry.

        Raises:
            InvalidInput("link_target_unknown"): made up, another institution's, or a gate to what is no test.
        """
        run, course = self._known(target.class_run)
        if target.unit is not None:
            unit = next((one for one in course.units if one.id == target.unit), None)
            if unit is None or (unit.activity == "test") != (target.kind is LinkKind.GATE):
                raise _unknown()
        return run.course_id

    def current(
        self, registration: RegistrationId, deployment_id: str, resource_link_id: str
    ) -> LmsLink | None:
        """Return what the link is for now; None if nothing is recorded of it, or staff undid that."""
        last = self._last(registration, deployment_id, resource_link_id)
        return None if last is None or last.undone else last

    def history(
        self, registration: RegistrationId, deployment_id: str, resource_link_id: str
    ) -> Sequence[LmsLink]:
        """Return all that the link was for, oldest first."""
        rows = self._session.scalars(
            select(LmsLinkRow)
            .where(
                LmsLinkRow.registration_id == registration,
                LmsLinkRow.deployment_id == deployment_id,
                LmsLinkRow.resource_link_id == resource_link_id,
            )
            .order_by(LmsLinkRow.seq)
        )
        return [_link(row) for row in rows]

    def record(
        self,
        registration: RegistrationId,
        deployment_id: str,
        resource_link_id: str,
        target: LinkTarget,
        by: str = BY_LAUNCH,
    ) -> LmsLink:
        """Return the link with `target` in force; a target that it has already adds nothing.

        Raises:
            InvalidInput("link_target_unknown")
        """
        course_id = self.require(target)
        now = self._tx.clock.now()
        while True:
            known = self._last(registration, deployment_id, resource_link_id)
            if known is not None and known.target == target and not known.undone:
                return known
            row = LmsLinkRow(
                id=new_id("lnk"),
                institution_id=self._tx.institution_id,
                registration_id=registration,
                deployment_id=deployment_id,
                resource_link_id=resource_link_id,
                seq=1 if known is None else known.seq + 1,
                kind=target.kind.value,
                class_run_id=target.class_run,
                course_id=course_id,
                unit_id=target.unit,
                seen_at=now,
                set_by=by,
            )
            try:
                with self._session.begin_nested():
                    self._session.add(row)
            except IntegrityError:
                # A class opens a new link all at once: whoever came second reads what the first wrote.
                continue
            return _link(row)

    def test_for(
        self, registration: RegistrationId, deployment_id: str, resource_link_id: str, class_run: ClassRunId
    ) -> LinkTarget:
        """Return the gate of the test that a platform's own test is, for a link that nobody chose in our page.

        A unit that names the link in the course is meant. Else, in a course with one test alone, the first such
        link becomes that test's and no other does: who could bind a second, easier test would have two. A link that
        staff undid becomes nothing by itself any more.

        Raises:
            InvalidInput: link_target_unknown; test_unlinked (422).
        """
        run, course = self._known(class_run)
        # Two links that come at once queue up here, so that only one of them becomes the test's.
        self._session.execute(select(ClassRunRow.id).where(ClassRunRow.id == class_run).with_for_update())
        tests = [unit for unit in course.units if unit.activity == "test"]
        named = [unit for unit in tests if unit.resource_link_id == resource_link_id]
        if len(named) == 1:
            return LinkTarget(LinkKind.GATE, run.id, named[0].id)
        free = [unit for unit in tests if unit.resource_link_id is None]
        last = self._last(registration, deployment_id, resource_link_id)
        undone = last is not None and last.undone
        if len(tests) != 1 or not free or undone or self._is_bound(registration, run.id, free[0].id):
            raise InvalidInput(
                "test_unlinked",
                "学习平台的这场考试没有关联到课程中的测试,请培训机构先完成关联,再重新开始考试。",
                http_status=422,
            )
        target = LinkTarget(LinkKind.GATE, run.id, free[0].id)
        return self.record(registration, deployment_id, resource_link_id, target, ONLY_TEST).target

    def test_bindings(self, class_run: ClassRunId) -> Sequence[TestBinding]:
        """Return the links that became the class run's test by themselves, undone ones included, oldest first.

        Raises:
            InvalidInput("link_target_unknown")
        """
        _run, course = self._known(class_run)
        titles = {unit.id: unit.title for unit in course.units}
        found = []
        for history in self._chains(LmsLinkRow.class_run_id == class_run):
            last = _link(history[-1])
            if last.assumed and last.target.class_run == class_run and last.target.unit is not None:
                title = titles.get(last.target.unit, last.target.unit)
                found.append(TestBinding(history[-1].id, title, last, tuple(map(_link, history))))
        return found

    def undo_test(self, class_run: ClassRunId, binding_id: str, *, by: str) -> None:
        """End what a link became by itself, and tell; attempts that have begun there go on.

        Args:
            by: a staff id.

        Raises:
            InvalidInput: test_link_unknown; test_link_changed (409): somebody was faster.
        """
        self._change_test(class_run, binding_id, undo=True, by=by)

    def restore_test(self, class_run: ClassRunId, binding_id: str, *, by: str) -> None:
        """Make a link the test's again, and tell.

        Raises:
            InvalidInput: as `undo_test`; test_link_taken (409): another link is the test's by now.
        """
        self._change_test(class_run, binding_id, undo=False, by=by)

    def _change_test(self, class_run: ClassRunId, binding_id: str, *, undo: bool, by: str) -> None:
        # As in `test_for`: two changes, or a change and a launch, come one after the other.
        self._session.execute(select(ClassRunRow.id).where(ClassRunRow.id == class_run).with_for_update())
        row = self._session.scalar(
            select(LmsLinkRow).where(LmsLinkRow.id == binding_id, LmsLinkRow.class_run_id == class_run)
        )
        if row is None or row.unit_id is None or not _link(row).assumed:
            raise InvalidInput("test_link_unknown", "没有这条考试关联,请刷新页面。", http_status=404)
        registration, unit = RegistrationId(row.registration_id), CourseUnitId(row.unit_id)
        last = self._last(registration, row.deployment_id, row.resource_link_id)
        if last is None or last.seq != row.seq or last.undone is undo:
            raise InvalidInput("test_link_changed", "这条考试关联刚刚有变化,请刷新页面。", http_status=409)
        if not undo and self._is_bound(registration, class_run, unit):
            raise InvalidInput(
                "test_link_taken", "这项测试已关联学习平台的另一场考试,请先撤销那一条。", http_status=409
            )
        now = self._tx.clock.now()
        made = LmsLinkRow(
            id=new_id("lnk"),
            institution_id=self._tx.institution_id,
            **{name: getattr(row, name) for name in _SAME_LINK},
            seq=row.seq + 1,
            seen_at=now,
            set_by=f"{UNDONE if undo else RESTORED}{by}",
        )
        self._session.add(made)
        self._session.flush()
        self._tx.emit(
            TEST_LINK_CHANGED,
            class_run,
            occurred_at=now,
            idempotency_key=made.id,
            data={
                "class_run": class_run,
                "registration": registration,
                "unit": unit,
                "link": made.id,
                "undone": undo,
                "by": by,
                "at": rfc3339(now),
            },
        )

    def link_context(
        self, registration: RegistrationId, context_id: str, class_run: ClassRunId, *, by: str
    ) -> ContextChange:
        """Link an LMS course that is linked to no class run yet, and record who did it.

        Args:
            by: a reference (an account's or staff id), never a name.

        Raises:
            InvalidInput("link_target_unknown")
            NotPermitted("context_linked"): it is another class run's; who studies there must not change places
                because a teacher chose anew.
        """
        self._known(class_run)
        stands = self._store.class_run_of_context(registration, context_id)
        if stands is not None and stands != class_run:
            raise NotPermitted(
                "context_linked", "这门课程已关联其他班次,不能在这里改;请联系培训机构的工作人员。"
            )
        now = self._tx.clock.now()
        change = ContextChange(registration, context_id, class_run, now, by)
        if stands is None:
            try:
                with self._session.begin_nested():
                    self._store.save_lti_context(LtiContext(registration, context_id, class_run))
            except IntegrityError:
                return self.link_context(registration, context_id, class_run, by=by)
            self._session.add(
                LtiContextChangeRow(
                    id=new_id("ctc"), institution_id=self._tx.institution_id, **_slots(change)
                )
            )
            self._session.flush()
        return change

    def context_changes(self, registration: RegistrationId, context_id: str) -> Sequence[ContextChange]:
        """Return who linked the LMS course to what, oldest first."""
        rows = self._session.scalars(
            select(LtiContextChangeRow)
            .where(
                LtiContextChangeRow.registration_id == registration,
                LtiContextChangeRow.context_id == context_id,
            )
            .order_by(LtiContextChangeRow.changed_at, LtiContextChangeRow.id)
        )
        return [
            ContextChange(**{name: getattr(row, name) for name in ContextChange.__slots__}) for row in rows
        ]

    def _is_bound(self, registration: RegistrationId, run: ClassRunId, unit: CourseUnitId) -> bool:
        chains = self._chains(
            LmsLinkRow.registration_id == registration,
            LmsLinkRow.class_run_id == run,
            LmsLinkRow.unit_id == unit,
        )
        return any(
            (one.target.class_run, one.target.unit) == (run, unit) and one.assumed and not one.undone
            for one in (_link(history[-1]) for history in chains)
        )

    def _last(
        self, registration: RegistrationId, deployment_id: str, resource_link_id: str
    ) -> LmsLink | None:
        found = self.history(registration, deployment_id, resource_link_id)
        return found[-1] if found else None

    def _chains(self, *touching: ColumnElement[bool]) -> list[list[LmsLinkRow]]:
        """Return the whole history of each link of which one row is `touching`, in the order of their beginnings."""
        link = (LmsLinkRow.registration_id, LmsLinkRow.deployment_id, LmsLinkRow.resource_link_id)
        found = self._session.execute(select(*link).where(*touching).distinct()).all()
        if not found:
            return []
        rows = self._session.scalars(
            select(LmsLinkRow)
            .where(tuple_(*link).in_([tuple(one) for one in found]))
            .order_by(LmsLinkRow.seq)
        )
        chains: dict[tuple[str, str, str], list[LmsLinkRow]] = {}
        for row in rows:
            key = (row.registration_id, row.deployment_id, row.resource_link_id)
            chains.setdefault(key, []).append(row)
        return sorted(chains.values(), key=lambda chain: (chain[0].seen_at, chain[0].id))

    def _known(self, class_run: ClassRunId) -> tuple[ClassRun, Course]:
        run = self._store.class_run(class_run)
        course = None if run is None else self._store.course(run.course_id)
        if run is None or course is None:
            raise _unknown()
        return run, course


_SAME_LINK = (
    "registration_id",
    "deployment_id",
    "resource_link_id",
    "kind",
    "class_run_id",
    "course_id",
    "unit_id",
)


def _slots(change: ContextChange) -> dict[str, object]:
    return {name: getattr(change, name) for name in ContextChange.__slots__}


def _link(row: LmsLinkRow) -> LmsLink:
    unit = None if row.unit_id is None else CourseUnitId(row.unit_id)
    return LmsLink(
        registration_id=RegistrationId(row.registration_id),
        deployment_id=row.deployment_id,
        resource_link_id=row.resource_link_id,
        seq=row.seq,
        target=LinkTarget(LinkKind(row.kind), ClassRunId(row.class_run_id), unit),
        course_id=CourseId(row.course_id),
        seen_at=row.seen_at,
        set_by=row.set_by,
    )


def _unknown() -> InvalidInput:
    return InvalidInput(
        "link_target_unknown",
        "课程中的这个链接指向的班次、单元或测试不存在或不属于本机构,请教师删除后重新添加。",
        http_status=422,
    )
