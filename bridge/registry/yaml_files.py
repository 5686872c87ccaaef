"""The YAML door: one strict document of plain values, or a refusal naming file and line, never content."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
)

from bridge.kernel.errors import InvalidInput

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 12


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that the file holds: strings, numbers, booleans, dates, null, lists, mappings.

    Raises:
        InvalidInput: catalogue_file_missing, catalogue_too_large, catalogue_malformed (not UTF-8, not YAML,
            several documents, anchors, tags, too deep), catalogue_duplicate_key.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput("catalogue_file_missing", f"读不到文件 {path.name},请检查目录和权限。") from error
    if len(content) > MAX_BYTES:
        raise InvalidInput(
            "catalogue_too_large", f"{path.name} 超过 1 MiB,请拆分后分次导入。", http_status=413
        )
    try:
        text = content.decode("utf-8-sig")
        _refuse_tricks(path.name, text)
        loaded = YAML(typ="safe", pure=True).load(text)
    except UnicodeDecodeError as error:
        raise _malformed(path.name, None, "不是 UTF-8 文本") from error
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        raise InvalidInput(
            "catalogue_duplicate_key", f"{path.name} 第 {line} 行:同一个键写了两次,请删去一个。"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        # `from None`: the parser's own message quotes the file, and the file may hold names.
        raise _malformed(path.name, mark.line + 1 if mark else None, "不是正确的 YAML") from None
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise _malformed(path.name, 1, "最外层应为“键: 值”")
    return loaded


def _refuse_tricks(name: str, text: str) -> None:
    depth = documents = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        documents += isinstance(event, DocumentStartEvent)
        if documents > 1:
            raise _malformed(name, line, "一个文件只能有一个文档")
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise _malformed(name, line, "不能使用锚点和别名")
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
            raise _malformed(name, line, "不能使用标签")
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _malformed(name, line, "层次过深")


def _malformed(name: str, line: int | None, what: str) -> InvalidInput:
    where = name if line is None else f"{name} 第 {line} 行"
    return InvalidInput("catalogue_malformed", f"{where}:{what},请改正后重新导入。")
