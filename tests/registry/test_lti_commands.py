"""`./anxue lti …` as an operator types it: one line of JSON, or sentences; secrets once; failures by status."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId
from bridge.registry.lti_commands import lti_commands
from bridge.registry.lti_model import FieldsInvalid
from lti.errors import LaunchRefused, ServiceFailed
from lti.http import Reply
from tests.identity.house import ORG, House
from tests.registry.offices import TOOL, opened, platform_office
from tests.registry.platforms import OTHER_ORG, Room

MOODLE = ("--issuer", "https://moodle.example", "--client-id", "abc", "--moodle", "--institution", ORG)
MOODLE_404 = (
    b"<!DOCTYPE html><html><body>fix_jwks_alg(): Argument #1 must be of type array, null given</body></html>"
)


class BlockedMoodle:
    """A Moodle whose cURL security refuses our host: keys are there, token.php answers 404 and a page."""

    def request(self, method: str, url: str, *_: object, **__: object) -> Reply:
        if url.endswith("/certs.php"):
            return Reply(200, b'{"keys": []}')
        if url.endswith("/token.php"):
            return Reply(404, MOODLE_404)
        raise ServiceFailed("platform_unreachable")


class Terminal:
    """An operator's terminal."""

    def __init__(self, room: Room, folder: Path, **office: Any) -> None:
        self.room = room
        self._group = lti_commands(lambda: opened(platform_office(room.house, folder, **office)))

    def run(self, *arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(self._group, list(arguments), catch_exceptions=status != 0)
        assert result.exit_code == status, result.output
        return result

    def json(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        (line,) = self.run(*arguments, "--json", status=status).stdout.splitlines()
        told: dict[str, Any] = json.loads(line)
        return told

    def register(self) -> str:
        return str(self.json("register", *MOODLE)["id"])


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    house = House(f"sqlite:///{tmp_path / 'anxue.sqlite3'}", tmp_path)
    yield Terminal(Room(house), tmp_path, http=BlockedMoodle())
    house.close()


def test_register_prints_what_to_copy_and_the_secret_once(terminal: Terminal) -> None:
    told = terminal.json(
        "register", *MOODLE, "--deployment-id", "1", "--deployment-id", "2", "--name", "示例平台"
    )

    assert told["values"] == {
        "login_url": f"{TOOL}/lti/login",
        "launch_url": f"{TOOL}/lti/launch",
        "jwks_url": f"{TOOL}/lti/jwks",
        "deep_linking_url": f"{TOOL}/lti/launch",
        "webhook_url": f"{TOOL}/webhooks/v1/{told['id']}",
    }
    assert terminal.room.registrations.webhook_secrets(told["id"]) == (told["webhook_secret"].encode(),)
    assert [one["deployment_id"] for one in told["deployments"]] == ["1", "2"]
    assert "webhook_secret" not in terminal.json("show", told["id"])
    assert told["webhook_secret"] not in terminal.run("show", told["id"]).output


def test_register_takes_the_options_that_the_issue_names(terminal: Terminal) -> None:
    told = terminal.json(
        "register",
        "--issuer=https://lms.example",
        "--client-id=c",
        "--auth-login-url=https://lms.example/a",
        "--token-url=https://lms.example/t",
        "--jwks-url=https://lms.example/k",
        "--deployment-id=1",
        "--allow-private-host=10.1.2.3",
        f"--institution={OTHER_ORG}",
        "--algorithm=ES256",
    )

    assert (told["institution"], told["private_hosts"], told["algorithm"]) == (
        OTHER_ORG,
        ["10.1.2.3"],
        "ES256",
    )
    assert told["auth_token_url"] == "https://lms.example/t"


def test_what_cannot_stand_is_said_by_field(terminal: Terminal) -> None:
    with pytest.raises(FieldsInvalid) as refused:
        terminal.run("register", "--issuer", "http://x", "--client-id", "c")
    assert set(refused.value.fields) == {"issuer", "auth_login_url", "auth_token_url", "jwks_url"}
    with pytest.raises(FieldsInvalid, match="演示"):
        terminal.run("register", *MOODLE, "--demo")


def test_list_and_show_say_how_platforms_stand(terminal: Terminal) -> None:
    assert "还没有登记学习平台" in terminal.run("list").output
    registration = terminal.register()
    terminal.room.registrations.note_unknown_deployment(RegistrationId(registration), "7")

    listed = terminal.run("list").output
    assert registration in listed
    assert "等待首次进入" in listed
    assert "1 个部署待批准" in listed
    assert [one["id"] for one in terminal.json("list", "--institution", ORG)["platforms"]] == [registration]
    assert terminal.json("list", "--institution", OTHER_ORG)["platforms"] == []
    shown = terminal.run("show", registration).output
    assert "部署 7  待批准" in shown
    assert f"{TOOL}/lti/jwks" in shown


def test_approve_and_refuse(terminal: Terminal) -> None:
    registration = terminal.register()
    terminal.room.registrations.note_unknown_deployment(RegistrationId(registration), "7")

    assert "已批准部署 7" in terminal.run("approve", registration, "7", "--by", "staff_lin").output
    assert terminal.room.registrations.by_id(registration).deployment_ids == {"7"}
    told = terminal.json("refuse", registration, "7")

    assert terminal.room.registrations.by_id(registration).deployment_ids == frozenset()
    assert told["deployments"] == [{"deployment_id": "7", "status": "refused", "decided_by": "operator"}]


def test_disable_and_enable(terminal: Terminal) -> None:
    registration = terminal.register()

    assert "已停用" in terminal.run("disable", registration).output
    with pytest.raises(LaunchRefused):
        terminal.room.registrations.by_id(registration)
    assert terminal.json("enable", registration)["status"] == "pending"
    terminal.room.registrations.by_id(registration)


def test_private_hosts_are_set_and_taken_back(terminal: Terminal) -> None:
    registration = terminal.register()

    assert terminal.json("allow-host", registration, "10.1.2.3", "lms.lan")["private_hosts"] == [
        "10.1.2.3",
        "lms.lan",
    ]
    assert "内网主机:无" in terminal.run("allow-host", registration).output


def test_rotate_secret_overlaps_and_finishes(terminal: Terminal) -> None:
    registration = terminal.register()

    told = terminal.json("rotate-secret", registration)
    both = terminal.room.registrations.webhook_secrets(RegistrationId(registration))
    with pytest.raises(InvalidInput, match="secret_rotation_running"):
        terminal.run("rotate-secret", registration)
    terminal.run("rotate-secret", registration, "--finish")

    assert (len(both), both[0]) == (2, told["webhook_secret"].encode())
    assert told["old_secret_until"] is not None
    assert terminal.room.registrations.webhook_secrets(RegistrationId(registration)) == both[:1]


def test_rotate_key_publishes_the_new_one_first(terminal: Terminal) -> None:
    told = terminal.json("rotate-key")

    assert [one["state"] for one in told["keys"]] == ["published", "signing"]
    assert told["keys"][0]["kid"] == told["kid"]
    with pytest.raises(InvalidInput, match="key_rotation_running"):
        terminal.run("rotate-key")
    at_once = terminal.json("rotate-key", "--at-once")
    assert [one["state"] for one in at_once["keys"]] == ["signing"]


def test_move_is_a_preview_until_it_is_meant(terminal: Terminal) -> None:
    registration = terminal.register()
    to = ("move", registration, "--issuer", "https://xuexi.example")

    preview = terminal.run(*to).output
    still = terminal.room.registrations.by_id(registration).issuer
    with pytest.raises(InvalidInput, match="move_reason_missing"):
        terminal.run(*to, "--yes")
    told = terminal.json(*to, "--yes", "--reason", "更换域名")

    assert "平台标识(issuer):https://moodle.example → https://xuexi.example" in preview
    assert still == "https://moodle.example"
    assert told["moved"] is True
    assert terminal.room.registrations.by_id(registration).issuer == "https://xuexi.example"
    assert "更换域名" in terminal.run("show", registration).output
    assert terminal.json("undo-move", registration)["issuer"] == "https://moodle.example"


def test_test_names_moodles_two_settings_and_fails(terminal: Terminal) -> None:
    registration = terminal.register()

    told = terminal.json("test", registration, status=1)
    said = terminal.run("test", registration, status=1).stdout

    by_step = {one["step"]: one["reason"] for one in told["findings"]}
    assert told["ok"] is False
    assert by_step["token"] == "moodle_cannot_fetch_keys"
    assert by_step["jwks"] == "jwks_empty"
    assert "curlsecurityblockedhosts" in said
    assert "curlsecurityallowedport" in said


def test_invite_prints_a_link(terminal: Terminal) -> None:
    told = terminal.json("invite", "--institution", ORG)

    assert told["url"].startswith(f"{TOOL}/lti/register?invitation=")
    assert "只显示一次" in terminal.run("invite", "--institution", ORG).output


def test_an_unknown_platform_is_said_to_be_unknown(terminal: Terminal) -> None:
    for command in (("show",), ("disable",), ("rotate-secret",), ("undo-move",), ("test",)):
        with pytest.raises(InvalidInput, match="registration_unknown"):
            terminal.run(*command, "reg_none")


def test_every_command_has_help_in_chinese(terminal: Terminal) -> None:
    group = terminal._group
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        assert command.help
        assert any("\u4e00" <= character <= "\u9fff" for character in command.help)
        assert any(option.name == "as_json" for option in command.params), name
