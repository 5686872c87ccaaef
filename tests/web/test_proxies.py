"""The address that a request is counted under, as a pure function; and the setting that names the proxies."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.settings import Settings
from bridge.web.proxies import visitor

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
STRANGERS = st.ip_addresses().filter(lambda one: not any(one in network for network in PROXIES))
WORDS = st.lists(st.one_of(st.ip_addresses().map(str), st.text(max_size=20)), max_size=6).map(",".join)


@given(STRANGERS.filter(lambda one: getattr(one, "ipv4_mapped", None) is None), WORDS)
def test_a_stranger_is_never_believed(peer: object, said: str) -> None:
    assert visitor(str(peer), said, PROXIES) == str(peer)


@given(WORDS, STRANGERS.filter(lambda one: getattr(one, "ipv4_mapped", None) is None))
def test_what_the_first_of_our_proxies_saw_is_the_visitor_whatever_the_visitor_wrote(
    written: str, came: object
) -> None:
    assert visitor("fd00::1", f"{written},{came}, 10.1.2.3", PROXIES) == str(came)


@given(WORDS)
def test_the_answer_is_always_an_address(said: str) -> None:
    answer = visitor("10.0.0.1", said, PROXIES)

    assert str(ip_address(answer)) == answer


@pytest.mark.parametrize("peer", ["", "unix", "not an address"])
def test_a_peer_without_an_address_is_believed_by_nobody(peer: str) -> None:
    assert visitor(peer, "198.51.100.7", PROXIES) == peer


def test_an_ipv4_peer_of_a_socket_for_both_families_is_itself() -> None:
    assert visitor("::ffff:10.0.0.1", "198.51.100.7", PROXIES) == "198.51.100.7"
    assert visitor("::ffff:198.51.100.7", "203.0.113.1", PROXIES) == "198.51.100.7"


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANXUE_TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/24,fd00::1,")
    assert [str(one) for one in Settings().proxy_networks] == ["10.0.0.5/32", "10.1.0.0/24", "fd00::1/128"]
    assert Settings(trusted_proxies="").proxy_networks == ()


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("proxy.example", "trusted_proxies_malformed"),
        ("10.0.0.1/24", "trusted_proxies_malformed"),
        ("*", "trusted_proxies_malformed"),
        ("0.0.0.0/0", "trusted_proxies_everybody"),
        ("10.0.0.5,::/0", "trusted_proxies_everybody"),
    ],
)
def test_a_start_with_proxies_that_are_none_or_everybody_is_refused(named: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Settings(trusted_proxies=named)
