"""DuckDB as the peer of the bench `hours`, in an environment of its own, on one core.

    duckdb_peer.py LEDGERS.jsonl

Reads the rows that the bridge keeps (learner, seq, body, hash) into a table and asks for each learner's seconds of each
legal day: beats put in order, cut into islands where the server heard nothing for too long, the page was out of sight
or played too fast, summed as far as media passed, held against the daily cap. Presence, idleness, media seen before,
corrections and every reason are left out: it does less than a settlement. Prints one JSON object.
"""

import importlib
import json
import statistics
import sys
import time
from typing import Any

PASSES = 5

_READ = """
create table ledger as select * from read_json(?, columns =
    {learner: 'VARCHAR', seq: 'BIGINT', body: 'VARCHAR', hash: 'VARCHAR'})
"""
_BEATS = """
select learner, session, received, heard,
    greatest(coalesce(heard, received), least(told[1], received)) as at_ms,
    told[2] as media, told[3] as visible, told[5] as rate
from (
    select learner, body->>'$.data.session' as session,
        cast(body->>'$.data.received_ms' as bigint) as received,
        cast(body->>'$.data.previous_received_ms' as bigint) as heard,
        unnest(from_json(body->'$.data.beats', '[["BIGINT"]]')) as told
    from ledger where body->>'$.kind' = 'beats')
"""
_ISLANDS = """
with pairs as (
    select *, lag(at_ms) over told as before, lag(visible) over told as seen, lag(rate) over told as speed
    from {beats} window told as (partition by learner, session order by at_ms, received)),
cuts as (
    select *, case when at_ms - before <= 30000 and received - heard <= 30000 and visible = 1 and seen = 1
        and rate <= 1000 and speed <= 1000 then 0 else 1 end as cut from pairs),
islands as (
    select *, sum(cut) over (partition by learner, session order by at_ms, received rows unbounded preceding)
        as island from cuts),
stretches as (
    select learner, session, island, min(at_ms) as start_ms, max(at_ms) as end_ms, max(media) - min(media) as passed
    from islands group by all)
select learner, (start_ms + 28800000) // 86400000 as day, least(sum(least(end_ms - start_ms, passed)), 28800000)
from stretches group by all
"""
_BROKEN = """
with links as (
    select learner, seq, hash, body->>'$.prev' as previous, sha256(unhex(body->>'$.prev') || encode(body)) as own
    from ledger),
chained as (
    select *, lag(own) over (partition by learner order by seq) as before from links)
select count(*) from chained where own <> hash or coalesce(before, repeat('0', 64)) <> previous
"""


def measure(path: str) -> dict[str, Any]:
    """Return seconds for the whole, as medians: proved and unproved from the rows, and from columns made before."""
    db = importlib.import_module("duckdb").connect()
    db.execute("set threads = 1")
    db.execute(_READ, [path])

    def seconds(*queries: str) -> tuple[float, list[Any]]:
        taken = []
        for _ in range(PASSES):
            begin = time.perf_counter()
            answers = [db.execute(query).fetchall() for query in queries]
            taken.append(time.perf_counter() - begin)
        return statistics.median(taken), answers

    from_rows = _ISLANDS.format(beats=f"({_BEATS})")
    proved, (broken, days) = seconds(_BROKEN, from_rows)
    unproved, _ = seconds(from_rows)
    db.execute(f"create table beats as {_BEATS}")
    columns, _ = seconds(_ISLANDS.format(beats="beats"))
    return {
        "proved_seconds": proved,
        "unproved_seconds": unproved,
        "columns_seconds": columns,
        "broken": broken[0][0],
        "learner_days": len(days),
        "credited_ms": int(sum(row[2] for row in days)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1])) + "\n")
