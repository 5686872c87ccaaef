"""The nouns of cmi5: course structure, moveOn, launch modes, and how a statement breaks the profile. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from bridge.kernel.errors import InvalidInput

CMI5 = "https://w3id.org/xapi/cmi5/context/categories/cmi5"
MOVE_ON = "https://w3id.org/xapi/cmi5/context/categories/moveon"
_EXTENSIONS = "https://w3id.org/xapi/cmi5/context/extensions"
SESSION_ID = f"{_EXTENSIONS}/sessionid"
MASTERY_SCORE = f"{_EXTENSIONS}/masteryscore"
LAUNCH_MODE = f"{_EXTENSIONS}/launchmode"
LAUNCH_URL = f"{_EXTENSIONS}/launchurl"
LAUNCH_PARAMETERS = f"{_EXTENSIONS}/launchparameters"
MOVE_ON_VALUE = f"{_EXTENSIONS}/moveon"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
REASON = "https://w3id.org/xapi/cmi5/result/extensions/reason"
BLOCK_TYPE = "https://w3id.org/xapi/cmi5/activitytype/block"
COURSE_TYPE = "https://w3id.org/xapi/cmi5/activitytype/course"
LAUNCH_DATA = "LMS.LaunchData"
PREFERENCES = "cmi5LearnerPreferences"
LAUNCH_NAMES = frozenset({"endpoint", "fetch", "actor", "registration", "activityId"})
"""What a launch adds to an AU's address (§8.1); the address itself may use none of these."""


class Verb(StrEnum):
    """The verbs that the profile defines (§9.3)."""

    LAUNCHED = "http://adlnet.gov/expapi/verbs/launched"
    INITIALIZED = "http://adlnet.gov/expapi/verbs/initialized"
    COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
    PASSED = "http://adlnet.gov/expapi/verbs/passed"
    FAILED = "http://adlnet.gov/expapi/verbs/failed"
    TERMINATED = "http://adlnet.gov/expapi/verbs/terminated"
    ABANDONED = "https://w3id.org/xapi/adl/verbs/abandoned"
    WAIVED = "https://w3id.org/xapi/adl/verbs/waived"
    SATISFIED = "https://w3id.org/xapi/adl/verbs/satisfied"

    @property
    def word(self) -> str:
        """The verb as people write it."""
        return self.value.rpartition("/")[2]

    @classmethod
    def of_word(cls, word: str) -> "Verb":
        """Return the verb that people write so; KeyError for none."""
        return cls[word.upper()]


OF_THE_AU = frozenset({Verb.INITIALIZED, Verb.COMPLETED, Verb.PASSED, Verb.FAILED, Verb.TERMINATED})
OF_THE_LMS = frozenset({Verb.LAUNCHED, Verb.ABANDONED, Verb.WAIVED, Verb.SATISFIED})


class MoveOn(StrEnum):
    """When an AU is satisfied (§13.1.4)."""

    PASSED = "Passed"
    COMPLETED = "Completed"
    BOTH = "CompletedAndPassed"
    EITHER = "CompletedOrPassed"
    ALWAYS = "NotApplicable"

    def met(self, *, completed: bool, passed: bool) -> bool:
        """Return whether it is met by what the AU has said in the registration."""
        match self:
            case MoveOn.PASSED:
                return passed
            case MoveOn.COMPLETED:
                return completed
            case MoveOn.BOTH:
                return completed and passed
            case MoveOn.EITHER:
                return completed or passed
            case MoveOn.ALWAYS:
                return True


class LaunchMode(StrEnum):
    """What an AU may record (§10.2.2)."""

    NORMAL = "Normal"
    BROWSE = "Browse"
    REVIEW = "Review"


class SessionState(StrEnum):
    """Where a launch session stands."""

    LAUNCHED = "launched"
    INITIALIZED = "initialized"
    TERMINATED = "terminated"
    ABANDONED = "abandoned"

    @property
    def active(self) -> bool:
        return self in (SessionState.LAUNCHED, SessionState.INITIALIZED)


@dataclass(frozen=True, slots=True)
class Au:
    """An assignable unit: something that is launched.

    Args:
        id: the publisher's.
        url: absolute, without launch parameters.
        mastery_score: a decimal from 0 to 1, as written.
    """

    id: str
    title: str
    url: str
    move_on: MoveOn
    own_window: bool
    mastery_score: str | None
    launch_parameters: str | None
    entitlement_key: str | None
    objectives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """AUs and blocks that belong together; `parts` in their order, an AU by its publisher's id."""

    id: str
    title: str
    parts: "tuple[Block | str, ...]"
    objectives: tuple[str, ...] = ()

    def au_ids(self) -> Iterator[str]:
        """Yield the publisher's ids of all AUs below."""
        for part in self.parts:
            if isinstance(part, Block):
                yield from part.au_ids()
            else:
                yield part

    def blocks(self) -> Iterator["Block"]:
        """Yield the blocks below, the innermost first, and this one last."""
        for part in self.parts:
            if isinstance(part, Block):
                yield from part.blocks()
        yield self


@dataclass(frozen=True, slots=True)
class CourseStructure:
    """A course as its publisher wrote it (§13).

    Args:
        whole: the course as one block.
        objectives: (id, title) each.
    """

    whole: Block
    aus: tuple[Au, ...]
    objectives: tuple[tuple[str, str], ...] = ()

    def au(self, publisher_id: str) -> Au:
        """Return the AU; KeyError for one that is not in the course."""
        for one in self.aus:
            if one.id == publisher_id:
                return one
        raise KeyError(publisher_id)

    def to_json(self) -> dict[str, Any]:
        """Return the structure as JSON values."""
        return {
            "whole": _block_json(self.whole),
            "aus": [
                {
                    "id": one.id,
                    "title": one.title,
                    "url": one.url,
                    "move_on": str(one.move_on),
                    "own_window": one.own_window,
                    "mastery_score": one.mastery_score,
                    "launch_parameters": one.launch_parameters,
                    "entitlement_key": one.entitlement_key,
                    "objectives": list(one.objectives),
                }
                for one in self.aus
            ],
            "objectives": [list(one) for one in self.objectives],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        return cls(
            whole=_block(value["whole"]),
            aus=tuple(
                Au(**{**one, "move_on": MoveOn(one["move_on"]), "objectives": tuple(one["objectives"])})
                for one in value["aus"]
            ),
            objectives=tuple((one[0], one[1]) for one in value["objectives"]),
        )


def _block_json(block: Block) -> dict[str, Any]:
    return {
        "id": block.id,
        "title": block.title,
        "parts": [_block_json(part) if isinstance(part, Block) else part for part in block.parts],
        "objectives": list(block.objectives),
    }


def _block(value: Mapping[str, Any]) -> Block:
    return Block(
        value["id"],
        value["title"],
        tuple(_block(part) if isinstance(part, dict) else part for part in value["parts"]),
        tuple(value["objectives"]),
    )


def newly_satisfied(
    structure: CourseStructure, satisfied_aus: frozenset[str], satisfied_blocks: frozenset[str]
) -> tuple[Block, ...]:
    """Return the blocks, innermost first and the course last, that are satisfied now and were not before.

    Args:
        satisfied_aus, satisfied_blocks: publisher's ids.
    """
    return tuple(
        block
        for block in structure.whole.blocks()
        if block.id not in satisfied_blocks and satisfied_aus.issuperset(block.au_ids())
    )


class Cmi5Fault(InvalidInput):
    """A statement breaks the profile: it is refused with 403, as xAPI has it for what an LMS does not permit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, SENTENCES[reason], http_status=403)


SENTENCES: Mapping[str, str] = {
    "cmi5_id_missing": "课件须自己给出陈述的 id(cmi5 §9.1)",
    "cmi5_timestamp": "陈述须带 UTC 时间的 timestamp(cmi5 §9.7)",
    "cmi5_actor": "actor 须为启动时给出的账号(cmi5 §9.2)",
    "cmi5_registration": "context.registration 须为启动时给出的值(cmi5 §9.6.1)",
    "cmi5_session": "缺少会话编号,或不是本次启动的会话(cmi5 §9.6.3.1)",
    "cmi5_template": "context 须包含启动数据中 contextTemplate 的全部内容(cmi5 §10.2.1)",
    "cmi5_voiding": "课件不能作废陈述(cmi5 §6.3)",
    "cmi5_preferences_unread": "课件须先读取学员偏好 cmi5LearnerPreferences,再发送 initialized(cmi5 §11)",
    "cmi5_not_initialized": "本次会话的第一条陈述须为 initialized(cmi5 §9.3)",
    "cmi5_order": "陈述的 timestamp 早于 initialized,或 terminated 早于已发的陈述(cmi5 §9.3)",
    "cmi5_after_terminated": "terminated 之后不再接收陈述(cmi5 §9.3.8)",
    "cmi5_verb_of_lms": "这个动词只能由学习平台使用(cmi5 §9.3)",
    "cmi5_verb_undefined": "cmi5 类别的陈述只能使用规范所列的动词(cmi5 §9.3)",
    "cmi5_mode": "浏览或复习方式下只能发送 initialized 和 terminated(cmi5 §10.2.2)",
    "cmi5_object": "object.id 须为启动时给出的 activityId(cmi5 §9.4)",
    "cmi5_repeated": "这个动词在本次会话或本次学习登记中已经用过(cmi5 §9.3)",
    "cmi5_passed_or_failed": "一次会话只能有一条 passed 或 failed,通过后不能再 failed(cmi5 §9.3)",
    "cmi5_success": "result.success 只能用于 passed(true)和 failed(false)(cmi5 §9.5.2)",
    "cmi5_completion": "result.completion 只能用于 completed,且须为 true(cmi5 §9.5.3)",
    "cmi5_duration": "completed、passed、failed、terminated 须带 result.duration(cmi5 §9.5.4)",
    "cmi5_score": "成绩只能用于 passed 和 failed:scaled 在 0 到 1 之间,给出 raw 时须同时给出 min 和 max(cmi5 §9.5.1)",
    "cmi5_mastery": "成绩与合格线不符:passed 不得低于、failed 不得达到 masteryScore(cmi5 §9.3.4、§9.3.5)",
    "cmi5_mastery_extension": "按合格线判定的陈述须带原样的 masteryScore 扩展(cmi5 §9.6.3.2)",
    "cmi5_move_on_category": "moveOn 类别恰用于带 success 或 completion 的 cmi5 陈述(cmi5 §9.6.2.2)",
    "cmi5_progress": "进度须为 0 到 100 的整数(cmi5 §9.5.5.1)",
}
"""What each breach says to the person who must mend the AU."""
