"""What GET statements answers with, as bytes: a stored statement that is shown exactly is not even parsed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.intake.xapi.model import Attachment
from bridge.intake.xapi.multipart import joined
from bridge.intake.xapi.presentation import shown
from bridge.intake.xapi.store import Kept

JSON = "application/json"


def statement_body(kept: Kept, form: str, languages: Sequence[str]) -> bytes:
    """Return one statement as JSON."""
    return _text(kept, form, languages).encode()


def page_body(page: Sequence[Kept], more: str, form: str, languages: Sequence[str]) -> bytes:
    """Return a StatementResult as JSON; `more` is the address of the next page, or empty."""
    statements = ",".join(_text(kept, form, languages) for kept in page)
    return f'{{"statements":[{statements}],"more":{json.dumps(more)}}}'.encode()


def with_attachments(body: bytes, attachments: Sequence[Attachment] | None) -> tuple[str, bytes]:
    """Return Content-Type and body; None: no attachments were asked for."""
    return (JSON, body) if attachments is None else joined(body, attachments)


def person(agent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Person of an agent: what the bridge tells of somebody, which is what was asked with, kept."""
    members = ("name", "mbox", "mbox_sha1sum", "openid", "account")
    return {"objectType": "Person", **{name: [agent[name]] for name in members if name in agent}}


def _text(kept: Kept, form: str, languages: Sequence[str]) -> str:
    if form == "exact":
        return kept.payload
    found = shown(json.loads(kept.payload), form, languages)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
