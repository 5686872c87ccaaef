"""`ledger verify` against somebody with the database's password: every changed, lost or inserted row is named."""

import json
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, text

from bridge.kernel.canonical import GENESIS, canonical_json, chained_hash
from bridge.kernel.time import FixedClock
from bridge.ledger.marks import ChainOf
from bridge.ledger.model import LedgerHead
from bridge.ledger.model.seals import ChainSeal
from bridge.ledger.signatures import SigningKey
from tests.ledger.sealed import MARKS, ORG, RUN, Ledgers, body_of

SEALED, OPEN = 9, 5
"""Entries of each long chain that are sealed, and that are not."""
CHAINS = ("lrn_a", "lrn_b", "lrn_c")
Place = tuple[str, int]


@pytest.fixture
def ledgers(database_url: str) -> Iterator[Ledgers]:
    made = Ledgers.made(database_url)
    made.add_to_all(CHAINS, SEALED - 4)
    made.add_to_all([f"lrn_short_{number}" for number in range(258)], 1)
    made.seal()
    made.add_to_all(CHAINS, 4)
    made.seal()
    made.add_to_all(CHAINS, OPEN)
    made.drop_guards()
    yield made
    made.engine.dispose()


def run(connection: Connection, statement: str, **values: object) -> None:
    assert connection.execute(text(statement), values).rowcount >= 1


def test_an_untouched_database_has_no_fault(ledgers: Ledgers) -> None:
    found = ledgers.audit()

    assert found.faults == []
    assert found.to_json()["valid"] is True
    assert (found.chains, found.unsealed, found.heads) == (261, OPEN * len(CHAINS), 2)


def _change_body(connection: Connection, place: Place) -> None:
    learner, seq = place
    body = body_of(connection, learner, seq)
    body["at_ms"] = 77
    _write(connection, place, body)


def _write(connection: Connection, place: Place, body: dict[str, object], **columns: object) -> None:
    learner, seq = place
    named = {"body": canonical_json(body).decode(), **columns}
    sets = ", ".join(f"{name} = :{name}" for name in named)
    run(
        connection,
        f"UPDATE ledger_entry SET {sets} WHERE learner_ref = :learner AND seq = :at",  # noqa: S608
        learner=learner,
        at=seq,
        **named,
    )


def _rewrite(connection: Connection, place: Place, *, marked: bool) -> None:
    """Change an entry and make the whole chain after it anew, head included; with the key of marks or without."""
    learner, seq = place
    owner = ChainOf(ORG, learner, RUN)
    rows = connection.execute(
        text(
            "SELECT id, seq, prev, hash, natural_key, body FROM ledger_entry WHERE learner_ref = :l ORDER BY seq"
        ),
        {"l": learner},
    ).all()
    previous = GENESIS
    for row in rows:
        if row.seq < seq:
            previous = row.hash
            continue
        body = json.loads(row.body) | {"prev": previous}
        if row.seq == seq:
            body["at_ms"] = 77
        digest = chained_hash(previous, canonical_json(body))
        more: dict[str, object] = {"prev": previous, "hash": digest}
        if marked:
            more["mark"] = MARKS.of_row(owner, row.id, row.natural_key, row.seq, digest)
        _write(connection, (learner, row.seq), body, **more)
        previous = digest
    head_id = connection.execute(
        text("SELECT id FROM ledger_head WHERE learner_ref = :l"), {"l": learner}
    ).scalar_one()
    head = LedgerHead(rows[-1].seq, previous)
    run(connection, "UPDATE ledger_head SET hash = :hash WHERE id = :id", hash=previous, id=head_id)
    if marked:
        run(
            connection,
            "UPDATE ledger_head SET mark = :mark WHERE id = :id",
            mark=MARKS.of_head(owner, head_id, head),
            id=head_id,
        )


def _insert(connection: Connection, learner: str) -> int:
    """Append a well-made entry and move the head; all that is missing is the key of the marks. Return its number."""
    head = connection.execute(
        text("SELECT seq, hash FROM ledger_head WHERE learner_ref = :l"), {"l": learner}
    ).one()
    body = body_of(connection, learner, head.seq) | {"seq": head.seq + 1, "prev": head.hash, "at_ms": 99}
    digest = chained_hash(head.hash, canonical_json(body))
    run(
        connection,
        "INSERT INTO ledger_entry (id, institution_id, learner_ref, class_run_id, seq, prev, hash, kind,"
        " natural_key, session_id, batch_seq, body, mark) SELECT 'led_forged', institution_id, learner_ref,"
        " class_run_id, :seq, :prev, :hash, kind, 'beats|ses_forged|1', session_id, 1, :body, mark"
        " FROM ledger_entry WHERE learner_ref = :l AND seq = :last",
        seq=head.seq + 1,
        prev=head.hash,
        hash=digest,
        body=canonical_json(body).decode(),
        l=learner,
        last=head.seq,
    )
    run(
        connection,
        "UPDATE ledger_head SET seq = :seq, hash = :hash WHERE learner_ref = :l",
        seq=head.seq + 1,
        hash=digest,
        l=learner,
    )
    return int(head.seq) + 1


def _set(column: str, value: object) -> Callable[[Connection, Place], None]:
    def change(connection: Connection, place: Place) -> None:
        run(
            connection,
            f"UPDATE ledger_entry SET {column} = :value WHERE learner_ref = :l AND seq = :s",  # noqa: S608
            value=value,
            l=place[0],
            s=place[1],
        )

    return change


def _delete(connection: Connection, place: Place) -> None:
    run(connection, "DELETE FROM ledger_entry WHERE learner_ref = :l AND seq = :s", l=place[0], s=place[1])


CHANGES: dict[str, Callable[[Connection, Place], None]] = {
    "body": _change_body,
    "hash": _set("hash", "1" * 64),
    "prev": _set("prev", "2" * 64),
    "kind": _set("kind", "anchor"),
    "seq": _set("seq", 1000),
    "natural key": _set("natural_key", "anchor|x"),
    "session": _set("session_id", "ses_other"),
    "batch": _set("batch_seq", 4711),
    "id": _set("id", "led_other"),
    "mark": _set("mark", "3" * 64),
    "unreadable": _set("body", "{"),
    "another class run": _set("class_run_id", "run_other"),
    "another learner": _set("learner_ref", "lrn_other"),
    "another institution": _set("institution_id", "inst_other"),
    "deleted": _delete,
    "chain made anew": lambda c, p: _rewrite(c, p, marked=False),
}


def _applied(change: Callable[[Connection, Place], None], place: Place, connection: Connection) -> None:
    change(connection, place)


def test_every_change_of_a_random_row_is_found_and_named(ledgers: Ledgers) -> None:
    dice = random.Random(4)
    for name, change in 3 * list(CHANGES.items()):
        place = (dice.choice(CHAINS), dice.randint(1, SEALED + OPEN))

        found = ledgers.after(partial(_applied, change, place))

        named = {
            (fault.learner, seq)
            for fault in found.faults
            if fault.seq is not None
            for seq in range(fault.seq, (fault.last_seq or fault.seq) + 1)
        }
        assert place in named, f"{name} of {place}: {[f.to_json() for f in found.faults]}"
        others = {chain for chain in CHAINS if chain != place[0]}
        assert not others & {learner for learner, _seq in named}, name


def test_several_changes_at_once_are_all_named(ledgers: Ledgers) -> None:
    dice = random.Random(7)
    places = [(chain, seq) for chain in CHAINS for seq in sorted(dice.sample(range(1, SEALED + OPEN), 4))]

    def tamper(connection: Connection) -> None:
        for place in places:
            dice.choice([_change_body, _delete])(connection, place)

    found = ledgers.after(tamper)

    for learner, seq in places:
        assert any(
            fault.learner == learner and (fault.seq or 0) <= seq <= (fault.last_seq or fault.seq or 0)
            for fault in found.faults
        ), (learner, seq)


def test_swapped_rows_are_both_named(ledgers: Ledgers) -> None:
    def swap(connection: Connection) -> None:
        for old, new in ((3, -3), (4, 3), (-3, 4)):
            run(
                connection,
                "UPDATE ledger_entry SET seq = :new WHERE learner_ref = 'lrn_b' AND seq = :old",
                old=old,
                new=new,
            )

    found = ledgers.after(swap)

    assert {(f.learner, f.seq) for f in found.faults} == {("lrn_b", 3), ("lrn_b", 4)}


def test_an_inserted_row_is_named_though_chain_and_head_fit_it(ledgers: Ledgers) -> None:
    inserted: list[int] = []

    found = ledgers.after(lambda c: inserted.append(_insert(c, "lrn_c")))

    assert ("lrn_c", inserted[0], "entry_not_ours") in {(f.learner, f.seq, f.code) for f in found.faults}
    assert all(fault.learner == "lrn_c" for fault in found.faults)


def test_a_sealed_entry_that_the_bridges_own_keys_rewrote_is_named(ledgers: Ledgers) -> None:
    """Whoever has the master key can make marks; the signed tree still says what an entry was."""
    found = ledgers.after(lambda c: _rewrite(c, ("lrn_b", 4), marked=True))

    named = {f.seq: f.what for f in found.faults}
    assert set(named) == set(range(4, SEALED + 1))
    assert named[4] == ("seal",)


def test_a_lost_end_is_named_up_to_what_the_head_says(ledgers: Ledgers) -> None:
    found = ledgers.after(
        lambda c: run(c, "DELETE FROM ledger_entry WHERE learner_ref = 'lrn_a' AND seq > 11")
    )

    (fault,) = found.faults
    assert (fault.code, fault.learner, fault.seq, fault.last_seq) == ("entry_missing", "lrn_a", 12, 14)
    assert "第 12 至 14 条" in fault.sentence_zh


def test_a_whole_lost_chain_is_named_by_its_seals(ledgers: Ledgers) -> None:
    def tamper(connection: Connection) -> None:
        run(connection, "DELETE FROM ledger_entry WHERE learner_ref = 'lrn_a'")
        run(connection, "DELETE FROM ledger_head WHERE learner_ref = 'lrn_a'")

    codes = {(f.code, f.learner, f.seq, f.last_seq) for f in ledgers.after(tamper).faults}

    assert ("entry_missing", "lrn_a", 1, SEALED) in codes


HEAD_CHANGES = [
    "UPDATE ledger_head SET seq = seq - 1 WHERE learner_ref = 'lrn_a'",
    "UPDATE ledger_head SET seq = 2000 WHERE learner_ref = 'lrn_a'",
    "UPDATE ledger_head SET hash = prev FROM ledger_entry e WHERE e.learner_ref = 'lrn_a' AND e.seq = 14"
    " AND ledger_head.learner_ref = 'lrn_a'",
    "UPDATE ledger_head SET mark = NULL WHERE learner_ref = 'lrn_a'",
    "UPDATE ledger_head SET sealed_seq = 14 WHERE learner_ref = 'lrn_a'",
    "UPDATE ledger_head SET id = 'lhd_other' WHERE learner_ref = 'lrn_a'",
    "DELETE FROM ledger_head WHERE learner_ref = 'lrn_a'",
]


def test_a_changed_head_of_a_chain_is_found(ledgers: Ledgers) -> None:
    for statement in HEAD_CHANGES:
        found = ledgers.after(partial(run, statement=statement))

        assert {f.learner for f in found.faults} == {"lrn_a"}, statement


TREE_CHANGES = [
    ("UPDATE ledger_leaf SET hash = '0' WHERE number = 3", "leaf_changed"),
    ("UPDATE ledger_leaf SET body = replace(body, 'lrn', 'lrx') WHERE number = 10", "leaf_changed"),
    ("UPDATE ledger_leaf SET body = '{}' WHERE number = 10", "leaf_changed"),
    ("UPDATE ledger_leaf SET learner_ref = 'lrn_other' WHERE number = 10", "leaf_changed"),
    ("UPDATE ledger_leaf SET last_seq = 900 WHERE number = 10", "leaf_changed"),
    ("UPDATE ledger_leaf SET class_run_id = 'run_other' WHERE number = 10", "leaf_changed"),
    ("UPDATE ledger_leaf SET number = 9000 WHERE number = 20", "leaf_missing"),
    ("DELETE FROM ledger_leaf WHERE number = 20", "leaf_missing"),
    ("DELETE FROM ledger_leaf WHERE number > 262", "tree_cut"),
    ("UPDATE ledger_subtree SET root = '0'", "subtree_differs"),
    ("DELETE FROM ledger_subtree", "subtree_differs"),
    ("UPDATE ledger_tree_head SET root = '0' WHERE tree_size > 261", "head_signature"),
    ("UPDATE ledger_tree_head SET root = '0' WHERE tree_size > 261", "root_differs"),
    ("UPDATE ledger_tree_head SET at_ms = at_ms + 1", "head_signature"),
    ("UPDATE ledger_tree_head SET signature = 'AAAA'", "head_signature"),
    ("UPDATE ledger_tree_head SET key_id = 'other'", "head_key_unknown"),
    ("DELETE FROM ledger_tree_head WHERE tree_size > 261", "leaf_not_signed"),
]  # fmt: skip


def test_a_changed_tree_is_found(ledgers: Ledgers) -> None:
    for statement, code in TREE_CHANGES:
        found = ledgers.after(partial(run, statement=statement))

        assert code in {f.code for f in found.faults}, statement


def test_a_leaf_that_was_changed_whole_differs_from_the_signed_root_and_from_its_entry(
    ledgers: Ledgers,
) -> None:
    def tamper(connection: Connection) -> None:
        body = connection.execute(text("SELECT body FROM ledger_leaf WHERE number = 5")).scalar_one()
        seal = ChainSeal.read(body)
        other = ChainSeal(seal.institution, seal.learner, seal.class_run, seal.first, ("4" * 64,))
        run(
            connection,
            "UPDATE ledger_leaf SET body = :body, hash = :hash WHERE number = 5",
            body=other.canonical().decode(),
            hash=other.leaf_hash().hex(),
        )

    faults = ledgers.after(tamper).faults

    assert "root_differs" in {f.code for f in faults}
    assert [f.what for f in faults if f.code == "entry_changed"] == [("seal",)]


def test_a_tree_made_anew_under_a_key_of_ones_own_is_found(ledgers: Ledgers) -> None:
    key = SigningKey.generate()
    with ledgers.engine.begin() as connection:
        run(
            connection,
            "INSERT INTO ledger_key (kid, public_x, seed_enc, made_at, signed_until, mark) SELECT :kid, :x, '',"
            " made_at, made_at, mark FROM ledger_key",
            kid=key.public.id,
            x=key.public.jwk()["x"],
        )
        run(connection, "UPDATE ledger_tree_head SET key_id = :kid", kid=key.public.id)

    assert {f.code for f in ledgers.audit().faults} == {"head_key_unknown"}
    with ledgers.engine.begin() as connection:
        run(connection, "DELETE FROM ledger_key")
    assert {f.code for f in ledgers.audit().faults} == {"head_key_unknown"}


def test_a_history_that_was_cut_shows_against_heads_kept_outside(ledgers: Ledgers) -> None:
    ledgers.seal()
    with ledgers.work.across_institutions("test", read_only=True) as tx:
        from bridge.ledger.tree_store import SqlTreeStore

        heads = SqlTreeStore(tx, MARKS).heads()
    assert ledgers.audit(heads).faults == []

    def tamper(connection: Connection) -> None:
        for statement in (
            "DELETE FROM ledger_leaf WHERE number >= 264",
            "DELETE FROM ledger_tree_head WHERE tree_size > 264",
            "DELETE FROM ledger_entry WHERE seq > 9",
            "UPDATE ledger_head SET seq = 9, hash = (SELECT e.hash FROM ledger_entry e WHERE e.seq = 9"
            " AND e.learner_ref = ledger_head.learner_ref) WHERE seq > 9",
        ):
            run(connection, statement)
        for row in connection.execute(
            text("SELECT id, learner_ref, hash FROM ledger_head WHERE seq = 9")
        ).all():
            mark = MARKS.of_head(ChainOf(ORG, row.learner_ref, RUN), row.id, LedgerHead(9, row.hash))
            run(
                connection,
                "UPDATE ledger_head SET mark = :m, sealed_seq = 9 WHERE id = :id",
                m=mark,
                id=row.id,
            )

    with ledgers.engine.begin() as connection:
        tamper(connection)
    # An older copy of the whole database is in itself in order; only what was kept outside tells.
    assert ledgers.audit().faults == []
    assert {f.code for f in ledgers.audit(heads).faults} == {"tree_cut"}


def test_another_history_shows_against_heads_kept_outside(database_url: str) -> None:
    first = Ledgers.made(database_url)
    first.add("lrn_a", 2)
    kept = first.seal().head
    assert kept is not None
    with first.engine.begin() as connection:
        for table in ("ledger_entry", "ledger_head", "ledger_leaf", "ledger_tree_head"):
            if first.engine.dialect.name == "sqlite" and table != "ledger_head":
                connection.execute(text(f"DROP TRIGGER {table}_no_delete"))
            elif table != "ledger_head":
                connection.execute(text(f"DROP TRIGGER {table}_append_only ON {table}"))
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    first.clock = FixedClock(first.clock.now())
    first.add("lrn_b", 2)
    first.seal()

    assert {f.code for f in first.audit([kept]).faults} == {"history_differs"}
    first.engine.dispose()
