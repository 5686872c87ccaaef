"""Use cases of the archive: seal a learner's file, and take one out again."""

from pathlib import Path

from bridge.archive import tar
from bridge.archive.learner_file import payload, seven_items
from bridge.archive.model import LearnerFile, SealedFile
from bridge.archive.ports import (
    ArchiveStore,
    BagFormat,
    CheckRecords,
    EarnedHours,
    IdentityDisclosure,
    LedgerExport,
    Papers,
    Sheets,
)
from bridge.completion.model import IssuedPaper
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Events
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import Clock, legal_date


class ArchiveService:
    """The archive in one unit of work."""

    def __init__(
        self,
        store: ArchiveStore,
        *,
        sheets: Sheets,
        hours: EarnedHours,
        ledger: LedgerExport,
        checks: CheckRecords,
        papers: Papers,
        identity: IdentityDisclosure,
        bags: BagFormat,
        evidence: EvidencePort,
        events: Events,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sheets = sheets
        self._hours = hours
        self._ledger = ledger
        self._checks = checks
        self._papers = papers
        self._identity = identity
        self._bags = bags
        self._evidence = evidence
        self._events = events
        self._clock = clock

    def seal_learner_file(self, learner: LearnerRef, class_run: ClassRunId) -> SealedFile:
        """Seal the learner's file as it stands now; the newest revision if nothing was added since.

        Source: 粤应急规〔2022〕3号 第二十六条 (the seven items), RFC 8493 (BagIt 1.0).
        """
        earned = self._hours.earned(learner, class_run)
        if not earned.whole:
            raise RuntimeError("a learner's file is made of the whole ledger")
        papers = self._papers.papers(learner, class_run)
        # A paper that ended is another content of the file; a valid one is named by its number alone.
        numbers = tuple(
            sorted(one.number if one.status == "valid" else f"{one.number} {one.status}" for one in papers)
        )
        latest = self._store.latest(learner, class_run)
        if latest is not None and (latest.ledger_head, latest.papers) == (earned.ledger_head, numbers):
            return latest
        revision = 1 if latest is None else latest.revision + 1
        sheet = self._sheets.class_run_sheet(class_run, learner)
        person = self._identity.disclose(
            learner, purpose="seal_learner_file", recipient=sheet.institution, by="archive"
        )
        now = self._clock.now()
        files = self._bags.seal(
            payload(
                sheet,
                person,
                earned,
                self._ledger.export_jsonl(learner, class_run),
                self._checks.checks(learner, class_run),
                [(paper, self._pdf(paper)) for paper in papers],
            ),
            {
                "Source-Organization": sheet.institution,
                "External-Identifier": f"{class_run}/{learner}/{revision}",
                "External-Description": "学员学习电子档案",
                "Bagging-Date": legal_date(now).isoformat(),
            },
        )
        bag = tar.pack(files, now)
        sealed = SealedFile(
            learner=learner,
            class_run=class_run,
            revision=revision,
            bag_sha256=sha256_hex(bag),
            ledger_head=earned.ledger_head,
            papers=numbers,
            evidence_id=self._evidence.put(
                EvidenceScope(sheet.institution, learner, EvidencePurpose.LEARNER_FILE, class_run),
                bag,
                "application/x-tar",
            ),
            sealed_at=now,
        )
        self._store.add(sealed)
        self._events.emit(
            "archive.sealed",
            learner,
            occurred_at=now,
            idempotency_key=f"{class_run}|{learner}|{revision}",
            data={
                "learner": learner,
                "class_run": class_run,
                "bag_sha256": sealed.bag_sha256,
                "evidence_id": sealed.evidence_id,
            },
        )
        return sealed

    def as_it_stands(
        self, learner: LearnerRef, class_run: ClassRunId, *, purpose: str, recipient: str, by: str
    ) -> LearnerFile:
        """Return the learner's file as it stands now, sealed or not; the look is a logged disclosure.

        Source: 粤应急规〔2022〕3号 第二十六条 (recorded in real time).
        """
        sheet = self._sheets.class_run_sheet(class_run, learner)
        person = self._identity.disclose(learner, purpose=purpose, recipient=recipient, by=by)
        earned = self._hours.earned(learner, class_run)
        ledger = self._ledger.export_jsonl(learner, class_run)
        papers = [(paper, self._pdf(paper)) for paper in self._papers.papers(learner, class_run)]
        return LearnerFile(
            seven_items(sheet, person, earned, ledger, papers),
            payload(sheet, person, earned, ledger, self._checks.checks(learner, class_run), papers),
        )

    def _pdf(self, paper: IssuedPaper) -> bytes | None:
        try:
            return self._papers.pdf(paper)
        except InvalidInput as gone:
            if gone.reason != "evidence_unknown":
                raise
            return None

    def latest(self, learner: LearnerRef, class_run: ClassRunId) -> SealedFile | None:
        """Return the newest sealed revision, or None."""
        return self._store.latest(learner, class_run)

    def take_out(self, learner: LearnerRef, class_run: ClassRunId, folder: Path) -> SealedFile:
        """Write the newest bag into `folder`, decrypted; return its row.

        Raises:
            InvalidInput: "learner_file_missing"; "archive_changed": other bytes came back than were sealed;
                "archive_folder_not_empty".
        """
        latest = self._store.latest(learner, class_run)
        if latest is None:
            raise InvalidInput("learner_file_missing", "该学员在本班次还没有封存的档案。", http_status=404)
        sheet = self._sheets.class_run_sheet(class_run, learner)
        bag = self._evidence.get(sheet.institution, latest.evidence_id)
        if sha256_hex(bag) != latest.bag_sha256:
            raise InvalidInput("archive_changed", "存储中的档案与封存时不一致,请立即报告管理员。")
        tar.unpack(bag, folder)
        return latest
