"""Whole tables over the API: which may be fetched now, and the file of one, noted with its hash before it leaves."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from bridge.supervision.api_scopes import ApiScope
from bridge.supervision.api_tokens import ApiCaller
from bridge.supervision.export_tables import TABLES, table_of
from bridge.supervision.list_exports import FETCHED_WITHIN, ListExport, ListExports, require_allowed
from bridge.web.api.asked import Asked
from bridge.web.api.shapes import Export
from bridge.wiring import House
from bridge.wiring.parquet_files import alone, write_table

PARQUET = "application/vnd.apache.parquet"
_CHUNK = 256 * 1024


def allowed_exports(asked: Asked) -> dict[str, Any]:
    """Return the whole tables that two people of the office allowed and that may still be fetched."""
    now = asked.house.clock.now()
    exports = ListExports(asked.tx.session, asked.house.clock, asked.caller.owner).all()
    return {
        "items": [
            Export(
                export=one.id,
                table=table_of(one.kind) or "",
                purpose=one.purpose,
                recipient=one.recipient,
                allowed_at=one.decided_at,
                fetch_until=one.decided_at + FETCHED_WITHIN,
            )
            for one in exports
            if one.decided_at is not None and table_of(one.kind) is not None and one.may_fetch(now)
        ],
        "next": None,
    }


def fetch_export(asked: Asked) -> AnyResponse:
    """Return the Parquet file of an export.

    Raises:
        InvalidInput: export_unknown, export_not_allowed, export_kind_unknown.
        NotPermitted("insufficient_scope"): it holds names, and the token may not read learners.
    """
    house = asked.house
    wanted = ListExports(asked.tx.session, house.clock, asked.caller.owner).one(asked.place["export"])
    require_allowed(wanted, house.clock.now())
    table = TABLES.get(table_of(wanted.kind) or "")
    if table is not None and table.names:
        asked.caller.require(ApiScope.LEARNERS)
    return parquet_answer(house, asked.caller, wanted)


def parquet_answer(house: House, caller: ApiCaller, export: ListExport) -> AnyResponse:
    """Return the file of an export that was allowed; what is handed out is noted with its hash and rows first."""
    file: IO[bytes] = TemporaryFile(dir=house.settings.data_dir)  # noqa: SIM115  # closed when it was sent
    try:
        with alone():
            made = make_file(house, caller, export, file)
    except BaseException:
        file.close()
        raise
    answer = Response(_chunks(file), mimetype=PARQUET)
    answer.call_on_close(file.close)
    answer.headers["Content-Length"] = str(file.tell())
    answer.headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(made[0])).decode()}:"
    name = f"{table_of(export.kind)}-{export.id}.parquet"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    file.seek(0)
    return answer


def make_file(house: House, caller: ApiCaller, export: ListExport, file: IO[bytes]) -> tuple[str, int]:
    """Write the file of an export and note it; return SHA-256 and rows. `file` stands at its end."""
    with house.uow.across_institutions("a whole table for an office", read_only=True) as tx:
        rows = write_table(house, tx, caller, export, file)
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # an IO[bytes] reads into
    with house.uow.across_institutions("note that a whole table left the house") as tx:
        ListExports(tx.session, house.clock, caller.owner).note_program_fetch(
            export.id, sha256=sha256, row_count=rows, by=caller.client_id
        )
    return sha256, rows


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
