"""`DoorStore` on SQLAlchemy, for one unit of work."""

from bridge.db.unit_of_work import Tx
from bridge.reporting.door import Circuit, Door
from bridge.reporting.tables import ReportDoorRow

_DOOR = "regulator"


class SqlDoorStore:
    """The one row that all institutions share; see `ports.DoorStore`."""

    def __init__(self, tx: Tx) -> None:
        self._session = tx.session

    def door(self) -> Door:
        row = self._session.get(ReportDoorRow, _DOOR)
        if row is None:
            return Door()
        return Door(Circuit(row.circuit), row.failures, row.openings, row.reason, row.until, row.changed_at)

    def save_door(self, door: Door) -> None:
        self._session.merge(
            ReportDoorRow(
                id=_DOOR,
                circuit=door.circuit.value,
                failures=door.failures,
                openings=door.openings,
                reason=door.reason,
                until=door.until,
                changed_at=door.changed_at,
            )
        )
        self._session.flush()
