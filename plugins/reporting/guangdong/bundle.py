"""The evidence bundle of one submission: what was sent, what came back, when, and how anybody checks it."""

import io
import json
import zipfile
from typing import Any

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import rfc3339
from bridge.reporting.model import BatchReport
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.batch_json import json_form
from plugins.reporting.guangdong.batch_reading import read_batch
from plugins.reporting.guangdong.mapping import mappings
from plugins.reporting.guangdong.version import version_of

_READ_ME = """报送证据包

batch.xml     发出的批次,逐字节原样;含个人信息,请妥善保管,交接须有用途、接收方和批准人
batch.json    同一批记录的 JSON 形式(由 batch.xml 按同一映射生成,没有另行发送)
receipt.xml   监管平台的回执,逐字节原样(没有收到回执时没有这个文件)
attempts.json 每一次发送的起止时间和结果
records.json  每条记录的业务键、摘要、结论和原因,不含个人信息
schemas/      本批次所用版本的 XSD
manifest.json 以上各文件的 SHA-256

核对:1. 各文件的 SHA-256 与 manifest.json 一致。
      2. batch.xml 的 SHA-256 与回执中的 BatchSha256 一致。
      3. batch.xml 通过 schemas/feed.xsd 校验;其中的 Signature 是 XML-DSig 封内签名,可用任何实现校验
         (国密签名须用支持 SM2/SM3 的实现),公钥的 SHA-256 应与在监管平台登记的一致。
"""


def make_bundle(report: BatchReport, batch: bytes) -> bytes:
    """Return the ZIP; `batch` is the bytes that were sent."""
    version = version_of(batch)
    files: dict[str, bytes] = {"batch.xml": batch}
    header, records = read_batch(batch)
    files["batch.json"] = json_form(mappings()[version], header, records)
    if report.receipt_raw is not None:
        files["receipt.xml"] = report.receipt_raw
    files["attempts.json"] = _json(
        [
            {
                "number": one.number,
                "started_at": rfc3339(one.started_at),
                "ended_at": None if one.ended_at is None else rfc3339(one.ended_at),
                "outcome": one.outcome,
                "answer_sha256": one.answer_sha256,
                "answer_bytes": one.answer_bytes,
            }
            for one in report.attempts
        ]
    )
    files["records.json"] = _json(
        [
            {
                "kind": one.kind.value,
                "number": one.number,
                "revision": one.revision,
                "learner": one.learner,
                "class_run": one.class_run,
                "action": one.action.value,
                "sha256": one.sha256,
                "state": one.state.value,
                "reason_code": one.reason_code,
                "reason": one.reason,
            }
            for one in report.records
        ]
    )
    for path in sorted((safe_xml.SCHEMAS / version).glob("*.xsd")):
        files[f"schemas/{path.name}"] = path.read_bytes()
    files["README.txt"] = _READ_ME.encode()
    files["manifest.json"] = _json(
        {
            "batch": report.batch.id,
            "schema_version": version,
            "state": report.batch.state.value,
            "files": {name: sha256_hex(content) for name, content in sorted(files.items())},
        }
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(f"{report.batch.id}/{name}", content)
    return made.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
