"""An ID photo that a provider compared anchors as the provider's word; any other as the list's photograph."""

from pathlib import Path

import pytest

from bridge.identity.consent import PHOTO_CONSENT, PHOTO_TO_SOURCE
from bridge.identity.provider_model import Outcome
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.presence.anchoring import ID_PHOTO, PROVIDER
from tests.web.furnished import CHEN_ID, ORG, RUN, Furnished, furnish
from tests.wiring.test_name_jobs import SUB, Scripted, claim, owner, use


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def source(furnished: Furnished) -> str:
    """Return what would be said of a reference that matches the list's photograph now."""
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        stations = furnished.house.at(tx)
        learner = SqlIdentityStore(tx, furnished.house.cipher).learner_with(CHEN_ID)
        assert learner is not None
        return stations.photo_source(learner, RUN)  # what challenges are given


def verified(furnished: Furnished, provider: Scripted, *, photo: bool) -> None:
    use(furnished, provider)
    account = furnished.account(SUB)
    if photo:
        with furnished.house.uow.for_institution(ORG) as tx:
            identity = furnished.house.at(tx).identity
            identity.give_consent(account, PHOTO_TO_SOURCE, PHOTO_CONSENT.version)
    claim(furnished)
    furnished.work_off()
    assert owner(furnished, account) is not None


def test_a_provider_that_saw_the_photograph_stands_for_it(furnished: Furnished) -> None:
    verified(furnished, Scripted(Outcome.MATCH, needs_photo=True), photo=True)
    assert source(furnished) == PROVIDER


def test_a_provider_that_compared_name_and_number_alone_stands_for_no_face(furnished: Furnished) -> None:
    verified(furnished, Scripted(Outcome.MATCH), photo=True)
    assert source(furnished) == ID_PHOTO


def test_another_photograph_than_the_provider_saw_is_the_lists_alone(furnished: Furnished) -> None:
    verified(furnished, Scripted(Outcome.MATCH, needs_photo=True), photo=True)
    with furnished.house.uow.for_institution(ORG) as tx:
        store = SqlIdentityStore(tx, furnished.house.cipher)
        row = store.list_row(RUN, CHEN_ID)
        assert row is not None
        scope = EvidenceScope(ORG, row.id, EvidencePurpose.ID_PHOTO, RUN)
        other = furnished.house.at(tx).vault.put(scope, b"\xff\xd8\xff another photograph", "image/jpeg")
        store.set_photo(row.id, other)
    assert source(furnished) == ID_PHOTO


def test_a_photograph_that_did_not_match_stands_for_nothing(furnished: Furnished) -> None:
    provider = Scripted(Outcome.UNCLEAR, Outcome.MATCH, needs_photo=True)
    use(furnished, provider)
    account = furnished.account(SUB)
    with furnished.house.uow.for_institution(ORG) as tx:
        identity = furnished.house.at(tx).identity
        identity.give_consent(account, PHOTO_TO_SOURCE, PHOTO_CONSENT.version)
    claim(furnished)
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        row = SqlIdentityStore(tx, furnished.house.cipher).list_row(RUN, CHEN_ID)
        assert row is not None
        assert not furnished.house.at(tx).name_checks.photo_confirmed(row)
