"""The chain of accesses: whatever is changed, removed or put in shows, and is named; on both databases."""

# ruff: noqa: S608  # what somebody who owns the database does, put together from this file alone
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from bridge.db.unit_of_work import Tx
from bridge.identity.access_log import AccessFault, heads, note, verify
from bridge.identity.tables import AccessLogHeadRow, DisclosureRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from tests.identity.house import CHEN_ID, HUANG, HUANG_ID, ORG, House

COLUMNS = {
    "learner": None,
    "what": "face",
    "purpose": "another",
    "recipient": "nobody",
    "by": "staff_other",
    "at": "2020-01-01 00:00:00.000000",
    "mark": "0" * 64,
}


def _people(house: House) -> list[LearnerRef]:
    with house.desk() as desk:
        return [desk.verified(), desk.verified("lms-user-1002", HUANG, HUANG_ID)]


def _see(house: House, learner: LearnerRef, purpose: str = "test", *, what: str = "identity") -> None:
    with house.desk() as desk:
        desk.identity.disclose(learner, purpose=purpose, recipient="培训机构", by="staff_lin", what=what)


def _seen(house: House, times: int) -> list[LearnerRef]:
    people = _people(house)
    for number in range(times):
        _see(house, people[number % 2], f"purpose {number}")
    return people


def _faults(house: House, witnessed: dict[str, tuple[int, str]] | None = None) -> Sequence[AccessFault]:
    with house.units.across_institutions("t", read_only=True) as tx:
        return verify(tx.session, house.cipher, witnessed)[1]


def _named(faults: Sequence[AccessFault]) -> list[tuple[int, str]]:
    return [(one.seq, one.reason) for one in faults]


def _tamper(house: House, *statements: str) -> None:
    """Do what somebody does who owns the database, its triggers included."""
    with house.engine.begin() as connection:
        if house.engine.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS disclosure_no_{verb}"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS disclosure_append_only ON disclosure"))
        for statement in statements:
            connection.execute(text(statement))


def test_accesses_stand_in_one_chain_as_they_happened(house: House) -> None:
    _seen(house, 3)
    with house.units.across_institutions("t", read_only=True) as tx:
        rows = tx.session.scalars(select(DisclosureRow).order_by(DisclosureRow.seq)).all()
        assert [(row.seq, row.purpose) for row in rows] == [(n + 1, f"purpose {n}") for n in range(3)]
        assert [row.previous for row in rows[1:]] == [row.mark for row in rows[:-1]]
        assert verify(tx.session, house.cipher) == (3, [])


@pytest.mark.parametrize("statement", ["UPDATE disclosure SET purpose = 'x'", "DELETE FROM disclosure"])
def test_the_database_itself_refuses_to_change_one(house: House, statement: str) -> None:
    _seen(house, 1)
    with pytest.raises(DatabaseError, match="append-only"), house.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_row_is_named(house: House, column: str) -> None:
    people = _seen(house, 5)
    value = COLUMNS[column] or people[0]
    _tamper(house, f"UPDATE disclosure SET \"{column}\" = '{value}' WHERE seq = 2")
    faults = _faults(house)
    assert (2, "row_changed") in _named(faults)
    assert {seq for seq, _ in _named(faults)} <= {2, 3}
    with house.units.across_institutions("t", read_only=True) as tx:
        changed = tx.session.scalar(select(DisclosureRow.id).where(DisclosureRow.seq == 2))
    assert next(one.row for one in faults if one.seq == 2) == changed


@pytest.mark.parametrize("gone", [{1}, {3}, {5}, {2, 3}, {1, 5}, {1, 2, 3, 4, 5}])
def test_a_removed_row_is_named(house: House, gone: set[int]) -> None:
    _seen(house, 5)
    _tamper(house, f"DELETE FROM disclosure WHERE seq IN ({', '.join(map(str, gone))})")
    assert {seq for seq, reason in _named(_faults(house)) if reason == "row_removed"} == gone


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(st.sampled_from(sorted(COLUMNS)), st.integers(1, 6), st.text("abc一二", min_size=1, max_size=8))
def test_no_text_in_any_column_passes_for_another(house: House, column: str, seq: int, value: str) -> None:
    if column in ("at", "learner"):
        column = "by"
    with house.units.across_institutions("t", read_only=True) as tx:
        stands = tx.session.scalar(select(DisclosureRow.id).limit(1)) is not None
    if not stands:
        _seen(house, 6)
    with house.engine.connect() as connection:
        before = connection.execute(
            text(f'SELECT "{column}" FROM disclosure WHERE seq = :seq'), {"seq": seq}
        ).scalar_one()
    _tamper(house, f"UPDATE disclosure SET \"{column}\" = '{value}' WHERE seq = {seq}")
    assert ((seq, "row_changed") in _named(_faults(house))) == (value != before)
    _tamper(house, f"UPDATE disclosure SET \"{column}\" = '{before}' WHERE seq = {seq}")
    assert _faults(house) == []


def test_a_row_that_was_put_in_is_named(house: House) -> None:
    _seen(house, 2)
    columns = 'id, institution_id, learner, purpose, recipient, "by", "at", what, seq, previous, mark'
    copied = f"SELECT 'dis_made_up', {columns.removeprefix('id, ')} FROM disclosure WHERE seq = 2"
    _tamper(
        house,
        f"INSERT INTO disclosure ({columns}) {copied.replace('what, seq', 'what, seq + 1')}",
    )
    assert (3, "row_changed") in _named(_faults(house))


def test_a_chain_whose_end_was_cut_with_its_head_shows_against_a_kept_head(house: House) -> None:
    _seen(house, 2)
    with house.units.across_institutions("t", read_only=True) as tx:
        (earlier,) = heads(tx.session)
    _seen(house, 2)
    with house.units.across_institutions("t", read_only=True) as tx:
        (kept,) = heads(tx.session)
    _tamper(
        house,
        "DELETE FROM disclosure WHERE seq > 2",
        f"UPDATE access_log_head SET seq = 2, mark = '{earlier['mark']}'",
    )
    assert _faults(house) == []
    witnessed = {str(ORG): (4, str(kept["mark"]))}
    assert _named(_faults(house, witnessed)) == [(3, "row_removed"), (4, "row_removed")]


def test_a_head_that_was_changed_shows(house: House) -> None:
    _seen(house, 2)
    _tamper(house, f"UPDATE access_log_head SET mark = '{'0' * 64}'")
    assert _named(_faults(house)) == [(2, "head_changed")]
    _tamper(house, "DELETE FROM access_log_head")
    assert _named(_faults(house)) == [(2, "head_changed")]


def test_rows_from_before_the_chain_are_under_its_first_link(house: House) -> None:
    people = _people(house)
    with house.units.for_institution(ORG) as tx:
        tx.session.add(
            DisclosureRow(
                id="dis_earlier",
                institution_id=ORG,
                learner=people[0],
                purpose="earlier",
                recipient="r",
                by="b",
                at=house.clock.now(),
            )
        )
    _see(house, people[1])
    assert _faults(house) == []
    _tamper(house, "UPDATE disclosure SET recipient = 'x' WHERE id = 'dis_earlier'")
    assert _named(_faults(house)) == [(1, "earlier_rows_changed")]


def test_what_was_not_committed_is_not_logged(house: House) -> None:
    people = _seen(house, 1)

    def fails_after_it_looked() -> None:
        with house.desk() as desk:
            desk.identity.disclose(people[0], purpose="p", recipient="r", by="b")
            desk.identity.disclose(LearnerRef("ln_nobody"), purpose="p", recipient="r", by="b")

    with pytest.raises(InvalidInput, match="learner_unknown"):
        fails_after_it_looked()
    _see(house, people[1])
    assert _faults(house) == []
    with house.units.across_institutions("t", read_only=True) as tx:
        head = tx.session.scalars(select(AccessLogHeadRow)).one()
        assert head.seq == 2


def test_many_at_once_make_one_chain(house: House) -> None:
    people = _people(house)
    ready = threading.Barrier(6)
    failed: list[BaseException] = []

    def look(number: int) -> None:
        ready.wait()
        try:
            for turn in range(5):
                _see(house, people[(number + turn) % 2], f"thread {number}")
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    with house.units.across_institutions("t", read_only=True) as tx:
        assert verify(tx.session, house.cipher) == (30, [])


def test_accesses_within_a_shared_commit_are_in_the_chain_too(house: House) -> None:
    people = _people(house)

    def look(learner: LearnerRef) -> Callable[[Tx], None]:
        def work(tx: Tx) -> None:
            note(
                tx,
                house.cipher,
                learner,
                what="face",
                purpose="shared",
                recipient="r",
                by="b",
                at=house.clock.now(),
            )

        return work

    for learner in people:
        house.units.together(ORG, look(learner))
    with house.units.across_institutions("t", read_only=True) as tx:
        assert verify(tx.session, house.cipher) == (2, [])


def test_the_log_names_nobody(house: House) -> None:
    _seen(house, 2)
    with house.engine.connect() as connection:
        written = repr([tuple(row) for row in connection.execute(text("SELECT * FROM disclosure"))])
    assert HUANG not in written
    assert CHEN_ID not in written
