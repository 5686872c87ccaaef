"""Bitstring status lists: which credentials are revoked, without saying whose (W3C Bitstring Status List 1.0). Pure."""

import base64
import gzip
from collections.abc import Iterable

LENGTH = 131_072
"""Bits of one list: the least that the specification allows, so that one bit says little about whom it is asked for."""


def encoded(revoked: Iterable[int]) -> str:
    """Return `encodedList`: the bits at `revoked` set, bit 0 leftmost, gzipped, multibase base64url without padding."""
    bits = bytearray(LENGTH // 8)
    for position in revoked:
        if not 0 <= position < LENGTH:
            raise ValueError("position outside of the list")
        bits[position // 8] |= 0x80 >> position % 8
    packed = gzip.compress(bytes(bits), 9, mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def is_set(encoded_list: str, position: int) -> bool:
    """Return the bit at `position` of an `encodedList`; ValueError for what is none."""
    if not encoded_list.startswith("u") or not 0 <= position < LENGTH:
        raise ValueError("not a base64url status list, or a position outside of it")
    text = encoded_list[1:]
    bits = gzip.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if len(bits) != LENGTH // 8:
        raise ValueError("not a list of this length")
    return bool(bits[position // 8] & 0x80 >> position % 8)
