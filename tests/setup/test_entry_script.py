"""`./anxue` on a copy of the checkout's outside, with a stand-in for Python that notes what it is asked."""

import os
import shutil
import subprocess
import time
from hashlib import sha256
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
# Answers as Python 3.11 would; `-m venv` copies itself into the new venv; `pip install` fails if told so.
_STAND_IN = """#!/bin/sh
echo "python $*" >>"$NOTES"
case "$*" in
    "--version") echo "Python $PRETENDED" ;;
    *"sys.version_info"*) [ "$PRETENDED" = 3.11 ] ;;
    *"import venv"*) [ "${NO_VENV:-}" = "" ] ;;
    "-m venv"*)
        for last; do :; done
        mkdir -p "$last/bin"; cp "$0" "$last/bin/python"; cp "$UV" "$last/bin/uv" ;;
    "-m pip install"*) [ "${PIP_FAILS:-}" = "" ] ;;
esac
"""
_UV = """#!/bin/sh
echo "uv $*" >>"$NOTES"
sleep "${UV_SECONDS:-0}"
[ "${UV_FAILS:-}" = "" ]
"""


class Checkout:
    """A folder with the entry script and small requirements; `notes` lists what was run in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        (self.root / "requirements").mkdir(parents=True)
        shutil.copy(_ROOT / "anxue", self.root / "anxue")
        for name in ("runtime.txt", "dev.txt", "uv.txt"):
            (self.root / "requirements" / name).write_text(f"{name}==1\n")
        self.python, uv = folder / "python", folder / "uv"
        for path, text in ((self.python, _STAND_IN), (uv, _UV)):
            path.write_text(text)
            path.chmod(0o755)
        self.log = folder / "notes"
        self.log.touch()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "NOTES": str(self.log),
            "UV": str(uv),
            "PRETENDED": "3.11",
            "ANXUE_PYTHON": str(self.python),
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "anxue"), *arguments],
            env={**self.environment, **environment},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors

    def notes(self) -> list[str]:
        return self.log.read_text().splitlines()

    def syncs(self) -> list[str]:
        return [line.rsplit("/", 1)[-1] for line in self.notes() if line.startswith("uv pip sync")]

    def stamp(self) -> str:
        return (self.root / ".venv/anxue-pins").read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_start_installs_by_hash_and_runs_the_command(checkout: Checkout) -> None:
    status, output, errors = checkout.run("rules", "check", "--json")
    assert status == 0
    assert output == ""
    assert "set-up done" in errors
    assert checkout.syncs() == ["runtime.txt"]
    assert all("--require-hashes" in line for line in checkout.notes() if "pip install" in line)
    assert checkout.notes()[-1] == "python -P -m bridge.cli rules check --json"
    pins = b"runtime.txt==1\ndev.txt==1\n"
    assert checkout.stamp() == f"runtime {sha256(pins).hexdigest()}\n"


def test_the_second_start_only_runs_the_command_and_is_quick(checkout: Checkout) -> None:
    checkout.run("serve")
    before = len(checkout.notes())
    started = time.monotonic()
    status, _, errors = checkout.run("serve")
    assert time.monotonic() - started < 0.5
    assert (status, errors) == (0, "")
    assert checkout.notes()[before:] == ["python -P -m bridge.cli serve"]


def test_tests_get_the_larger_set_and_no_later_start_takes_it_away(checkout: Checkout) -> None:
    checkout.run("serve")
    checkout.run("test", "-k", "x")
    assert checkout.notes()[-1] == "python -P -m bridge.setup.test_run -k x"
    checkout.run("serve")
    assert checkout.syncs() == ["runtime.txt", "dev.txt"]
    (checkout.root / "requirements/runtime.txt").write_text("changed==2\n")
    checkout.run("serve")
    assert checkout.syncs() == ["runtime.txt", "dev.txt", "dev.txt"]


@pytest.mark.parametrize(
    ("command", "pins"),
    [
        (["test"], "dev.txt"),
        (["bench", "launch"], "dev.txt"),
        (["acceptance", "mutation", "launch"], "dev.txt"),
        (["acceptance", "moodle"], "runtime.txt"),
        (["rules", "test"], "runtime.txt"),
        ([], "runtime.txt"),
    ],
)
def test_only_what_runs_tests_or_peers_gets_the_larger_set(
    checkout: Checkout, command: list[str], pins: str
) -> None:
    checkout.run(*command)
    assert checkout.syncs() == [pins]


def test_pip_takes_over_where_uv_fails(checkout: Checkout) -> None:
    status, _, errors = checkout.run("serve", UV_FAILS="1")
    assert status == 0
    assert "trying pip on the same file" in errors
    assert any(
        "pip install --require-hashes --no-deps" in n and n.endswith("runtime.txt") for n in checkout.notes()
    )


def test_a_failed_installation_says_what_to_do_and_is_tried_again(checkout: Checkout) -> None:
    status, output, errors = checkout.run("serve", PIP_FAILS="1")
    assert status == 1
    assert output == ""
    assert "https_proxy" in errors
    assert not (checkout.root / ".venv/anxue-pins").exists()
    assert checkout.run("serve")[0] == 0


def test_another_python_is_refused_with_a_sentence(checkout: Checkout) -> None:
    status, _, errors = checkout.run("serve", PRETENDED="3.12")
    assert status == 1
    assert "needs Python 3.11 (found: Python 3.12" in errors


def test_a_missing_python_is_named(checkout: Checkout) -> None:
    status, _, errors = checkout.run("serve", ANXUE_PYTHON="/nowhere/python")
    assert status == 1
    assert "found: none" in errors
    assert "apt-get install python3 python3-venv" in errors


def test_a_missing_venv_module_names_the_debian_package(checkout: Checkout) -> None:
    status, _, errors = checkout.run("serve", NO_VENV="1")
    assert status == 1
    assert "apt-get install python3-venv" in errors


def test_two_first_starts_at_once_install_once(checkout: Checkout) -> None:
    first = checkout.start("serve", UV_SECONDS="1")
    second = checkout.start("rules", UV_SECONDS="1")
    errors = first.communicate(timeout=30)[1] + second.communicate(timeout=30)[1]
    assert (first.returncode, second.returncode) == (0, 0)
    assert "waiting for it" in errors
    assert len(checkout.syncs()) == 1


def test_the_checkout_is_found_through_a_link(checkout: Checkout, tmp_path: Path) -> None:
    link = tmp_path / "anxue-link"
    link.symlink_to(checkout.root / "anxue")
    done = subprocess.run(
        [str(link), "serve"], env=checkout.environment, cwd="/", check=False, capture_output=True
    )
    assert done.returncode == 0
    assert (checkout.root / ".venv/anxue-pins").exists()
