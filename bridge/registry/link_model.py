"""What a link in an LMS course is for: a class run's entry, a course unit, or the gate of a test. Pure.

The choice is made in a deep-linking page and travels in the link's custom parameters, because some platforms start
each login at the tool's default address (measured: Open edX). What comes back with a launch is a claim: it opens
nothing that does not stand in the institution's own registry.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId, RegistrationId

LINK_KIND, LINK_CLASS_RUN, LINK_UNIT = "anxue_item", "anxue_class_run", "anxue_unit"
"""Names of the custom parameters; lower case, since platforms may fold the case of such names."""
LINK_HOURS = "anxue_hours"
"""Name of the custom parameter of an entry whose own gradebook column is for class hours: some platforms drop the
line item of a chosen item (measured: Open edX)."""
HOURS_TAG = "anxue.class_hours"
"""`tag` of the line item that shows a learner's class hours in the gradebook."""
BY_LAUNCH, ONLY_TEST = "launch", "only_test"
UNDONE, RESTORED = "undone:", "restored:"
"""How a link's target came about; the last two are followed by a staff id."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


class LinkKind(StrEnum):
    """What a link opens."""

    ENTRY = "entry"
    UNIT = "unit"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What a link is for.

    Args:
        unit: None for a class run's entry; for a gate, a unit that is a test.
    """

    kind: LinkKind
    class_run: ClassRunId
    unit: CourseUnitId | None = None

    def custom(self) -> dict[str, str]:
        """Return the custom parameters that carry the target; `from_custom` reads them back."""
        kept = {LINK_KIND: self.kind.value, LINK_CLASS_RUN: str(self.class_run)}
        return kept if self.unit is None else {**kept, LINK_UNIT: str(self.unit)}

    @classmethod
    def from_custom(cls, custom: Mapping[str, str]) -> Self | None:
        """Return the target in a launch's custom parameters; None if they name none.

        Raises:
            InvalidInput("link_malformed")
        """
        kind = custom.get(LINK_KIND)
        if not kind:
            return None
        run, unit = custom.get(LINK_CLASS_RUN, ""), custom.get(LINK_UNIT) or None
        known = kind in tuple(LinkKind)
        if not known or not _ID.fullmatch(run) or (unit is not None and not _ID.fullmatch(unit)):
            raise _malformed()
        if (unit is None) != (kind == LinkKind.ENTRY):
            raise _malformed()
        return cls(LinkKind(kind), ClassRunId(run), None if unit is None else CourseUnitId(unit))


@dataclass(frozen=True, slots=True)
class LmsLink:
    """A resource link of a platform and what it is for, since `seen_at`.

    Args:
        seq: 1 for the first target, then one more for each change; the highest is in force.
        set_by: how it came about: "launch" (the platform's signed custom parameters), "only_test"; "undone:" and
            "restored:" with a staff id after it.
    """

    registration_id: RegistrationId
    deployment_id: str
    resource_link_id: str
    seq: int
    target: LinkTarget
    course_id: CourseId
    seen_at: datetime
    set_by: str

    @property
    def undone(self) -> bool:
        """Whether staff ended what the link was for; `target` says what that was."""
        return self.set_by.startswith(UNDONE)

    @property
    def assumed(self) -> bool:
        """Whether the link became a test's because it was the first, in nobody's page; or was so and is undone."""
        return self.set_by == ONLY_TEST or self.set_by.startswith((UNDONE, RESTORED))


@dataclass(frozen=True, slots=True)
class TestBinding:
    """A link of the LMS that became a test's because it came first, and all that was made of it since.

    Args:
        id: of the change in force; who acts on an older one has not seen the newest.
        history: oldest first.
    """

    __test__ = False

    id: str
    unit_title: str
    link: LmsLink
    history: Sequence[LmsLink]


@dataclass(frozen=True, slots=True)
class ContextChange:
    """An LMS course was linked to a class run, by whom and when."""

    registration_id: RegistrationId
    context_id: str
    class_run_id: ClassRunId
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class LinkChoice:
    """One thing that a teacher may put into the LMS course.

    Args:
        class_hours: that the outline asks for online, for the entry alone: what a gradebook column counts up to.
    """

    target: LinkTarget
    title: str
    class_hours: int | None = None

    @property
    def key(self) -> str:
        """The value of the form's field."""
        return "|".join((self.target.kind.value, self.target.class_run, self.target.unit or ""))


def hours_chosen(custom: Mapping[str, str]) -> bool | None:
    """Return whether the column of the launched link is for class hours; None where the link is no entry."""
    return custom.get(LINK_HOURS) == "on" if custom.get(LINK_KIND) == LinkKind.ENTRY else None


def hours_column_id(class_run: ClassRunId) -> str:
    """Return `resourceId` of the line item that shows the class hours of a class run."""
    return f"anxue-hours-{class_run}"


def _malformed() -> InvalidInput:
    return InvalidInput(
        "link_malformed", "课程中的这个链接设置不完整或被改动过,请教师删除后重新添加。", http_status=422
    )
