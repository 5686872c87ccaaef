"""Packs and profiles from YAML files, each checked against config/schema/.

The YAML is read strictly, from the parser's events: YAML 1.2 plain values, one document, no aliases, tags or
duplicate keys, and no floats or dates (they stay strings), so that a file has one meaning and one hash.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bridge.rules import documents
from bridge.rules.documents import (
    Case,
    Document,
    PackInvalid,
    Problem,
    build_cases,
    build_pack,
    build_profile,
)
from bridge.rules.model import PackConflict, Profile, ProfileInForce, RuleBook, RulePack

CONFIG = Path(__file__).resolve().parents[2] / "config"
"""The folder of rulepacks/, profiles/ and schema/ that comes with the bridge."""

SIGN_OFF = "sign_off.yaml"
"""Beside pack.yaml: an operator's word that its unconfirmed values hold. Never shipped."""

_MAX_BYTES = 64 * 1024
_MAX_DEPTH = 12
_MAX_FILES = 1000

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that was read: what is good, and what is wrong with the rest."""

    packs: tuple[RulePack, ...]
    profiles: tuple[Profile, ...]
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]


def load_rule_book(config: Path = CONFIG, extra_packs: Sequence[Path] = ()) -> RuleBook:
    """Return all packs and profiles of `config` (and packs under `extra_packs`), ready to be asked.

    Raises:
        PackInvalid: any file is wrong; nothing is loaded by halves.
        PackConflict: two packs of a profile meet in a way that nobody has decided.
    """
    loaded = load_all([config / "rulepacks", *extra_packs], [config / "profiles"])
    if loaded.problems:
        raise PackInvalid(loaded.problems)
    return RuleBook(loaded.packs, loaded.profiles)


def load_packs(dirs: Iterable[Path]) -> tuple[RulePack, ...]:
    """Return the packs in `dirs` (each a pack's folder or a folder of packs); PackInvalid if any is wrong."""
    loaded = load_all(dirs, [])
    if loaded.problems:
        raise PackInvalid(loaded.problems)
    return loaded.packs


def load_profile(folder: Path) -> Profile:
    """Return the profile of one folder; PackInvalid if it is wrong."""
    return _load_profile(folder)[0]


def load_all(pack_dirs: Iterable[Path], profile_dirs: Iterable[Path]) -> Loaded:
    """Return every good pack and profile with its cases, and every problem of the others. Raises nothing."""
    seen: set[Path] = set()
    packs: dict[str, RulePack] = {}
    profiles: dict[str, Profile] = {}
    cases: list[Case] = []
    problems: list[Problem] = []
    for folder in _homes(pack_dirs, "pack.yaml", problems):
        try:
            pack, found = _load_pack(folder)
        except PackInvalid as error:
            problems.extend(error.problems)
            continue
        if folder in seen:  # given by hand, though its parent was read already
            continue
        seen.add(folder)
        if pack.id in packs:
            problems.append(
                Problem(str(folder), None, "pack_twice", f"规则包 {pack.id} 出现两次,请只保留一个。")
            )
            continue
        packs[pack.id] = pack
        cases.extend(found)
    for folder in _homes(profile_dirs, "profile.yaml", problems):
        try:
            profile, found = _load_profile(folder)
            ProfileInForce(profile, packs.values())
        except PackInvalid as error:
            problems.extend(error.problems)
            continue
        except PackConflict as error:
            problems.append(Problem(str(folder / "profile.yaml"), None, error.reason, error.message))
            continue
        if profile.id in profiles or profile.id in packs:
            message = f"编号 {profile.id} 已被另一个规则方案或规则包使用,请改名。"
            problems.append(Problem(str(folder), None, "profile_twice", message))
            continue
        profiles[profile.id] = profile
        cases.extend(found)
    return Loaded(tuple(packs.values()), tuple(profiles.values()), tuple(cases), tuple(problems))


def read_checked(path: Path, schema: str) -> Document:
    """Return one file that stands beside a pack, read as strictly as the pack; PackInvalid if it is wrong."""
    return _read(path, schema)


def _homes(dirs: Iterable[Path], marker: str, problems: list[Problem]) -> Iterator[Path]:
    """Yield each folder that holds `marker`: a given one itself, else its children."""
    for folder in dict.fromkeys(path.resolve() for path in dirs):
        if (folder / marker).is_file():
            yield folder
            continue
        children = (
            sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
            if folder.is_dir()
            else []
        )
        found = [path for path in children if (path / marker).is_file()]
        problems.extend(
            Problem(str(path), None, "marker_missing", f"缺少 {marker}。")
            for path in children
            if path not in found
        )
        if not found:
            problems.append(
                Problem(str(folder), None, "nothing_found", f"此目录下没有任何含 {marker} 的文件夹。")
            )
        yield from found


def _load_pack(folder: Path) -> tuple[RulePack, list[Case]]:
    head = _read(folder / "pack.yaml", "rulepack")
    if head.data["id"] != folder.name:
        raise head.invalid("id_differs", f"id 须与文件夹同名({folder.name})。", "id")
    problems: list[Problem] = []
    parameters: list[Document] = []
    base = folder / "parameters"
    for path in _yaml_files(base):
        try:
            document = _read(path, "parameter")
        except PackInvalid as error:
            problems.extend(error.problems)
            continue
        home = ".".join(path.relative_to(base).with_suffix("").parts)
        if home != document.data["name"]:
            name: str = document.data["name"]
            message = f"参数 {name} 的文件应为 parameters/{name.replace('.', '/')}.yaml。"
            problems.append(document.problem("name_differs", message, "name"))
        parameters.append(document)
    cases = _load_cases(folder, head.data["id"], problems)
    signed = folder / SIGN_OFF
    try:
        pack = build_pack(head, parameters, _read(signed, "signoff") if signed.is_file() else None)
    except PackInvalid as error:
        problems.extend(one for one in error.problems if one.reason != "pack_empty" or not problems)
    if problems:
        raise PackInvalid(problems)
    return pack, cases


def _load_profile(folder: Path) -> tuple[Profile, list[Case]]:
    document = _read(folder / "profile.yaml", "profile")
    if document.data["id"] != folder.name:
        raise document.invalid("id_differs", f"id 须与文件夹同名({folder.name})。", "id")
    problems: list[Problem] = []
    cases = _load_cases(folder, document.data["id"], problems)
    if problems:
        raise PackInvalid(problems)
    return build_profile(document), cases


def _load_cases(folder: Path, home: str, problems: list[Problem]) -> list[Case]:
    cases: list[Case] = []
    for path in _yaml_files(folder / "cases"):
        try:
            cases.extend(build_cases(_read(path, "cases"), home))
        except PackInvalid as error:
            problems.extend(error.problems)
    return cases


def _yaml_files(folder: Path) -> list[Path]:
    """Return all YAML files below `folder`, sorted; refuse anything else, which would be silently ignored."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    if len(paths) > _MAX_FILES:
        raise PackInvalid([Problem(str(folder), None, "too_many_files", f"文件超过 {_MAX_FILES} 个。")])
    for path in paths:
        if path.suffix != ".yaml" or path.is_symlink():
            raise PackInvalid([Problem(str(path), None, "not_yaml", "这里只能放扩展名为 .yaml 的普通文件。")])
    return paths


def _read(path: Path, schema: str) -> Document:
    """Return one file, read strictly and checked against config/schema/<schema>.schema.json."""
    file = str(path)
    try:
        content = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else None
    except OSError as error:
        raise PackInvalid([Problem(file, None, "unreadable", "无法读取文件,请检查权限。")]) from error
    if content is None:
        raise PackInvalid([Problem(file, None, "too_large", f"文件超过 {_MAX_BYTES // 1024} KiB,请拆分。")])
    document = read_yaml(content, file)
    errors = sorted(
        _validator(schema).iter_errors(document.data), key=lambda error: [str(p) for p in error.absolute_path]
    )
    if errors:
        raise PackInvalid([_schema_problem(document, error) for error in errors])
    return document


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((CONFIG / "schema" / f"{schema}.schema.json").read_text("utf-8")))


def _schema_problem(document: Document, error: ValidationError) -> Problem:
    path = list(error.absolute_path)
    where = ".".join(str(step) for step in path) or "文件"
    allowed: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "required":
            missing = [name for name in allowed if name not in instance]
            message = f"{where} 缺少字段 {'、'.join(missing)}。"
        case "additionalProperties" if isinstance(instance, dict) and allowed is False:
            known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
            extra = [name for name in instance if name not in known]
            path.append(extra[0])
            message = f"{where} 有不认识的字段 {'、'.join(extra)},请删去或改正拼写。"
        case "enum":
            message = f"{where} 只能是:{'、'.join(map(str, allowed))}。"
        case "const":
            message = f"{where} 只能是 {allowed}。"
        case "type":
            wanted = allowed if isinstance(allowed, str) else "、".join(allowed)
            message = f"{where} 的类型应为 {wanted}。"
        case "pattern":
            hint = (
                error.schema.get("description", f"须符合 {allowed}") if isinstance(error.schema, dict) else ""
            )
            message = f"{where} 格式不对:{hint}。"
        case validator:
            message = f"{where} 不符合格式要求({validator}: {allowed})。"
    return document.problem("schema", message, *path)


def read_yaml(content: bytes, file: str) -> Document:
    """Return the one mapping that `content` holds, with the line of every key and item.

    Raises:
        PackInvalid: not UTF-8, not YAML, or a construct that the strict form refuses.
    """
    try:
        text = content.decode("utf-8")
        return _Builder(file).build(YAML(typ="safe", pure=True).parse(text))
    except UnicodeDecodeError as error:
        raise PackInvalid([Problem(file, None, "not_utf8", "文件不是 UTF-8 编码。")]) from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise PackInvalid(
            [Problem(file, line, "not_yaml", "不是有效的 YAML,请检查缩进、冒号和引号。")]
        ) from error


class _Builder:
    """Builds plain data from parser events; no recursion, so depth is a limit and not a crash."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[documents.Path, int] = {}
        self._stack: list[tuple[documents.Path, dict[str, Any] | list[Any]]] = []
        self._key: list[str | None] = []
        self._root: Any = None
        self._documents = 0

    def build(self, events: Iterable[Any]) -> Document:
        for event in events:
            line = event.start_mark.line + 1
            if isinstance(event, DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise self._refuse(line, "yaml_documents", "一个文件只能有一个 YAML 文档。")
            elif isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                raise self._refuse(line, "yaml_alias", "不允许锚点(&)和引用(*),请写出完整内容。")
            elif getattr(event, "tag", None):
                raise self._refuse(line, "yaml_tag", "不允许类型标签(!)。")
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._open({} if isinstance(event, MappingStartEvent) else [], line)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._stack.pop()
                self._key.pop()
            elif isinstance(event, ScalarEvent):
                self._scalar(event, line)
        if not isinstance(self._root, dict):
            raise self._refuse(1, "yaml_not_mapping", "文件的最外层须是“键: 值”。")
        return Document(self._file, self._root, self._lines)

    def _open(self, made: dict[str, Any] | list[Any], line: int) -> None:
        if len(self._stack) >= _MAX_DEPTH:
            raise self._refuse(line, "yaml_too_deep", f"嵌套超过 {_MAX_DEPTH} 层。")
        path = self._place(made, line)
        self._stack.append((path, made))
        self._key.append(None)

    def _scalar(self, event: ScalarEvent, line: int) -> None:
        if self._stack and isinstance(self._stack[-1][1], dict) and self._key[-1] is None:
            path, mapping = self._stack[-1]
            if event.value in mapping:
                raise self._refuse(line, "yaml_duplicate_key", f"键 {event.value} 重复。")
            self._key[-1] = event.value
            self._lines[(*path, event.value)] = line
            return
        value: Any = event.value
        if event.implicit[0]:
            value = self._plain(event.value, line)
        self._place(value, line)

    def _plain(self, text: str, line: int) -> Any:
        """Return true, false, null, a whole number or text.

        Narrower than the core schema of YAML 1.2: what else looks like a number must be quoted.
        """
        if text in ("true", "false"):
            return text == "true"
        if text in ("", "~", "null"):
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            raise self._refuse(line, "yaml_float", f'数值 {text} 须加引号,如 "0.80" 或 "4/5",以保持精确。')
        return text

    def _place(self, value: Any, line: int) -> documents.Path:
        if not self._stack:
            self._root = value
            return ()
        path, home = self._stack[-1]
        if isinstance(home, list):
            home.append(value)
            here: documents.Path = (*path, len(home) - 1)
            self._lines[here] = line
            return here
        key = self._key[-1]
        if key is None:
            raise self._refuse(line, "yaml_key", "键须是普通文字。")
        home[key] = value
        self._key[-1] = None
        return (*path, key)

    def _refuse(self, line: int, reason: str, message: str) -> PackInvalid:
        return PackInvalid([Problem(self._file, line, reason, message)])
