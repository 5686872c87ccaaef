"""The worker remembers the template of an ID photo for a moment, and for no longer than any key of a face lives."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.presence.face import FaceObservation
from bridge.wiring.jobs import Jobs
from tests.presence.pictures import PictureEngine, picture
from tests.web.furnished import ORG, RUN, Furnished, furnish

SCOPE = EvidenceScope(ORG, LearnerRef("ln_made_up"), EvidencePurpose.ID_PHOTO, RUN)


@dataclass
class Counting:
    """The tests' engine, which notes what it was shown."""

    engine: PictureEngine = field(default_factory=PictureEngine)
    seen: list[bytes] = field(default_factory=list)

    def observe(self, jpeg: bytes) -> FaceObservation:
        self.seen.append(jpeg)
        return self.engine.observe(jpeg)


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    made = furnish(tmp_path)
    made.house.__dict__["engine_for_faces"] = Counting()
    return made


def seen(furnished: Furnished) -> list[bytes]:
    engine: Any = furnished.house.engine_for_faces
    return list(engine.seen)


def test_a_photograph_is_looked_at_once_until_a_key_is_destroyed(furnished: Furnished) -> None:
    jobs, photograph, faceless = Jobs(furnished.house), picture("0"), picture("none")
    templates = [jobs.roster(photograph) for _ in range(3)]
    assert templates[0] is not None
    assert templates == [templates[0]] * 3
    assert [jobs.roster(faceless) for _ in range(2)] == [None, None]
    assert seen(furnished) == [photograph, faceless]
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).vault.put(SCOPE, photograph, "image/jpeg")
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).vault.destroy(SCOPE, reason="requested", by="stf_made_up")
    assert len(jobs._photographs) == 0
    jobs.roster(photograph)
    assert seen(furnished) == [photograph, faceless, photograph]


def test_the_photograph_itself_is_not_remembered(furnished: Furnished) -> None:
    jobs, photograph = Jobs(furnished.house), picture("0")
    jobs.roster(photograph)
    (kept,) = jobs._photographs._kept.items()
    assert len(kept[0]) == 32
    assert photograph not in repr(kept).encode("latin-1")
