"""The mapping of records to a regulator's words: one YAML file for each version, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from bridge.kernel.errors import Unavailable
from bridge.reporting.model import RecordKind

MAPPINGS: Final = Path(__file__).with_name("mappings")
WITHDRAWAL: Final = "Withdrawal"
"""The element by which a record is taken back."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record.

    Args:
        name: of the XML element.
        type: of types.xsd.
        label: in Chinese.
        json: its name in the JSON sibling.
        optional: whether the element may be left out.
    """

    name: str
    type: str
    label: str
    json: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the published Shanghai interface and the list in it that holds the records."""

    path: str
    list: str


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of record looks. `call` is None where no call for it is published."""

    element: str
    label: str
    fields: tuple[Field, ...]
    call: Call | None


@dataclass(frozen=True, slots=True)
class FeedMapping:
    """One version of the feed, in force from `valid_from` to `valid_until`, both days included (legal days)."""

    version: str
    namespace: str
    receipt_namespace: str
    valid_from: date
    valid_until: date | None
    signed: bool
    shapes: Mapping[RecordKind, Shape]
    withdrawal: Shape | None

    @property
    def elements(self) -> tuple[str, ...]:
        """Names of all elements that are a record."""
        names = tuple(shape.element for shape in self.shapes.values())
        return names if self.withdrawal is None else (*names, self.withdrawal.element)

    def covers(self, day: date) -> bool:
        """Return whether it is in force on that day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@lru_cache(maxsize=1)
def mappings() -> Mapping[str, FeedMapping]:
    """Return every version that this bridge knows, the oldest first."""
    read = [_read(path) for path in sorted(MAPPINGS.glob("*.yaml"))]
    return {one.version: one for one in sorted(read, key=lambda one: one.valid_from)}


def mapping_on(day: date) -> FeedMapping:
    """Return the version in force on a legal day; Unavailable("feed_version_missing") if there is none."""
    for one in reversed(list(mappings().values())):
        if one.covers(day):
            return one
    raise Unavailable(
        "feed_version_missing", f"{day} 没有有效的报送结构版本,记录保留待发,请联系管理员。", permanent=True
    )


def _read(path: Path) -> FeedMapping:
    data: dict[str, Any] = YAML(typ="safe").load(path)
    withdrawal = data.get("withdrawal")
    return FeedMapping(
        version=data["version"],
        namespace=data["namespace"],
        receipt_namespace=data["receipt_namespace"],
        valid_from=data["valid_from"],
        valid_until=data["valid_until"],
        signed=data["signed"],
        shapes={RecordKind(kind): _shape(kind, shape) for kind, shape in data["kinds"].items()},
        withdrawal=None if withdrawal is None else _shape(WITHDRAWAL, withdrawal),
    )


def _shape(element: str, data: Mapping[str, Any]) -> Shape:
    call = data.get("json")
    return Shape(
        element,
        data["label"],
        tuple(_field(*one) for one in data["fields"]),
        None if call is None else Call(call["call"], call["list"]),
    )


def _field(name: str, type_: str, label: str, json: str = "") -> Field:
    return Field(name, type_.rstrip("?"), label, json or name[0].lower() + name[1:], type_.endswith("?"))
