"""Takes a hand-over in: every part is decrypted, checked and read once, in one unit of work; a receipt is signed."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError

from bridge.archive import tar
from bridge.archive.tables import ArchiveTakeoverRow
from bridge.completion.store import CertificateRow
from bridge.db.data_keys import DataKeys
from bridge.db.unit_of_work import Tx
from bridge.db.vault import store_sealed
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, new_id
from bridge.kernel.time import rfc3339
from bridge.ledger.audit import audit
from bridge.ledger.signatures import PublicKey
from bridge.wiring.handover_model import (
    MANIFEST,
    MANIFEST_FILE,
    RECEIPT,
    Part,
    PartSeal,
    Signed,
    parts_of,
    read_signed,
    sender_keys,
)
from bridge.wiring.handover_people import receiving_person
from bridge.wiring.handover_rows import count_rows, moved_tables, take_rows
from bridge.wiring.handover_trust import Trust

if TYPE_CHECKING:
    from bridge.wiring.house import House


@dataclass(slots=True)
class _Taken:
    """What was taken in so far."""

    trust: Trust
    counts: Counter[str] = field(default_factory=Counter)


def check(
    folder: Path, seal: PartSeal, key: dict[str, Any], sender: str
) -> tuple[Signed, dict[str, PublicKey]]:
    """Return the manifest and the sender's keys, if every part is there and as it was sent.

    Args:
        key: the receiver's private key; sender: see `sender_keys`.

    Raises:
        InvalidInput: handover_malformed, handover_sender_differs, handover_signature_wrong, handover_not_for_us,
            handover_part_missing, handover_part_changed.
    """
    try:
        manifest = read_signed((folder / MANIFEST_FILE).read_bytes(), MANIFEST)
    except FileNotFoundError as error:
        raise InvalidInput("handover_malformed", f"文件夹中没有 {MANIFEST_FILE}。") from error
    keys = sender_keys(manifest, sender)
    if manifest.body["receiver_key"] != seal.public(key)["kid"]:
        raise InvalidInput("handover_not_for_us", "交接包是发给另一把密钥的。")
    for part in parts_of(manifest):
        _read(folder, part)
    return manifest, keys


def _read(folder: Path, part: Part) -> bytes:
    """Return a part's bytes, the very ones that were held against the manifest."""
    try:
        content = (folder / part.file).read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput("handover_part_missing", f"缺少 {part.file},请移交方重新传送。") from error
    if len(content) != part.octets or sha256_hex(content) != part.sha256:
        raise InvalidInput("handover_part_changed", f"{part.file} 与清单不符,请移交方重新传送。")
    return content


def _opened(folder: Path, part: Part, seal: PartSeal, key: dict[str, Any]) -> dict[PurePosixPath, bytes]:
    """Return a part's members; read anew and held against the manifest anew, for the folder is anybody's."""
    members = tar.read(seal.open(key, _read(folder, part)))
    if len(members) != part.members:
        raise InvalidInput("handover_part_changed", f"{part.file} 的内容件数与清单不符。")
    return members


def unpack(folder: Path, out: Path, seal: PartSeal, key: dict[str, Any], sender: str) -> Signed:
    """Write everything of a package into `out`, decrypted: for a receiver without a bridge. Return the manifest.

    Raises:
        InvalidInput: as `check`; archive_folder_not_empty, handover_part_unreadable.
    """
    if out.exists() and any(out.iterdir()):
        raise InvalidInput("archive_folder_not_empty", "目标文件夹不是空的,请换一个空文件夹。")
    manifest, _ = check(folder, seal, key, sender)
    for part in parts_of(manifest):
        for path, content in _opened(folder, part, seal, key).items():
            target = out.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.write_bytes(content)
    return manifest


def take_in(
    house: "House",
    folder: Path,
    seal: PartSeal,
    key: dict[str, Any],
    *,
    sender: str,
    by: str,
    operator_name: str = "",
) -> Signed:
    """Take the institution in; return the signed receipt. Nothing of it is kept unless all of it holds.

    What this bridge decides itself is not taken from the sender (`handover_trust`); the receipt names it.

    Args:
        by: login or id of a person of this bridge.
        operator_name: of this bridge, as it will stand on papers; "" for the code that the regulator knows it by.

    Raises:
        InvalidInput: as `check`; institution_known (this bridge has it already), handover_without_records,
            handover_rows_differ, handover_ledger_broken, handover_paper_differs, handover_part_unreadable,
            staff_unknown.
        NotPermitted("handover_role_wrong")
    """
    taker = receiving_person(house, by)
    manifest, keys = check(folder, seal, key, sender)
    institution = InstitutionId(manifest.body["institution"])
    if manifest.body["receiver_kind"] == "exam_body":
        raise InvalidInput("handover_without_records", "这个交接包只有档案文件,没有可供导入的记录。")
    _unknown(house, institution)
    own = {one.public.id for one in house.ledger_keys.known()}
    with house.uow.for_institution(institution) as tx:
        house.ledger_keys.take_along(tx, [one for kid, one in keys.items() if kid not in own])
        taken = _Taken(Trust(operator_name or house.settings.platform_code))
        for part in parts_of(manifest):
            _part(house, tx, institution, _opened(folder, part, seal, key), taken)
        _require_all(tx, institution, manifest, taken)
        _require_sound(house, tx, institution, keys)
        body = _receipt(manifest, house, taken, taker)
        receipt = Signed(body, *house.ledger_keys.sign_within(tx.session, canonical_json(body)))
        tx.session.add(
            ArchiveTakeoverRow(
                id=new_id("take"),
                institution_id=institution,
                manifest=manifest.to_bytes().decode(),
                manifest_sha256=manifest.sha256,
                taken_by=taker,
                taken_at=house.clock.now(),
                receipt=receipt.to_bytes().decode(),
            )
        )
    return receipt


def _unknown(house: "House", institution: InstitutionId) -> None:
    with house.uow.across_institutions(
        "is the institution of a hand-over here already?", read_only=True
    ) as tx:
        here = [table.name for table in moved_tables() if count_rows(tx.session, table, institution)]
    if here:
        raise InvalidInput(
            "institution_known", "本系统已有这家机构的记录,不能再导入;请在新的安学桥中导入。", http_status=409
        )


def _part(
    house: "House",
    tx: Tx,
    institution: InstitutionId,
    members: Mapping[PurePosixPath, bytes],
    taken: _Taken,
) -> None:
    tables = {table.name: table for table in moved_tables()}
    for path in sorted(members):
        kind = path.parts[0]
        if kind == "rows":
            name = path.parts[1].partition("-")[2]
            if name not in tables:
                raise InvalidInput("handover_rows_differ", f"本版本没有移交方的表 {name},请先升级。")
            lines = members[path].splitlines()
            try:
                take_rows(
                    tx.session,
                    tables[name],
                    institution,
                    lines,
                    house.cipher,
                    house.ledger_marks,
                    taken.trust,
                )
            except IntegrityError as error:
                raise InvalidInput(
                    "handover_rows_differ",
                    f"表 {name} 的内容与本系统已有的记录冲突(如统一社会信用代码已登记),不能导入。",
                    http_status=409,
                ) from error
            except (ValueError, TypeError, KeyError, DBAPIError) as error:
                raise InvalidInput(
                    "handover_rows_differ", f"表 {name} 的内容与本版本不符,请先升级。"
                ) from error
            taken.counts[f"rows.{name}"] += len(lines)
        elif kind == "evidence" and path.suffix == ".bin":
            said = json.loads(members[path.with_suffix(".json")])
            _evidence(house, tx, institution, said, members[path])
            taken.counts["evidence"] += 1
        elif kind == "materials":
            # Held against its name before it is kept: courses find it by that name alone.
            if sha256_hex(members[path]) != path.name:
                raise InvalidInput("handover_part_changed", f"课件 {path.name[:16]}… 与其校验值不符。")
            house.material_files.keep(io.BytesIO(members[path]))
            taken.counts["materials"] += 1
        elif kind == "documents":
            taken.counts["documents"] += 1


def _evidence(
    house: "House", tx: Tx, institution: InstitutionId, said: Mapping[str, Any], content: bytes
) -> None:
    """Store a piece under its old id and a key of this bridge."""
    if sha256_hex(content) != said["sha256"]:
        raise InvalidInput("handover_part_changed", f"材料 {said['id']} 与清单不符。")
    class_run = None if said["class_run"] is None else ClassRunId(said["class_run"])
    scope = EvidenceScope(institution, said["subject"], EvidencePurpose(said["purpose"]), class_run)
    row, bare = DataKeys(tx, house.key_ring).of(scope)
    vault = house.at(tx).vault
    vault.take_along(
        store_sealed(
            house.key_ring, house.blobs, EvidenceId(said["id"]), scope, row, bare, content, said["media_type"]
        )
    )
    vault.put(scope, content, said["media_type"])


def _require_all(tx: Tx, institution: InstitutionId, manifest: Signed, taken: _Taken) -> None:
    told = {
        name: number
        for name, number in manifest.body["counts"].items()
        if not name.startswith("log.") and number
    }
    if dict(taken.counts) != told:
        raise InvalidInput("handover_rows_differ", "收到的数量与清单不符,请移交方重新传送。")
    for table in moved_tables():
        wanted = told.get(f"rows.{table.name}", 0) - taken.trust.left[table.name]
        if count_rows(tx.session, table, institution) != wanted:
            raise InvalidInput("handover_rows_differ", f"表 {table.name} 的行数与清单不符。")


def _require_sound(house: "House", tx: Tx, institution: InstitutionId, keys: Mapping[str, PublicKey]) -> None:
    found = audit(tx, house.ledger_marks, {}, institution=institution, taken={institution: keys})
    if found.faults:
        raise InvalidInput("handover_ledger_broken", f"台账核对不符:{found.faults[0].sentence_zh}")
    stations = house.at(tx)
    for number, sha256, evidence in tx.session.execute(
        select(CertificateRow.number, CertificateRow.sha256, CertificateRow.evidence_id)
    ):
        try:
            pdf = stations.vault.get(institution, EvidenceId(evidence))
        except InvalidInput:
            # Its key was destroyed at the sender's: the register of papers goes on without the file.
            continue
        if sha256_hex(pdf) != sha256:
            raise InvalidInput("handover_paper_differs", f"证明 {number} 的文件与登记不符。")


def _receipt(manifest: Signed, house: "House", taken: _Taken, by: str) -> dict[str, Any]:
    now: datetime = house.clock.now()
    return {
        "type": RECEIPT,
        "v": 1,
        "handover": manifest.body["id"],
        "manifest_sha256": manifest.sha256,
        "institution": manifest.body["institution"],
        "taken_at": rfc3339(now),
        "taken_by": by,
        "taken_into": house.settings.public_url,
        "counts": dict(sorted(taken.counts.items())),
        "left_out": taken.trust.told(),
    }
