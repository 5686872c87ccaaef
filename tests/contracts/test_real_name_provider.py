"""What every real-name provider answers: rosters, and each adapter against a stand-in over real https.

The stand-ins say which are our own contract and which are constructed from vendors' documents. No live service was
called, here or while this was written.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.identity.model import normalise_name
from bridge.identity.ports import RealNameProvider
from bridge.identity.provider_model import Answer, Claim, Outcome
from bridge.kernel.time import FixedClock
from lti.http import GuardedHttp
from lti.registration import NetworkPolicy
from plugins.identity.aliyun import AliyunProvider
from plugins.identity.asking import Line
from plugins.identity.baidu import BaiduProvider
from plugins.identity.network_identity import NetworkIdentityBoundary
from plugins.identity.roster import RosterProvider
from plugins.identity.signed_http import SignedHttpProvider
from plugins.identity.tencent import TencentProvider
from tests.contracts.real_name_stand_ins import (
    KEY_ID,
    SECRET,
    UNLIKE,
    DocumentedAliyun,
    DocumentedBaidu,
    DocumentedTencent,
    SignedService,
    StandIn,
    leaks,
)
from tests.identity.house import CHEN, CHEN_ID, HUANG, HUANG_ID, JPEG, NOW, STRANGER, STRANGER_ID, House
from tests.lti.served import served
from tests.lti.test_http import certificate  # noqa: F401  # a fixture

REMOTE = ["http", "aliyun", "tencent", "baidu"]
PHOTOS = ["tencent", "baidu"]
_STAND_INS: dict[str, type[StandIn]] = {
    "http": SignedService,
    "aliyun": DocumentedAliyun,
    "tencent": DocumentedTencent,
    "baidu": DocumentedBaidu,
}


def claim(name: str, number: str, photo: bytes = JPEG) -> Claim:
    return Claim(normalise_name(name), number, photo, "rnq_1")


@dataclass
class Served:
    """A stand-in, and the adapter that calls it."""

    kind: str
    stand_in: StandIn
    origin: str
    ca: str

    def provider(
        self,
        *,
        secret: str = SECRET,
        ca: str | None = None,
        hosts: frozenset[str] | None = None,
        origin: str = "",
    ) -> Any:
        http = GuardedHttp(
            connect_seconds=2,
            read_seconds=1 if self.stand_in.mode == "slow" else 30,
            total_seconds=60,
            ca_bundle=self.ca if ca is None else ca or None,
        )
        policy = NetworkPolicy(allow_private_hosts=frozenset({"127.0.0.1"}) if hosts is None else hosts)
        line, clock = Line(http, policy), FixedClock(NOW)
        origin = origin or self.origin
        host = origin.partition("//")[2]
        if self.kind == "http":
            return SignedHttpProvider(f"{origin}/real-name", KEY_ID, secret, line=line, clock=clock)
        made = {"aliyun": AliyunProvider, "tencent": TencentProvider, "baidu": BaiduProvider}[self.kind]
        return made(KEY_ID, secret, line=line, clock=clock, host=host)

    def ask(self, mode: str, **how: Any) -> Answer:
        self.stand_in.mode = mode
        answer: Answer = self.provider(**how).verify(claim(CHEN, CHEN_ID))
        return answer


@pytest.fixture
def service(request: pytest.FixtureRequest, certificate: tuple[str, str]) -> Iterator[Served]:  # noqa: F811
    stand_in = _STAND_INS[request.param]()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with served(stand_in, context) as origin:
        try:
            yield Served(request.param, stand_in, origin, certificate[0])
        finally:
            stand_in.over.set()


every_service = pytest.mark.parametrize("service", REMOTE, indirect=True)
with_photos = pytest.mark.parametrize("service", PHOTOS, indirect=True)


@pytest.fixture(params=["roster in memory", "roster in the database", *REMOTE])
def provider(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificate: tuple[str, str],  # noqa: F811
) -> Iterator[RealNameProvider]:
    if request.param == "roster in memory":
        yield RosterProvider(lambda number: {CHEN_ID: [CHEN], HUANG_ID: [HUANG, HUANG]}.get(number, []))
    elif request.param == "roster in the database":
        house = House(f"sqlite:///{tmp_path / 'h.sqlite'}", tmp_path).loaded()
        with house.desk() as desk:
            yield RosterProvider(desk.identity_store.names_listed_for)
        house.close()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        stand_in = _STAND_INS[request.param]()
        with served(stand_in, context) as origin:
            yield Served(request.param, stand_in, origin, certificate[0]).provider()


def test_a_name_and_its_number_match(provider: RealNameProvider) -> None:
    assert provider.verify(claim(CHEN, CHEN_ID)).outcome is Outcome.MATCH
    assert provider.verify(claim(HUANG, HUANG_ID)).outcome is Outcome.MATCH


def test_another_name_is_a_mismatch_where_the_source_can_tell(provider: RealNameProvider) -> None:
    # Baidu has one code for "does not match" and "no such number": it speaks against nobody.
    wanted = Outcome.UNCLEAR if provider.facts.code == "baidu" else Outcome.MISMATCH
    assert provider.verify(claim(HUANG, CHEN_ID)).outcome is wanted


def test_a_number_that_nobody_knows_is_no_record(provider: RealNameProvider) -> None:
    assert provider.verify(claim(STRANGER, STRANGER_ID)).outcome is Outcome.NO_RECORD


def test_lists_that_disagree_on_a_name_match_neither() -> None:
    provider = RosterProvider(lambda _number: [CHEN, HUANG])
    assert provider.verify(claim(CHEN, CHEN_ID)).outcome is Outcome.MISMATCH


@every_service
@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("slow", Outcome.TIMEOUT),
        ("quota", Outcome.QUOTA),
        ("maintenance", Outcome.OUTAGE),
        ("broken", Outcome.OUTAGE),
        ("garbage", Outcome.OUTAGE),
        ("moved", Outcome.REFUSED),
    ],
)
def test_each_way_of_not_answering_is_an_outcome_of_its_own(
    service: Served, mode: str, outcome: Outcome
) -> None:
    answer = service.ask(mode)
    assert answer.outcome is outcome
    assert answer.detail


@every_service
def test_a_service_that_is_not_there_is_an_outage(service: Served) -> None:
    with served(StandIn()) as gone:
        port = gone.rpartition(":")[2]
    assert service.ask("", origin=f"https://127.0.0.1:{port}").outcome is Outcome.OUTAGE


@every_service
def test_a_wrong_key_is_our_fault_and_says_nothing_of_the_person(service: Served) -> None:
    answer = service.ask("", secret="another-secret-of-thirty-two-characters!")
    assert answer.outcome is Outcome.REFUSED


@every_service
def test_a_certificate_that_nobody_vouches_for_ends_the_call_before_a_name_leaves(service: Served) -> None:
    answer = service.ask("", ca="")
    assert (answer.outcome, answer.detail) == (Outcome.REFUSED, "certificate_refused")
    assert service.stand_in.calls == 0


@every_service
def test_a_private_address_that_nobody_named_is_not_called(service: Served) -> None:
    answer = service.ask("", hosts=frozenset())
    assert (answer.outcome, answer.detail) == (Outcome.REFUSED, "address_refused")
    assert service.stand_in.calls == 0


@every_service
def test_who_somebody_is_stands_in_the_body_alone_and_in_no_representation(service: Served) -> None:
    asked = claim(CHEN, CHEN_ID)
    answer = service.provider().verify(asked)
    assert service.stand_in.calls
    assert leaks(service.stand_in) == []
    assert CHEN_ID not in f"{asked!r}{answer!r}{service.provider()!r}"
    assert CHEN not in f"{asked!r}{answer!r}"


@every_service
def test_the_facts_name_what_settings_lack(service: Served) -> None:
    assert service.provider().facts.missing == ()
    (lacking,) = service.provider(secret="").facts.missing
    assert lacking.startswith("ANXUE_REAL_NAME_")


@pytest.mark.parametrize("service", ["http"], indirect=True)
def test_plain_http_is_refused_before_anything_is_sent(service: Served) -> None:
    answer = service.ask("", origin=service.origin.replace("https", "http"))
    assert (answer.outcome, answer.detail) == (Outcome.REFUSED, "https_required")
    assert service.stand_in.calls == 0


@pytest.mark.parametrize("service", ["http"], indirect=True)
@pytest.mark.parametrize(
    ("mode", "outcome", "detail"),
    [
        ("forged", Outcome.REFUSED, "answer_not_signed"),
        ("crossed", Outcome.OUTAGE, "reply_malformed"),
        ("throttled", Outcome.QUOTA, "http_429"),
    ],
)
def test_an_answer_that_is_not_the_services_own_to_this_question_is_none(
    service: Served, mode: str, outcome: Outcome, detail: str
) -> None:
    answer = service.ask(mode)
    assert (answer.outcome, answer.detail) == (outcome, detail)


@with_photos
def test_a_photograph_of_somebody_else_is_for_people_to_judge(service: Served) -> None:
    answer = service.provider().verify(claim(CHEN, CHEN_ID, UNLIKE))
    assert (answer.outcome, answer.detail) == (Outcome.UNCLEAR, "photo_below_threshold")
    assert answer.score is not None


@with_photos
def test_without_a_photograph_nothing_is_sent(service: Served) -> None:
    answer = service.provider().verify(Claim(CHEN, CHEN_ID))
    assert (answer.outcome, answer.detail) == (Outcome.UNCLEAR, "photo_missing")
    assert service.stand_in.calls == 0


@with_photos
def test_an_operators_threshold_is_never_below_the_vendors(service: Served) -> None:
    made = {"tencent": TencentProvider, "baidu": BaiduProvider}[service.kind]
    lowered: Any = made("a", "b", line=Line.out(), clock=FixedClock(NOW), threshold=1)
    assert lowered.facts.threshold == {"tencent": 70, "baidu": 80}[service.kind]


@pytest.mark.parametrize("service", ["baidu"], indirect=True)
def test_a_token_is_kept_and_fetched_anew_once_when_the_service_ends_it(service: Served) -> None:
    provider = service.provider()
    assert provider.verify(claim(CHEN, CHEN_ID)).outcome is Outcome.MATCH
    assert provider.verify(claim(CHEN, CHEN_ID)).outcome is Outcome.MATCH
    assert service.stand_in.calls == 3
    service.stand_in.token = "24.another"  # type: ignore[attr-defined]
    assert provider.verify(claim(CHEN, CHEN_ID)).outcome is Outcome.MATCH
    assert service.stand_in.calls == 6


def test_the_national_network_identity_is_a_boundary_that_refuses() -> None:
    boundary = NetworkIdentityBoundary()
    answer = boundary.verify(claim(CHEN, CHEN_ID))
    assert (answer.outcome, answer.detail) == (Outcome.REFUSED, "official_interface_missing")
    assert boundary.facts.missing
