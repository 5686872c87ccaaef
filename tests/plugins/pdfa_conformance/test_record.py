"""What is right and what is not, of veraPDF's verdicts; veraPDF itself runs in `./anxue acceptance certificates`."""

from typing import Any

import pytest

from bridge.settings import Settings
from plugins.pdfa_conformance.command import right
from plugins.pdfa_conformance.samples import Sample, samples
from tests.plugins.completion.pdf_a import pdf_a_objections


def _said(*faults: str) -> dict[str, Any]:
    return {"compliant": not faults, "checks": 1, "faults": [[one, ""] for one in faults]}


@pytest.mark.parametrize(
    ("clause", "faults", "expected"),
    [
        ("", (), True),
        ("", ("6.1.9-1",), False),
        ("6.1.9", ("6.1.9-1", "6.4.3-1"), True),
        ("6.1.9", ("6.4.3-1",), False),
        ("6.1", ("6.1.9-1",), False),
        ("6.1.9", (), False),
    ],
)
def test_a_spoilt_file_must_be_refused_for_its_own_fault(
    clause: str, faults: tuple[str, ...], expected: bool
) -> None:
    assert right(Sample("x", b"", clause), _said(*faults)) is expected


def test_both_papers_are_judged_as_printed_and_as_sealed_and_the_spoilt_ones_are_spoilt() -> None:
    made = samples(Settings().assets / "fonts")
    good = [one for one in made if not one.clause]
    assert len(good) == 12
    assert len({one.content for one in made}) == len(made)
    assert [one.name for one in good if pdf_a_objections(one.content)] == []
    by_eye = {one.clause for one in made if one.clause and pdf_a_objections(one.content)}
    assert by_eye >= {"6.1.9", "6.3.2", "6.5.1"}
