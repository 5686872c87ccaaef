"""The one way to the rows of an area: each query of supervision begins here, bounded before anybody can add to it.

Other stations' tables are read by name from the metadata: supervision imports no station's store. A store of
supervision holds a `Scope` and no session, so it can neither build an unbounded statement nor run one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from sqlalchemy import ColumnElement, Row, Select, Table, and_, exists, false, func, or_, select, text, true

from bridge.db.base import Base
from bridge.db.unit_of_work import Tx
from bridge.kernel.time import legal_date
from bridge.supervision.model import Area, AreaOfRecord

_BOUNDED = object()
_PLANNED_FOR_EACH_AREA = text("SET LOCAL plan_cache_mode = force_custom_plan")
_CITY_DIGITS = 4
_LAST_CODE = "999999"


class Scoped:
    """A statement that a `Scope` bounded; what is added narrows it further, never widens it."""

    __slots__ = ("_statement",)

    def __init__(self, statement: Select[Any], bounded: object) -> None:
        if bounded is not _BOUNDED:
            raise RuntimeError("only a Scope makes a scoped statement")
        self._statement = statement

    def where(self, *conditions: ColumnElement[bool]) -> Self:
        return self._new(self._statement.where(*conditions))

    def join(self, table: Table, on: ColumnElement[bool]) -> Self:
        return self._new(self._statement.join(table, on))

    def outerjoin(self, table: Table, on: ColumnElement[bool]) -> Self:
        return self._new(self._statement.outerjoin(table, on))

    def order_by(self, *columns: Any) -> Self:
        return self._new(self._statement.order_by(*columns))

    def group_by(self, *columns: Any) -> Self:
        return self._new(self._statement.group_by(*columns))

    def limit(self, most: int) -> Self:
        return self._new(self._statement.limit(most))

    def offset(self, left_out: int) -> Self:
        return self._new(self._statement.offset(left_out))

    def _new(self, statement: Select[Any]) -> Self:
        return type(self)(statement, _BOUNDED)


class Scope:
    """What one official may read, in a unit of work across institutions.

    Args:
        rules: by profile, whose area a record lies in; a class run of any other profile is seen by nobody.
    """

    def __init__(self, tx: Tx, area: Area, rules: Mapping[str, AreaOfRecord]) -> None:
        self.__session = tx.session
        if tx.session.get_bind().dialect.name == "postgresql":
            # A statement seen often gets one plan for all areas by itself; what suits a county took the province thrice
            # the time (measured in `./anxue bench supervision`).
            tx.session.execute(_PLANNED_FOR_EACH_AREA)
        self.area = area
        self.today = legal_date(tx.clock.now())
        self._rules = rules

    def rows(self, statement: Scoped) -> Sequence[Row[Any]]:
        """Return the rows of a statement that a scope bounded; TypeError for any other."""
        if type(statement) is not Scoped:
            raise TypeError("a query of supervision goes through its scope")
        return self.__session.execute(statement._statement).all()  # the two classes are one lock

    def class_runs(self, *columns: Any) -> Scoped:
        """Return class runs of the area, joined with their institution."""
        return _bounded(self._with_run(select(*columns), table("class_run")).where(self._run()))

    def learners(self, *columns: Any) -> Scoped:
        """Return enrolments of the area, joined with class run and institution."""
        enrolment = table("enrolment")
        statement = self._with_run(select(*columns), enrolment, enrolment.c.class_run_id)
        return _bounded(statement.where(self._person(enrolment.c.learner)))

    def of_learners(self, rows: str, *columns: Any, learner: str, class_run: str) -> Scoped:
        """Return rows of the table `rows` that are of one learner in one class run of the area.

        Args:
            learner, class_run: the names of the columns that say whose and where.
        """
        found = table(rows)
        statement = self._with_run(select(*columns), found, found.c[class_run])
        return _bounded(statement.where(self._person(found.c[learner])))

    def of_class_runs(self, rows: str, *columns: Any, class_run: str, learner: str | None = None) -> Scoped:
        """Return rows of the table `rows` that are of a class run of the area.

        Args:
            learner: the column that says whose it is, where some rows are of nobody in particular.
        """
        found = table(rows)
        statement = self._with_run(select(*columns), found, found.c[class_run])
        if learner is None:
            return _bounded(statement.where(self._run()))
        whose = found.c[learner]
        person, run = self._person(whose), self._run()
        return _bounded(statement.where(or_(and_(whose.is_not(None), person), and_(whose.is_(None), run))))

    def institutions(self, *columns: Any) -> Scoped:
        """Return institutions that sit, are registered or have a class run in the area."""
        institution, registration, run = table("institution"), table("city_registration"), table("class_run")
        registered = exists().where(
            registration.c.institution_id == institution.c.id, self._within(registration.c.division_code)
        )
        teaches = exists().where(run.c.institution_id == institution.c.id, self._run())
        seated = self._within(institution.c.division_code)
        return _bounded(select(*columns).select_from(institution).where(or_(seated, registered, teaches)))

    def of_divisions(self, rows: str, *columns: Any, division: str = "division_code") -> Scoped:
        """Return rows of the table `rows` that name a division of the area, joined with their institution."""
        found, institution = table(rows), table("institution")
        statement = select(*columns).select_from(found)
        statement = statement.join(institution, institution.c.id == found.c.institution_id)
        return _bounded(statement.where(self._within(found.c[division])))

    def batches(self, *columns: Any) -> Scoped:
        """Return batches to the province that hold records of the area, joined with their institution."""
        batch, institution = table("report_batch"), table("institution")
        record, run = table("report_record"), table("class_run")
        runs = self._with_run(select(run.c.id, run.c.institution_id), run).where(self._run()).subquery()
        whose = self._with_run(select(true()), run).where(
            run.c.id == record.c.class_run_id,
            or_(
                and_(record.c.learner_ref.is_not(None), self._person(record.c.learner_ref)),
                and_(record.c.learner_ref.is_(None), self._run()),
            ),
        )
        of_people = (
            select(true())
            .select_from(record)
            .where(record.c.batch_id == batch.c.id, _asked_of(record.c.class_run_id, select(runs.c.id)))
            .where(whose.correlate(record).exists())
            .limit(1)
            .correlate(batch)
            .scalar_subquery()
        )
        statement = select(*columns).select_from(batch)
        statement = statement.join(institution, institution.c.id == batch.c.institution_id)
        teaches = _asked_of(batch.c.institution_id, select(runs.c.institution_id))
        return _bounded(statement.where(teaches, of_people.is_not(None)))

    def records(self, *columns: Any) -> Scoped:
        """Return records of the area that were put into a batch."""
        return self.of_class_runs("report_record", *columns, class_run="class_run_id", learner="learner_ref")

    @property
    def day_sums(self) -> str:
        """The name of the table whose rows add up to the area: a county's are not those of its city."""
        return "supervised_area_day" if self.area.level == "county" else "supervised_city_day"

    def day_figures(self, *columns: Any) -> Scoped:
        """Return the rollup `day_sums`, as far as it is of the area."""
        cell = table(self.day_sums)
        institution, learner = (
            self._within(cell.c.institution_division),
            self._within(cell.c.learner_division),
        )
        return _bounded(
            select(*columns).select_from(cell).where(self._by_rule(cell.c.profile, institution, learner))
        )

    def learner_count(self, rows: str, class_run: str = "class_run_id", learner: str = "learner_ref") -> Any:
        """Return a column: how many rows of people of the area the table has for the class run of the query."""
        found, run = table(rows), table("class_run")
        counted = select(func.count()).select_from(found)
        counted = counted.where(found.c[class_run] == run.c.id, self._person(found.c[learner]))
        return counted.correlate(run, table("institution")).scalar_subquery()

    def fate_of_batch(self) -> tuple[Any, Any]:
        """Return columns of a batch of the query: how often it was sent, and what its receipt says, None for none."""
        batch, attempt, receipt = table("report_batch"), table("report_attempt"), table("report_receipt")
        sent = select(func.count()).select_from(attempt).where(attempt.c.batch_id == batch.c.id)
        said = select(receipt.c.status).where(
            receipt.c.institution_id == batch.c.institution_id, receipt.c.batch_id == batch.c.id
        )
        return (
            sent.correlate(batch).scalar_subquery().label("attempts"),
            said.correlate(batch).scalar_subquery().label("receipt_status"),
        )

    def class_run_count(self) -> Any:
        """Return a column: how many class runs of the area the institution of the query has."""
        run = table("class_run")
        counted = select(func.count()).select_from(run)
        counted = counted.where(run.c.institution_id == table("institution").c.id, self._run())
        return counted.correlate(table("institution")).scalar_subquery()

    @staticmethod
    def _with_run(statement: Select[Any], found: Table, class_run: Any = None) -> Select[Any]:
        run, institution = table("class_run"), table("institution")
        statement = statement.select_from(found)
        if class_run is not None:
            statement = statement.join(run, run.c.id == class_run)
        return statement.join(institution, institution.c.id == run.c.institution_id)

    def _run(self) -> ColumnElement[bool]:
        """Return whether the class run, or anybody in it, lies in the area."""
        run, run_area = table("class_run"), table("supervised_run_area")
        theirs = select(run_area.c.class_run_id).where(run_area.c.area_code == self.area.division_code)
        return self._by_rule(run.c.profile, self._of_institution(), run.c.id.in_(theirs))

    def _person(self, learner: ColumnElement[str]) -> ColumnElement[bool]:
        """Return whether what is of the learner in the class run lies in the area."""
        run, learner_area = table("class_run"), table("supervised_area")
        this_one = exists().where(
            learner_area.c.learner_ref == learner,
            learner_area.c.class_run_id == run.c.id,
            self._within(learner_area.c.division_code),
        )
        return self._by_rule(run.c.profile, self._of_institution(), this_one)

    def _of_institution(self) -> ColumnElement[bool]:
        """Return whether the class run's place lies in the area: its division, or the seat's county in that city."""
        run, institution = table("class_run"), table("institution")
        within = self._within(run.c.division_code)
        if self.area.level != "county":
            return within
        in_its_city = run.c.division_code == f"{self.area.prefix[:_CITY_DIGITS]}00"
        return or_(within, and_(self._within(institution.c.division_code), in_its_city))

    def _within(self, division: ColumnElement[Any]) -> ColumnElement[bool]:
        # Codes are digits, so a range is a prefix; it needs no collation of its own to use an index, as LIKE would.
        return division.between(self.area.prefix, f"{self.area.prefix}{_LAST_CODE}")

    def _by_rule(
        self, profile: ColumnElement[str], institution: ColumnElement[bool], learner: ColumnElement[bool]
    ) -> ColumnElement[bool]:
        holds = {
            AreaOfRecord.INSTITUTION: institution,
            AreaOfRecord.LEARNER: learner,
            AreaOfRecord.EITHER: or_(institution, learner),
        }
        found: list[ColumnElement[bool]] = []
        for rule, condition in holds.items():
            profiles = sorted(name for name, ruled in self._rules.items() if ruled is rule)
            if profiles:
                found.append(and_(profile.in_(profiles), condition))
        return or_(false(), *found)


def table(name: str) -> Table:
    """Return a table by its name, for the columns of a query; KeyError for none."""
    return Base.metadata.tables[name]


def _asked_of(column: ColumnElement[Any], found: Select[Any]) -> ColumnElement[bool]:
    """Return whether the column is among what is found, asked row by row.

    A list that ends after its first rows is then read from its beginning until it is full. A bare IN, or an EXISTS,
    PostgreSQL joins first, with all of a million records, whatever little is wanted of them.
    """
    return func.coalesce(column.in_(found), false())


def _bounded(statement: Select[Any]) -> Scoped:
    return Scoped(statement, _BOUNDED)
