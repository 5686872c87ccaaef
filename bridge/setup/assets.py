"""Front-end scripts, fonts and face weights: named files out of npm and Debian packages, each checked by hash.

`python -m bridge.setup.assets` fetches what is missing. What Debian alone has is fetched where there is an apt-get;
elsewhere set-up says what is then missing and goes on. The files land in `<var>/assets/{web,fonts,face}/`,
where <var> is the environment's ANXUE_VAR or `var/` in the checkout. No address is recorded anywhere: npm
knows its registry, `config/assets.lock.yaml` knows the hashes.
"""

import base64
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML

from bridge.kernel.errors import BridgeError, InvalidInput, Unavailable
from bridge.setup import debian, npm

ROOT = Path(__file__).resolve().parents[2]
LOCK_FILE = ROOT / "config" / "assets.lock.yaml"
_ATTEMPTS = 3

Progress = Callable[[str], None]


@dataclass(frozen=True)
class LockedFile:
    """One file taken out of a package; `target` is relative to the assets folder, `size` in bytes."""

    source: str
    target: str
    size: int
    sha256: str

    def stands_in(self, folder: Path) -> bool:
        """Return whether the file is there, whole and unchanged."""
        path = folder / self.target
        return path.is_file() and path.stat().st_size == self.size and _sha256(path) == self.sha256


@dataclass(frozen=True)
class DebianPackage:
    """One Debian package; `without` says, in words for whoever sets up, what the bridge lacks without it."""

    name: str
    without: str
    files: tuple[LockedFile, ...]


@dataclass(frozen=True)
class LockedPackage:
    """One npm package; `integrity` is the registry's own `sha512-<base64>` of the archive."""

    name: str
    version: str
    integrity: str
    files: tuple[LockedFile, ...]


def assets_dir() -> Path:
    """Return the folder in which the assets stand (it may not exist yet)."""
    return Path(os.environ.get("ANXUE_VAR") or ROOT / "var").resolve() / "assets"


def read_lock(path: Path = LOCK_FILE) -> tuple[LockedPackage, ...]:
    """Return the packages that the lock file names.

    Raises:
        InvalidInput: a field is missing or a path leaves its folder (reason `asset_lock_malformed`).
    """
    try:
        return tuple(
            LockedPackage(
                name=str(entry["name"]),
                version=str(entry["version"]),
                integrity=str(entry["integrity"]),
                files=_files(entry),
            )
            for entry in _document(path)["packages"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(path, error) from error


def read_debian_lock(path: Path = LOCK_FILE) -> tuple[DebianPackage, ...]:
    """Return the Debian packages that the lock file names; InvalidInput as `read_lock`."""
    try:
        return tuple(
            DebianPackage(name=str(entry["name"]), without=str(entry["without"]), files=_files(entry))
            for entry in _document(path).get("debian", ())
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(path, error) from error


def _document(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def _files(entry: Any) -> tuple[LockedFile, ...]:
    return tuple(
        LockedFile(
            source=_inner_path(str(file["take"])),
            target=_inner_path(str(file["as"])),
            size=int(file["size"]),
            sha256=str(file["sha256"]),
        )
        for file in entry["files"]
    )


def _malformed(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput("asset_lock_malformed", f"{path.name} 格式有误({error!r}),请从版本库恢复该文件。")


def ensure_assets(
    folder: Path | None = None,
    *,
    packages: Sequence[LockedPackage] | None = None,
    npm_command: Callable[[], list[str]] = npm.npm_command,
    progress: Progress = lambda line: print(line, file=sys.stderr),  # noqa: T201 - this is set-up's terminal
) -> Path:
    """Fetch every asset that is missing or changed; return the assets folder. Doing it twice changes nothing.

    Raises:
        Unavailable: npm is missing, a download failed, or a package or file is not the one that was locked.
    """
    folder = folder or assets_dir()
    wanted = read_lock() if packages is None else packages
    missing = [p for p in wanted if not all(f.stands_in(folder) for f in p.files)]
    if missing:
        _fetch_all(missing, npm_command(), folder, progress)
    for beside in read_debian_lock() if packages is None else ():
        ensure_debian(beside, folder, progress=progress)
    return folder


def ensure_debian(
    package: DebianPackage, folder: Path, *, progress: Progress, root: Path = Path("/")
) -> bool:
    """Return whether the package's files stand in `folder`, fetched if need be; where not, tells what is lacking.

    Raises:
        Unavailable("asset_hash_mismatch"): a file is not the one that was locked.
    """
    if all(file.stands_in(folder) for file in package.files):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
        try:
            found = debian.files_of(package.name, [f.source for f in package.files], Path(work), root=root)
        except Unavailable as error:
            progress(f"assets: {error.message} {package.without}")
            return False
        for number, file in enumerate(package.files):
            fresh = Path(work) / f"file-{number}"
            shutil.copyfile(found[file.source], fresh)
            if _sha256(fresh) != file.sha256:
                raise _changed(package.name, file)
            _put(fresh, folder / file.target)
    progress(f"assets: {package.name} ready ({len(package.files)} file(s))")
    return True


def _fetch_all(
    missing: Sequence[LockedPackage], command: list[str], folder: Path, progress: Progress
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    progress(f"assets: {len(missing)} package(s) to fetch")
    with ThreadPoolExecutor(max_workers=4) as pool:
        for package in pool.map(lambda p: _fetch(p, command, folder), missing):
            progress(f"assets: {package.name} {package.version} ready ({len(package.files)} file(s))")


def _fetch(package: LockedPackage, command: list[str], folder: Path) -> LockedPackage:
    # The temporary folder stands beside the target so that the last step is one rename.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
        for attempt in range(1, _ATTEMPTS + 1):
            into = Path(work) / str(attempt)
            into.mkdir()
            try:
                archive = npm.pack(command, package.name, package.version, into)
                break
            except Unavailable as error:
                if error.permanent or attempt == _ATTEMPTS:
                    raise
        _check_integrity(archive, package)
        _extract(archive, package, folder, Path(work))
    return package


def _check_integrity(archive: Path, package: LockedPackage) -> None:
    digest = hashlib.sha512(archive.read_bytes()).digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != package.integrity:
        raise Unavailable(
            "package_integrity_mismatch",
            f"npm 包 {package.name}@{package.version} 的内容与锁定的校验值不符,已拒绝。请检查所用 npm 镜像。",
            permanent=True,
        )


def _extract(archive: Path, package: LockedPackage, folder: Path, work: Path) -> None:
    # Only names from the lock are ever opened, each as a stream: an archive cannot choose where to write.
    with tarfile.open(archive, "r:gz") as tar:
        for number, file in enumerate(package.files):
            try:
                member = tar.getmember(f"package/{file.source}")
            except KeyError:
                raise _changed(f"{package.name}@{package.version}", file) from None
            stream = tar.extractfile(member) if member.isreg() and member.size == file.size else None
            content = stream.read(file.size + 1) if stream else b""
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise _changed(f"{package.name}@{package.version}", file)
            fresh = work / f"file-{number}"
            fresh.write_bytes(content)
            _put(fresh, folder / file.target)


def _put(fresh: Path, target: Path) -> None:
    fresh.chmod(0o644)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh.replace(target)


def _changed(package: str, file: LockedFile) -> Unavailable:
    return Unavailable(
        "asset_hash_mismatch",
        f"软件包 {package} 中的 {file.source} 缺失或与锁定的校验值不符,已拒绝。",
        permanent=True,
    )


def _inner_path(text: str) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"not a path inside its folder: {text!r}")
    return str(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> int:
    """Fetch what is missing; return the exit status."""
    try:
        print(ensure_assets())  # noqa: T201 - the command's own answer
    except BridgeError as error:
        print(f"assets: {error}", file=sys.stderr)  # noqa: T201 - the command's own answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
