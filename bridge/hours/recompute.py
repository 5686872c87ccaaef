"""Class hours from ledger.jsonl alone: for an authority, a court or a learner, without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge.hours.model import HoursStatement, credit_class_hours
from bridge.kernel.errors import InvalidInput
from bridge.ledger.model import (
    LedgerFile,
    LedgerInvalid,
    ProfileStudyRules,
    SecondsStatement,
    read_ledger,
    settle,
)
from bridge.registry.model import ClassRunSheet
from bridge.rules.loader import CONFIG, load_packs, load_profile
from bridge.rules.model import ProfileInForce, RulePack

MAX_LEDGER_BYTES = 256 * 1024 * 1024
"""More than a year of beats; a larger file is no ledger of one class run."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A verified ledger with what it is worth under the packs that it names."""

    sheet: ClassRunSheet
    ledger: LedgerFile
    seconds: SecondsStatement
    hours: HoursStatement
    rules: ProfileInForce

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values; seconds and class hours are whole numbers."""
        return {
            "credited_seconds": self.seconds.credited_seconds,
            "provisional_seconds": self.seconds.provisional_seconds,
            "refused_seconds": self.seconds.refused_seconds,
            "class_hours": self.hours.online_class_hours,
            "offline_class_hours": self.hours.offline_class_hours,
            "ledger_head": self.ledger.head.hash,
            "profile": self.sheet.class_run.profile,
            "packs": [{"id": pack.id, "content_hash": pack.content_hash} for pack in self.sheet.packs],
        }


def recompute(path: Path, pack_dirs: Sequence[Path] = (), expected_head: str | None = None) -> Recomputed:
    """Verify the ledger in `path` and return what it is worth.

    Args:
        pack_dirs: folders with the packs that the ledger names, looked into before the bridge's own.
        expected_head: the head hash that a paper shows; proves that nothing was cut off the end.

    Raises:
        LedgerInvalid: the first line that cannot be believed.
        InvalidInput: pack_missing, pack_differs, profile_differs: not the rules that the ledger names.
        NoRuleInForce: those rules give no value on a day that was studied.
    """
    sheet, ledger, rules = read_with_rules(path, pack_dirs, expected_head)
    seconds = settle(sheet, ledger.entries, ProfileStudyRules(rules, sheet))
    return Recomputed(sheet, ledger, seconds, credit_class_hours(seconds, sheet, rules), rules)


def read_with_rules(
    path: Path, pack_dirs: Sequence[Path] = (), expected_head: str | None = None
) -> tuple[ClassRunSheet, LedgerFile, ProfileInForce]:
    """Verify the ledger in `path`; return it with its sheet and exactly the rules that it names. As `recompute`."""
    if path.stat().st_size > MAX_LEDGER_BYTES:
        raise InvalidInput("ledger_too_large", "文件过大,不是单个班次的台账,请检查文件。")
    ledger = read_ledger(path.read_bytes(), expected_head=expected_head)
    sheet = _sheet(ledger)
    return sheet, ledger, _rules_named(sheet, pack_dirs)


def _sheet(ledger: LedgerFile) -> ClassRunSheet:
    try:
        sheet = ClassRunSheet.from_json(ledger.header)
    except InvalidInput as error:
        raise LedgerInvalid(error.reason, 1, error.message) from error
    for entry in ledger.entries:
        named = (entry.data.get("learner", sheet.learner), entry.data.get("class_run", sheet.class_run.id))
        if named != (sheet.learner, sheet.class_run.id):
            raise LedgerInvalid("entry_foreign", entry.seq + 1, "这条记录属于另一名学员或另一班次。")
    return sheet


def _rules_named(sheet: ClassRunSheet, pack_dirs: Sequence[Path]) -> ProfileInForce:
    """Return the profile with exactly the packs that the ledger names, by content."""
    found: dict[str, list[RulePack]] = {}
    for pack in (*load_packs(pack_dirs), *load_packs([CONFIG / "rulepacks"])):
        found.setdefault(pack.id, []).append(pack)
    chosen = []
    for wanted in sheet.packs:
        known = found.get(wanted.id)
        if not known:
            raise InvalidInput(
                "pack_missing", f"找不到台账所用的规则包 {wanted.id},请用 --packs 指出其所在目录。"
            )
        same = [pack for pack in known if pack.content_hash == wanted.content_hash]
        if not same:
            raise InvalidInput(
                "pack_differs",
                f"规则包 {wanted.id} 与台账所用的版本不同:台账为 {wanted.content_hash},"
                f"现有为 {'、'.join(pack.content_hash for pack in known)};请用 --packs 指出原版本所在目录。",
            )
        chosen.append(same[0])
    profile = load_profile(_profile_folder(sheet.class_run.profile))
    named = {pack.id for pack in sheet.packs}
    composed = next((packs for packs in (profile.packs, *profile.earlier) if set(packs) == named), None)
    if composed is None:
        raise InvalidInput(
            "profile_differs",
            f"规则方案 {profile.id} 现由 {'、'.join(profile.packs)} 组成,"
            f"台账所用为 {'、'.join(pack.id for pack in sheet.packs)},无法重算。",
        )
    wins = {parameter: pack for parameter, pack in profile.named.items() if pack in composed}
    return ProfileInForce(replace(profile, packs=composed, named=wins), chosen)


def _profile_folder(profile: str) -> Path:
    home = CONFIG / "profiles"
    # The name comes from a file that anyone may have written: it is looked up, never made into a path.
    known = {folder.name: folder for folder in home.iterdir() if folder.is_dir()}
    if profile not in known:
        raise InvalidInput(
            "profile_unknown", f"没有名为 {profile} 的规则方案;可用的有:{'、'.join(sorted(known))}。"
        )
    return known[profile]
