"""Virtual environments of peers: programs that are not ours and that tests talk to over HTTP, or that run the tests.

A peer never enters the product's environment: its licence and its pins stay outside. The folder is
`<var>/peers/<name>-<hash>/`, where <var> is the environment's ANXUE_VAR or `var/` in the checkout and the hash is
of the pins, so changed pins make a fresh folder.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.kernel.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]
_STAMP = "anxue-pins"
_SAID_LINES = 5

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Peer:
    """One peer; `pins` is a requirements file with a hash for each wheel (no source is ever built)."""

    name: str
    pins: Path


XBLOCK = Peer("xblock", ROOT / "requirements" / "xblock.txt")
RALPH = Peer("ralph", ROOT / "requirements" / "ralph.txt")
DUCKDB = Peer("duckdb", ROOT / "requirements" / "duckdb.txt")
DLIB = Peer("dlib", ROOT / "requirements" / "dlib.txt")
MUTMUT = Peer("mutmut", ROOT / "requirements" / "mutmut.txt")
PDFA = Peer("pdfa", ROOT / "requirements" / "pdfa.txt")
SWIFT = Peer("swift", ROOT / "requirements" / "swift.txt")
SM2 = Peer("sm2", ROOT / "requirements" / "sm2.txt")
READ_API = Peer("read-api", ROOT / "requirements" / "api.txt")


def environment_dir(peer: Peer) -> Path:
    """Return the folder of the peer's environment for today's pins (it may not exist yet)."""
    base = Path(os.environ.get("ANXUE_VAR") or ROOT / "var").resolve() / "peers"
    return base / f"{peer.name}-{_hash(peer)[:16]}"


def ensure_peer(
    peer: Peer,
    *,
    progress: Progress = lambda line: print(line, file=sys.stderr),  # noqa: T201 - this is set-up's terminal
) -> Path:
    """Make the peer's environment if it is missing or half made; return its Python.

    Raises:
        Unavailable: the pins could not be installed (reason `peer_install_failed`); trying again may help.
    """
    folder = environment_dir(peer)
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _stands(folder, peer):  # another process may have made it while this one waited
            progress(f"anxue: installing the pins of the test peer {peer.name} by hash")
            venv.create(folder, clear=True, symlinks=True, with_pip=False)
            _install(peer, python)
            (folder / _STAMP).write_text(_hash(peer))
    return python


def _hash(peer: Peer) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}\n".encode()
    return hashlib.sha256(version + peer.pins.read_bytes()).hexdigest()


def _stands(folder: Path, peer: Peer) -> bool:
    stamp = folder / _STAMP
    # A link to a Python that was removed since does not exist, whatever the stamp says.
    return stamp.is_file() and stamp.read_text() == _hash(peer) and (folder / "bin" / "python").exists()


def _install(peer: Peer, python: Path) -> None:
    """Install with uv where it works, with pip on the same file where not."""
    strictly = ["--require-hashes", "--only-binary", ":all:"]
    uv = Path(sys.executable).parent / "uv"
    to, pins = str(python), str(peer.pins)
    ways = [
        # Compiled once here: a peer starts with each run of the tests.
        [str(uv), "pip", "sync", "-q", "--python", to, "--compile-bytecode", *strictly, pins],
        [sys.executable, "-m", "pip", "--python", to, "install", "-q", "--no-deps", *strictly, "-r", pins],
    ]
    said = ""
    for command in ways if uv.exists() else ways[1:]:
        done = subprocess.run(
            command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        said = " / ".join(done.stderr.strip().splitlines()[-_SAID_LINES:])
    raise Unavailable(
        "peer_install_failed",
        f"测试对端 {peer.name} 的依赖({peer.pins.name})安装失败。"
        f"请检查网络、代理(https_proxy)或软件源(PIP_INDEX_URL)后重试。 {said}",
        permanent=False,
    )


def _environment() -> dict[str, str]:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # What the caller's shell knows of the product's environment must not lead an installer into it.
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        environment.pop(name, None)
    # uv does not read pip's settings: a mirror named there is meant for it too.
    if "UV_DEFAULT_INDEX" not in environment:
        asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        found = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
        mirror = environment.get("PIP_INDEX_URL") or found.stdout.strip()
        if mirror:
            environment["UV_DEFAULT_INDEX"] = mirror
    return environment
