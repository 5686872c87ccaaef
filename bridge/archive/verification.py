"""Whether a learner's file in a folder is the one that was sealed: the bag, then what only we know."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.archive.model import CHECKS, INDEX, ITEMS, LEDGER, PAPERS, Fault
from bridge.archive.ports import BagFormat
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.ledger.model.entries import read_ledger
from bridge.registry.model import ClassRunSheet


def verify(folder: Path, bags: BagFormat) -> tuple[Fault, ...]:
    """Return what is wrong with the learner's file in `folder`; empty if nothing is.

    The content is looked at only if the bag holds, since a changed bag explains every other fault.
    """
    return bags.faults(folder) or tuple(_content_faults(folder / "data"))


def summary(folder: Path) -> dict[str, Any]:
    """Return what a verified file is: learner, class run, ledger head, papers, files."""
    index = json.loads((folder / "data" / INDEX).read_bytes())
    return {
        "learner": index["学员"],
        "class_run": index["班次"],
        "ledger_head": index["学时账本"]["末端"],
        "certificates": index["证明编号"],
        "files": sum(1 for path in folder.rglob("*") if path.is_file()),
    }


def _content_faults(data: Path) -> Iterator[Fault]:
    documents: dict[str, Any] = {}
    for name in (INDEX, CHECKS, *ITEMS):
        try:
            documents[name] = json.loads((data / name).read_bytes())
        except FileNotFoundError:
            yield Fault("item_missing", f"data/{name}", f"档案缺少 {ITEMS.get(name, name)}(data/{name})。")
        except (ValueError, RecursionError):
            yield Fault("item_malformed", f"data/{name}", f"data/{name} 不是可读的 JSON。")
    if len(documents) < len(ITEMS) + 2:
        return
    try:
        yield from _ledger_faults(data, documents[INDEX])
        yield from _paper_faults(data, documents[INDEX], documents["6-completion.json"])
    except (KeyError, TypeError, AttributeError):
        yield Fault("item_malformed", f"data/{INDEX}", "档案索引的内容与本版本的格式不符。")


def _ledger_faults(data: Path, index: dict[str, Any]) -> Iterator[Fault]:
    path = f"data/{LEDGER}"
    try:
        content = (data / LEDGER).read_bytes()
    except FileNotFoundError:
        yield Fault("ledger_missing", path, f"档案缺少学时账本({path})。")
        return
    if sha256_hex(content) != index["学时账本"]["sha256"]:
        yield Fault("ledger_changed", path, f"{path} 与索引中登记的 SHA-256 值不符。")
    try:
        ledger = read_ledger(content, expected_head=index["学时账本"]["末端"])
        sheet = ClassRunSheet.from_json(ledger.header)
    except InvalidInput as error:
        yield Fault(error.reason, path, f"{path}:{error.message}")
        return
    if (sheet.learner, sheet.class_run.id) != (index["学员"], index["班次"]):
        yield Fault("ledger_foreign", path, f"{path} 属于另一名学员或另一班次。")


def _paper_faults(data: Path, index: dict[str, Any], completion: dict[str, Any]) -> Iterator[Fault]:
    if sorted(str(one["编号"]) for one in completion["证明文件"]) != sorted(index["证明编号"]):
        yield Fault("papers_differ", f"data/{INDEX}", "索引与学习完成情况中的证明编号不一致。")
    listed = {
        str(one["编号"]): str(one["sha256"]) for one in completion["证明文件"] if one["文件"] is not None
    }
    folder = data / PAPERS
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    for number, sha256 in listed.items():
        path = f"data/{PAPERS}/{number}.pdf"
        if f"{number}.pdf" not in present:
            yield Fault("paper_missing", path, f"缺少证明文件 {path}。")
        elif sha256_hex((folder / f"{number}.pdf").read_bytes()) != sha256:
            yield Fault("paper_changed", path, f"证明文件 {path} 与登记的 SHA-256 值不符。")
    for name in sorted(present - {f"{number}.pdf" for number in listed}):
        yield Fault("paper_unlisted", f"data/{PAPERS}/{name}", f"data/{PAPERS}/{name} 没有登记。")
