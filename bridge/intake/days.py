"""The inbox's layout on PostgreSQL: what learners' agents send is kept by the day, everything else in one table.

    inbox_message                     by source
      inbox_claim                     all sources but the agent; its keys are unique for ever
      inbox_beats                     the agent's batches, by chain
        inbox_beats_20261128          chains that began on that legal day

A chain of batches is a study session, and a session's id begins with the moment of its making: a range of ids is a
day. So a chain lies whole in one partition, also across midnight; `(chain, seq)` is a key over all days without any
table of keys; and a day that is dropped takes whole chains along, never half of one. There is no partition for
what fits nowhere: a batch without its day is refused with a reason and sent again by its agent.

SQLite keeps the one table.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from bridge.db.append_only import append_only_ddl
from bridge.kernel.ids import first_id, made_ms
from bridge.kernel.time import LEGAL_ZONE, epoch_ms, from_epoch_ms, legal_date

AGENT = "agent"
"""Source of batches of beats."""
CLAIMS, BEATS = "inbox_claim", "inbox_beats"
DAYS_AHEAD = 7
_SESSION = "ss"


def bounds(day: date) -> tuple[str, str]:
    """Return the first chain that may have begun on a legal day, and the first after it."""
    return _first_chain(day), _first_chain(day + timedelta(days=1))


def day_of_chain(chain: str) -> date:
    """Return the legal day on which a chain of batches began; ValueError for a chain that no session is."""
    if not is_chain_of_agent(chain):
        raise ValueError("not a study session's chain")
    return legal_date(from_epoch_ms(made_ms(chain)))


def is_chain_of_agent(chain: str) -> bool:
    """Return whether it is a study session's chain; other chains are named after an institution."""
    return chain.startswith(f"{_SESSION}_")


def partition(day: date) -> str:
    """Return the name of a day's table."""
    return f"{BEATS}_{day:%Y%m%d}"


def day_of_partition(name: str) -> date | None:
    """Return the day of a table; None for another table."""
    digits = name.removeprefix(f"{BEATS}_")
    if digits == name or len(digits) != 8 or not digits.isdecimal():
        return None
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()


def days_wanted(today: date) -> Sequence[date]:
    """Return the days that must have a table: yesterday's sessions may go on, and clocks of machines differ."""
    return [today + timedelta(days=offset) for offset in range(-1, DAYS_AHEAD + 1)]


def layout_ddl() -> tuple[str, ...]:
    """Return what turns the one table `inbox_message`, empty of batches, into the layout.

    `chain` sorts by its bytes: with the database's own order a range of ids would be no range of time.
    """
    return (
        "DROP TRIGGER IF EXISTS inbox_message_append_only ON inbox_message",
        f"ALTER TABLE inbox_message RENAME TO {CLAIMS}",
        f'ALTER TABLE {CLAIMS} ALTER COLUMN chain TYPE VARCHAR(120) COLLATE "C"',
        f"CREATE TABLE inbox_message (LIKE {CLAIMS}) PARTITION BY LIST (source)",
        f"CREATE TABLE {BEATS} PARTITION OF inbox_message"
        f" (PRIMARY KEY (chain, seq), CONSTRAINT ck_{BEATS}_key CHECK (idempotency_key = chain || ':' || seq))"
        f" FOR VALUES IN ('{AGENT}') PARTITION BY RANGE (chain)",
        # Ids rise with time as rows do: a few bytes find a message of any day.
        f"CREATE INDEX ix_{BEATS}_id ON {BEATS} USING brin (id) WITH (pages_per_range = 16)",
    )


def attach_claims_ddl() -> tuple[str, ...]:
    """Return what completes the layout: claims are found in `inbox_message`, and nothing in it changes."""
    return (
        f"ALTER TABLE inbox_message ATTACH PARTITION {CLAIMS} DEFAULT",
        *append_only_ddl("inbox_message", "postgresql"),
        *no_truncate_ddl("inbox_message"),
        *no_truncate_ddl(CLAIMS),
        *no_truncate_ddl(BEATS),
    )


def day_ddl(day: date) -> tuple[str, ...]:
    """Return what makes a day's table. It is attached when it stands, which keeps nobody from writing to others."""
    name = partition(day)
    first, end = bounds(day)
    return (
        f"CREATE TABLE {name} (LIKE {BEATS} INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)",
        *no_truncate_ddl(name),
        f"ALTER TABLE {BEATS} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')",
    )


def no_truncate_ddl(table: str) -> tuple[str, ...]:
    """Return what refuses to empty a table; unlike the trigger on rows it is not handed down to parts."""
    return (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION inbox_message_append_only()",
    )


def _first_chain(day: date) -> str:
    midnight = datetime.combine(day, time(), LEGAL_ZONE)
    return first_id(_SESSION, epoch_ms(midnight.astimezone(UTC)))
