"""What people type into forms holds no contact data: a telephone number in a remark would be kept with the remark.

Who types one is told so, and nothing of the form is kept (粤应急规〔2022〕3号 article 27: no contact data is kept).
"""

from flask import Flask, request

from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.web.security import DOORS_WITHOUT_FORMS

_REMARKS = frozenset({"reason", "note", "comment", "text", "remark"})
"""Fields that are free text on whatever page."""
_NO_REMARKS = frozenset(
    {
        "staff",
        "account",
        "factors",
        "second_step",
        "platforms",
        "exam_service",
        "deep_link",
        "forwarding",
        "verify",
    }
)
"""Pages whose other fields are logins, passwords, addresses of machines and numbers that a machine made."""
_LOOK_THEMSELVES = frozenset({"intake", "signals", "privacy"})
"""Pages that strip or refuse with words of their own."""
_READ_AS_NUMBERS = frozenset({"name", "citizen_id", "card_number", "number", "other_number"})
"""Held against lists and check digits, and kept encrypted or not at all."""
_NOT_TYPED = frozenset({"csrf_token", "camera", "shown", "version", "registration", "context"})
"""Sent by a page, not by its reader: tokens, digests, ids that a platform gave, the browser's name of a camera.

Among the hex digits of one digest in a hundred stands what reads as a telephone number.
"""


def refuse_contact_text(app: Flask) -> None:
    """Have every form of people refused that holds contact data in a text."""

    @app.before_request
    def look() -> None:
        blueprint = (request.endpoint or "").partition(".")[0]
        if request.method != "POST" or blueprint in (*DOORS_WITHOUT_FORMS, *_LOOK_THEMSELVES):
            return
        for name, values in request.form.lists():
            typed_text = name in _REMARKS or (
                blueprint not in _NO_REMARKS and name not in _READ_AS_NUMBERS | _NOT_TYPED
            )
            if typed_text and any(without_contact_text(value) != value for value in values):
                raise InvalidInput(
                    "contact_in_text",
                    "文字中不能写电话、微信、QQ、邮箱等联系方式,请删去后再提交。",
                    http_status=422,
                )
