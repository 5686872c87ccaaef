"""Bench `ingest`: events a second through the agent's door of a real `serve`, against a bare insert.

Clients post batches of 100 events, each in its turn of the nonce chain, over kept-alive connections: first at half the
goal's rate, where it is the slow ones that count, then as fast as they are answered. Every batch that counts was
answered 200, which the door does only after a durable commit (SQLite: synchronous=FULL; PostgreSQL: as it comes). The
peer puts the same events as rows into the same database, one durable commit for each batch, and does nothing else.
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from bridge.bench.agents import EVENTS_IN_BATCH, Agent, at_full_rate, at_pace, taken_seconds
from bridge.bench.loaded_bridge import loaded_bridge

SESSIONS = 12
SECONDS = 15.0
PACED_SECONDS = 15.0
PACED_EVENTS_PER_SECOND = {"sqlite": 12_500, "postgresql": 10_000}
"""Half of the rate that is the goal."""
_WARM_UP_SECONDS = 2.0
_BARE_SECONDS = 3.0


def run(database: str = "sqlite") -> dict[str, Any]:
    """Return {"name", "n", "events_per_second", "ratio", "ms_per_batch_p50", …, "paced_p99_ms", …, "peers"}."""
    with loaded_bridge(database, SESSIONS) as bridge:
        agents = [Agent(session, bridge.settings.public_url) for session in bridge.sessions]
        pace = PACED_EVENTS_PER_SECOND[database] / EVENTS_IN_BATCH
        at_pace(agents, pace, warm_up=_WARM_UP_SECONDS, seconds=PACED_SECONDS)
        paced = taken_seconds(agents)
        at_full_rate(agents, warm_up=_WARM_UP_SECONDS, seconds=SECONDS)
        taken = taken_seconds(agents)
        in_ledger = bridge.batches_in_ledger() / sum(agent.seq - 1 for agent in agents)
        bare = (
            _bare_postgresql(bridge.database)
            if bridge.database
            else _bare_sqlite(bridge.folder / "bare.sqlite3")
        )
    rate = len(taken) * EVENTS_IN_BATCH / SECONDS
    return {
        "name": "ingest",
        "n": len(taken) * EVENTS_IN_BATCH,
        "events_per_second": rate,
        "ratio": rate / bare,
        "batch": EVENTS_IN_BATCH,
        "sessions": SESSIONS,
        "database": database,
        "ms_per_batch_p50": _ms(taken, 50),
        "ms_per_batch_p99": _ms(taken, 99),
        "paced_events_per_second": len(paced) * EVENTS_IN_BATCH / PACED_SECONDS,
        "paced_p50_ms": _ms(paced, 50),
        "paced_p99_ms": _ms(paced, 99),
        "share_in_ledger_at_end": in_ledger,
        "peers": [
            {
                "name": f"bare {'SQLite insert' if database == 'sqlite' else 'PostgreSQL COPY'}",
                "figure": bare,
                "unit": "events/s",
                "ratio": rate / bare,
            }
        ],
    }


def _ms(seconds: list[float], percent: int) -> float:
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)] * 1000


_COLUMNS = "session, client_ms, media_ms, visible, interaction_ms, rate_permille"
_ROWS = [("session", 100 * i, 100 * i, 1, 0, 1000) for i in range(EVENTS_IN_BATCH)]


def _bare_sqlite(path: Path) -> float:
    """Return events a second of plain inserts, one durable commit for each batch."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(
        "CREATE TABLE event (id INTEGER PRIMARY KEY, session TEXT, client_ms INTEGER, media_ms INTEGER,"
        " visible INTEGER, interaction_ms INTEGER, rate_permille INTEGER)"
    )

    def batch() -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", _ROWS)  # noqa: S608
        db.execute("COMMIT")

    try:
        return _per_second(batch)
    finally:
        db.close()


def _bare_postgresql(address: str) -> float:
    """Return events a second of rows by COPY, which is its fastest way in, one durable commit for each batch."""
    with psycopg.connect(address) as db:
        db.execute(
            "CREATE TABLE bare_event (id bigserial PRIMARY KEY, session text, client_ms bigint, media_ms bigint,"
            " visible int, interaction_ms bigint, rate_permille int)"
        )
        db.commit()

        def batch() -> None:
            with db.cursor() as cursor, cursor.copy(f"COPY bare_event ({_COLUMNS}) FROM STDIN") as copy:
                for row in _ROWS:
                    copy.write_row(row)
            db.commit()

        return _per_second(batch)


def _per_second(batch: Callable[[], None]) -> float:
    begin = time.perf_counter()
    batches = 0
    while time.perf_counter() - begin < _BARE_SECONDS:
        batch()
        batches += 1
    return batches * EVENTS_IN_BATCH / (time.perf_counter() - begin)
