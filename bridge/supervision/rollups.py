"""Figures by day kept current: each cell is counted anew from its sources, and sums take the difference.

A cell is one class run on one legal day. Counting it twice is counting it once, so jobs may run again; the sums by
division and city change in the same unit of work by what the cell changed, so they are always the sum of their cells.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.kernel.time import from_epoch_ms, legal_date
from bridge.supervision.rollup_sources import cell_of, days_of_learner, days_with_anything
from bridge.supervision.rollup_tables import (
    FIGURES,
    SupervisedAreaDayRow,
    SupervisedCityDayRow,
    SupervisedClassDayRow,
    SupervisedDayRow,
    city_of,
)

LEARNER_DAYS = "supervision.learner_days"
"""Kind of the job that reads a learner's days from the ledger; its key is "learner|class run"."""
CLASS_DAY = "supervision.class_day"
"""Kind of the job that counts a cell anew; its key is "class run|day"."""
SETTLES_FOR = timedelta(seconds=20)
"""Practice: how long a cell waits for more of the same, so that a lesson is counted once and not at every beat."""

_CELLS: Any = SupervisedClassDayRow.__table__
_SUMS: Any = SupervisedAreaDayRow.__table__
_CITY_SUMS: Any = SupervisedCityDayRow.__table__


class DayFigures(Protocol):
    """What a ledger says of one day."""

    @property
    def credited_ms(self) -> int: ...
    @property
    def provisional_ms(self) -> int: ...
    @property
    def refused_ms(self) -> int: ...


class Rollups:
    """The cells of one institution, in its unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def ask_learner(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Have the learner's days read again."""
        self._tx.want(LEARNER_DAYS, f"{learner}|{class_run}", after=self._tx.clock.now() + SETTLES_FOR)

    def ask(self, class_run: ClassRunId | None, day: date) -> None:
        """Have a cell counted again; what is of no class run is of no division, and in no cell."""
        if class_run:
            key = f"{class_run}|{day.isoformat()}"
            self._tx.want(CLASS_DAY, key, after=self._tx.clock.now() + SETTLES_FOR)

    def ask_check(self, class_run: ClassRunId, at_ms: int) -> None:
        """Have the day counted again on which a check was decided (study clock)."""
        self.ask(class_run, legal_date(from_epoch_ms(at_ms)))

    def ask_rest(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Have the days counted again on which the learner was enrolled, a test decided or a paper issued."""
        for day in days_of_learner(self._session, learner, class_run):
            self.ask(class_run, day)

    def ask_all(self, class_run: ClassRunId) -> None:
        """Have each day of a class run counted again."""
        for day in days_with_anything(self._session, class_run):
            self.ask(class_run, day)

    def keep_learner(
        self, learner: LearnerRef, class_run: ClassRunId, days: Mapping[date, DayFigures]
    ) -> None:
        """Keep what the ledger says of each day, and have the days counted that changed."""
        stands = {
            row.day: row
            for row in self._session.scalars(
                select(SupervisedDayRow).where(
                    SupervisedDayRow.learner_ref == learner, SupervisedDayRow.class_run_id == class_run
                )
            )
        }
        for day in sorted(set(days) | set(stands)):
            found = days.get(day)
            said = (0, 0, 0) if found is None else (found.credited_ms, found.provisional_ms, found.refused_ms)
            row = stands.get(day)
            if row is None:
                row = SupervisedDayRow(
                    id=new_id("sd"),
                    institution_id=self._tx.institution_id,
                    learner_ref=learner,
                    class_run_id=class_run,
                    day=day,
                    credited_ms=0,
                    provisional_ms=0,
                    refused_ms=0,
                )
                self._session.add(row)
            if (row.credited_ms, row.provisional_ms, row.refused_ms) != said:
                row.credited_ms, row.provisional_ms, row.refused_ms = said
                self.ask(class_run, day)
        self._session.flush()

    def count(self, class_run: ClassRunId, day: date) -> None:
        """Count the cell anew and move the sums by what changed."""
        counted = cell_of(self._session, class_run, day)
        stands = {
            (row.profile, row.institution_division, row.learner_division): {
                name: getattr(row, name) for name in FIGURES
            }
            for row in self._session.execute(
                select(_CELLS).where(_CELLS.c.class_run_id == class_run, _CELLS.c.day == day)
            )
        }
        if counted == stands:
            return
        self._session.execute(_CELLS.delete().where(_CELLS.c.class_run_id == class_run, _CELLS.c.day == day))
        for (profile, institution_division, learner_division), figures in sorted(counted.items()):
            self._session.execute(
                _CELLS.insert().values(
                    class_run_id=class_run,
                    day=day,
                    learner_division=learner_division,
                    profile=profile,
                    institution_division=institution_division,
                    institution_id=self._tx.institution_id,
                    **figures,
                )
            )
        changes = {
            at: {name: counted.get(at, {}).get(name, 0) - stands.get(at, {}).get(name, 0) for name in FIGURES}
            for at in set(counted) | set(stands)
        }
        cities: dict[tuple[str, str, str], Counter[str]] = {}
        for (profile, institution, learner), change in changes.items():
            place = (profile, city_of(institution), city_of(learner))
            # Not `+=`, which would drop what became less.
            cities.setdefault(place, Counter()).update(change)
        self._move(_SUMS, day, changes)
        self._move(_CITY_SUMS, day, cities)

    def _move(self, sums: Any, day: date, changes: Mapping[tuple[str, str, str], Mapping[str, int]]) -> None:
        """Move rows, in the order of their places: two that count at once wait for each other, and never in a ring."""
        dialect = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        for at, change in sorted(changes.items()):
            if not any(change.values()):
                continue
            key = dict(zip(("profile", "institution_division", "learner_division"), at, strict=True), day=day)
            insert = dialect.insert(sums).values(**key, **dict.fromkeys(FIGURES, 0))
            self._session.execute(insert.on_conflict_do_nothing())
            self._session.execute(
                update(sums)
                .where(and_(*(sums.c[name] == value for name, value in key.items())))
                .values({name: sums.c[name] + number for name, number in change.items() if number})
            )


def cells(tx: Tx) -> int:
    """Return how many cells are kept."""
    return tx.session.scalar(select(func.count()).select_from(_CELLS)) or 0
