"""BagIt 1.0 bags (RFC 8493): written by us so that the same files give the same bytes, checked three times.

Our own check comes first: it is stricter than the standard (every byte of every tag file, no fetch.txt, no
link) and names the file. Then the standard itself (`bagit_rules`, right in every case of the conformance suite), and
the Library of Congress's bagit, so that a bag that we call sound is one that others accept. bagit alone accepts blanks
where RFC 8493 2.1.1 allows none.
"""

import hashlib
import logging
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bridge.archive.model import Fault
from plugins.archive.bagit_rules import examine

_DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_ALGORITHMS: Final = ("sha256", "sha512")
_SAFE_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LINE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{128})  (.+)")
_MANIFESTS = tuple(f"manifest-{name}.txt" for name in _ALGORITHMS)
_TAG_MANIFESTS = tuple(f"tagmanifest-{name}.txt" for name in _ALGORITHMS)
_TAG_FILES = ("bag-info.txt", "bagit.txt", *_MANIFESTS)


class BagitBag:
    """The BagFormat port."""

    def seal(self, payload: Mapping[str, bytes], info: Mapping[str, str]) -> dict[str, bytes]:
        """Return the bag's files by path.

        Raises:
            ValueError: a path beyond ASCII letters, digits, `.`, `_`, `-`, `/`; a line break in `info`.
        """
        for path in payload:
            if not _SAFE_PATH.fullmatch(path):
                raise ValueError(f"unsafe path in a bag: {path!r}")
        if any(mark in text for pair in info.items() for text in pair for mark in "\r\n"):
            raise ValueError("a line break in bag-info")
        files = {f"data/{path}": content for path, content in payload.items()}
        octets = sum(map(len, files.values()))
        lines = {**info, "Payload-Oxum": f"{octets}.{len(files)}", "Bag-Software-Agent": "anxue-bridge"}
        tags = {
            "bagit.txt": _DECLARATION,
            "bag-info.txt": "".join(f"{label}: {value}\n" for label, value in lines.items()).encode(),
        }
        for name, manifest in zip(_ALGORITHMS, _MANIFESTS, strict=True):
            tags[manifest] = _manifest(name, files)
        for name, manifest in zip(_ALGORITHMS, _TAG_MANIFESTS, strict=True):
            tags[manifest] = _manifest(name, {path: tags[path] for path in _TAG_FILES})
        return {**tags, **files}

    def faults(self, folder: Path) -> tuple[Fault, ...]:
        """Return every fault found; empty for a bag that is byte for byte as it was sealed."""
        if folder.is_symlink() or not folder.is_dir():
            return (Fault("bag_missing", "", f"没有名为 {folder.name} 的档案文件夹。"),)
        try:
            found = (*_own_faults(folder),)
        except OSError as error:
            return (Fault("file_unreadable", str(error.filename or ""), f"无法读取文件:{error.strerror}。"),)
        return found or tuple(_standard_faults(folder)) or tuple(_library_faults(folder))


def _manifest(algorithm: str, files: Mapping[str, bytes]) -> bytes:
    return "".join(
        f"{hashlib.new(algorithm, files[path]).hexdigest()}  {path}\n" for path in sorted(files)
    ).encode()


def _own_faults(folder: Path) -> Iterator[Fault]:
    present, irregular = _regular_files(folder)
    for path in irregular:
        yield Fault("not_a_plain_file", path, f"{path} 是链接或特殊文件,档案中只允许普通文件。")
    for path in (*_TAG_FILES, *_TAG_MANIFESTS):
        if path not in present:
            yield Fault("file_missing", path, f"缺少文件 {path}。")
    if irregular or not {*_TAG_FILES, *_TAG_MANIFESTS} <= present:
        return
    if (folder / "bagit.txt").read_bytes() != _DECLARATION:
        yield Fault("declaration_changed", "bagit.txt", "bagit.txt 与 BagIt 1.0 规定的写法不一致。")
    listed: set[str] = {*_TAG_FILES, *_TAG_MANIFESTS}
    digests: dict[str, dict[str, str]] = {}
    for algorithm, manifest in (
        *zip(_ALGORITHMS, _MANIFESTS, strict=True),
        *zip(_ALGORITHMS, _TAG_MANIFESTS, strict=True),
    ):
        entries: dict[str, str] = {}
        for number, line in enumerate(_lines(folder / manifest), start=1):
            fault = _line_fault(manifest, number, line, entries, payload=manifest in _MANIFESTS)
            if fault is not None:
                yield fault
                continue
            digest, path = line.split("  ", 1)
            entries[path] = digest
        listed |= set(entries)
        for path, digest in entries.items():
            if path in present:
                digests.setdefault(path, _digests(folder / path))
                if digests[path][algorithm] != digest:
                    yield Fault("file_changed", path, f"文件 {path} 的内容与 {manifest} 不符,已被改动。")
        rebuilt = "".join(f"{entries[path]}  {path}\n" for path in sorted(entries)).encode()
        if (folder / manifest).read_bytes() != rebuilt:
            yield Fault("manifest_changed", manifest, f"{manifest} 的行序、空白或换行被改动。")
        demanded = set(_TAG_FILES) if manifest in _TAG_MANIFESTS else _payload(present)
        for path in sorted(demanded - set(entries)):
            yield Fault("file_unlisted", path, f"文件 {path} 没有列入 {manifest}。")
    for path in sorted(listed - present):
        yield Fault("file_missing", path, f"缺少文件 {path},可能被删除或改名。")
    for path in sorted(present - listed - _payload(present)):
        yield Fault("file_added", path, f"多出文件 {path},它不在封存的清单中。")


def _payload(present: set[str]) -> set[str]:
    return {path for path in present if path.startswith("data/")}


def _regular_files(folder: Path) -> tuple[set[str], list[str]]:
    """Return the plain files below `folder` by path, and what is neither file nor folder; follows no link."""
    plain: set[str] = set()
    irregular: list[str] = []
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = Path(entry.path).relative_to(folder).as_posix()
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(Path(entry.path))
                elif stat.S_ISREG(mode):
                    plain.add(path)
                else:
                    irregular.append(path)
    return plain, sorted(irregular)


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8", errors="replace").splitlines()


def _line_fault(
    manifest: str, number: int, line: str, entries: Mapping[str, str], *, payload: bool
) -> Fault | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return Fault("manifest_malformed", manifest, f"{manifest} 第 {number} 行格式不对。")
    path = found[2]
    if not _SAFE_PATH.fullmatch(path) or payload != path.startswith("data/"):
        return Fault("path_unsafe", manifest, f"{manifest} 第 {number} 行的路径不在档案范围内。")
    if path in entries:
        return Fault("path_repeated", manifest, f"{manifest} 第 {number} 行重复列出 {path}。")
    return None


def _digests(path: Path) -> dict[str, str]:
    hashes = {name: hashlib.new(name) for name in _ALGORITHMS}
    with path.open("rb") as content:
        while block := content.read(1 << 20):
            for one in hashes.values():
                one.update(block)
    return {name: one.hexdigest() for name, one in hashes.items()}


def _standard_faults(folder: Path) -> Iterator[Fault]:
    for words in examine(folder).errors:
        yield Fault("bag_invalid", words.partition(":")[0], f"不符合 BagIt 1.0:{words}。")


def _library_faults(folder: Path) -> Iterator[Fault]:
    import bagit

    logging.getLogger("bagit").setLevel(logging.CRITICAL)  # what it finds is returned, not logged
    try:
        bagit.Bag(str(folder)).validate()
    except bagit.BagError as error:
        details = getattr(error, "details", None) or [error]
        for detail in details:
            path = str(getattr(detail, "path", ""))
            yield Fault("bag_invalid", path, f"bagit 校验未通过:{path or type(detail).__name__}。")
