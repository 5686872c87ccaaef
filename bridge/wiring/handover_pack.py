"""Packs a hand-over: documents that people read, and for another bridge rows, evidence and course material."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bridge.archive import tar
from bridge.archive.tables import ArchiveHandoverRow
from bridge.db.data_keys import DataKeyRow
from bridge.db.destroyed_list import receipt_of
from bridge.db.destruction import KeyDestructionRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.identity.access_log import hand_notes_over
from bridge.identity.tables import AccountBindingRow, ConsentRow, DisclosureRow
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, new_id
from bridge.kernel.time import rfc3339
from bridge.ledger.audit import read_one_moment
from bridge.registry.materials import kept_files
from bridge.wiring.archive_files import Disclosure, class_file_in, learner_file_in
from bridge.wiring.handover_model import (
    MANIFEST_FILE,
    PARTS,
    Manifest,
    Part,
    PartSeal,
    Receiver,
    ReceiverKind,
    Signed,
)
from bridge.wiring.handover_people import two_people
from bridge.wiring.handover_rows import left_tables, moved_tables, rows_of
from bridge.wiring.leaving import require_frozen

if TYPE_CHECKING:
    from bridge.wiring.house import House

PART_OCTETS = 8 * 1024 * 1024
"""A part is closed once it holds so much; a larger piece is a part of its own."""
PURPOSE = "archive.handover"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    Args:
        class_runs: whose documents are packed; empty for all of the institution.
        by, approved_by: staff, by login or id; two people.
    """

    institution: InstitutionId
    receiver: Receiver
    kind: ReceiverKind
    purpose: str
    by: str
    approved_by: str
    class_runs: tuple[ClassRunId, ...] = ()


@dataclass(slots=True)
class _Package:
    """A package that is being written: members gather until a part is full."""

    folder: Path
    seal: Callable[[bytes], bytes]
    pack: Callable[[dict[str, bytes]], bytes]
    log_looks: Callable[[], None]
    octets: int
    counts: Counter[str] = field(default_factory=Counter)
    parts: list[Part] = field(default_factory=list)
    gathered: dict[str, bytes] = field(default_factory=dict)
    size: int = 0

    def add(self, path: str, content: bytes) -> None:
        self.gathered[path] = content
        self.size += len(content)
        if self.size >= self.octets:
            self.close()

    def close(self) -> None:
        if not self.gathered:
            return
        self.log_looks()
        sealed = self.seal(self.pack(self.gathered))
        name = f"{PARTS}/{len(self.parts) + 1:06d}.jwe"
        (self.folder / name).write_bytes(sealed)
        self.parts.append(Part(name, sha256_hex(sealed), len(sealed), len(self.gathered)))
        self.gathered, self.size = {}, 0


def pack(house: "House", order: Order, folder: Path, seal: PartSeal, *, octets: int = PART_OCTETS) -> Signed:
    """Write the package into `folder`, which must be empty or not there; return the signed manifest.

    All of it is read as of one moment. Whose name stands in a part is in the access log before the part is written.

    Raises:
        InvalidInput: archive_folder_not_empty, institution_unknown, class_run_unknown, staff_unknown,
            handover_not_frozen, handover_sessions_open, handover_work_waiting.
        NotPermitted: second_person_required, handover_role_wrong.
    """
    by, approved_by = two_people(house, order.institution, order.by, order.approved_by)
    order = replace(order, by=by, approved_by=approved_by)
    key = seal.public(order.receiver.encrypt_to)
    keys = house.ledger_keys.jwks(order.institution)["keys"] or [house.ledger_keys.signing().public.jwk()]
    made_at = house.clock.now()
    with house.uow.for_institution(order.institution, read_only=True) as tx:
        read_one_moment(tx)
        stations = house.at(tx)
        owner = stations.registry_store.institution()
        if owner is None:
            raise InvalidInput("institution_unknown", "没有这家机构。", http_status=404)
        for run in order.class_runs:
            stations.registry.class_run(run)
        runs = order.class_runs or tuple(run.id for run in stations.registry_store.class_runs())
        frozen_at = require_frozen(house, tx) if order.kind.gets_records else None
        _empty(folder)
        package = _Package(
            folder,
            lambda content: seal.seal(key, content),
            lambda files: tar.pack(files, made_at),
            lambda: _log_looks(house, tx),
            octets,
        )
        try:
            _documents(house, tx, order, runs, package)
            if order.kind.gets_records:
                _logs(tx, package)
                _rows(house, tx, order.institution, package)
                _evidence(house, tx, order.institution, package)
                _materials(house, tx, package)
            package.close()
        finally:
            _log_looks(house, tx)
    manifest = Manifest(
        id=new_id("hand"),
        institution=order.institution,
        institution_name=owner.name,
        made_at=made_at,
        receiver_kind=order.kind,
        receiver=order.receiver.name,
        receiver_key=key["kid"],
        purpose=order.purpose,
        class_runs=tuple(runs),
        parts=tuple(package.parts),
        counts=package.counts,
        left=left_tables() if order.kind.gets_records else {},
        keys=tuple(keys),
        receiver_signs=None if order.receiver.signs is None else order.receiver.signs.id,
        frozen_at=frozen_at,
    )
    return _kept(house, order, manifest, folder)


def _log_looks(house: "House", tx: Tx) -> None:
    """Log the looks at people of which the snapshot, that cannot write, has only taken note."""
    with house.uow.for_institution(tx.institution_id) as writing:
        hand_notes_over(tx, writing)


def _kept(house: "House", order: Order, manifest: Manifest, folder: Path) -> Signed:
    body = manifest.body()
    with house.uow.for_institution(order.institution) as tx:
        signed = Signed(body, *house.ledger_keys.sign_within(tx.session, canonical_json(body)))
        tx.session.add(
            ArchiveHandoverRow(
                id=manifest.id,
                institution_id=order.institution,
                receiver_kind=order.kind.value,
                receiver=order.receiver.name,
                receiver_key=manifest.receiver_key,
                purpose=order.purpose,
                made_by=order.by,
                approved_by=order.approved_by,
                made_at=manifest.made_at,
                class_runs=list(manifest.class_runs),
                manifest=signed.to_bytes().decode(),
                manifest_sha256=signed.sha256,
            )
        )
    (folder / MANIFEST_FILE).write_bytes(signed.to_bytes())
    return signed


def _empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput("archive_folder_not_empty", "目标文件夹不是空的,请换一个空文件夹。")
    (folder / PARTS).mkdir(parents=True, mode=0o700)


def _documents(house: "House", tx: Tx, order: Order, runs: Sequence[ClassRunId], package: _Package) -> None:
    why = Disclosure(PURPOSE, order.receiver.name, order.by)
    for run in runs:
        found = class_file_in(house, tx, run, why)
        base = f"documents/{run}"
        package.add(f"{base}/class-file.tar", found.bag(house, run, "班次培训档案", order.institution))
        package.counts["documents"] += 1
        for learner in house.at(tx).registry.enrolled(run):
            one = learner_file_in(house, tx, run, learner, why)
            bag = one.bag(house, f"{run}/{learner}", "学员学习电子档案", order.institution)
            package.add(f"{base}/learners/{learner}.tar", bag)
            package.counts["documents"] += 1


def _logs(tx: Tx, package: _Package) -> None:
    """Pack what the receiver can read and check but does not go on with."""
    receipts = tx.session.scalars(select(KeyDestructionRow).order_by(KeyDestructionRow.number))
    logs: dict[str, list[dict[str, Any]]] = {
        "key_destruction": [receipt_of(row).to_json() for row in receipts],
        "disclosures": [
            {
                "learner": row.learner,
                "what": row.what,
                "purpose": row.purpose,
                "recipient": row.recipient,
                "by": row.by,
                "at": rfc3339(row.at),
            }
            for row in tx.session.scalars(select(DisclosureRow).order_by(DisclosureRow.at, DisclosureRow.id))
        ],
        "consents": [
            {
                "account": row.account_id,
                "purpose": row.purpose,
                "version": row.version,
                "given_at": rfc3339(row.given_at),
                "revoked_at": None if row.revoked_at is None else rfc3339(row.revoked_at),
            }
            for row in tx.session.scalars(select(ConsentRow).order_by(ConsentRow.given_at, ConsentRow.id))
        ],
        "account_bindings": [
            {
                "account": row.account_id,
                "learner": row.learner,
                "bound_at": rfc3339(row.bound_at),
                "ended_at": None if row.ended_at is None else rfc3339(row.ended_at),
                "ended_reason": row.ended_reason,
            }
            for row in tx.session.scalars(
                select(AccountBindingRow).order_by(AccountBindingRow.bound_at, AccountBindingRow.id)
            )
        ],
    }
    for name, rows in logs.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        package.add(f"logs/{name}.jsonl", "".join(lines).encode())
        package.counts[f"log.{name}"] = len(rows)


def _rows(house: "House", tx: Tx, institution: InstitutionId, package: _Package) -> None:
    for number, table in enumerate(moved_tables()):
        for lot, lines in enumerate(rows_of(tx.session, table, institution, house.cipher)):
            package.add(f"rows/{number:03d}-{table.name}/{lot:06d}.jsonl", b"".join(lines))
            package.counts[f"rows.{table.name}"] += len(lines)


def _evidence(house: "House", tx: Tx, institution: InstitutionId, package: _Package) -> None:
    vault = house.at(tx).vault
    for evidence, key in _live(tx):
        content = vault.get(institution, EvidenceId(evidence.id))
        said = {
            "id": evidence.id,
            "subject": key.subject,
            "purpose": key.purpose,
            "class_run": key.class_run_id or None,
            "media_type": evidence.media_type,
            "sha256": evidence.sha256,
            "created_at": rfc3339(evidence.created_at),
        }
        # Both in one part: content never comes before what says whose it is.
        package.gathered[f"evidence/{evidence.id}.json"] = canonical_json(said)
        package.add(f"evidence/{evidence.id}.bin", content)
        package.counts["evidence"] += 1


def _live(tx: Tx) -> Iterator[tuple[EvidenceRow, DataKeyRow]]:
    found = tx.session.execute(
        select(EvidenceRow, DataKeyRow)
        .join(DataKeyRow, DataKeyRow.id == EvidenceRow.key_id)
        .where(DataKeyRow.destroyed_at.is_(None))
        .order_by(EvidenceRow.id),
        execution_options={"yield_per": 200},
    )
    yield from ((evidence, key) for evidence, key in found)


def _materials(house: "House", tx: Tx, package: _Package) -> None:
    for sha256 in kept_files(tx):
        with house.material_files.open(sha256) as file:
            package.add(f"materials/{sha256}", file.read())
        package.counts["materials"] += 1
