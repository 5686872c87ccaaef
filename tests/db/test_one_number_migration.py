"""Two changes that waited for one number before there was an index: the earlier goes on, the other may be made anew."""

from alembic import command
from sqlalchemy import text

from bridge.db.engine import open_engine
from bridge.db.schema import alembic_config, upgrade

_LEARNER = """INSERT INTO learner (id, institution_id, name_enc, citizen_id_enc, citizen_id_index, created_at)
VALUES (:learner, 'org', 'n', 'c', :learner, '2026-11-23 00:00:00+00')"""
_CHANGE = """INSERT INTO identity_change (id, institution_id, kind, learner, value_enc, value_index, from_date, reason,
evidence_kind, evidence_sha256, evidence_type, proposed_by, proposed_at, state)
VALUES (:id, 'org', 'document', :learner, 'v', :number,
'2026-11-23', '', 'new_card', '', '', 'stf', '2026-11-23 00:00:00+00', 'proposed')"""


def test_of_two_that_wait_for_one_number_the_earlier_goes_on(database_url: str) -> None:
    engine = open_engine(database_url)
    command.upgrade(alembic_config(engine), "0041")
    with engine.begin() as connection:
        for number, change in enumerate(("idc_1", "idc_2", "idc_3")):
            learner = f"ln_{number}"
            connection.execute(text(_LEARNER), {"learner": learner})
            wanted = "another" if change == "idc_3" else "same"
            connection.execute(text(_CHANGE), {"id": change, "learner": learner, "number": wanted})
    upgrade(engine)
    with engine.connect() as connection:
        states = connection.execute(text("SELECT id, state FROM identity_change ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in states] == [
        ("idc_1", "proposed"),
        ("idc_2", "withdrawn"),
        ("idc_3", "proposed"),
    ]
