"""The made-up people of the bench `face-search` are as it says, and its arithmetic holds on a few thousand of them."""

import numpy as np
import pytest

from plugins.presence.face_index import SketchFaceIndex
from plugins.presence.search_bench import (
    IMPOSTOR_SD,
    TO_CENTRE_MEAN,
    TO_CENTRE_SD,
    Crowd,
    build,
    look_for,
    make_crowd,
    narrow_dimensions,
    run,
)
from tests.presence.pictures import RECOGNISER


def test_two_photographs_of_one_person_score_as_far_apart_as_measured() -> None:
    crowd = make_crowd(3_000, 1_000)

    own = (crowd.probes * crowd.registered[crowd.who]).sum(axis=1)

    assert own.mean() == pytest.approx(TO_CENTRE_MEAN**2, abs=0.01)
    # Two independent factors, and what two photographs add in common by chance.
    expected = np.sqrt(2 * (TO_CENTRE_MEAN * TO_CENTRE_SD) ** 2 + (1 - TO_CENTRE_MEAN**2) ** 2 / 511)
    assert own.std() == pytest.approx(expected, abs=0.01)


def test_templates_are_unit_vectors_and_strangers_are_at_right_angles() -> None:
    crowd = make_crowd(2_000, 100)

    assert np.allclose(np.linalg.norm(crowd.registered, axis=1), 1, atol=1e-5)
    strangers = crowd.registered[:1000] @ crowd.registered[1000:].T
    assert strangers.std() == pytest.approx(512**-0.5, rel=0.02)


def test_strangers_of_the_narrow_crowd_are_as_alike_as_measured() -> None:
    crowd = make_crowd(4_000, 100, narrow_dimensions())

    strangers = crowd.registered[:2000] @ crowd.registered[2000:].T

    assert strangers.std() == pytest.approx(IMPOSTOR_SD, rel=0.05)


def test_the_same_seed_makes_the_same_people_and_another_others() -> None:
    first, again, other = make_crowd(50, 5), make_crowd(50, 5), make_crowd(50, 5, seed=1)

    assert np.array_equal(first.registered, again.registered)
    assert not np.array_equal(first.registered, other.registered)


def test_a_small_run_finds_who_is_looked_for_and_names_its_peers() -> None:
    found = run(people=4_000, queries=200, narrow_people=2_000)

    assert (found["name"], found["n"], found["queries"]) == ("face-search", 4_000, 200)
    assert found["recall_at_1"] >= 0.99
    assert found["index_bytes"] >= 4_000 * (64 + 1024)
    assert found["spread"]["to_centre_mean"] == TO_CENTRE_MEAN
    exact, *clusters = found["peers"]
    assert exact["recall_at_1"] == 1.0
    assert [peer["recall_at_1"] <= found["recall_at_1"] for peer in clusters] == [True, True, True]
    assert found["narrow"]["recall_at_1"] <= found["narrow"]["recall_at_1_exact"] + 0.02


def test_recall_counts_the_true_person_alone() -> None:
    crowd = make_crowd(1_000, 50)
    index = SketchFaceIndex(RECOGNISER)
    build(crowd, index)

    found, milliseconds = look_for(crowd, index)
    mistaken, _ = look_for(Crowd(crowd.registered, crowd.probes, (crowd.who + 1) % 1_000), index)

    assert (found, mistaken, len(milliseconds)) == (1.0, 0.0, 50)


def test_one_candidate_by_signs_is_not_enough_where_people_are_much_alike() -> None:
    crowd = make_crowd(4_000, 400, dimensions=6)
    whole, lone = SketchFaceIndex(RECOGNISER), SketchFaceIndex(RECOGNISER, candidates=1)
    build(crowd, whole)
    build(crowd, lone)

    assert look_for(crowd, lone)[0] < look_for(crowd, whole)[0]
