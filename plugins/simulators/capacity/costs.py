"""What a batch, a frame and a row cost here, as `./anxue capacity measure` found it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bridge.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one bridge on one machine; CPU in seconds, sizes in bytes.

    Args:
        measured_at: RFC 3339; `machine`, `database`: what was measured where.
        web_processes: that answered.
        batch_events: events in each batch that was sent.
        door_seconds: how long the door took for single batches, one at a time, ordered (a sample).
        web_cpu, worker_cpu, database_cpu: for each batch, over all that follows from it. `database_cpu` is 0
            where the database lives in the other processes (SQLite).
        frame_cpu: to judge one frame.
        request_bytes, reply_bytes: of a batch on the wire, headers included.
        inbox_bytes, ledger_bytes, other_bytes: in the database for each batch, indexes included.
        load: the machine's load when it was measured; above its cores the figures are for orientation.
    """

    measured_at: str
    machine: str
    cores: int
    load: float
    database: str
    web_processes: int
    batch_events: int
    batches: int
    door_seconds: Sequence[float]
    web_cpu: float
    worker_cpu: float
    database_cpu: float
    frame_cpu: float
    frame_bytes: int
    request_bytes: int
    reply_bytes: int
    inbox_bytes: float
    ledger_bytes: float
    other_bytes: float

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Costs":
        """Return stored costs; InvalidInput("costs_malformed")."""
        try:
            found = cls(**value)
            if not found.door_seconds or min(found.web_cpu, found.worker_cpu, found.frame_cpu) <= 0:
                raise ValueError
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                "costs_malformed", "测量文件不是本版本的,请重新运行 ./anxue capacity measure"
            ) from error
        return found
