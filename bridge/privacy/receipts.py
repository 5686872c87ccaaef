"""Receipts of destroyed keys, checked by whoever holds the public keys alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.db.destruction import RECEIPT
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.ledger.signatures import PublicKey

_MESSAGES = {
    "malformed": "不是销毁回执",
    "content_changed": "内容与哈希不符",
    "key_unknown": "签名的公钥不在给出的公钥中",
    "signature_wrong": "签名不符",
    "link_broken": "与前一份接不上",
}


@dataclass(frozen=True, slots=True)
class ReceiptFault:
    """What is wrong with a line, from 1."""

    line: int
    reason: str

    @property
    def message(self) -> str:
        return _MESSAGES[self.reason]

    def to_json(self) -> dict[str, object]:
        return {"line": self.line, "reason": self.reason}


def check_receipts(given: Sequence[Mapping[str, Any]], keys: Mapping[str, PublicKey]) -> list[ReceiptFault]:
    """Return what is wrong. Receipts whose numbers follow each other must be chained; others may be left out."""
    faults: list[ReceiptFault] = []
    before: tuple[int, str] | None = None
    for line, one in enumerate(given, start=1):
        reason, body = _fault(one, keys)
        if body is None:
            faults.append(ReceiptFault(line, reason))
            before = None
            continue
        if (
            not reason
            and before is not None
            and body["number"] == before[0] + 1
            and body["previous"] != before[1]
        ):
            reason = "link_broken"
        if reason:
            faults.append(ReceiptFault(line, reason))
        before = body["number"], str(one["sha256"])
    return faults


def _fault(one: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> tuple[str, Mapping[str, Any] | None]:
    body = one.get("receipt")
    if not isinstance(body, dict) or body.get("type") != RECEIPT or not isinstance(body.get("number"), int):
        return "malformed", None
    try:
        content = canonical_json(body)
    except ValueError:
        return "malformed", None
    if sha256_hex(content) != one.get("sha256"):
        return "content_changed", body
    key = keys.get(str(one.get("key")))
    if key is None:
        return "key_unknown", body
    return ("" if key.holds(content, str(one.get("signature"))) else "signature_wrong"), body
