"""The commands of the hand-over, from the receiver's key to the receipt that the sender keeps."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.archive.commands import archive_commands
from bridge.commands.handover import handover_commands
from bridge.settings import ROOT, Mode, Settings
from bridge.wiring import House
from plugins.archive.bagit_bag import BagitBag
from tests.servers.tables import make_tables
from tests.web.furnished import CHEN, CHEN_ID, ORG, RUN, furnish
from tests.wiring.handover.handed_over import LIN, OPERATOR_NAME, TAKER, ZHOU, open_account


def run(monkeypatch: pytest.MonkeyPatch, var: Path, *words: str) -> Result:
    """Run a command of the group `archive` as the bridge in `var`."""
    group = archive_commands(BagitBag)
    for command in handover_commands():
        group.add_command(command)
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(var))
    return CliRunner().invoke(group, [*words])


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, (result.output, result.exception)
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def test_from_key_to_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = furnish(tmp_path / "here", with_fonts=True)
    made.enrol("lms-user-1001", CHEN, CHEN_ID)
    made.house.close()
    here, there = tmp_path / "here" / "var", tmp_path / "there" / "var"
    there.mkdir(parents=True)
    (there / "assets").symlink_to(ROOT / "var" / "assets")
    settings = Settings(mode=Mode.DEMONSTRATION, var=there)
    settings.data_dir.mkdir()
    house = House(settings)
    make_tables(house.engine)
    open_account(house, TAKER)
    house.close()

    key, receiver = tmp_path / "private.jwk", tmp_path / "receiver.json"
    made_key = run(monkeypatch, there, "receiver-key", "--name", "接任网络平台", "--key", str(key))
    receiver.write_text(made_key.stdout)
    assert told(made_key)["signs"]["kty"] == "OKP"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert run(monkeypatch, there, "receiver-key", "--name", "x", "--key", str(key)).exit_code != 0

    two = ("--institution", ORG, "--by", LIN, "--approved-by", ZHOU, "--reason", "平台退出网络培训")
    for number, step in enumerate(("announce", "freeze"), start=1):
        steps = run(monkeypatch, here, "leave", step, *two)
        assert steps.exit_code == 0, (steps.output, steps.exception)
        assert len(steps.stdout.splitlines()) == number
    package = tmp_path / "package"
    sent = told(
        run(
            monkeypatch, here, "hand-over", "--institution", ORG, "--to", str(receiver), "--kind", "operator",
            "--purpose", "平台退出", "--by", LIN, "--approved-by", ZHOU, "--out", str(package),
        )
    )  # fmt: skip
    assert sent["counts"]["documents"] == 2
    receipt = tmp_path / "receipt.json"
    taken = told(
        run(
            monkeypatch, there, "take-over", str(package), "--key", str(key), "--sender", sent["signed_by"],
            "--by", TAKER, "--operator-name", OPERATOR_NAME, "--receipt", str(receipt),
        )
    )  # fmt: skip
    assert taken["institution"] == ORG
    kept = told(
        run(monkeypatch, here, "receipt", str(receipt), "--institution", ORG, "--from", str(receiver))
    )
    assert (kept["handover"], kept["changed_since"]) == (sent["handover"], [])
    assert kept["left_out"] == taken["left_out"]
    assert "city_registration" in taken["left_out"]
    last = run(monkeypatch, here, "leave", "--institution", ORG).stdout.splitlines()[-1]
    assert json.loads(last)["step"] == "handed_over"

    out = tmp_path / "plain"
    told(
        run(
            monkeypatch,
            there,
            "open",
            str(package),
            "--key",
            str(key),
            "--sender",
            sent["signed_by"],
            "--out",
            str(out),
        )
    )
    assert (out / "documents" / RUN / "class-file.tar").is_file()
