"""What every `FaceIndex` does: run on the one that the bridge uses and on the exact one."""

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import FaceTemplate
from bridge.presence.model import RecogniserInForce
from bridge.presence.search.ports import FaceIndex
from plugins.presence.face_index import ExactFaceIndex, MemoryFaceIndex, SketchFaceIndex, make_face_index

MODEL = RecogniserInForce("made-up", "a" * 64)


@pytest.fixture(params=[SketchFaceIndex, ExactFaceIndex])
def index(request: pytest.FixtureRequest) -> FaceIndex:
    make: Callable[[RecogniserInForce], FaceIndex] = request.param
    return make(MODEL)


def vectors(count: int, seed: int = 1) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal((count, 512)).astype(np.float32)
    unit: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def template(vector: NDArray[np.float32], model: RecogniserInForce = MODEL) -> FaceTemplate:
    return FaceTemplate(vector.astype("<f4").tobytes(), *model)


def near(vector: NDArray[np.float32], score: float, seed: int = 9) -> NDArray[np.float32]:
    """Return a unit vector whose score with `vector` is `score`."""
    other = vectors(1, seed)[0]
    other -= (other @ vector) * vector
    other /= np.linalg.norm(other)
    turned: NDArray[np.float32] = score * vector + np.float32(np.sqrt(1 - score**2)) * other
    return turned


def fill(index: FaceIndex, drawn: NDArray[np.float32]) -> None:
    index.put((f"p{row}", template(vector)) for row, vector in enumerate(drawn))


def test_an_empty_index_finds_nobody(index: FaceIndex) -> None:
    assert len(index) == 0
    assert list(index.nearest(template(vectors(1)[0]), 5)) == []


def test_the_most_alike_comes_first_with_its_score(index: FaceIndex) -> None:
    drawn = vectors(2_000)
    fill(index, drawn)

    found = index.nearest(template(near(drawn[1_234], 0.6)), 3)

    assert [each.name for each in found][:1] == ["p1234"]
    assert found[0].score == pytest.approx(0.6, abs=0.001)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert len(found) == 3


def test_everybody_who_was_put_is_found_again(index: FaceIndex) -> None:
    drawn = vectors(700)
    fill(index, drawn)

    firsts = [index.nearest(template(near(vector, 0.7)), 1)[0].name for vector in drawn]

    assert firsts == [f"p{row}" for row in range(700)]


def test_more_than_there_are_is_all_there_are(index: FaceIndex) -> None:
    fill(index, vectors(5))

    assert sorted(each.name for each in index.nearest(template(vectors(1)[0]), 100)) == [
        "p0", "p1", "p2", "p3", "p4",
    ]  # fmt: skip


def test_a_name_that_is_put_again_has_its_new_template_alone(index: FaceIndex) -> None:
    drawn = vectors(300)
    fill(index, drawn)
    moved = vectors(1, seed=5)[0]

    index.put([("p7", template(vectors(1, seed=6)[0])), ("p7", template(moved))])

    assert len(index) == 300
    assert index.nearest(template(moved), 1)[0].name == "p7"
    assert index.nearest(template(drawn[7]), 1)[0].score < 0.5


def test_who_is_forgotten_is_not_found_and_everybody_else_is(index: FaceIndex) -> None:
    drawn = vectors(400)
    fill(index, drawn)
    gone = {0, 7, 200, 399}

    assert [index.forget(f"p{row}") for row in sorted(gone)] == [True] * 4

    assert len(index) == 396
    assert not set(index.names()) & {f"p{row}" for row in gone}
    for row, vector in enumerate(drawn):
        first = index.nearest(template(vector), 1)[0]
        assert (first.name == f"p{row}") is (row not in gone)
        assert row not in gone or first.score < 0.5


def test_forgetting_whom_there_never_was_changes_nothing(index: FaceIndex) -> None:
    fill(index, vectors(3))

    assert index.forget("p9") is False
    assert index.forget("p1") is True
    assert index.forget("p1") is False
    assert len(index) == 2


def test_who_was_forgotten_can_be_put_again(index: FaceIndex) -> None:
    drawn = vectors(3)
    fill(index, drawn)
    index.forget("p1")

    index.put([("p1", template(drawn[1]))])

    assert index.nearest(template(drawn[1]), 1)[0].name == "p1"


def test_nothing_of_a_forgotten_template_stays_in_the_arrays(index: FaceIndex) -> None:
    drawn = vectors(600)
    fill(index, drawn)
    for row in range(1, 600):
        index.forget(f"p{row}")

    kept = list(_arrays(index))

    assert all(not array[1:].any() for array in kept)
    assert all(array[0].any() for array in kept)


def test_arrays_that_were_outgrown_are_cleared(index: FaceIndex) -> None:
    drawn = vectors(1_000)
    fill(index, drawn[:200])
    outgrown = list(_arrays(index))

    fill(index, drawn)

    assert all(now is not before for now, before in zip(_arrays(index), outgrown, strict=True))
    assert not any(array.any() for array in outgrown)


def test_templates_of_two_models_are_never_compared(index: FaceIndex) -> None:
    fill(index, vectors(3))
    other = template(vectors(1)[0], RecogniserInForce("made-up", "b" * 64))

    for refused in (lambda: index.nearest(other, 1), lambda: index.put([("p9", other)])):
        with pytest.raises(InvalidInput) as caught:
            refused()
        assert caught.value.reason == "face_model_differs"
    assert len(index) == 3


def test_it_tells_what_it_takes(index: FaceIndex) -> None:
    fill(index, vectors(1_000))

    assert index.size_bytes == sum(array.nbytes for array in _arrays(index))
    assert index.recogniser == MODEL


def test_the_bridge_uses_the_one_with_sketches() -> None:
    assert isinstance(make_face_index(MODEL), SketchFaceIndex)


def _arrays(index: FaceIndex) -> list[NDArray[Any]]:
    gc.collect()
    assert isinstance(index, MemoryFaceIndex)
    return index._arrays
