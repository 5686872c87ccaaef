"""Which rows a hand-over moves, and how: every tenant's table but those that are named here with why not.

A table of tomorrow is moved unless it holds what only this bridge can read: then its test asks for a decision.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, DateTime, LargeBinary, Table, func, select
from sqlalchemy.orm import Session

from bridge.db.base import Base, TenantRow, UtcDateTime
from bridge.db.copying import add_rows
from bridge.db.field_cipher import FieldCipher
from bridge.ledger.marks import ChainOf, RowMarks
from bridge.ledger.model.entries import LedgerHead
from bridge.migrations.tables import metadata
from bridge.wiring.handover_trust import Trust

_AT_ONCE = 1000

LEFT: Mapping[str, str] = {
    "data_key": "密钥不移交;每件材料解密后随包移交,由接收方以自己的密钥重新加密",
    "evidence": "同上:材料逐件移交",
    "key_destruction": "销毁回执按移交方全部机构编号相接,作为文件移交,凭移交方公钥核对",
    "disclosure": "查看记录带移交方的印记,作为文件移交",
    "ledger_snapshot": "台账快照由接收方从台账重新生成",
    "ledger_snapshot_part": "台账快照由接收方从台账重新生成",
    "inbox_message": "原始批次按期限保存在移交方,其内容已逐条记入台账",
    "inbox_chain": "原始批次按期限保存在移交方",
    "intake_quarantine": "隔离的消息须由移交方处理完毕",
    "intake_quarantine_step": "隔离的消息须由移交方处理完毕",
    "lti_registration": "与学习平台的连接含密钥,由接收方重新登记",
    "lms_account": "学习平台账号属于移交方的连接;账号绑定作为文件移交",
    "canvas_source": "学习平台的连接由接收方重新登记",
    "xapi_credential": "发送方凭证由接收方重新签发",
    "xapi_statement": "学习记录库可用转发功能送往机构自己的 LRS",
    "xapi_reference": "学习记录库可用转发功能送往机构自己的 LRS",
    "xapi_attachment": "学习记录库可用转发功能送往机构自己的 LRS",
    "xapi_document": "学习记录库可用转发功能送往机构自己的 LRS",
    "cmi5_session": "正在打开的 cmi5 课件,凭证只对移交方有效",
    "lrs_forward": "转发设置含密钥,由接收方重新设置",
    "lrs_forward_refused": "转发设置由接收方重新设置",
    "enrolment_import": "未完成的名单导入须由移交方处理完毕",
    "test_attempt": "进行中的考试门禁属于移交方的连接;考试结论已记入台账",
    "face_frame_mark": "防重放的印记只对移交方有效",
    "face_challenge_frame": "人脸登记中一次性的口令,只对移交方有效",
    "face_search_entry": "查重索引由接收方重新生成",
    "archive_handover": "移交方自己的移交记录",
    "archive_takeover": "移交方自己的接收记录",
    "taken_ledger_key": "前任平台的公钥列在清单中,由接收方随机构保存",
    "leaving_step": "移交方自己的移交步骤",
    "fixity_round": "完整性复核由接收方重新进行",
    "fixity_fault": "完整性复核由接收方重新进行",
}
"""Table → why it stays; a table that refers to one of these stays with it."""

ENCRYPTED: Mapping[str, Mapping[str, str]] = {
    "learner": {"name_enc": "{id}:name", "citizen_id_enc": "{id}:citizen_id"},
    "enrolment_list_row": {
        "name_enc": "{id}:name",
        "citizen_id_enc": "{id}:citizen_id",
        "employer_enc": "{id}:employer",
        "trade_enc": "{id}:trade",
    },
    "identity_change": {"value_enc": "{id}"},
}
"""Table → column → the row id that the field's ciphertext is bound to. Within its part it travels in the clear."""

INDEXES: Mapping[str, Mapping[str, str]] = {
    "learner": {"citizen_id_index": "citizen_id_enc"},
    "enrolment_list_row": {"citizen_id_index": "citizen_id_enc"},
    "identity_change": {"value_index": "value_enc"},
}
"""Table → blind index → the field that it is of; made anew under the receiver's key."""

_BLANKED: Mapping[str, Mapping[str, Any]] = {"study_session": {"secret_sha256": "", "open": False}}
"""What only lets a browser go on at the sender's doors."""


def moved_tables() -> Sequence[Table]:
    """Return the tables that move, those first that others refer to."""
    tenants = {mapper.local_table for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantRow)}
    moved: list[Table] = []
    for table in metadata.sorted_tables:
        if table not in tenants or table.name in LEFT:
            continue
        others = {key.column.table for key in table.foreign_keys} - {table}
        if others <= set(moved):
            moved.append(table)
    return moved


def left_tables() -> dict[str, str]:
    """Return each tenant's table that stays, with why."""
    moved = {table.name for table in moved_tables()}
    tenants = {
        str(mapper.local_table.name)  # type: ignore[attr-defined]  # a mapped class has a Table
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, TenantRow)
    }
    return {name: LEFT.get(name, "引用了不移交的表") for name in sorted(tenants - moved)}


def rows_of(session: Session, table: Table, institution: str, cipher: FieldCipher) -> Iterator[list[bytes]]:
    """Yield the institution's rows of a table in lots, each row as one line of JSON, personal fields in the clear."""
    order = list(table.primary_key.columns)
    result = session.execute(
        select(table).where(table.c.institution_id == institution).order_by(*order),
        execution_options={"yield_per": _AT_ONCE},
    )
    for lot in result.partitions(_AT_ONCE):
        yield [_line(table, dict(row._mapping), cipher) for row in lot]


def take_rows(
    session: Session,
    table: Table,
    institution: str,
    lines: Sequence[bytes],
    cipher: FieldCipher,
    marks: RowMarks,
    trust: Trust,
) -> None:
    """Add rows that `rows_of` gave, encrypted, indexed and marked with this bridge's keys.

    Args:
        trust: says which are taken in, and what is blanked in them.

    Raises:
        ValueError: a row of another institution, or with other columns than the table has.
    """
    names = [column.name for column in table.columns]
    rows = []
    for line in lines:
        said = json.loads(line)
        if said.get("institution_id") != institution:
            raise ValueError(f"{table.name}: a row of another institution")
        unknown = set(said) - set(names)
        if unknown:
            raise ValueError(f"{table.name}: unknown columns {sorted(unknown)}")
        row = {name: _value(table, name, said.get(name)) for name in names}
        if not trust.takes(table, row):
            continue
        trust.blank(table, row)
        _sealed(table, row, institution, cipher)
        _marked(table, row, institution, marks)
        rows.append(row)
    add_rows(session, table, rows)


def count_rows(session: Session, table: Table, institution: str) -> int:
    """Return how many rows of a table are the institution's."""
    return (
        session.scalar(select(func.count()).select_from(table).where(table.c.institution_id == institution))
        or 0
    )


def _line(table: Table, row: dict[str, Any], cipher: FieldCipher) -> bytes:
    for column, bound in ENCRYPTED.get(table.name, {}).items():
        if row[column] is not None:
            row[column] = cipher.decrypt_text(
                row[column], table=table.name, row_id=bound.format(id=row["id"])
            )
    for column in INDEXES.get(table.name, {}):
        # Only whether there was one travels, for it is made anew.
        row[column] = None if row[column] is None else ""
    row.update(_BLANKED.get(table.name, {}))
    return (
        json.dumps({name: _json(value) for name, value in row.items()}, ensure_ascii=False) + "\n"
    ).encode()


def _json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value


def _value(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if value is None or isinstance(kind, JSON):
        return value
    if isinstance(kind, UtcDateTime | DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    return value


def _sealed(table: Table, row: dict[str, Any], institution: str, cipher: FieldCipher) -> None:
    for column, source in INDEXES.get(table.name, {}).items():
        if row[column] is not None:
            row[column] = cipher.blind_index(row[source], domain=f"{institution}:citizen_id")
    for column, bound in ENCRYPTED.get(table.name, {}).items():
        if row[column] is not None:
            row[column] = cipher.encrypt_text(
                row[column], table=table.name, row_id=bound.format(id=row["id"])
            )


def _marked(table: Table, row: dict[str, Any], institution: str, marks: RowMarks) -> None:
    if table.name not in ("ledger_entry", "ledger_head"):
        return
    chain = ChainOf(institution, row["learner_ref"], row["class_run_id"])
    if table.name == "ledger_entry":
        row["mark"] = marks.of_row(chain, row["id"], row["natural_key"], row["seq"], row["hash"])
    else:
        row["mark"] = marks.of_head(chain, row["id"], LedgerHead(row["seq"], row["hash"]))
