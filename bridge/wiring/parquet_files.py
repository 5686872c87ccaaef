"""Whole tables as Parquet files: read page by page through the scope of their owner, written in groups of rows."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import InstitutionId, LearnerRef
from bridge.kernel.time import legal_date, rfc3339
from bridge.supervision.api_queries import MOST_DAYS, Chosen, Key, Listed, Shown, SqlApiQueries
from bridge.supervision.api_tokens import ApiCaller
from bridge.supervision.export_tables import TABLES, Column, ExportTable, table_of
from bridge.supervision.list_exports import ListExport
from bridge.wiring.api import masked_people, owner_name, scope_of_owner

if TYPE_CHECKING:
    from bridge.wiring.house import House

PAGE_ROWS = 10_000
GROUP_ROWS = 50_000
_NAMES_AT_ONCE = 1_000
_FIGURE_SPANS = 4
_LISTED: Mapping[str, Listed] = {
    "institutions": SqlApiQueries.institutions,
    "class_runs": SqlApiQueries.class_runs,
    "learners": SqlApiQueries.learners,
    "hours": SqlApiQueries.hours,
    "papers": SqlApiQueries.papers,
    "signals": SqlApiQueries.signals,
    "report_records": SqlApiQueries.report_records,
    "figures": SqlApiQueries.figures,
}
_one_at_a_time = threading.Lock()


@contextmanager
def alone() -> Iterator[None]:
    """Hold the one place of this process in which a whole table is made; Unavailable("export_busy") if it is taken."""
    if not _one_at_a_time.acquire(blocking=False):
        raise Unavailable("export_busy", "正在生成另一份整表,请稍后再试。", retry_after=timedelta(seconds=30))
    try:
        yield
    finally:
        _one_at_a_time.release()


def write_table(house: "House", tx: Tx, caller: ApiCaller, export: ListExport, sink: IO[bytes]) -> int:
    """Write the table of an export that was allowed to `sink`; return how many rows it has.

    Args:
        tx: a unit of work across institutions that only reads.

    Raises:
        InvalidInput("export_kind_unknown"): the export is no whole table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = table_of(export.kind)
    if name is None or name not in TABLES:
        raise InvalidInput("export_kind_unknown", "这项导出不是整表,请在页面下载。", http_status=409)
    table = TABLES[name]
    schema = _schema(table, _told(house, caller, export, name, table))
    rows = 0
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(_rows(house, tx, caller, export, name, table), GROUP_ROWS):
            arrays = [
                pa.array([row[column.name] for row in group], type=schema.field(column.name).type)
                for column in table.columns
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            rows += len(group)
    return rows


def _rows(
    house: "House", tx: Tx, caller: ApiCaller, export: ListExport, name: str, table: ExportTable
) -> Iterator[Shown]:
    queries = SqlApiQueries(scope_of_owner(house, tx, caller.owner))
    for chosen in _spans(house, name):
        after: Key | None = None
        while True:
            page = _LISTED[name](queries, chosen, after, PAGE_ROWS)
            yield from _named(house, caller, export, page.rows) if table.names else page.rows
            after = page.next
            if after is None:
                break


def _spans(house: "House", name: str) -> Iterator[Chosen]:
    today = legal_date(house.study_clock.now())
    if name != "figures":
        yield Chosen(today=today)
        return
    for back in range(_FIGURE_SPANS, 0, -1):
        first = today - timedelta(days=back * MOST_DAYS - 1)
        yield Chosen(today=today, first=first, days=MOST_DAYS)


def _named(house: "House", caller: ApiCaller, export: ListExport, rows: Sequence[Shown]) -> Iterator[Shown]:
    for some in _groups(iter(rows), _NAMES_AT_ONCE):
        wanted = [(InstitutionId(row["institution"]), LearnerRef(row["learner"])) for row in some]
        people = masked_people(house, wanted, caller, f"{export.id} {export.purpose}", export.recipient)
        for row in some:
            person = people.get(LearnerRef(row["learner"]))
            yield {
                **row,
                "masked_name": None if person is None else person.name,
                "masked_citizen_id": None if person is None else person.citizen_id,
                "employer": None if person is None else person.employer,
            }


def _groups(rows: Iterator[Shown], size: int) -> Iterator[list[Shown]]:
    group: list[Shown] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _schema(table: ExportTable, told: Mapping[str, str]) -> Any:
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "instant": pa.timestamp("us", tz="UTC"),
        "registrations": pa.list_(
            pa.struct(
                [
                    ("division_code", pa.string()),
                    ("document_number", pa.string()),
                    ("valid_from", pa.date32()),
                    ("valid_until", pa.date32()),
                ]
            )
        ),
    }

    def made(column: Column) -> Any:
        return pa.field(column.name, types[column.kind], nullable=column.nullable)

    return pa.schema([made(column) for column in table.columns], metadata=dict(told))


def _told(
    house: "House", caller: ApiCaller, export: ListExport, name: str, table: ExportTable
) -> Mapping[str, str]:
    """Return what the file itself says of where it comes from and to whom it goes."""
    return {
        "anxue.schema": f"{name}/{table.version}",
        "anxue.export": export.id,
        "anxue.purpose": export.purpose,
        "anxue.recipient": export.recipient,
        "anxue.allowed_by": export.decided_by or "",
        "anxue.fetched_by": caller.client_id,
        "anxue.of": owner_name(house, caller.owner),
        "anxue.made_at": rfc3339(house.clock.now()),
    }
