"""What a walk leaves behind: the learner's files, summary.json, and the checks that anybody could repeat."""

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bridge.kernel.canonical import sha256_hex
from plugins.simulators.demonstration.processes import Town
from plugins.simulators.demonstration.road import Road, refused_tests
from plugins.simulators.demonstration.steps import Journal, expect

FILES = ("certificate.pdf", "completion.pdf", "batch.xml", "receipt.xml", "ledger.jsonl")
BAG = "bag"


def take_out(town: Town, road: Road, into: Path) -> dict[str, Any]:
    """Let the operator's command write the learner's files into `into`; return its figures."""
    return town.command(
        "export", "learner", "--institution", road.institution, "--learner", road.learner,
        "--class-run", road.class_run, "--by", "demonstration", "--out", str(into),
    )  # fmt: skip


def require_files(journal: Journal, taken: Path, wait: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Wait for the files that `take_out` writes; return its figures."""
    with journal.step("export", "取出学员的证明、台账、档案和报送文件") as step:
        facts = wait()
        for name in (*FILES, BAG):
            expect((taken / name).exists(), f"缺少 {name}")
        step.say(f"台账末端 {facts['ledger_head'][:16]}…,证明 {facts['certificate_number']}")
    return facts


def check(town: Town, road: Road, journal: Journal, taken: Path, facts: Mapping[str, Any]) -> None:
    """Repeat from the files alone what the bridge said: hours, hashes, archive, receipt."""
    with journal.step("recompute", "只凭台账文件重算学时,与证明一致;档案改动一个字节即被发现") as step:
        spoiled = taken.with_name("spoiled-bag")
        shutil.copytree(taken / BAG, spoiled)
        victim = max((path for path in (spoiled / "data").rglob("*") if path.is_file()), key=str)
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
        with ThreadPoolExecutor(max_workers=3) as pool:
            hours, archive, refused = pool.map(
                town.run,
                (
                    ("hours", "recompute", "--ledger", str(taken / "ledger.jsonl"),
                     "--head", facts["ledger_head"], "--json"),
                    ("archive", "verify", str(taken / BAG), "--json"),
                    ("archive", "verify", str(spoiled), "--json"),
                ),
            )  # fmt: skip
        expect(hours.returncode == 0, f"重算失败:{hours.stderr.strip()}")
        again = json.loads(hours.stdout)
        for name in (
            "credited_seconds",
            "refused_seconds",
            "class_hours",
            "offline_class_hours",
            "ledger_head",
        ):
            expect(again[name] == facts[name], f"重算的 {name} 是 {again[name]},系统给出 {facts[name]}")
        expect(archive.returncode == 0, f"档案校验失败:{archive.stdout.strip()}")
        expect(refused.returncode == 1, "改动过的档案没有被发现")
        pdf = sha256_hex((taken / "certificate.pdf").read_bytes())
        expect(pdf == facts["certificate_sha256"], "证明 PDF 的 SHA-256 与登记的不符")
        expect(facts["certificate_number"] == road.number, "取出的不是页面上的那份证明")
        expect(
            ["score_without_presence"] in refused_tests(taken / "ledger.jsonl"),
            "没有在场记录的成绩没有被拒绝",
        )
        states = {batch["receipt"] for batch in facts["batches"]}
        expect(states == {"accepted"}, f"批次回执:{states}")
        step.say(f"线上 {again['class_hours']} 学时,线下 {again['offline_class_hours']} 学时")


def summary(facts: Mapping[str, Any], journal: Journal) -> dict[str, Any]:
    """Return the content of summary.json."""
    first = facts["batches"][0]
    return {
        "learner": facts["learner"],
        "credited_seconds": facts["credited_seconds"],
        "refused_seconds": facts["refused_seconds"],
        "class_hours": facts["class_hours"],
        "offline_class_hours": facts["offline_class_hours"],
        "certificate_class_hours": facts["certificate_class_hours"],
        "certificate_number": facts["certificate_number"],
        "certificate_sha256": facts["certificate_sha256"],
        "batch_id": first["batch"],
        "receipt_status": first["receipt"],
        "ledger_head": facts["ledger_head"],
        "seconds_per_step": journal.seconds_per_step(),
    }


def hand_over(taken: Path, pictures: Path, out: Path, words: Mapping[str, Any]) -> None:
    """Put the results into `out`, which may exist and hold other files; only our own names are replaced."""
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(taken / name, out / name)
    for source, name in ((taken / BAG, BAG), (pictures, "screenshots")):
        shutil.rmtree(out / name, ignore_errors=True)
        if source.exists():
            shutil.copytree(source, out / name)
    (out / "summary.json").write_text(json.dumps(words, ensure_ascii=False, indent=2) + "\n")
