"""The made-up province of the bench `supervision`: its figures are those that the bridge itself counts."""

from datetime import date

from sqlalchemy import select, text

import bridge.migrations.tables  # noqa: F401
from bridge.bench.made_up_province import synthesise
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import SystemClock
from bridge.registry.tables import ClassRunRow
from bridge.settings import ROOT
from bridge.supervision.areas import LearnerAreas
from bridge.supervision.recount import differences
from bridge.supervision.rollups import cells
from bridge.wiring.adapters import division_names
from tests.servers.tables import migrate

LAST = date(2026, 11, 20)


def test_what_is_made_is_what_the_bridge_counts(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    try:
        migrate(engine)
        synthesise(engine, division_names(ROOT / "config/divisions"), 1_500, 10, LAST)
        uow = UnitOfWork(engine, SystemClock())
        with uow.across_institutions("test: recount", read_only=True) as tx:
            runs = [
                (InstitutionId(owner), ClassRunId(run))
                for owner, run in tx.session.execute(select(ClassRunRow.institution_id, ClassRunRow.id))
            ]
            assert tx.session.scalar(text("SELECT count(*) FROM study_session")) == 15_000
            assert cells(tx) > 1_000
            assert differences(tx, runs) == []
            areas = "SELECT class_run_id, area_code FROM supervised_run_area WHERE class_run_id = :run"
            run = {"run": runs[0][1]}
            made = set(tx.session.execute(text(areas), run))
        institution, class_run = runs[0]
        with uow.for_institution(institution) as tx:
            known = LearnerAreas(tx).of_class_run(class_run)
            learner, division = next(iter(known.items()))
            LearnerAreas(tx).note(class_run, [learner], division, by="st_1")
        with uow.across_institutions("test: areas counted by the bridge", read_only=True) as tx:
            assert set(tx.session.execute(text(areas), run)) == made
    finally:
        engine.dispose()
