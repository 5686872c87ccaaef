"""Builds a batch of waiting records: asks for the names in it, and holds back what the gate would refuse."""

from collections.abc import Mapping, Sequence

from bridge.kernel.errors import InvalidInput
from bridge.reporting.model import (
    ORDER,
    Action,
    BatchHeader,
    BuiltBatch,
    Record,
    RecordFault,
    RecordKind,
    RecordState,
)
from bridge.reporting.ports import BatchFormat, IdentityDisclosure, ReportingStore

FullRecord = tuple[Record, Mapping[str, str]]
"""A record with all its values, personal ones included."""


class BatchBuilder:
    """Builds batches in one unit of work.

    Args:
        regulator: named in each disclosure as the recipient.
    """

    def __init__(
        self, store: ReportingStore, batches: BatchFormat, identity: IdentityDisclosure, regulator: str
    ) -> None:
        self._store = store
        self._format = batches
        self._identity = identity
        self._regulator = regulator

    def with_values(self, records: Sequence[Record]) -> list[FullRecord]:
        """Return the records with all their values, in the order of a batch; each disclosure is logged."""
        full = [(record, self._values(record)) for record in records]
        full.sort(key=lambda pair: ORDER[pair[0].kind])
        return full

    def _values(self, record: Record) -> Mapping[str, str]:
        if record.action is Action.WITHDRAW:
            return {"Kind": record.kind.value, **record.fields}
        if record.kind is not RecordKind.LEARNER or record.learner is None:
            return record.fields
        person = self._identity.disclose(
            record.learner,
            purpose="report_learner",
            recipient=self._regulator,
            by="reporting",
            at=record.as_of,
        )
        return {
            **record.fields,
            "Name": person.name,
            "CitizenId": person.citizen_id,
            "Employer": person.employer,
        }

    def gated(self, header: BatchHeader, waiting: Sequence[Record]) -> tuple[BuiltBatch, list[FullRecord]]:
        """Return a batch that the gate lets pass, and what is in it; the others are held with their reasons."""
        full = self.with_values(waiting)
        while full:
            built = self._format.build(header, full)
            faults = self._format.faults(built.content)
            if not faults:
                return built, full
            full = self._without_held(full, faults)
        return BuiltBatch(b""), []

    def _without_held(self, full: list[FullRecord], faults: tuple[RecordFault, ...]) -> list[FullRecord]:
        by_number: dict[str, str] = {}
        for fault in faults:
            if fault.number is None:
                raise InvalidInput("batch_refused_by_gate", f"批次未通过结构校验:{fault.sentence_zh}")
            by_number.setdefault(fault.number, fault.sentence_zh)
        kept = []
        for record, values in full:
            element = "Withdrawal" if record.action is Action.WITHDRAW else record.kind
            sentence = by_number.get(f"{element}/{record.number}")
            if sentence is None:
                kept.append((record, values))
            else:
                self._store.move([record.key], RecordState.HELD, code="gate", reason=sentence)
        if len(kept) == len(full):
            raise InvalidInput("batch_refused_by_gate", "批次未通过结构校验,且无法定位到记录,请联系管理员。")
        return kept
