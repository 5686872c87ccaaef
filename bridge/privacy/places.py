"""Where a bridge writes: tables of its database, evidence behind keys, the queue, files. Each is read as it lies there.

What is encrypted is looked into with the bridge's own keys: a name behind a key is meant to be there, a telephone
number is not, and only who gave the list can say which of both was found.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, inspect, select, text

from bridge.db.field_cipher import PREFIXES, FieldCipher, FieldUnreadable
from bridge.privacy.content import NotOpened, inside

_ROWS_AT_ONCE = 500
_PIECE_BYTES = 1 << 20
_OVERLAP_BYTES = 4_096
"""Of two pieces of a file: longer than any form of a string that is looked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that was read.

    Args:
        place: table and column, or file.
        row: the row's primary key, or the offset in a file; "" where that says nothing.
        content: None where it could not be read: `trouble` says why.
    """

    place: str
    row: str
    content: bytes | None
    trouble: str = ""


def in_database(engine: Engine, cipher: FieldCipher) -> Iterator[Piece]:
    """Yield each value of each table that there is, known to the programme or not."""
    with engine.connect() as connection:
        there = MetaData()
        there.reflect(connection, only=_tables(connection), resolve_fks=False)
        for name, table in sorted(there.tables.items()):
            key = [column.name for column in table.primary_key]
            rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
            for row in rows.mappings():
                where = "/".join(str(row[column]) for column in key)
                for column, value in row.items():
                    yield from _value(name, column, where, value, cipher)


def _tables(connection: Connection) -> list[str]:
    names = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        # Partitions are read with the table that they are parts of.
        names -= set(
            connection.scalars(
                text(
                    "SELECT relname FROM pg_class WHERE relispartition AND relnamespace ="
                    " current_schema()::regnamespace"
                )
            )
        )
    return sorted(names)


def _value(table: str, column: str, row: str, value: Any, cipher: FieldCipher) -> Iterator[Piece]:
    place = f"{table}.{column}"
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, bytes | memoryview):
        yield from _opened(place, row, bytes(value))
        return
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    yield Piece(place, row, written.encode(errors="surrogatepass"))
    if isinstance(value, str) and value.startswith(PREFIXES):
        # A table's only encrypted field is bound to its row, one of several to row and field.
        for bound_to in (row, f"{row}:{column.removesuffix('_enc')}"):
            try:
                yield Piece(place, row, cipher.decrypt_text(value, table=table, row_id=bound_to).encode())
                return
            except FieldUnreadable:
                continue
        yield Piece(place, row, None, "encrypted field cannot be opened")


def in_folder(folder: Path) -> Iterator[Piece]:
    """Yield each file below a folder, raw: also what a database has deleted and not yet overwritten."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield from in_file(Path(parent) / name, shown=str((Path(parent) / name).relative_to(folder)))


def in_file(path: Path, *, shown: str) -> Iterator[Piece]:
    """Yield a file in overlapping pieces, its name, and what is packed in it."""
    yield Piece(shown, "name", shown.encode(errors="surrogateescape"))
    try:
        with path.open("rb") as file:
            offset, before = 0, b""
            while piece := file.read(_PIECE_BYTES):
                yield Piece(shown, str(offset), before + piece)
                offset += len(piece)
                before = piece[-_OVERLAP_BYTES:]
        if offset <= 1 << 28:
            yield from _opened(shown, "", path.read_bytes(), raw=False)
    except FileNotFoundError:
        # A queue's file, a draft: gone between listing and reading, so it is kept nowhere.
        return
    except OSError as error:
        yield Piece(shown, "", None, type(error).__name__)


def _opened(place: str, row: str, content: bytes, *, raw: bool = True) -> Iterator[Piece]:
    try:
        for number, part in enumerate(inside(content)):
            if number or raw:
                yield Piece(place, row, part)
    except NotOpened as error:
        yield Piece(place, row, None, str(error))


def in_redis(url: str) -> Iterator[Piece]:
    """Yield every value of the Redis database that carries the queue."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(count=_ROWS_AT_ONCE):
            name = key.decode(errors="replace")
            yield Piece("redis", name, key)
            read = _REDIS_READERS.get(client.type(key))
            if read is None:
                yield Piece("redis", name, None, "unknown kind of value")
                continue
            for value in read(client, key):
                yield Piece("redis", name, value)


_REDIS_READERS: Mapping[bytes, Callable[[Any, bytes], Iterable[bytes]]] = {
    b"none": lambda _client, _key: (),
    b"string": lambda client, key: [client.get(key) or b""],
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1),
    b"hash": lambda client, key: chain.from_iterable(client.hgetall(key).items()),
}
