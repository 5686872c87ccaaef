"""The OpenAPI 3.1 document of the read API, made from the operations and the shapes that routes themselves use.

Schemas are pydantic's JSON Schema 2020-12, which is OpenAPI 3.1's own dialect.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from bridge.supervision.api_scopes import SCOPES_ZH
from bridge.web.api.operations import OPERATIONS, Operation
from bridge.web.api.parameters import ID_PATTERN, PURPOSE_HEADER, PURPOSE_PATTERN, Query
from bridge.web.api.problems import PROBLEM_JSON
from bridge.web.api.shapes import Listing, Problem

VERSION = "1.0.0"
_SECURITY = "clientCredentials"
_TEMPLATE = "#/components/schemas/{model}"
_FAILURES = {
    "400": "参数不存在、重复或不符合要求",
    "401": "没有令牌,或令牌无效、已过期、已收回",
    "403": "令牌没有这项权限(insufficient_scope)",
    "404": "本辖区(本机构)没有这条记录,或没有这个游标",
    "406": "不支持请求所要的格式",
    "429": "请求过多;Retry-After 为应等待的秒数",
}


def document(public_url: str) -> dict[str, Any]:
    """Return the document of the bridge at `public_url`; it is for all and not to be changed."""
    paths, schemas = _paths_and_schemas()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "安学桥只读接口",
            "version": VERSION,
            "description": (
                "监管部门和培训机构自有系统查询本辖区(本机构)的培训记录。只读;姓名和证件号码只显示一部分,"
                "写明事由才给出,并逐人记录。列表不对机构排名。示例中的人员均为虚构。"
            ),
        },
        "servers": [{"url": f"{public_url}/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                _SECURITY: {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": f"{public_url}/api/oauth/token",
                            "scopes": {str(scope): words for scope, words in SCOPES_ZH.items()},
                        }
                    },
                }
            },
        },
    }


@cache
def _paths_and_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    shapes: dict[Any, str] = {}
    for one in OPERATIONS:
        shapes.setdefault(Listing[one.answer] if one.listed else one.answer, one.id)  # type: ignore[name-defined]  # a value
    names, schema = models_json_schema(
        [(shape, "serialization") for shape in (*shapes, Problem)], ref_template=_TEMPLATE
    )
    refs = {shape: found["$ref"] for (shape, _mode), found in names.items()}
    return {one.path: {"get": _operation(one, refs)} for one in OPERATIONS}, schema["$defs"]


def sections(described: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what the reference page shows of each path."""
    found = []
    for path, methods in described["paths"].items():
        told = methods["get"]
        content = told["responses"]["200"]["content"]
        media, kind = next(iter(content.items()))
        found.append(
            {
                "path": path,
                "id": told["operationId"],
                "summary": told["summary"],
                "scope": told["security"][0][_SECURITY][0],
                "parameters": told["parameters"],
                "media": media,
                "fields": _fields(described, kind.get("schema", {})),
            }
        )
    return found


def _operation(one: Operation, refs: Mapping[Any, str]) -> dict[str, Any]:
    shape: Any = Listing[one.answer] if one.listed else one.answer  # type: ignore[name-defined]  # a value
    if one.media == "application/json":
        content: dict[str, Any] = {one.media: {"schema": {"$ref": refs[shape]}}}
    else:
        content = {one.media: {}}
    ok: dict[str, Any] = {"description": one.summary, "content": content}
    if one.links:
        ok["links"] = {
            name: {"operationId": operation, "parameters": dict(values)}
            for name, (operation, values) in one.links.items()
        }
    failures = {code: _failure(words) for code, words in _FAILURES.items()}
    failures["401"]["headers"] = {"WWW-Authenticate": _header("Bearer,RFC 6750")}
    failures["429"]["headers"] = {"Retry-After": _header("秒")}
    told: dict[str, Any] = {"200": ok, **failures}
    if one.media != "application/json":
        told["409"] = _failure("这项导出还没有获批、已超过 7 天,或不是整表")
        told["503"] = _failure("正在生成另一份整表;Retry-After 为应等待的秒数")
    elif one.purpose == "none":
        ok["headers"] = {"ETag": _header("内容的标记")}
        told["304"] = {"description": "与 If-None-Match 所示的内容相同"}
    return {
        "operationId": one.id,
        "summary": one.summary,
        "security": [{_SECURITY: [str(one.scope)]}],
        "parameters": [*_path_parameters(one.path), *_purpose(one), *_query_parameters(one.query)],
        "responses": told,
    }


def _failure(words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {PROBLEM_JSON: {"schema": {"$ref": _TEMPLATE.format(model="Problem")}}},
    }


def _header(words: str) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "string"}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": ID_PATTERN},
        }
        for name in names
    ]


def _purpose(one: Operation) -> list[dict[str, Any]]:
    if one.purpose == "none":
        return []
    return [
        {
            "name": PURPOSE_HEADER,
            "in": "header",
            "required": one.purpose == "required",
            "description": "查询事由,4 至 80 字,UTF-8 百分号编码;会被记录",
            "schema": {"type": "string", "pattern": PURPOSE_PATTERN},
            "example": "%E6%A0%B8%E6%9F%A5%E6%8A%95%E8%AF%89",
        }
    ]


def _query_parameters(query: type[Query]) -> list[dict[str, Any]]:
    described = query.model_json_schema(ref_template=_TEMPLATE)
    found = []
    for name, told in described.get("properties", {}).items():
        schema = next((one for one in told.get("anyOf", ()) if one.get("type") != "null"), told)
        words = told.get("description", schema.get("description", ""))
        kept = {key: value for key, value in schema.items() if key not in ("title", "default", "description")}
        if told.get("default") is not None:
            kept["default"] = told["default"]
        parameter = {"name": name, "in": "query", "required": False, "schema": kept}
        found.append({**parameter, "description": words} if words else parameter)
    return found


def _fields(described: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (name, type, description) of a schema's members; of a list those of its items."""
    told = _resolved(described, schema)
    items = told.get("properties", {}).get("items")
    if items is not None:
        told = _resolved(described, items["items"])
    return [
        (name, _type(described, one), one.get("description", ""))
        for name, one in told.get("properties", {}).items()
    ]


def _resolved(described: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    ref = schema.get("$ref")
    if ref is None:
        return schema
    found: Mapping[str, Any] = described["components"]["schemas"][ref.rpartition("/")[2]]
    return found


def _type(described: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_type(described, one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if schema.get("type") == "array":
        return f"{_type(described, schema['items'])}[]"
    return str(schema.get("format") or schema.get("type", ""))
