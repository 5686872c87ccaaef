"""Whether a folder is a BagIt bag of whoever made it: RFC 8493 (1.0) and the drafts 0.93 to 0.97.

For bags of others, which may have been made in other ways than ours; `bagit_bag` is stricter with our own. Nothing is
fetched and nothing outside of the folder is opened.
"""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_VERSIONS = ("0.93", "0.94", "0.95", "0.96", "0.97", "1.0")
_OLD = re.compile(
    rb"BagIt-Version[ \t]*:[ \t]*(\d+\.\d+)[ \t]*(?:\r\n|\n|\r)"
    rb"Tag-File-Character-Encoding[ \t]*:[ \t]*([A-Za-z0-9._:-]+)[ \t]*(?:\r\n|\n|\r)*"
)
_MANIFEST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_ENTRY = re.compile(r"([0-9A-Fa-f]+)[ \t]+(\*?)(.+)")
_FETCH = re.compile(r"(\S+)[ \t]+(\d+|-)[ \t]+(.+)")
_OXUM = re.compile(r"(\d+)\.(\d+)")
_OF_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files that operating systems put in and take out by themselves: their absence is told, and refuses nothing."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: a bag without errors is valid; warnings say what another system may stumble over."""

    version: str
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Return whether the bag is complete and whole."""
        return not self.errors


@dataclass(slots=True)
class _Bag:
    """A bag that is being looked at."""

    folder: Path
    version: str = ""
    encoding: str = "utf-8"
    files: frozenset[str] = frozenset()
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    changed_by_system: bool = False

    @property
    def modern(self) -> bool:
        return self.version == "1.0"

    @property
    def payload(self) -> frozenset[str]:
        return frozenset(path for path in self.files if path.startswith("data/"))

    def digest(self, algorithm: str, path: str) -> str:
        known = self.digests.get((algorithm, path))
        if known is None:
            hashed = hashlib.new(algorithm)
            with (self.folder / path).open("rb") as content:
                while block := content.read(_BLOCK):
                    hashed.update(block)
            known = self.digests[algorithm, path] = hashed.hexdigest()
        return known

    def lines(self, name: str) -> list[str] | None:
        """Return a tag file's lines in its encoding; None (and an error) for one that is not in it."""
        try:
            text = (self.folder / name).read_bytes().decode(self.encoding)
        except (UnicodeError, LookupError):
            self.errors.append(f"{name}: not in the declared encoding {self.encoding}")
            return None
        if text.startswith("\ufeff"):
            self.errors.append(f"{name}: begins with a byte order mark")
            return None
        return [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]


def examine(folder: Path) -> Verdict:
    """Return the verdict on the bag in `folder`; raises nothing for any content."""
    bag = _Bag(folder)
    if folder.is_symlink() or not folder.is_dir():
        return Verdict("", ("no such folder",))
    try:
        bag.files = frozenset(_files(bag))
        if _declared(bag):
            _look(bag)
    except OSError as error:
        bag.errors.append(f"unreadable: {error.strerror}")
    return Verdict(bag.version, tuple(bag.errors), tuple(bag.warnings))


def _files(bag: _Bag) -> Iterator[str]:
    waiting = [bag.folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = Path(entry.path).relative_to(bag.folder).as_posix()
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(Path(entry.path))
                elif stat.S_ISREG(mode):
                    yield path
                else:
                    bag.errors.append(f"{path}: neither file nor folder")


def _declared(bag: _Bag) -> bool:
    """Read bagit.txt: two lines, exactly as RFC 8493 2.1.1 has them from 1.0 on; drafts allowed blanks."""
    if "bagit.txt" not in bag.files:
        bag.errors.append("bagit.txt: missing")
        return False
    content = (bag.folder / "bagit.txt").read_bytes()
    found = _OLD.fullmatch(content)
    if found is None:
        bag.errors.append("bagit.txt: not a declaration of version and encoding")
        return False
    bag.version = found[1].decode()
    bag.encoding = found[2].decode().lower()
    if bag.version not in _VERSIONS:
        bag.errors.append(f"bagit.txt: version {bag.version} is unknown")
        return False
    if bag.modern and not _exact(content):
        bag.errors.append("bagit.txt: blanks where RFC 8493 2.1.1 allows none")
    return True


def _exact(content: bytes) -> bool:
    lines = re.split(rb"\r\n|\n|\r", content)
    if lines and lines[-1] == b"":
        lines.pop()
    return (
        len(lines) == 2
        and re.fullmatch(rb"BagIt-Version: \d+\.\d+", lines[0]) is not None
        and re.fullmatch(rb"Tag-File-Character-Encoding: [A-Za-z0-9._:-]+", lines[1]) is not None
    )


def _look(bag: _Bag) -> None:
    manifests: dict[str, dict[str, str]] = {}
    tag_manifests: dict[str, dict[str, str]] = {}
    for name in sorted(bag.files):
        matched = _MANIFEST.fullmatch(name)
        if matched is None:
            continue
        if matched[2] not in hashlib.algorithms_guaranteed or matched[2].startswith("shake"):
            bag.errors.append(f"{name}: the algorithm {matched[2]} is not known here")
            continue
        into = tag_manifests if matched[1] else manifests
        into[matched[2]] = _entries(bag, name, payload=not matched[1])
    if not manifests:
        bag.errors.append("no payload manifest")
    if not (bag.folder / "data").is_dir():
        bag.errors.append("data/: missing")
    _fetched(bag, manifests)
    _complete(bag, manifests)
    for manifest_of in (manifests, tag_manifests):
        for algorithm, entries in manifest_of.items():
            _fixity(bag, algorithm, entries)
    _oxum(bag)


def _entries(bag: _Bag, name: str, *, payload: bool) -> dict[str, str]:
    entries: dict[str, str] = {}
    for number, line in enumerate(bag.lines(name) or (), start=1):
        matched = _ENTRY.fullmatch(line)
        if matched is None:
            bag.errors.append(f"{name}:{number}: not a checksum and a path")
            continue
        path = _path(bag, f"{name}:{number}", matched[3], payload=payload)
        if path is None:
            continue
        if matched[2]:
            bag.warnings.append(f"{name}:{number}: the asterisk of md5sum before the path")
        digest = matched[1].lower()
        if path in entries:
            same = entries[path] == digest
            where = bag.warnings if same and not bag.modern else bag.errors
            where.append(f"{name}:{number}: {path} stands twice")
            continue
        entries[path] = digest
    _alike(bag, name, entries)
    return entries


def _path(bag: _Bag, where: str, written: str, *, payload: bool) -> str | None:
    """Return a path of a manifest as it lies in the folder; None (and an error) for one that leads outside."""
    path = written.replace("%0A", "\n").replace("%0a", "\n").replace("%0D", "\r").replace("%0d", "\r")
    if bag.modern:
        path = path.replace("%25", "%")
    if path.startswith("./"):
        bag.warnings.append(f"{where}: the path begins with ./")
        path = path[2:]
    parts = PurePosixPath(path).parts
    outside = path.startswith(("/", "~")) or ".." in parts or "\x00" in path or not parts
    if outside or (payload and parts[0] != "data") or (not payload and parts[0] == "data"):
        bag.errors.append(f"{where}: {written!r} leads outside of where it may")
        return None
    return path


def _alike(bag: _Bag, name: str, entries: Mapping[str, str]) -> None:
    """Warn of names that some file systems hold to be one."""
    seen: dict[str, str] = {}
    for path in entries:
        folded = unicodedata.normalize("NFC", path).casefold()
        if folded in seen:
            bag.warnings.append(f"{name}: {path} and {seen[folded]} are one name on some systems")
        seen[folded] = path
        if PurePosixPath(path).name in _OF_SYSTEMS:
            bag.warnings.append(f"{name}: {path} is a file that operating systems make by themselves")


def _fetched(bag: _Bag, manifests: Mapping[str, Mapping[str, str]]) -> None:
    if "fetch.txt" not in bag.files:
        return
    listed = {path for entries in manifests.values() for path in entries}
    for number, line in enumerate(bag.lines("fetch.txt") or (), start=1):
        matched = _FETCH.fullmatch(line)
        if matched is None:
            bag.errors.append(f"fetch.txt:{number}: not an address, a length and a path")
            continue
        path = _path(bag, f"fetch.txt:{number}", matched[3], payload=True)
        if path is not None and path not in listed:
            bag.errors.append(f"fetch.txt:{number}: {path} stands in no manifest")


def _complete(bag: _Bag, manifests: Mapping[str, Mapping[str, str]]) -> None:
    listed = [frozenset(entries) for entries in manifests.values()]
    demanded = (
        [bag.payload - one for one in listed] if bag.modern else [bag.payload - frozenset().union(*listed)]
    )
    for path in sorted(frozenset().union(*demanded)):
        every = "every manifest" if bag.modern else "any manifest"
        bag.errors.append(f"{path}: not listed in {every}")


def _fixity(bag: _Bag, algorithm: str, entries: Mapping[str, str]) -> None:
    for path, digest in entries.items():
        if path in bag.files:
            if bag.digest(algorithm, path) != digest:
                bag.errors.append(f"{path}: {algorithm} differs")
        elif not _told_already(bag, algorithm, path, digest):
            bag.errors.append(f"{path}: missing")


def _told_already(bag: _Bag, algorithm: str, path: str, digest: str) -> bool:
    """Return whether a missing file of a draft's bag is a system's, or there under a name that a system holds equal.

    RFC 8493 knows no such leniency.
    """
    if bag.modern:
        return False
    if PurePosixPath(path).name in _OF_SYSTEMS:
        bag.changed_by_system = True
        return True
    folded = unicodedata.normalize("NFC", path).casefold()
    same = [one for one in bag.files if unicodedata.normalize("NFC", one).casefold() == folded]
    return len(same) == 1 and bag.digest(algorithm, same[0]) == digest


def _oxum(bag: _Bag) -> None:
    name = "bag-info.txt" if "bag-info.txt" in bag.files else "package-info.txt"
    if name not in bag.files:
        return
    # Where a system took a file of its own away, the sum is that of before.
    for line in () if bag.changed_by_system else bag.lines(name) or ():
        if line[0] in " \t":
            continue
        label, colon, value = line.partition(":")
        if not colon:
            bag.errors.append(f"{name}: a line without a colon")
        elif label.strip().lower() == "payload-oxum":
            said = _OXUM.fullmatch(value.strip())
            octets = sum((bag.folder / path).stat().st_size for path in bag.payload)
            if said is None or (int(said[1]), int(said[2])) != (octets, len(bag.payload)):
                bag.errors.append(f"{name}: Payload-Oxum is not that of the payload")
