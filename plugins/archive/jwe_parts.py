"""Parts of a hand-over as JWE (RFC 7516): ECDH-ES+A256KW to the receiver's P-256 key, A256GCM for the content."""

from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bridge.kernel.errors import InvalidInput

_ALGORITHMS = ("ECDH-ES+A256KW", "A256GCM")
_HEADER = {"alg": _ALGORITHMS[0], "enc": _ALGORITHMS[1]}
_CURVE = "P-256"


class _OfParts(jwe.JWERegistry):
    max_ciphertext_length = 1 << 30
    """Its own limit is for tokens; a part holds at least the largest piece of evidence, in base64."""


class JweParts:
    """The PartSeal port."""

    def new_key(self) -> dict[str, Any]:
        """Return a new private key as JWK."""
        return dict(ECKey.generate_key(_CURVE).as_dict(private=True))

    def public(self, key: dict[str, Any]) -> dict[str, Any]:
        """Return the public half, named by its RFC 7638 thumbprint.

        Raises:
            InvalidInput("receiver_key_malformed")
        """
        one = _key(key)
        return {**one.as_dict(private=False), "kid": one.thumbprint(), "use": "enc"}

    def seal(self, key: dict[str, Any], content: bytes) -> bytes:
        """Return the content, encrypted to the public key."""
        registry = _OfParts(algorithms=_ALGORITHMS)
        return jwe.encrypt_compact(dict(_HEADER), content, _key(key), registry=registry).encode("ascii")

    def open(self, key: dict[str, Any], sealed: bytes) -> bytes:
        """Return the content.

        Raises:
            InvalidInput("handover_part_unreadable"): sealed for another key, or changed.
        """
        try:
            registry = _OfParts(algorithms=_ALGORITHMS)
            plain = jwe.decrypt_compact(sealed, _key(key), registry=registry).plaintext
        except (JoseError, ValueError) as error:
            raise _unreadable() from error
        if plain is None:
            raise _unreadable()
        return plain


def _key(key: dict[str, Any]) -> ECKey:
    try:
        one = ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y", "d") if name in key})
        if one.curve_name != _CURVE:
            raise ValueError("another curve")
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            "receiver_key_malformed", "接收方密钥应为 P-256 的 JWK,请重新生成或向接收方索取。"
        ) from error
    return one


def _unreadable() -> InvalidInput:
    return InvalidInput("handover_part_unreadable", "交接包无法解密:不是发给这把密钥的,或内容被改动。")
