import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.kernel.errors import Unavailable
from bridge.setup.peer_environment import (
    DLIB,
    DUCKDB,
    MUTMUT,
    PDFA,
    RALPH,
    ROOT,
    XBLOCK,
    Peer,
    ensure_peer,
    environment_dir,
)


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    """A peer without any pin, whose environments stand in a temporary folder."""
    monkeypatch.setenv("ANXUE_VAR", str(tmp_path / "var"))
    pins = tmp_path / "nothing.txt"
    pins.write_text("# no pins\n")
    return Peer("nothing", pins)


def _make(peer: Peer) -> tuple[Path, list[str]]:
    said: list[str] = []
    return ensure_peer(peer, progress=said.append), said


def test_the_environment_is_made_once(peer: Peer) -> None:
    python, said = _make(peer)
    assert len(said) == 1
    assert python.parent.parent == environment_dir(peer)
    prefix = subprocess.run(
        [str(python), "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert prefix.stdout.strip() == str(environment_dir(peer))
    assert _make(peer) == (python, [])


def test_changed_pins_make_a_fresh_environment(peer: Peer) -> None:
    first, _ = _make(peer)
    peer.pins.write_text("# still no pins, but other words\n")
    second, said = _make(peer)
    assert first != second
    assert len(said) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "anxue-pins").unlink(),
        lambda folder: (folder / "bin" / "python").unlink(),
        lambda folder: shutil.rmtree(folder / "bin"),
    ],
    ids=["stamp gone", "python gone", "half made"],
)
def test_a_half_made_environment_is_made_anew(peer: Peer, spoil: Callable[[Path], None]) -> None:
    python, _ = _make(peer)
    spoil(environment_dir(peer))
    again, said = _make(peer)
    assert (again, len(said)) == (python, 1)
    assert subprocess.run([str(python), "-c", ""], check=False).returncode == 0


def test_pins_that_cannot_be_installed_are_a_sentence_and_leave_no_stamp(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pin without a hash: uv refuses it at once, pip when it finds no wheel (no index is asked).
    peer.pins.write_text("some-package==1.0\n")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Unavailable, match=re.escape("nothing.txt")) as failed:
        _make(peer)
    assert failed.value.reason == "peer_install_failed"
    assert not failed.value.permanent
    assert not (environment_dir(peer) / "anxue-pins").exists()


def test_pip_steps_in_where_uv_does_not_work(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    real, started = subprocess.run, []

    def without_uv(command: list[str], **how: Any) -> "subprocess.CompletedProcess[str]":
        started.append(Path(command[0]).name)
        if command[0].endswith("/uv"):
            return subprocess.CompletedProcess(command, 1, "", "uv does not work here")
        done: subprocess.CompletedProcess[str] = real(command, **how)
        return done

    monkeypatch.setattr(subprocess, "run", without_uv)
    python, _ = _make(peer)
    assert python.exists()
    assert started[-1].startswith("python")


def test_the_peers_package_is_nowhere_in_the_products_environment_or_pins() -> None:
    assert importlib.util.find_spec("lti_consumer") is None
    pinned = {path.name: path.read_text() for path in (ROOT / "requirements").glob("*.txt")}
    assert [name for name, text in pinned.items() if "lti-consumer-xblock" in text] == [XBLOCK.pins.name]


@pytest.mark.parametrize("known", [XBLOCK, RALPH, DUCKDB, DLIB, MUTMUT, PDFA], ids=lambda known: known.name)
def test_each_pin_of_a_peer_has_a_hash(known: Peer) -> None:
    pins = re.split(r"\n(?=\S)", known.pins.read_text())
    assert [pin.split()[0] for pin in pins if not pin.startswith("#") and "--hash=sha256:" not in pin] == []


def test_what_runs_our_tests_has_the_versions_that_they_are_written_for() -> None:
    ours, its = (
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))
        for path in (ROOT / "requirements" / "dev.txt", MUTMUT.pins)
    )
    assert {name: version for name, version in its.items() if ours.get(name, version) != version} == {}
    assert its["pytest"] == ours["pytest"]
