"""Sealing: what grew becomes leaves under a signed head; what does not fit is left out and told."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import text

from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.ledger.model.merkle import consistency_path, inclusion_path, verify_consistency, verify_inclusion
from bridge.ledger.sealing import Sealed, TreeChanged
from bridge.ledger.tree_store import SqlTreeStore
from tests.ledger.sealed import MARKS, ORG, RUN, Ledgers


@pytest.fixture
def ledgers(database_url: str) -> Iterator[Ledgers]:
    made = Ledgers.made(database_url)
    yield made
    made.engine.dispose()


def test_what_grew_is_sealed_once(ledgers: Ledgers) -> None:
    ledgers.add("lrn_a", 3)
    ledgers.add("lrn_b", 2)

    first = ledgers.seal()
    again = ledgers.seal()

    assert (first.entries, again.entries) == (5, 0)
    assert first.head is not None
    assert first.head.head.tree_size == 2
    assert again.head == first.head
    assert ledgers.audit().faults == []
    assert ledgers.audit().unsealed == 0


def test_a_lot_is_sealed_in_several_goes(ledgers: Ledgers) -> None:
    ledgers.add("lrn_a", 1)
    ledgers.seal()
    ledgers.add("lrn_a", 7)
    ledgers.add("lrn_b", 4)

    goes: list[Sealed] = []
    while not goes or goes[-1].more:
        goes.append(ledgers.seal(most=3))

    assert [one.entries for one in goes][:-1] == [3] * (len(goes) - 1)
    assert sum(one.entries for one in goes) == 11
    assert ledgers.audit().unsealed == 0
    assert ledgers.audit().faults == []


def test_heads_are_signed_by_the_key_they_name_and_old_keys_stay_known(ledgers: Ledgers) -> None:
    ledgers.add("lrn_a", 1)
    old = ledgers.seal().head
    ledgers.keys.rotate()
    ledgers.add("lrn_a", 1)
    new = ledgers.seal().head

    assert old is not None
    assert new is not None
    assert old.head.key != new.head.key
    for signed in (old, new):
        assert ledgers.public()[signed.head.key].holds(signed.head.canonical(), signed.signature)
    assert not ledgers.public()[new.head.key].holds(old.head.canonical(), old.signature)
    assert ledgers.audit().faults == []


def test_the_private_half_is_encrypted_and_goes_at_a_rotation(ledgers: Ledgers) -> None:
    seed = ledgers.keys.signing().seed()
    ledgers.keys.rotate()

    with ledgers.engine.connect() as connection:
        rows = connection.execute(text("SELECT seed_enc FROM ledger_key ORDER BY made_at")).scalars().all()
    assert len(rows) == 2
    assert all(seed not in row for row in rows)
    assert rows.count("") == 1


def test_each_head_is_the_beginning_of_the_next(ledgers: Ledgers) -> None:
    heads = []
    for number in range(7):
        ledgers.add(f"lrn_{number % 3}", 2)
        heads.append(ledgers.seal().head)

    with ledgers.work.for_institution(ORG, read_only=True) as tx:
        store = SqlTreeStore(tx, MARKS)
        for old, new in pairwise(heads):
            assert old is not None
            assert new is not None
            sizes = old.head.tree_size, new.head.tree_size
            roots = bytes.fromhex(old.head.root), bytes.fromhex(new.head.root)
            assert verify_consistency(*sizes, *roots, consistency_path(store, *sizes))
        last = heads[-1]
        assert last is not None
        for number, seal in store.seals_of(LearnerRef("lrn_1"), RUN):
            path = inclusion_path(store, number, last.head.tree_size)
            root = bytes.fromhex(last.head.root)
            assert verify_inclusion(seal.leaf_hash(), number, last.head.tree_size, path, root)


def test_institutions_have_trees_of_their_own(ledgers: Ledgers) -> None:
    other = InstitutionId("inst_other")
    ledgers.add("lrn_a", 2)
    ledgers.add("lrn_z", 3, org=other)

    here, there = ledgers.seal(), ledgers.seal(org=other)

    assert (here.entries, there.entries) == (2, 3)
    assert here.head is not None
    assert there.head is not None
    assert here.head.head.root != there.head.head.root
    assert ledgers.audit().institutions == 2


def test_a_chain_that_was_tampered_with_is_left_out_and_the_others_are_sealed(ledgers: Ledgers) -> None:
    ledgers.add("lrn_a", 3)
    ledgers.add("lrn_b", 3)
    ledgers.drop_guards()
    with ledgers.engine.begin() as connection:
        connection.execute(
            text("UPDATE ledger_entry SET body = replace(body, '20000', '20001') WHERE learner_ref = 'lrn_a'")
        )

    sealed = ledgers.seal()

    assert sealed.entries == 3
    assert [(one.learner, one.reason) for one in sealed.broken] == [("lrn_a", "row_changed")]


def test_a_row_that_only_looks_right_is_not_sealed(ledgers: Ledgers) -> None:
    ledgers.add("lrn_b", 1)
    ledgers.seal()
    ledgers.add("lrn_a", 2)
    ledgers.drop_guards()
    with ledgers.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entry SET mark = NULL WHERE learner_ref = 'lrn_a'"))

    sealed = ledgers.seal()

    assert [(one.learner, one.seq, one.reason) for one in sealed.broken] == [("lrn_a", 1, "not_marked")]


def test_rows_of_before_there_were_marks_are_sealed_the_first_time(ledgers: Ledgers) -> None:
    ledgers.add("lrn_a", 4)
    ledgers.drop_guards()
    with ledgers.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entry SET mark = NULL"))
        connection.execute(text("UPDATE ledger_head SET mark = NULL"))

    assert ledgers.seal().entries == 4
    assert ledgers.audit().faults == []
    ledgers.add("lrn_a", 1)
    assert ledgers.seal().entries == 1
    assert ledgers.audit().faults == []


def test_nothing_is_sealed_on_top_of_leaves_that_were_changed(ledgers: Ledgers) -> None:
    ledgers.add("lrn_a", 2)
    ledgers.seal()
    ledgers.add("lrn_a", 2)
    ledgers.drop_guards()
    with ledgers.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_leaf SET hash = :other"), {"other": "0" * 64})

    with pytest.raises(TreeChanged):
        ledgers.seal()


def test_a_chain_whose_head_is_not_ours_is_not_sealed(ledgers: Ledgers) -> None:
    ledgers.add("lrn_b", 1)
    ledgers.seal()
    for learner, mark in (("lrn_a", None), ("lrn_c", "0" * 64)):
        ledgers.add(learner, 2)
        with ledgers.engine.begin() as connection:
            connection.execute(
                text("UPDATE ledger_head SET mark = :mark WHERE learner_ref = :learner"),
                {"mark": mark, "learner": learner},
            )

    sealed = ledgers.seal()

    assert sealed.entries == 0
    assert {(one.learner, one.reason) for one in sealed.broken} == {
        ("lrn_a", "head_not_marked"),
        ("lrn_c", "head_not_marked"),
    }
