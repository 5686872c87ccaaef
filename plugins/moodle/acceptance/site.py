"""One Moodle: its settings and scheduled tasks through its own command-line scripts, and its web services."""

import json
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from plugins.simulators.demonstration.steps import StepFailed, expect

_CLI_SECONDS = 1800
_CFG = "admin/cli/cfg.php"


@dataclass(slots=True)
class Site:
    """A Moodle that we may change.

    Args:
        url: its wwwroot, without a slash at the end.
        folder: its code, for the command-line scripts that Moodle ships.
        php: how PHP is started there, such as `php` or `sudo -u www-data php`.
    """

    url: str
    folder: Path
    php: str = "php"
    _before: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def cli(self, script: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run one of Moodle's scripts; return what it said.

        Raises:
            StepFailed: it failed, unless `check` is off.
        """
        command = [
            *shlex.split(self.php),
            "-d",
            "max_input_vars=5000",
            "-d",
            "memory_limit=1G",
            script,
            *arguments,
        ]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=_CLI_SECONDS, check=False
        )
        if check and done.returncode != 0:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["没有说明原因"]
            raise StepFailed(f"{script} 失败(退出码 {done.returncode}):{words[0][:300]}")
        return done

    def setting(self, name: str, component: str = "") -> str | None:
        """Return a setting, of Moodle itself or of a plugin; None where it is not set."""
        done = self.cli(_CFG, *_named(name, component), "--no-eol", check=False)
        expect(done.returncode in (0, 3), f"cfg.php 失败:{done.stderr.strip()[:200]}")
        return done.stdout if done.returncode == 0 else None

    def set(self, name: str, value: str, component: str = "") -> None:
        """Change a setting; `restore` brings back what was there before the first change."""
        self._before.setdefault((component, name), self.setting(name, component))
        self.cli(_CFG, *_named(name, component), f"--set={value}")

    def restore(self) -> int:
        """Put every changed setting back; return how many."""
        for (component, name), value in self._before.items():
            to = "--unset" if value is None else f"--set={value}"
            self.cli(_CFG, *_named(name, component), to)
        count = len(self._before)
        self._before.clear()
        return count

    def run_task(self, name: str) -> str:
        """Run a scheduled task now, as cron would; return what it said."""
        return self.cli("admin/cli/scheduled_task.php", f"--execute={name}").stdout

    @property
    def release(self) -> str:
        """Return Moodle's release for people."""
        return (self.setting("release") or "?").strip()


@dataclass(frozen=True, slots=True)
class WebService:
    """The bridge's way into Moodle: REST with a token."""

    site: Site
    token: str

    def call(self, function: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Return what a web service answers.

        Raises:
            StepFailed: it answered with an exception; the message holds Moodle's error code.
        """
        fields = {name: str(value) for name, value in (arguments or {}).items()}
        fields |= {"wstoken": self.token, "wsfunction": function, "moodlewsrestformat": "json"}
        reply = requests.post(f"{self.site.url}/webservice/rest/server.php", data=fields, timeout=60)
        try:
            answer = reply.json()
        except json.JSONDecodeError as error:
            raise StepFailed(f"{function}:{reply.status_code},不是 JSON") from error
        if isinstance(answer, dict) and "exception" in answer:
            raise StepFailed(f"{function}:{answer.get('errorcode')} {answer.get('message')}")
        return answer


def token_of(site: Site, username: str, password: str, service: str) -> WebService:
    """Return the web service of a user who may use it.

    Raises:
        StepFailed: Moodle gives no token.
    """
    fields = {"username": username, "password": password, "service": service}
    answer = requests.post(f"{site.url}/login/token.php", data=fields, timeout=60).json()
    expect("token" in answer, f"没有得到网络服务令牌:{answer.get('errorcode')} {answer.get('error')}")
    return WebService(site, str(answer["token"]))


def _named(name: str, component: str) -> list[str]:
    # For cfg.php a component "core" is a plugin of that name: Moodle's own settings have none.
    return [f"--name={name}", *([f"--component={component}"] if component else [])]
