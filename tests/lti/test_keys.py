"""Fetching, caching and rotating platform keys (B18–B20), and the tool's own keys."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from lti.errors import LaunchRefused, ServiceFailed
from lti.keys import KeySource, ToolKey, ToolKeyRing, read_jwks
from lti.registration import NetworkPolicy
from tests.lti.doors import tool_keys
from tests.lti.platform import Platform, StandingClock, b64, ec_jwk, public_jwk, rsa_key


class FailingNetwork:
    """Serves a platform's keys until told to fail."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.down, self.calls = platform, False, 0

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        self.calls += 1
        if self.down:
            raise ServiceFailed("platform_unreachable")
        return self.platform.jwks


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def platform(clock: StandingClock) -> Platform:
    return Platform("https://lms.example", "client-1", clock, "https://tool.example")


def reason(source: KeySource, platform: Platform, kid: str) -> str:
    with pytest.raises(LaunchRefused) as refused:
        source.key(platform.registration(), kid)
    return refused.value.reason


def jwk(**changes: Any) -> dict[str, Any]:
    return public_jwk(rsa_key("https://lms.example"), "key-1", **changes)


SHORT = {"n": b64((1 << 2046 | 1).to_bytes(256)), "e": "AQAB"}
UNUSABLE = [
    ("too_short", [jwk(**SHORT)]),
    ("kid_twice", [jwk(), jwk()]),
    ("kid_twice", [jwk(), jwk(), jwk()]),
    ("not_for_signatures", [jwk(use="enc")]),
    ("not_for_signatures", [jwk(key_ops=["sign"])]),
    ("not_for_signatures", [jwk(key_ops=7)]),
    ("other_algorithm", [jwk(alg="PS256")]),
    ("other_key_type", [ec_jwk("key-1")]),
    ("other_key_type", [{"kty": "oct", "kid": "key-1", "k": "AAAA"}]),
    ("malformed", [jwk(n="+/=")]),
    ("malformed", [jwk(e="AQ")]),  # an exponent of 1 lets anybody sign
    ("malformed", [jwk(e="Ag")]),
    ("malformed", [jwk(e="")]),
    ("malformed", [jwk(n=None)]),
]


@pytest.mark.parametrize(("why", "keys"), UNUSABLE, ids=[f"B18-{n}" for n in range(len(UNUSABLE))])
def test_a_key_that_must_not_verify_is_set_aside_with_its_reason(why: str, keys: list[Any]) -> None:
    found = read_jwks({"keys": keys}, "RS256")
    assert (found.usable, found.unusable) == ({}, {"key-1": why})


@pytest.mark.parametrize("document", [None, [], "x", {}, {"keys": {}}, {"keys": [{}] * 101}])
def test_what_is_no_jwks_is_refused(document: Any) -> None:
    with pytest.raises(ServiceFailed):
        read_jwks(document, "RS256")


def test_members_without_a_usable_kid_are_passed_over() -> None:
    assert list(read_jwks({"keys": [1, {}, {"kid": ""}, jwk(kid="k" * 256), jwk()]}, "RS256").usable) == [
        "key-1"
    ]


def test_an_elliptic_key_serves_a_registration_pinned_to_it() -> None:
    assert list(read_jwks({"keys": [ec_jwk("key-1")]}, "ES256").usable) == ["key-1"]


def test_an_elliptic_key_of_another_curve_does_not() -> None:
    other = {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "key-1"}
    assert read_jwks({"keys": [other]}, "ES256").unusable == {"key-1": "other_curve"}


def test_keys_are_fetched_once_while_fresh(platform: Platform, clock: StandingClock) -> None:
    source = KeySource(platform, clock)
    for _ in range(3):
        source.key(platform.registration(), "key-1")
        clock.advance(1000)
    assert platform.fetches == 1
    clock.advance(1000)
    source.key(platform.registration(), "key-1")
    assert platform.fetches == 2


def test_a_withdrawn_key_ends_when_the_set_is_fetched_again(platform: Platform, clock: StandingClock) -> None:
    source = KeySource(platform, clock)
    source.key(platform.registration(), "key-1")
    platform.jwks = {"keys": []}
    clock.advance(3600)
    assert reason(source, platform, "key-1") == "kid_unknown"


def test_unknown_kids_cause_one_fetch_in_each_interval(platform: Platform, clock: StandingClock) -> None:
    source = KeySource(platform, clock)
    source.key(platform.registration(), "key-1")
    for number in range(20):
        assert reason(source, platform, f"made-up-{number}") == "kid_unknown"
    assert platform.fetches == 2
    clock.advance(30)
    assert reason(source, platform, "made-up") == "kid_unknown"
    assert platform.fetches == 3


def test_old_keys_serve_on_while_the_platform_is_down(platform: Platform, clock: StandingClock) -> None:
    network = FailingNetwork(platform)
    source = KeySource(network, clock)
    source.key(platform.registration(), "key-1")
    network.down = True
    clock.advance(7200)
    assert source.key(platform.registration(), "key-1").key_type == "RSA"
    calls = network.calls
    source.key(platform.registration(), "key-1")
    assert network.calls == calls  # a platform that is down is not asked at every launch
    clock.advance(86400)
    assert reason(source, platform, "key-1") == "platform_keys_unavailable"


def test_a_broken_answer_does_not_displace_good_keys(platform: Platform, clock: StandingClock) -> None:
    source = KeySource(platform, clock)
    source.key(platform.registration(), "key-1")
    platform.jwks = {"error": "down for maintenance"}
    clock.advance(3600)
    assert source.key(platform.registration(), "key-1").key_type == "RSA"


def test_without_any_key_a_launch_is_refused_until_the_platform_answers(
    platform: Platform, clock: StandingClock
) -> None:
    network = FailingNetwork(platform)
    network.down = True
    source = KeySource(network, clock)
    assert reason(source, platform, "key-1") == "platform_keys_unavailable"
    network.down = False
    clock.advance(30)
    assert source.key(platform.registration(), "key-1").key_type == "RSA"


def test_registrations_do_not_share_keys(platform: Platform, clock: StandingClock) -> None:
    source = KeySource(platform, clock)
    source.key(platform.registration(), "key-1")
    platform.jwks = {"keys": []}
    with pytest.raises(LaunchRefused):
        source.key(platform.registration(id="another"), "key-1")


def test_the_published_set_verifies_what_the_tool_signs_and_hides_the_private_half() -> None:
    ring = ToolKeyRing([ToolKey.generate(), *tool_keys().keys])
    published = ring.jwks()
    assert [sorted(key) for key in published["keys"]] == [["alg", "e", "kid", "kty", "n", "use"]] * 2
    token = jwt.decode(
        ring.signing().sign({"iss": "x"}),
        KeySet([RSAKey.import_key(key) for key in published["keys"]]),
        algorithms=["RS256"],
    )
    assert token.header["kid"] == ring.keys[0].kid
    assert b"PRIVATE" not in repr(ring).encode()


def test_a_public_or_repeated_tool_key_is_refused() -> None:
    with pytest.raises(ValueError, match="private RSA key"):
        ToolKey("k", rsa_key("tool").as_pem(private=False))
    with pytest.raises(ValueError, match="each kid once"):
        ToolKeyRing([*tool_keys().keys, *tool_keys().keys])
