"""Signed assertions: nothing but the registered key, for us alone, for minutes, once."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from json import dumps
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.supervision.api_assertions import client_named, read_keys, verify_assertion

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
AT = int(NOW.timestamp())
HERE = "https://bridge.example.cn/api/oauth/token"
CLIENT = "apc_" + "0" * 26
KEY = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
OTHER = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "r1"}, private=True)
KEYS = read_keys(KeySet([KEY, RSA]).as_dict(private=False))


def claims(**other: Any) -> dict[str, Any]:
    said = {
        "iss": CLIENT, "sub": CLIENT, "aud": HERE, "iat": AT, "exp": AT + 240, "jti": "one", **other,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def signed(said: dict[str, Any], key: Any = KEY, **header: Any) -> str:
    return jwt.encode(
        {"alg": "ES256", "kid": "k1", **header}, said, key, algorithms=["ES256", "RS256", "HS256"]
    )


def verify(assertion: str) -> Any:
    return verify_assertion(assertion, KEYS, (HERE,), NOW)


def test_an_assertion_by_either_kind_of_key_is_taken() -> None:
    assert verify(signed(claims())).client_id == CLIENT
    assert verify(signed(claims(aud=[HERE]), RSA, alg="RS256", kid="r1")).client_id == CLIENT
    assert client_named(signed(claims())) == CLIENT


@pytest.mark.parametrize(
    "other",
    [
        {"aud": "https://elsewhere.example.cn/api/oauth/token"},
        {"aud": [HERE, "https://elsewhere.example.cn/token"]},
        {"aud": []},
        {"aud": None},
        {"iss": "apc_" + "1" * 26},
        {"iss": None},
        {"sub": None},
        {"exp": None},
        {"exp": AT - 61},
        {"exp": AT + 301},
        {"exp": AT + 365 * 24 * 3600},
        {"exp": str(AT + 240)},
        {"exp": 1 << 40},
        {"iat": None},
        {"iat": AT + 61, "exp": AT + 200},
        {"iat": AT - 3600},
        {"iat": AT + 50, "exp": AT + 40},
        {"iat": True},
        {"nbf": AT + 61},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 129},
        {"jti": 7},
    ],
)
def test_claims_that_are_not_for_us_now_and_once_are_refused(other: dict[str, Any]) -> None:
    with pytest.raises(NotPermitted, match="invalid_client"):
        verify(signed(claims(**other)))


def test_a_signature_of_another_key_is_refused() -> None:
    with pytest.raises(NotPermitted):
        verify(signed(claims(), OTHER))
    with pytest.raises(NotPermitted):
        verify(signed(claims(), KEY, kid="k2"))


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    public = OctKey.import_key(str(KEYS["keys"][0]))
    with pytest.raises(NotPermitted):
        verify(jwt.encode({"alg": "HS256", "kid": "k1"}, claims(), public, algorithms=["HS256"]))


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"alg": "none"}, {"kid": None}])
def test_a_header_that_asks_for_more_is_refused(header: dict[str, Any]) -> None:
    encoded = urlsafe_b64encode(dumps({"alg": "ES256", "kid": "k1", **header}).encode()).rstrip(b"=").decode()
    _header, body, signature = signed(claims()).split(".")
    with pytest.raises(NotPermitted):
        verify(f"{encoded}.{body}.{signature}")


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "..", "é.b.c", "a" * 9000 + ".b.c"])
def test_what_is_no_jwt_is_refused(text: str) -> None:
    with pytest.raises(NotPermitted):
        client_named(text)
    with pytest.raises(NotPermitted):
        verify(text)


def test_two_uses_of_one_assertion_have_one_mark_whoever_names_it() -> None:
    first, second = verify(signed(claims())), verify(signed(claims(exp=AT + 200)))
    assert first.once == second.once
    assert verify(signed(claims(jti="two"))).once != first.once


def test_only_public_keys_that_can_sign_for_us_are_kept() -> None:
    short = {
        "kty": "RSA",
        "kid": "s",
        "e": "AQAB",
        "n": urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("="),
    }
    curve = ECKey.generate_key("P-384", {"kid": "c"}, private=True)
    refused: tuple[Any, ...] = (
        KeySet([KEY]).as_dict(private=True),
        {"keys": [short]},
        KeySet([curve]).as_dict(private=False),
        {"keys": [{**KEYS["keys"][0]}, {**KEYS["keys"][0]}]},
        {"keys": [{"kty": "oct", "k": "AAAA", "kid": "o"}]},
        {"keys": []},
        {"keys": ["x"]},
        {},
        None,
    )
    for wrong in refused:
        with pytest.raises(InvalidInput, match="api_keys_malformed"):
            read_keys(wrong)
    assert set(KEYS["keys"][0]) == {"kid", "kty", "crv", "x", "y"}
