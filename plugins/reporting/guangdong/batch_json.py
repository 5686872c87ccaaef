"""The JSON sibling of a batch: the same records by the same mapping, in the calls of the Shanghai interface.

What is published of it (《互联网培训监管平台数据对接技术要求》, 2023-11-06; facts.md §6) are the calls, that they are
JSON in UTF-8 over POST, and a few names; its data dictionary is not. So the envelope and the marked names of the
mapping are Shanghai's, every other name is the element's, and a kind without a published call stands under `others`.
This is a form to show and to compare, not an adapter: nothing sends it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.kernel.time import rfc3339
from bridge.reporting.model import Action, BatchHeader, Record
from plugins.reporting.guangdong.batch_text import shape_of
from plugins.reporting.guangdong.mapping import FeedMapping


def json_form(
    mapping: FeedMapping, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]
) -> bytes:
    """Return the batch as JSON, UTF-8; the key that Shanghai calls `privateKey` is left to whoever sends.

    Raises:
        InvalidInput: "kind_not_in_version".
    """
    calls: dict[str, dict[str, list[dict[str, Any]]]] = {}
    others: dict[str, list[dict[str, Any]]] = {}
    for record, values in records:
        shape = shape_of(mapping, record)
        said: dict[str, Any] = {
            "recordKind": record.kind.value,
            "recordNumber": record.number,
            "recordRevision": record.revision,
            "recordAction": record.action.value,
            **{field.json: values[field.name] for field in shape.fields if field.name in values},
        }
        if shape.call is None or record.action is Action.WITHDRAW:
            others.setdefault(shape.element, []).append(said)
        else:
            calls.setdefault(shape.call.path, {}).setdefault(shape.call.list, []).append(said)
    form = {
        "schemaVersion": mapping.version,
        "platformCode": header.platform_code,
        "cityCode": header.city_code,
        "institutionUscc": header.uscc,
        "batchId": header.batch_id,
        "createdAt": rfc3339(header.created_at),
        "recordCount": len(records),
        "calls": [{"call": path, "body": body} for path, body in calls.items()],
        "others": others,
    }
    return json.dumps(form, ensure_ascii=False, indent=1).encode() + b"\n"
