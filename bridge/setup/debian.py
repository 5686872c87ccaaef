"""Single files out of Debian packages: from the machine where it has the package, else by `apt-get download`.

Nothing is installed and no script of a package is run. apt knows its archive and checks what it fetches; what is taken
out is checked by hash once more.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bridge.kernel.errors import Unavailable

_QUICKLY = (
    "-q",
    "-o",
    "Acquire::Retries=1",
    "-o",
    "Acquire::http::Timeout=20",
    "-o",
    "Acquire::https::Timeout=20",
)


def files_of(name: str, paths: Sequence[str], into: Path, *, root: Path = Path("/")) -> dict[str, Path]:
    """Return where each of `paths` (relative to the file system's root) of the Debian package can be read.

    Args:
        into: an empty folder for what is downloaded.
        root: whose installed files are used where all are there.

    Raises:
        Unavailable("package_download_failed"): there is no apt-get, or it has no such package, or that no such file.
    """
    installed = {path: root / path for path in paths}
    if all(path.is_file() for path in installed.values()):
        return installed
    archive = _downloaded(name, into)
    found: dict[str, Path] = {}
    with tempfile.TemporaryFile(dir=into) as tree:
        if subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=tree, check=False).returncode:
            raise _missing(name)
        tree.seek(0)
        # Only names that were asked for are read, each as a stream: an archive cannot choose where to write.
        with tarfile.open(fileobj=tree, mode="r:") as tar:
            for member in tar:
                path = member.name.removeprefix("./")
                stream = tar.extractfile(member) if path in installed and member.isreg() else None
                if stream is not None:
                    found[path] = into / f"taken-{len(found)}"
                    with found[path].open("wb") as copy:
                        shutil.copyfileobj(stream, copy)
    if len(found) != len(installed):
        raise _missing(name)
    return found


def _downloaded(name: str, into: Path) -> Path:
    command = shutil.which("apt-get")
    if command is None or shutil.which("dpkg-deb") is None:
        raise _missing(name)
    ways = [[command, *_QUICKLY, "download", name]]
    if os.geteuid() == 0:
        # An image starts without lists.
        ways += [[command, *_QUICKLY, "update"], ways[0]]
    for way in ways:
        subprocess.run(way, cwd=into, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        archives = list(into.glob("*.deb"))
        if archives:
            return archives[0]
    raise _missing(name)


def _missing(name: str) -> Unavailable:
    return Unavailable(
        "package_download_failed",
        f"取不到 Debian 软件包 {name}。Debian、Ubuntu 可执行 apt-get install {name} 后重试,"
        "其他系统见 docs/certificates.md。",
        permanent=False,
    )
