"""The tool's keys: encrypted at rest, taken over from the file, rotated with an overlap, the same for all processes."""

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from bridge.kernel.errors import InvalidInput
from bridge.registry import lti_tool_keys
from bridge.registry.lti_tool_keys import ToolKeys
from lti.key_rotation import PUBLISHED_AFTER, PUBLISHED_AHEAD, KeyState
from lti.keys import ToolKey
from tests.identity.house import NOW, House


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look goes to the database, so that two `ToolKeys` are two processes.
    monkeypatch.setattr(lti_tool_keys, "_RELOAD_SECONDS", -1.0)


def _keys(house: House, folder: Path) -> ToolKeys:
    return ToolKeys(house.units, house.cipher, old_file=folder / "lti-tool.pem")


def _published(keys: ToolKeys) -> Sequence[str]:
    return [key["kid"] for key in keys.jwks()["keys"]]


def test_the_first_process_makes_a_key_and_the_others_find_it(house: House, tmp_path: Path) -> None:
    first, second = _keys(house, tmp_path), _keys(house, tmp_path)

    assert first.signing().kid == second.signing().kid
    assert _published(first) == [first.signing().kid]
    assert "d" not in first.jwks()["keys"][0]


def test_processes_that_start_at_once_agree_on_one_key(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, kids = Barrier(4), []
    add = ToolKeys._add

    def add_slowly(*arguments: Any) -> None:
        # Long enough for the others to look for a key that is not committed yet.
        time.sleep(0.3)
        add(*arguments)

    monkeypatch.setattr(ToolKeys, "_add", add_slowly)

    def start() -> None:
        keys = _keys(house, tmp_path)
        barrier.wait()
        kids.append(keys.signing().kid)

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kids) == 4
    assert len(set(kids)) == 1
    assert len(_published(_keys(house, tmp_path))) == 1


def test_the_key_of_the_file_is_taken_over_and_the_file_goes(house: House, tmp_path: Path) -> None:
    old = ToolKey.generate()
    path = tmp_path / "lti-tool.pem"
    path.write_bytes(old.pem)

    keys = _keys(house, tmp_path)

    assert keys.signing().kid == old.kid == RSAKey.import_key(old.pem).thumbprint()
    assert not path.exists()
    assert _keys(house, tmp_path).signing().kid == old.kid


def test_private_halves_lie_encrypted(house: House, tmp_path: Path) -> None:
    _keys(house, tmp_path).signing()

    with house.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM lti_tool_key").all()
    assert "PRIVATE" not in str(row)


def test_a_new_key_is_published_before_it_signs_and_the_old_one_after(house: House, tmp_path: Path) -> None:
    keys = _keys(house, tmp_path)
    old = keys.signing().kid

    new = keys.rotate().kid
    elsewhere = _keys(house, tmp_path)

    assert set(_published(elsewhere)) == {old, new}
    assert elsewhere.signing().kid == old
    house.clock.at = NOW + PUBLISHED_AHEAD
    assert elsewhere.signing().kid == new
    assert _published(elsewhere) == [new, old]
    assert [(one.term.kid, one.state) for one in elsewhere.states()] == [
        (new, KeyState.SIGNING),
        (old, KeyState.RETIRED),
    ]
    house.clock.at = NOW + PUBLISHED_AHEAD + PUBLISHED_AFTER
    assert _published(elsewhere) == [new]


def test_a_second_rotation_waits_for_the_first(house: House, tmp_path: Path) -> None:
    keys = _keys(house, tmp_path)
    keys.rotate()

    with pytest.raises(InvalidInput, match="key_rotation_running"):
        keys.rotate()
    house.clock.at = NOW + PUBLISHED_AHEAD
    keys.rotate()

    assert len(_published(keys)) == 3


def test_a_key_that_is_known_elsewhere_goes_at_once(house: House, tmp_path: Path) -> None:
    keys = _keys(house, tmp_path)
    known = keys.signing().kid
    waiting = keys.rotate().kid

    new = keys.rotate(at_once=True).kid

    assert _published(_keys(house, tmp_path)) == [new]
    assert keys.signing().kid == new not in (known, waiting)


def test_a_key_that_is_gone_loses_its_private_half_with_the_next_rotation(
    house: House, tmp_path: Path
) -> None:
    keys = _keys(house, tmp_path)
    old = keys.signing().kid
    keys.rotate()
    house.clock.at = NOW + PUBLISHED_AHEAD + PUBLISHED_AFTER

    keys.rotate()

    with house.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT kid, pem_enc FROM lti_tool_key").all()
    assert {kid for kid, pem in rows if pem == ""} == {old}
    assert len(rows) == 3
    assert len(_published(_keys(house, tmp_path))) == 2


def test_another_process_takes_a_rotation_over_within_half_a_minute(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lti_tool_keys, "_RELOAD_SECONDS", 30.0)
    seconds = [1000.0]
    monkeypatch.setattr("bridge.registry.lti_tool_keys.time.monotonic", lambda: seconds[0])
    web, command = _keys(house, tmp_path), _keys(house, tmp_path)
    assert len(_published(web)) == 1

    command.rotate()

    assert len(_published(web)) == 1
    seconds[0] += 31
    assert len(_published(web)) == 2
