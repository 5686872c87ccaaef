"""Signed statements: the signature is an attachment that holds the statement itself as a JWS (1.0.3 Part Two §2.6)."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from bridge.intake.xapi.comparison import bare
from bridge.intake.xapi.model import SIGNATURE, Attachment, StatementFault

_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
_NOT_SIGNED = frozenset({"attachments"})
_OCTETS = "application/octet-stream"


def check_signatures(statement: Mapping[str, Any], find: Callable[[str], Attachment | None]) -> None:
    """Return if every signature attachment of `statement` is a JWS over this very statement.

    The signer's certificate is not asked for: who signed proves nothing here, since a statement credits nothing.

    Raises:
        StatementFault: signature_malformed, signature_content.
    """
    for index, named in enumerate(statement.get("attachments", ())):
        if named["usageType"] != SIGNATURE:
            continue
        try:
            held = find(named["sha2"])
            if held is None or named["contentType"] != _OCTETS:
                raise StatementFault("signature_malformed")
            if not _says_the_same(_signed(held.content), statement):
                raise StatementFault("signature_content")
        except StatementFault as fault:
            raise fault.below(index).below("attachments") from None


def _signed(content: bytes) -> dict[str, Any]:
    pieces = content.strip().split(b".")
    if len(pieces) != 3 or not pieces[2]:
        raise StatementFault("signature_malformed")
    header, payload = _decoded(pieces[0]), _decoded(pieces[1])
    if header.get("alg") not in _ALGORITHMS:
        raise StatementFault("signature_malformed")
    return payload


def _decoded(piece: bytes) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(piece + b"=" * (-len(piece) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise StatementFault("signature_malformed") from error
    if not isinstance(value, dict):
        raise StatementFault("signature_malformed")
    return value


def _says_the_same(signed: Mapping[str, Any], statement: Mapping[str, Any]) -> bool:
    # What was signed need not be a statement at all.
    if not isinstance(signed.get("object"), dict) or not isinstance(signed.get("result", {}), dict):
        return False
    return bare(signed, without=_NOT_SIGNED) == bare(statement, without=_NOT_SIGNED)
