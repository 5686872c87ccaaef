"""Authenticated encryption that says of itself how it was made: AES-256-GCM, or SM4-GCM (GB/T 32907, RFC 8998).

A sealed record begins with a mark, the number of its algorithm and its nonce. All of them are bound to the content, so
what was written before a change of the setting stays readable, and no record passes as one of the other algorithm.
"""

import secrets
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
"""Of every key here; SM4, whose keys have 16, works under one that is derived from it."""
_MARK = b"AXS1"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SM4_KEY_BYTES = 16


class Algorithm(StrEnum):
    """How new records are sealed."""

    AES_256_GCM = "aes-256-gcm"
    SM4_GCM = "sm4-gcm"


_NUMBERS = {Algorithm.AES_256_GCM: 1, Algorithm.SM4_GCM: 2}
_ALGORITHMS = {number: algorithm for algorithm, number in _NUMBERS.items()}


class Tampered(Exception):
    """A sealed record was changed, belongs elsewhere, or was sealed under another key."""


def new_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(algorithm: Algorithm, key: bytes, content: bytes, bound_to: bytes) -> bytes:
    """Return `content` sealed under `key`; it opens only with the same `bound_to`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    head = _MARK + bytes([_NUMBERS[algorithm]])
    return head + nonce + _encrypt(algorithm, key, nonce, content, head + bound_to)


def open_sealed(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """Return the content of what `seal` made; Tampered for anything else."""
    algorithm = algorithm_of(sealed)
    at = len(_MARK) + 1
    head, nonce, rest = sealed[:at], sealed[at : at + _NONCE_BYTES], sealed[at + _NONCE_BYTES :]
    if algorithm is None or len(rest) < _TAG_BYTES:
        raise Tampered
    try:
        return _decrypt(algorithm, key, nonce, rest, head + bound_to)
    except InvalidTag as error:
        raise Tampered from error


def algorithm_of(sealed: bytes) -> Algorithm | None:
    """Return how a record says that it was sealed; None if it is none of ours."""
    at = len(_MARK)
    if sealed[:at] != _MARK or len(sealed) <= at:
        return None
    return _ALGORITHMS.get(sealed[at])


def _encrypt(algorithm: Algorithm, key: bytes, nonce: bytes, content: bytes, bound_to: bytes) -> bytes:
    if algorithm is Algorithm.AES_256_GCM:
        return AESGCM(key).encrypt(nonce, content, bound_to)
    return sm4_gcm_encrypt(_sm4_key(key), nonce, content, bound_to)


def _decrypt(algorithm: Algorithm, key: bytes, nonce: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    if algorithm is Algorithm.AES_256_GCM:
        return AESGCM(key).decrypt(nonce, sealed, bound_to)
    return sm4_gcm_decrypt(_sm4_key(key), nonce, sealed, bound_to)


def sm4_gcm_encrypt(key: bytes, nonce: bytes, content: bytes, bound_to: bytes) -> bytes:
    """Return ciphertext and tag (RFC 8998 appendix A.1); `key` has 16 bytes."""
    encryptor = Cipher(SM4(key), GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(bound_to)
    return encryptor.update(content) + encryptor.finalize() + encryptor.tag


def sm4_gcm_decrypt(key: bytes, nonce: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """Return the content; cryptography's InvalidTag if anything was changed."""
    decryptor = Cipher(SM4(key), GCM(nonce, sealed[-_TAG_BYTES:])).decryptor()
    decryptor.authenticate_additional_data(bound_to)
    return decryptor.update(sealed[:-_TAG_BYTES]) + decryptor.finalize()


def _sm4_key(key: bytes) -> bytes:
    # No key serves two algorithms: each SM4 key is derived, with the hash of its own family.
    return HKDF(SM3(), _SM4_KEY_BYTES, salt=None, info=b"anxue-bridge/v1/sm4-gcm").derive(key)
