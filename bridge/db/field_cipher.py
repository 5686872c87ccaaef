"""Encryption of single personal fields, and the blind index by which an encrypted one is found again."""

import base64
import hmac
import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.db.master_key import derive

_VERSION = "v1."
_NONCE_BYTES = 12


class FieldUnreadable(Exception):
    """A field was changed, moved to another row, or written under another master key."""


class FieldCipher:
    """AES-256-GCM for fields and HMAC-SHA256 for their index, each under its own derived key."""

    def __init__(self, master_key: bytes) -> None:
        self._aead = AESGCM(derive(master_key, "field-cipher"))
        self._index_key = derive(master_key, "blind-index")

    def encrypt_text(self, text: str, *, table: str, row_id: str) -> str:
        """Return `text` encrypted, printable; it can be read back only for the same table and row."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, text.encode(), _bound_to(table, row_id))
        return _VERSION + base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def decrypt_text(self, sealed: str, *, table: str, row_id: str) -> str:
        """Return the plain text.

        Raises:
            FieldUnreadable: see there; the message names table and row, never content.
        """
        try:
            if not sealed.startswith(_VERSION):
                raise ValueError("unknown version")
            raw = base64.urlsafe_b64decode(sealed[len(_VERSION) :])
            return self._aead.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(table, row_id)
            ).decode()
        except (InvalidTag, ValueError) as error:
            raise FieldUnreadable(f"{table} {row_id}") from error

    def blind_index(self, text: str, *, domain: str) -> str:
        """Return 64 hex digits that are equal for equal `text` in one `domain`, and say nothing else.

        Args:
            domain: what and whose, e.g. "<institution id>:citizen_id", so that tenants cannot be joined.
        """
        return hmac.new(self._index_key, f"{domain}\x00{text}".encode(), sha256).hexdigest()


def _bound_to(table: str, row_id: str) -> bytes:
    return f"{table}\x00{row_id}".encode()
