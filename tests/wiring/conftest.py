"""A furnished house whose platform answers on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.furnished import furnish
from tests.wiring.lms import Lms, lms_of


@pytest.fixture
def lms(tmp_path: Path) -> Iterator[Lms]:
    with lms_of(furnish(tmp_path)) as made:
        yield made
        made.house.close()
