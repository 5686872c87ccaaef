"""Platform keys at the edges of their times and numbers (B18–B20), and what is asked for them."""

from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import RSAKey

from lti.errors import LaunchRefused, ServiceFailed
from lti.keys import KeySource, ToolKey, read_jwks
from lti.registration import NetworkPolicy
from tests.lti.doors import tool_keys
from tests.lti.platform import Platform, StandingClock, public_jwk, rsa_key

DAY = 86400


class Network:
    """Notes what is asked, and answers while it is up."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.up = platform, True
        self.asked: list[tuple[str, NetworkPolicy]] = []

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        self.asked.append((url, policy))
        if not self.up:
            raise ServiceFailed("platform_unreachable")
        return self.platform.jwks


class Source:
    """A source of keys with its clock, its platform and its network."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.platform = Platform("https://lms.example", "client-1", self.clock, "https://tool.example")
        self.network = Network(self.platform)
        self.keys = KeySource(self.network, self.clock)

    def ask(self, kid: str = "key-1") -> str:
        try:
            return self.keys.key(self.platform.registration(), kid).key_type
        except LaunchRefused as refused:
            return refused.reason


def test_keys_are_asked_for_at_the_registered_address_under_the_registrations_own_rules() -> None:
    source = Source()
    registration = source.platform.registration(
        jwks_url="https://keys.internal/jwks", allow_private_hosts=frozenset({"keys.internal"})
    )
    source.keys.key(registration, "key-1")
    assert source.network.asked == [("https://keys.internal/jwks", registration.network)]


def test_keys_are_fresh_for_an_hour_and_not_a_second_more() -> None:
    source = Source()
    source.ask()
    source.clock.advance(3599)
    assert (source.ask(), len(source.network.asked)) == ("RSA", 1)
    source.clock.advance(1)
    assert (source.ask(), len(source.network.asked)) == ("RSA", 2)
    source.clock.advance(3599)
    assert (source.ask(), len(source.network.asked)) == ("RSA", 2)


def test_b20_a_new_kid_is_looked_for_every_thirty_seconds_and_not_sooner() -> None:
    source = Source()
    source.ask()
    assert (source.ask("new"), len(source.network.asked)) == ("kid_unknown", 2)
    source.clock.advance(29)
    assert (source.ask("new"), len(source.network.asked)) == ("kid_unknown", 2)
    source.clock.advance(1)
    source.platform.jwks = {"keys": [public_jwk(source.platform.key, "new")]}
    assert (source.ask("new"), len(source.network.asked)) == ("RSA", 3)


def test_a_platform_that_is_down_is_asked_every_thirty_seconds_and_its_keys_serve_for_a_day() -> None:
    source = Source()
    source.ask()
    source.network.up = False
    source.clock.advance(DAY - 1)
    assert (source.ask(), len(source.network.asked)) == ("RSA", 2)
    source.clock.advance(1)
    assert (source.ask(), len(source.network.asked)) == ("platform_keys_unavailable", 2)
    source.clock.advance(28)
    assert (source.ask(), len(source.network.asked)) == ("platform_keys_unavailable", 2)
    source.clock.advance(1)
    assert (source.ask(), len(source.network.asked)) == ("platform_keys_unavailable", 3)
    source.network.up = True
    source.clock.advance(30)
    assert (source.ask(), len(source.network.asked)) == ("RSA", 4)


def test_the_times_can_be_chosen() -> None:
    source = Source()
    source.keys = KeySource(
        source.network, source.clock, fresh_seconds=10, refetch_seconds=5, stale_seconds=20
    )
    source.ask()
    source.clock.advance(10)
    source.network.up = False
    assert (source.ask(), len(source.network.asked)) == ("RSA", 2)
    source.clock.advance(5)
    assert (source.ask(), len(source.network.asked)) == ("RSA", 3)
    source.clock.advance(5)
    assert (source.ask(), len(source.network.asked)) == ("platform_keys_unavailable", 4)


def test_b18_a_key_that_may_not_be_used_is_told_from_one_that_is_not_there() -> None:
    source = Source()
    source.platform.jwks = {"keys": [public_jwk(source.platform.key, "enc", use="enc")]}
    assert (source.ask("enc"), source.ask("gone")) == ("key_unusable", "kid_unknown")


def test_a_hundred_keys_with_names_of_255_characters_are_read() -> None:
    keys = [public_jwk(rsa_key("https://lms.example"), f"{number:0255}") for number in range(100)]
    assert len(read_jwks({"keys": keys}, "RS256").usable) == 100


@pytest.mark.parametrize("operations", [["verify"], ["verify", "sign"], None])
def test_a_key_for_verifying_is_taken(operations: list[str] | None) -> None:
    key = public_jwk(rsa_key("https://lms.example"), "key-1", key_ops=operations)
    assert list(read_jwks({"keys": [key]}, "RS256").usable) == ["key-1"]


def test_a_kid_that_came_twice_stays_unusable_and_spoils_no_other() -> None:
    right = rsa_key("https://lms.example")
    keys = [public_jwk(right, kid) for kid in ("twice", "twice", "once", "twice")]
    found = read_jwks({"keys": keys}, "RS256")
    assert (list(found.usable), found.unusable) == (["once"], {"twice": "kid_twice"})


def test_a_short_tool_key_is_refused() -> None:
    # joserfc only warns of it.
    with pytest.warns(SecurityWarning), pytest.raises(ValueError, match="2048 bits or more"):
        ToolKey("k", rsa_key("short", 1024).as_pem(private=True))


def test_a_new_tool_key_has_2048_bits_and_is_named_by_its_thumbprint() -> None:
    key = ToolKey.generate()
    published = RSAKey.import_key(key.public_jwk())
    assert published.public_key.key_size == 2048
    assert key.kid == RSAKey.import_key(key.pem).thumbprint()


def test_the_tool_signs_with_rs256_under_its_kid_and_the_type_that_is_asked_for() -> None:
    key = tool_keys().signing()
    public = RSAKey.import_key(key.public_jwk())
    for token, typ in ((key.sign({"a": 1}), "JWT"), (key.sign({"a": 1}, typ="x+jwt"), "x+jwt")):
        signed = jws.deserialize_compact(token, public, ["RS256"])
        assert signed.headers() == {"alg": "RS256", "kid": "tool-1", "typ": typ}
