"""Encryption of single personal fields, and the blind index by which an encrypted one is found again."""

import base64
import hmac
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.db.master_key import derive
from bridge.db.sealing import Algorithm, Tampered, open_sealed, seal

_VERSION = "v1."
"""AES-256-GCM, the nonce first."""
_SAYS_ITSELF = "v2."
"""A sealed record that says of itself how it was made."""
PREFIXES = (_VERSION, _SAYS_ITSELF)
_NONCE_BYTES = 12


class FieldUnreadable(Exception):
    """A field was changed, moved to another row, or written under another master key."""


class FieldCipher:
    """Authenticated encryption for fields and HMAC-SHA256 for their index, each under its own derived key.

    Args:
        root_key: 32 bytes, of which these keys are derived.
        algorithm: seals from now on; all that was ever sealed is read.
    """

    def __init__(self, root_key: bytes, algorithm: Algorithm = Algorithm.AES_256_GCM) -> None:
        self._key = derive(root_key, "field-cipher")
        self._aead = AESGCM(self._key)
        self._algorithm = algorithm
        self._index_key = derive(root_key, "blind-index")

    def encrypt_text(self, text: str, *, table: str, row_id: str) -> str:
        """Return `text` encrypted, printable; it can be read back only for the same table and row."""
        if self._algorithm is not Algorithm.AES_256_GCM:
            said = seal(self._algorithm, self._key, text.encode(), _bound_to(table, row_id))
            return _SAYS_ITSELF + base64.urlsafe_b64encode(said).decode("ascii")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, text.encode(), _bound_to(table, row_id))
        return _VERSION + base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def decrypt_text(self, sealed: str, *, table: str, row_id: str) -> str:
        """Return the plain text.

        Raises:
            FieldUnreadable: see there; the message names table and row, never content.
        """
        try:
            if sealed.startswith(_SAYS_ITSELF):
                said = base64.urlsafe_b64decode(sealed[len(_SAYS_ITSELF) :])
                return open_sealed(self._key, said, _bound_to(table, row_id)).decode()
            if not sealed.startswith(_VERSION):
                raise ValueError("unknown version")
            raw = base64.urlsafe_b64decode(sealed[len(_VERSION) :])
            return self._aead.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(table, row_id)
            ).decode()
        except (InvalidTag, Tampered, ValueError) as error:
            raise FieldUnreadable(f"{table} {row_id}") from error

    def blind_index(self, text: str, *, domain: str) -> str:
        """Return 64 hex digits that are equal for equal `text` in one `domain`, and say nothing else.

        Args:
            domain: what and whose, e.g. "<institution id>:citizen_id", so that tenants cannot be joined.
        """
        return hmac.new(self._index_key, f"{domain}\x00{text}".encode(), sha256).hexdigest()


def _bound_to(table: str, row_id: str) -> bytes:
    return f"{table}\x00{row_id}".encode()
