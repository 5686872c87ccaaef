"""What the simulator serves: platform, tool, users, course; read from a YAML file (config/demo/lms.yaml)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bridge.kernel.errors import InvalidInput

_MAX_BYTES = 256 * 1024

Text = Annotated[str, Field(min_length=1, max_length=400)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Platform(_Part):
    """The simulator's own side of the LTI registration."""

    name: Text
    guid: Name
    deployment_id: Name


class Tool(_Part):
    """The bridge as the platform knows it; addresses are absolute once `load` has filled them in."""

    client_id: Name
    registration_id: Name
    login_url: Text
    redirect_uris: tuple[Text, ...]
    target_link_uri: Text
    jwks_url: Text
    session_audience: Text
    agent_script: Text
    webhook_url: Text


class User(_Part):
    """A made-up person; `email` and `phone` are canaries that the bridge must drop."""

    sub: Name
    family_name: Text
    given_name: Text
    role: Annotated[str, Field(pattern="^(learner|teacher)$")]
    email: Text
    phone: Text
    note: str = ""

    @property
    def name(self) -> str:
        """Family name first, as Chinese names are written."""
        return self.family_name + self.given_name


class Slide(_Part):
    """One page of a unit; `share` is its part of the unit's nominal time, relative to the other slides."""

    title: Text
    points: Annotated[tuple[Text, ...], Field(min_length=1)]
    tip: str = ""
    share: Annotated[int, Field(ge=1, le=100)] = 1


class Entry(_Part):
    """The link that leads to the bridge's own page."""

    resource_link_id: Name
    title: Text


class Unit(_Part):
    """A unit that is studied page by page."""

    resource_link_id: Name
    title: Text
    slides: Annotated[tuple[Slide, ...], Field(min_length=1)]


class Question(_Part):
    """One choice; `answer` is the index of the right option, from 0."""

    text: Text
    options: Annotated[tuple[Text, ...], Field(min_length=2)]
    answer: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _answer_is_an_option(self) -> "Question":
        if self.answer >= len(self.options):
            raise ValueError("answer is not the index of an option")
        return self


class Quiz(_Part):
    """The test at the end; every question weighs the same."""

    resource_link_id: Name
    title: Text
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]


class Course(_Part):
    """One course, which is one LTI context."""

    context_id: Name
    label: Text
    title: Text
    intro: Text
    entry: Entry
    units: tuple[Unit, ...]
    quiz: Quiz


class _File(_Part):
    platform: Platform
    tool: Tool
    users: tuple[User, ...]
    course: Course


@dataclass(frozen=True, slots=True)
class DemoLms:
    """Everything that the simulator serves."""

    issuer: str
    bridge_url: str
    platform: Platform
    tool: Tool
    users: tuple[User, ...]
    course: Course

    def user(self, sub: str) -> User | None:
        """Return the user `sub`, or None."""
        return next((user for user in self.users if user.sub == sub), None)

    def unit(self, resource_link_id: str) -> Unit | None:
        """Return the study unit behind a resource link, or None."""
        return next((unit for unit in self.course.units if unit.resource_link_id == resource_link_id), None)

    def link_titles(self) -> dict[str, str]:
        """Return every resource link of the course with its title."""
        links: tuple[Entry | Unit | Quiz, ...] = (self.course.entry, *self.course.units, self.course.quiz)
        return {link.resource_link_id: link.title for link in links}


def load(path: Path, *, lms_url: str, bridge_url: str) -> DemoLms:
    """Return the simulator's content with `{lms_url}` and `{bridge_url}` filled in.

    Raises:
        InvalidInput: the file is missing, too large, no YAML or has wrong fields; the message names them.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("lms_config_unreadable", f"读不到演示平台的配置文件：{path.name}。") from error
    if len(content) > _MAX_BYTES:
        raise InvalidInput("lms_config_too_large", f"{path.name} 超过 {_MAX_BYTES // 1024} KB。")
    try:
        raw = YAML(typ="safe", pure=True).load(content.decode())
        parsed = _File.model_validate(raw)
    except (YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput("lms_config_not_yaml", f"{path.name} 不是有效的 YAML 文件。") from error
    except ValidationError as error:
        fields = "、".join(".".join(map(str, problem["loc"])) or "（文件）" for problem in error.errors())
        raise InvalidInput("lms_config_invalid", f"{path.name} 中有不正确的内容：{fields}。") from error
    places = {"lms_url": lms_url, "bridge_url": bridge_url, "registration_id": parsed.tool.registration_id}
    filled: dict[str, Any] = {
        name: _fill(value, places)
        for name, value in parsed.tool.model_dump().items()
        if name != "registration_id"
    }
    tool = Tool(registration_id=parsed.tool.registration_id, **filled)
    return DemoLms(lms_url, bridge_url, parsed.platform, tool, parsed.users, parsed.course)


def _fill(value: str | tuple[str, ...], places: dict[str, str]) -> str | tuple[str, ...]:
    if isinstance(value, tuple):
        return tuple(item.format_map(places) for item in value)
    return value.format_map(places)
