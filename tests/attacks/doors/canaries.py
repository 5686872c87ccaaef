"""Contact data of nobody, numbered by door, and everywhere a door could take it."""

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import count
from typing import Any

from werkzeug.routing import Rule

PHONE, QQ, EMAIL, WECHAT, ADDRESS = "17600040123", "7766007712", "kanari-", "kanari_wx_", "金丝雀路"
"""What every canary holds or begins with: too long to stand anywhere by chance."""
_numbers = count(1)


@dataclass(frozen=True)
class Canary:
    """What one door is told."""

    door: str
    number: int

    @classmethod
    def of(cls, door: str) -> "Canary":
        return cls(door, next(_numbers))

    @property
    def phone(self) -> str:
        return PHONE

    @property
    def email(self) -> str:
        return f"{EMAIL}{self.number:04}@brief.example"

    @property
    def wechat(self) -> str:
        return f"{WECHAT}{self.number:04}"

    @property
    def qq(self) -> str:
        return QQ

    @property
    def address(self) -> str:
        return f"{ADDRESS}{self.number:04}号"

    @property
    def text(self) -> str:
        """A remark as people write it."""
        return f"请联系 {self.phone},微信:{self.wechat},QQ:{self.qq},{self.email}"

    @property
    def fields(self) -> dict[str, Any]:
        """Fields as an LMS that knows no bounds would send them along."""
        return {
            "email": self.email,
            "phone": self.phone,
            "mobile": self.phone,
            "wechat": self.wechat,
            "qq": self.qq,
            "address": self.address,
            "note": self.text,
            "comment": self.text,
        }


def path_of(rule: Rule, known: dict[str, str], other: str) -> str:
    """Return the rule's path with what is known of its variables, and `other` for the rest."""
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda found: known.get(found[1], other), rule.rule)


@dataclass
class Form:
    """A form of a page: where it goes, and the fields that it sends."""

    action: str
    fields: dict[str, str]
    typed: list[str]


class Forms(HTMLParser):
    """Reads the forms of a page that post."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form" and given.get("method", "").lower() == "post":
            self._form = Form(given.get("action", ""), {}, [])
            self.found.append(self._form)
        elif self._form is None:
            return
        elif tag == "textarea" or (tag == "input" and given.get("type", "text") in ("text", "search", "")):
            self._form.typed.append(name)
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and given.get("value"):
            self._form.fields.setdefault(self._select, given["value"])
        elif tag in ("input", "button") and name:
            self._form.fields.setdefault(name, given.get("value") or _SAMPLES.get(given.get("type", ""), "1"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""


_SAMPLES = {
    "date": "2026-11-23",
    "datetime-local": "2026-11-23T09:00",
    "time": "09:00",
    "number": "1",
    "checkbox": "on",
    "radio": "1",
}


def forms_of(page: str) -> list[Form]:
    reader = Forms()
    reader.feed(page)
    return reader.found


def wild(canary: Canary) -> bytes:
    """Return JSON that holds the canary at each level, under names that say so and names that do not."""
    return json.dumps(
        {
            "v": 1,
            **canary.fields,
            "data": canary.fields,
            "messages": [canary.fields],
            canary.email: canary.text,
        },
        ensure_ascii=False,
    ).encode()
