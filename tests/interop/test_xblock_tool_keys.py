"""Our own keys as lti-consumer-xblock sees them: a new one works at once, a withdrawn one no more."""

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from lti.ags import GradeService
from lti.errors import ServiceFailed
from lti.keys import ToolKey, ToolKeyRing
from lti.scores import Score
from tests.interop.record import Facts
from tests.interop.xblock import Xblock
from tests.interop.xblock_platform.course import DECLARATIVE, LEARNER

pytestmark = pytest.mark.e2e


@pytest.fixture
def published(xblock: Xblock) -> Iterator[list[ToolKey]]:
    """The list of keys that our JWKS publishes; as it was, after the test."""
    before = list(xblock.tool.published)
    yield xblock.tool.published
    xblock.tool.published[:] = before


def _give_score(xblock: Xblock, keys: ToolKeyRing) -> None:
    """Post a score, asking for the token with `keys`."""
    endpoint = xblock.launched(LEARNER, DECLARATIVE).claims.ags
    assert endpoint is not None
    assert endpoint.lineitem is not None
    score = Score(LEARNER.external_id, Fraction(88), Fraction(100), datetime.now(UTC))
    grades = GradeService(xblock.tool.calls_signed_by(keys))
    grades.post_score(xblock.registrations["course"], endpoint.lineitem, score)


def test_old_and_new_key_both_sign_while_both_are_published(
    xblock: Xblock, published: list[ToolKey], facts: Facts
) -> None:
    old, new = published[0], ToolKey.generate()
    published.insert(0, new)
    for key in (new, old):
        _give_score(xblock, ToolKeyRing([key]))
    assert xblock.grade(LEARNER, DECLARATIVE) == pytest.approx(0.88)
    facts.told("scores under tokens asked for with a new and with the old key, both in our JWKS", "accepted")


def test_a_withdrawn_key_gets_no_token(xblock: Xblock, published: list[ToolKey], facts: Facts) -> None:
    withdrawn = published[0]
    published[:] = [ToolKey.generate()]
    with pytest.raises(ServiceFailed) as failed:
        _give_score(xblock, ToolKeyRing([withdrawn]))
    assert failed.value.reason == "token_refused"
    assert xblock.grade(LEARNER, DECLARATIVE) is None
    facts.told(
        "a token asked for with a key that our JWKS no longer holds", f"{failed.value.status}: token_refused"
    )
