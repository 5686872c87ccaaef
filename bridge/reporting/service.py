"""Use cases of reporting: queue what a paper tells, build a batch, hand it out, take its receipt in."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.completion.model import IssuedPaper
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import EventsAndWishes
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import Clock, legal_date
from bridge.reporting.building import BatchBuilder
from bridge.reporting.door import DOOR_REASONS, Door, DoorRules, first_due
from bridge.reporting.model import (
    FEED,
    MOST_RECORDS,
    TO_CORRECT,
    WITHDRAWAL_REASONS,
    Action,
    Batch,
    BatchHeader,
    BatchReport,
    BatchState,
    Delivery,
    Failure,
    Receipt,
    Record,
    RecordFault,
    RecordKind,
    RecordState,
    Verdict,
)
from bridge.reporting.ports import (
    BatchFormat,
    DoorStore,
    Home,
    IdentityDisclosure,
    PaperRegister,
    ReportingStore,
    Sheets,
    Standings,
    StudyRecords,
)
from bridge.reporting.records import records_for, withdrawal_of

_WHOLE_REFUSED = "regulator_refused_batch"


class ReportingService:
    """Reporting in one unit of work of one institution. It never talks to the regulator; a courier does.

    Args:
        platform_code: what the regulator calls this bridge.
        regulator: named in each disclosure as the recipient.
        chance: in [0, 1); spreads the pauses after failures.
    """

    def __init__(
        self,
        store: ReportingStore,
        *,
        institution_id: InstitutionId,
        home: Home,
        sheets: Sheets,
        standings: Standings,
        papers: PaperRegister,
        study: StudyRecords,
        identity: IdentityDisclosure,
        batches: BatchFormat,
        evidence: EvidencePort,
        events: EventsAndWishes,
        door: DoorStore,
        rules: DoorRules,
        clock: Clock,
        platform_code: str,
        regulator: str = "省级监管平台",
        chance: float = 0.0,
    ) -> None:
        self._store = store
        self._institution_id = institution_id
        self._home = home
        self._sheets = sheets
        self._standings = standings
        self._papers = papers
        self._study = study
        self._builder = BatchBuilder(store, batches, identity, regulator)
        self._format = batches
        self._evidence = evidence
        self._events = events
        self._door = door
        self._rules = rules
        self._clock = clock
        self._platform_code = platform_code
        self._chance = chance

    def queue_certificate(self, number: str) -> int:
        """Queue the records that the paper `number` makes and ask for a batch; return how many are new.

        A record that says what its newest revision says is not queued again; a second call queues nothing.

        Raises:
            InvalidInput: "certificate_unknown".
        """
        paper = self._known_paper(number)
        sheet = self._sheets.class_run_sheet(paper.class_run, paper.learner)
        return self.queue(
            self._records(paper.learner, paper.class_run, number), sheet.class_run.division_code
        )

    def queue_status(self, number: str) -> int:
        """Queue what has become of the paper `number`, and nothing else that it once told; return how many are new.

        What its other records say may have been told anew since, by a later paper.

        Raises:
            InvalidInput: "certificate_unknown".
        """
        paper = self._known_paper(number)
        sheet = self._sheets.class_run_sheet(paper.class_run, paper.learner)
        own = (
            one
            for one in self._records(paper.learner, paper.class_run, number)
            if one.kind is RecordKind.CERTIFICATE
        )
        return self.queue(own, sheet.class_run.division_code)

    def queue(self, records: Iterable[Record], division_code: str) -> int:
        """Queue what is new of `records` and ask for a batch of the city; return how many are new."""
        wanted = list(records)
        newest_of = self._store.newest_of([(one.kind, one.number) for one in wanted])
        fresh = []
        for record in wanted:
            newest = newest_of.get((record.kind, record.number))
            if newest is not None and newest.action is Action.WITHDRAW:
                continue  # people took it back; no event brings it in again
            if newest is None or dict(newest.fields) != dict(record.fields):
                fresh.append(self._next_revision(record, newest))
        if fresh:
            self._store.add_records(fresh, division_code, self._clock.now())
            self._events.want(FEED, division_code)
        return len(fresh)

    def renew(self, record: Record) -> Record:
        """Queue a new revision of the record as its source has it now; return it.

        Raises:
            InvalidInput: "record_not_to_correct": its newest revision is on its way or was accepted.
        """
        newest = self._store.newest(record.kind, record.number)
        if newest is None or newest.state not in TO_CORRECT:
            raise InvalidInput(
                "record_not_to_correct",
                "这条记录没有被退回或拦下,不需要更正。请刷新后重试。",
                http_status=409,
            )
        division_code = self._store.division_of(newest.key)
        fresh = self._current(newest)
        queued = self._store_revision(replace(fresh, as_of=None), newest, division_code)
        self._events.want(FEED, division_code)
        return queued

    def withdraw(self, kind: RecordKind, number: str, reason: str) -> Record:
        """Queue a revision that takes the record back; return it.

        Args:
            reason: a code of `WITHDRAWAL_REASONS`.

        Raises:
            InvalidInput: "record_unknown", "record_withdrawn" (before), "withdrawal_reason".
        """
        newest = self._store.newest(kind, number)
        if newest is None:
            raise InvalidInput("record_unknown", "没有这条报送记录,请核对。", http_status=404)
        if newest.action is Action.WITHDRAW:
            raise InvalidInput("record_withdrawn", "这条记录已经撤回过。", http_status=409)
        if reason not in WITHDRAWAL_REASONS:
            raise InvalidInput("withdrawal_reason", "请从列表中选择撤回原因。")
        division_code = self._store.division_of(newest.key)
        queued = self._store_revision(withdrawal_of(newest, reason), newest, division_code)
        self._events.want(FEED, division_code)
        return queued

    def send_again(self, batch_id: str) -> None:
        """Put a batch that was given up on its way again, the same bytes under the same id, and the door into use.

        Raises:
            InvalidInput: "batch_not_failed".
        """
        batch = self._known(batch_id)
        if batch.state is not BatchState.FAILED:
            raise InvalidInput(
                "batch_not_failed", "这个批次没有停发,不需要重发。请刷新后重试。", http_status=409
            )
        self._store.set_batch_state(batch_id, BatchState.READY)
        self.open_door()
        self._events.want(FEED, batch.division_code)

    def open_door(self) -> None:
        """Have batches go out again: a person has put right what stopped them."""
        self._door.save_door(Door(changed_at=self._clock.now()))

    def build_batch(self, division_code: str) -> Batch | None:
        """Build one batch of the waiting records of a city, keep it encrypted, tell; None if none waits.

        Records that the gate would refuse are held with their reason and do not stop the others. No batch is built
        while as many as the rules allow wait for their receipts: the records wait instead.
        """
        if len(self._store.undelivered(division_code)) >= self._rules.most_undelivered:
            return None
        waiting = self._store.waiting(division_code, MOST_RECORDS)
        if not waiting:
            return None
        header = self._header(division_code)
        built, full = self._builder.gated(header, waiting)
        if not full:
            return None
        content = self._format.sign(built.content)
        batch = self._store.add_batch(
            Batch(
                id=header.batch_id,
                division_code=division_code,
                uscc=header.uscc,
                state=BatchState.READY,
                sha256=sha256_hex(content),
                evidence_id=self._evidence.put(self._scope(header.batch_id), content, "application/xml"),
                record_count=len(full),
                created_at=header.created_at,
                schema_version=self._format.version_on(header),
            )
        )
        keys = [record.key for record, _values in full]
        self._store.move(keys, RecordState.BATCHED, batch_id=batch.id, sha256=built.record_sha256)
        self._events.emit(
            "reporting.batch_ready",
            batch.id,
            occurred_at=header.created_at,
            idempotency_key=batch.id,
            data={"batch": batch.id},
        )
        return batch

    def try_out(self, division_code: str) -> tuple[bytes, bytes, tuple[RecordFault, ...]]:
        """Return what would go next as XML and as JSON, and what the gate would hold; nothing is kept or sent.

        The names in it are asked for, and logged, like those of a real batch.
        """
        waiting = self._store.waiting(division_code, MOST_RECORDS)
        header = self._header(division_code)
        full = self._builder.with_values(waiting)
        content = self._format.build(header, full).content
        return content, self._format.json_form(header, full), self._format.faults(content)

    def ask_for_delivery(self, batch_id: str) -> None:
        """Have the batch carried, after those of its city that are before it."""
        self._events.want(FEED, self._known(batch_id).division_code)

    def next_due(self, division_code: str) -> str | None:
        """Return the batch of a city that is to go now; None if none is, or the regulator is not to be called."""
        now = self._clock.now()
        if self._rules.maintenance_until(now) is not None or not self._door.door().lets_through(now):
            return None
        return first_due([(one.id, one.next_at) for one in self._store.undelivered(division_code)], now)

    def take_out(self, batch_id: str) -> tuple[Delivery, int] | None:
        """Return the batch to carry and the attempt's number; None if it has its receipt already."""
        batch = self._known(batch_id)
        if self._store.receipt_raw(batch_id) is not None:
            return None
        xml = self._bytes(batch)
        return Delivery(batch_id, xml), self._store.open_attempt(batch_id, self._clock.now())

    def record_receipt(self, batch_id: str, attempt: int, raw: bytes) -> Receipt:
        """Take a receipt in: a verdict for each record, the raw bytes kept; the first one stands.

        Raises:
            InvalidInput: "receipt_malformed", "receipt_foreign" (another batch's, or of other bytes) or
                "receipt_incomplete" (a record without verdict): not believed, nothing changes.
        """
        batch = self._known(batch_id)
        receipt = self._format.read_receipt(raw)
        now = self._clock.now()
        known = self._store.receipt_raw(batch_id)
        if known is not None:
            self._store.close_attempt(batch_id, attempt, now, "receipt")
            return self._format.read_receipt(known)
        if (receipt.batch_id, receipt.batch_sha256) != (batch.id, batch.sha256):
            raise InvalidInput("receipt_foreign", "回执不是针对本批次的,未予采信,将重新报送。")
        records = self._store.records_of(batch_id)
        self._store.settle(_verdicts(receipt, records), receipt.received_at)
        self._store.add_receipt(receipt, raw, now)
        self._store.set_batch_state(batch_id, BatchState(receipt.status))
        self._store.close_attempt(batch_id, attempt, now, "receipt")
        door = self._door.door()
        if (after := door.after_success(now)) != door:
            self._door.save_door(after)
        self._events.emit(
            "reporting.receipt_received",
            batch_id,
            occurred_at=now,
            idempotency_key=batch_id,
            data={"batch": batch_id, "status": receipt.status},
        )
        return receipt

    def record_failure(self, batch_id: str, attempt: int, failure: Failure) -> None:
        """Keep that an attempt failed and why; the batch is "failed" only if trying again is useless."""
        now = self._clock.now()
        self._store.close_attempt(batch_id, attempt, now, failure.reason, failure.answer)
        if self._store.receipt_raw(batch_id) is not None:
            return  # another carrier delivered it while this one hung
        door = self._door.door()
        if failure.permanent:
            self._store.set_batch_state(batch_id, BatchState.FAILED, failure.reason)
            if failure.reason in DOOR_REASONS:
                self._door.save_door(door.stopped(now, failure.reason))
            return
        tried = self._known(batch_id).failures + 1
        self._store.note_failure(batch_id, now, self._rules.pause(tried, self._chance, failure.retry_after))
        self._door.save_door(door.after_failure(now, failure.reason, self._rules, asked=failure.retry_after))

    def give_up(self, batch_id: str, reason: str) -> None:
        """Set a batch aside that cannot be carried at all (its bytes are gone or changed): the later ones go on."""
        if self._store.receipt_raw(batch_id) is not None:
            return
        self._store.set_batch_state(batch_id, BatchState.FAILED, reason)

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

    def reports(self, limit: int | None = None) -> tuple[BatchReport, ...]:
        """Return all batches of the institution, newest first."""
        return tuple(self.report(batch.id) for batch in self._store.batches(limit))

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

    def _header(self, division_code: str) -> BatchHeader:
        institution = self._home.institution()
        if institution is None:
            raise InvalidInput("institution_unknown", "没有这家机构", http_status=404)
        return BatchHeader(
            new_id("batch"), self._platform_code, division_code, institution.uscc, self._clock.now()
        )

    def _records(self, learner: LearnerRef, class_run: ClassRunId, number: str) -> Iterable[Record]:
        paper = self._papers.paper_by_number(number)
        if paper is None:
            return ()
        sheet = self._sheets.class_run_sheet(class_run, learner)
        standing = self._standings.standing(sheet, legal_date(self._clock.now()))
        sessions, checks = self._study.sessions(learner, class_run), self._study.checks(learner, class_run)
        return records_for(paper, sheet, standing, sessions, checks)

    def _known_paper(self, number: str) -> IssuedPaper:
        paper = self._papers.paper_by_number(number)
        if paper is None:
            raise InvalidInput("certificate_unknown", "没有这个编号的证明,请核对编号。", http_status=404)
        return paper

    def _current(self, record: Record) -> Record:
        """Return the record as its source has it now; what no source has any more stays as it was."""
        if record.learner is not None and record.action is Action.REPORT:
            # The newest first: papers of one learner share the record of the hours.
            for paper in reversed(self._papers.papers(record.learner, record.class_run)):
                for one in self._records(record.learner, record.class_run, paper.number):
                    if (one.kind, one.number) == (record.kind, record.number):
                        return one
        return record

    def _store_revision(self, record: Record, newest: Record | None, division_code: str) -> Record:
        fresh = self._next_revision(record, newest)
        self._store.add_records([fresh], division_code, self._clock.now())
        return fresh

    def _next_revision(self, record: Record, newest: Record | None) -> Record:
        if newest is not None and newest.state is RecordState.WAITING:
            self._store.move([newest.key], RecordState.SUPERSEDED, code="newer_before_sending")
        return replace(
            record,
            revision=1 if newest is None else newest.revision + 1,
            state=RecordState.WAITING,
            reason=None,
            reason_code=None,
            sha256=None,
        )


def _verdicts(receipt: Receipt, records: Sequence[Record]) -> list[Verdict]:
    """Return one verdict for each record; InvalidInput("receipt_incomplete") if the receipt says less or more."""
    if receipt.status == "refused" and not receipt.verdicts:
        reason = receipt.reason or "监管平台没有说明原因"
        return [Verdict(*record.key, "refused", _WHOLE_REFUSED, reason) for record in records]
    said = {(one.kind, one.number, one.revision): one for one in receipt.verdicts}
    if {record.key for record in records} != set(said) or len(said) != len(receipt.verdicts):
        raise InvalidInput("receipt_incomplete", "回执缺少部分记录的结论,未予采信,将重新报送。")
    return list(said.values())
