"""Use cases of reporting: queue what a paper tells, build a batch, hand it out, take its receipt in."""

from collections.abc import Mapping
from dataclasses import replace

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Events
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import EvidenceId, InstitutionId, new_id
from bridge.kernel.time import Clock, legal_date
from bridge.reporting.model import (
    MOST_RECORDS,
    ORDER,
    Batch,
    BatchHeader,
    BatchReport,
    BatchState,
    Delivery,
    Receipt,
    Record,
    RecordFault,
    RecordKind,
    RecordState,
)
from bridge.reporting.ports import (
    BatchFormat,
    IdentityDisclosure,
    PaperRegister,
    ReportingStore,
    Sheets,
    Standings,
)
from bridge.reporting.records import records_for


class ReportingService:
    """Reporting in one unit of work of one institution. It never talks to the regulator; a courier does.

    Args:
        platform_code: what the regulator calls this bridge.
        regulator: named in each disclosure as the recipient.
    """

    def __init__(
        self,
        store: ReportingStore,
        *,
        institution_id: InstitutionId,
        sheets: Sheets,
        standings: Standings,
        papers: PaperRegister,
        identity: IdentityDisclosure,
        batches: BatchFormat,
        evidence: EvidencePort,
        events: Events,
        clock: Clock,
        platform_code: str,
        regulator: str = "省级监管平台",
    ) -> None:
        self._store = store
        self._institution_id = institution_id
        self._sheets = sheets
        self._standings = standings
        self._papers = papers
        self._identity = identity
        self._format = batches
        self._evidence = evidence
        self._events = events
        self._clock = clock
        self._platform_code = platform_code
        self._regulator = regulator

    def queue_certificate(self, number: str) -> Batch | None:
        """Queue the records that the paper `number` makes and build a batch of what waits in its city.

        A record that says what its newest revision says is not queued again; a second call queues nothing.

        Raises:
            InvalidInput: "certificate_unknown".
        """
        paper = self._papers.paper_by_number(number)
        if paper is None:
            raise InvalidInput("certificate_unknown", "没有这个编号的证明,请核对编号。", http_status=404)
        sheet = self._sheets.class_run_sheet(paper.class_run, paper.learner)
        division_code = sheet.class_run.division_code
        now = self._clock.now()
        for record in records_for(paper, sheet):
            latest = self._store.latest_fields(record.kind, record.number)
            if latest is None or dict(latest[1]) != dict(record.fields):
                revision = 1 if latest is None else latest[0] + 1
                self._store.add_record(replace(record, revision=revision), division_code, now)
        uscc = self._standings.standing(sheet, legal_date(now)).uscc
        return self.build_batch(division_code, uscc)

    def build_batch(self, division_code: str, uscc: str) -> Batch | None:
        """Build one batch of the waiting records of a city, keep it encrypted, tell; None if none waits.

        Records that the gate would refuse are held with their reason and do not stop the others.
        """
        waiting = self._store.waiting(division_code, MOST_RECORDS)
        full = [(record, self._values(record)) for record in waiting]
        full.sort(key=lambda pair: ORDER[pair[0].kind])
        header = BatchHeader(new_id("batch"), self._platform_code, division_code, uscc, self._clock.now())
        xml = b""
        while full:
            xml = self._format.build(header, full)
            faults = self._format.faults(xml)
            if not faults:
                break
            full = self._without_held(full, faults)
        if not full:
            return None
        batch = Batch(
            id=header.batch_id,
            division_code=division_code,
            uscc=uscc,
            state=BatchState.READY,
            sha256=sha256_hex(xml),
            evidence_id=self._evidence.put(self._scope(header.batch_id), xml, "application/xml"),
            record_count=len(full),
            created_at=header.created_at,
            schema_version=self._format.schema_version,
        )
        self._store.add_batch(batch)
        for record, _values in full:
            self._move(record, RecordState.BATCHED, batch_id=batch.id)
        self._events.emit(
            "reporting.batch_ready",
            batch.id,
            occurred_at=header.created_at,
            idempotency_key=batch.id,
            data={"batch": batch.id},
        )
        return batch

    def take_out(self, batch_id: str) -> tuple[Delivery, int] | None:
        """Return the batch to carry and the attempt's number; None if it has its receipt already."""
        batch = self._known(batch_id)
        if self._store.receipt_raw(batch_id) is not None:
            return None
        xml = self._bytes(batch)
        if batch.state is BatchState.FAILED:
            self._store.set_batch_state(batch_id, BatchState.READY)
        return Delivery(batch_id, xml), self._store.open_attempt(batch_id, self._clock.now())

    def record_receipt(self, batch_id: str, attempt: int, raw: bytes) -> Receipt:
        """Take in the receipt: a verdict for each record, the batch's state, and the event; once.

        Raises:
            InvalidInput: "receipt_malformed"; "receipt_foreign": for another batch or other bytes;
                "receipt_incomplete": a record of ours has no verdict.
        """
        batch = self._known(batch_id)
        receipt = self._format.read_receipt(raw)
        known = self._store.receipt_raw(batch_id)
        if known is not None:
            self._store.close_attempt(batch_id, attempt, self._clock.now(), "receipt")
            return self._format.read_receipt(known)
        if (receipt.batch_id, receipt.batch_sha256) != (batch.id, batch.sha256):
            raise InvalidInput("receipt_foreign", "回执不是针对本批次的,未予采信,将重新报送。")
        verdicts = {(one.kind, one.number, one.revision): one for one in receipt.verdicts}
        records = self._store.records_of(batch_id)
        whole_refused = receipt.status == "refused" and not verdicts
        if not whole_refused and {(r.kind, r.number, r.revision) for r in records} != set(verdicts):
            raise InvalidInput("receipt_incomplete", "回执缺少部分记录的结论,未予采信,将重新报送。")
        for record in records:
            verdict = verdicts.get((record.kind, record.number, record.revision))
            if verdict is not None and verdict.accepted:
                self._move(record, RecordState.ACCEPTED)
            else:
                reason = receipt.reason if verdict is None else verdict.reason
                self._move(record, RecordState.REFUSED, reason=reason or "监管平台没有说明原因")
        now = self._clock.now()
        self._store.add_receipt(receipt, raw, now)
        self._store.set_batch_state(batch_id, BatchState(receipt.status))
        self._store.close_attempt(batch_id, attempt, now, "receipt")
        self._events.emit(
            "reporting.receipt_received",
            batch_id,
            occurred_at=now,
            idempotency_key=batch_id,
            data={"batch": batch_id, "status": receipt.status},
        )
        return receipt

    def record_failure(self, batch_id: str, attempt: int, reason: str, *, permanent: bool) -> None:
        """Keep that an attempt failed and why; the batch is "failed" only if trying again is useless."""
        self._store.close_attempt(batch_id, attempt, self._clock.now(), reason)
        if permanent:
            self._store.set_batch_state(batch_id, BatchState.FAILED)

    def report(self, batch_id: str) -> BatchReport:
        """Return a batch with its records, attempts and receipt."""
        batch = self._known(batch_id)
        raw = self._store.receipt_raw(batch_id)
        return BatchReport(
            batch,
            self._store.records_of(batch_id),
            self._store.attempts(batch_id),
            None if raw is None else self._format.read_receipt(raw),
            raw,
        )

    def reports(self) -> tuple[BatchReport, ...]:
        """Return all batches of the institution, newest first."""
        return tuple(self.report(batch.id) for batch in self._store.batches())

    def batch_xml(self, batch_id: str) -> bytes:
        """Return the batch as it was (or will be) sent, personal values and all."""
        return self._bytes(self._known(batch_id))

    def _known(self, batch_id: str) -> Batch:
        batch = self._store.batch(batch_id)
        if batch is None:
            raise InvalidInput("batch_unknown", "没有这个报送批次,请核对编号。", http_status=404)
        return batch

    def _bytes(self, batch: Batch) -> bytes:
        xml = self._evidence.get(self._institution_id, EvidenceId(batch.evidence_id))
        if sha256_hex(xml) != batch.sha256:
            raise InvalidInput("batch_changed", "存储中的批次文件与生成时不一致,请立即报告管理员。")
        return xml

    def _scope(self, batch_id: str) -> EvidenceScope:
        return EvidenceScope(self._institution_id, batch_id, EvidencePurpose.REGULATOR_BATCH, None)

    def _values(self, record: Record) -> Mapping[str, str]:
        if record.kind is not RecordKind.LEARNER or record.learner is None:
            return record.fields
        person = self._identity.disclose(
            record.learner, purpose="report_learner", recipient=self._regulator, by="reporting"
        )
        return {
            **record.fields,
            "Name": person.name,
            "CitizenId": person.citizen_id,
            "Employer": person.employer,
        }

    def _without_held(
        self, full: list[tuple[Record, Mapping[str, str]]], faults: tuple[RecordFault, ...]
    ) -> list[tuple[Record, Mapping[str, str]]]:
        by_number: dict[str, str] = {}
        for fault in faults:
            if fault.number is None:
                raise InvalidInput("batch_refused_by_gate", f"批次未通过结构校验:{fault.sentence_zh}")
            by_number.setdefault(fault.number, fault.sentence_zh)
        kept = []
        for record, values in full:
            sentence = by_number.get(f"{record.kind}/{record.number}")
            if sentence is None:
                kept.append((record, values))
            else:
                self._move(record, RecordState.HELD, reason=sentence)
        if len(kept) == len(full):
            raise InvalidInput("batch_refused_by_gate", "批次未通过结构校验,且无法定位到记录,请联系管理员。")
        return kept

    def _move(
        self, record: Record, state: RecordState, *, batch_id: str | None = None, reason: str | None = None
    ) -> None:
        self._store.set_state(
            record.kind, record.number, record.revision, state, batch_id=batch_id, reason=reason
        )
