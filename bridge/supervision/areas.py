"""Where learners work, written down by the institution: the second of the two areas in which a record may lie."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import DIVISION_CODE
from bridge.supervision.area_tables import SupervisedAreaRow, SupervisedRunAreaRow
from bridge.supervision.model import areas_over
from bridge.supervision.rollups import Rollups
from bridge.supervision.scope import table


class LearnerAreas:
    """Areas of one institution's learners, in its unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def of_class_run(self, class_run: ClassRunId) -> Mapping[LearnerRef, str]:
        """Return the division code of each learner of whom one is known."""
        rows = self._tx.session.scalars(
            select(SupervisedAreaRow).where(SupervisedAreaRow.class_run_id == class_run)
        )
        return {LearnerRef(row.learner_ref): row.division_code for row in rows}

    def note(
        self, class_run: ClassRunId, learners: Sequence[LearnerRef], division_code: str, *, by: str
    ) -> None:
        """Keep where these learners work, and have their days counted anew; the newest word counts.

        Args:
            learners: of the class run; the caller has looked.
            division_code: a city or, better, a county.

        Raises:
            InvalidInput("division_code_malformed")
        """
        if not DIVISION_CODE.fullmatch(division_code) or division_code.endswith("0000"):
            raise InvalidInput("division_code_malformed", "请选择市或县(市、区)。", http_status=422)
        now = self._tx.clock.now()
        for learner in learners:
            row = self._tx.session.get(SupervisedAreaRow, (learner, class_run))
            if row is None:
                row = SupervisedAreaRow(
                    learner_ref=learner, class_run_id=class_run, institution_id=self._tx.institution_id
                )
                self._tx.session.add(row)
            row.division_code, row.noted_by, row.noted_at = division_code, by, now
        self._tx.session.flush()
        self._add_up(class_run)
        Rollups(self._tx).ask_all(class_run)

    def _add_up(self, class_run: ClassRunId) -> None:
        session, run = self._tx.session, table("class_run")
        # One at a time for a class run: what another is just noting would be left out here, and nothing add it later.
        session.execute(select(run.c.id).where(run.c.id == class_run).with_for_update(key_share=True))
        kept, works = SupervisedRunAreaRow, SupervisedAreaRow
        stands = set(session.scalars(select(kept.area_code).where(kept.class_run_id == class_run)))
        noted = session.scalars(select(works.division_code).where(works.class_run_id == class_run).distinct())
        found = {code for division in noted for code in areas_over(division)}
        gone = delete(kept).where(kept.class_run_id == class_run, kept.area_code.in_(sorted(stands - found)))
        session.execute(gone)
        for code in sorted(found - stands):
            session.add(kept(class_run_id=class_run, area_code=code, institution_id=self._tx.institution_id))
        session.flush()
