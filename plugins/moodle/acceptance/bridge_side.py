"""The bridge of one acceptance run: a real one, on a folder and a port of its own, with the Moodle registered in it."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from sqlalchemy import text

from bridge.db.engine import open_engine
from bridge.registry.yaml_files import read_yaml
from bridge.serve import die_with_parent
from bridge.settings import ROOT, Settings
from plugins.moodle.acceptance.school import School
from plugins.simulators.demonstration.processes import Child, free_ports
from plugins.simulators.demonstration.steps import StepFailed, expect, wait_for

_READY_SECONDS = 90.0
_STOP_SECONDS = 20.0
_CATALOGUE = ROOT / "config" / "demo"
_STUDY_FACTOR = 100
"""Study seconds in a real second: the walk's class hour takes half a minute, and a busy machine still keeps up."""


_UNTYPED = {"score": "attempt.graded", "beats": "agent.batch"}
"""What is kept without a type, by a member that only it has; all else is a launch."""


@dataclass(slots=True)
class BridgeSide:
    """A bridge that runs for this run alone.

    Args:
        folder: of this run.
        host: where it listens; the Moodle must reach it there.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    registration: str = ""
    secret: str = field(default="", repr=False)
    class_run: str = ""
    invitations: tuple[str, ...] = ()
    _child: Child | None = None

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            StepFailed: it does not.
        """
        self.port = free_ports(8180, 1)[0]
        log = self.folder / "bridge.log"
        with log.open("ab") as words:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bridge.cli", "serve"],
                cwd=ROOT, env=self._environment(), stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509  # no thread was started yet
            )  # fmt: skip
        self._child = child = Child("bridge", "安学桥", f"{self.url}/readyz", log, process)
        wait_for(child.look, _READY_SECONDS, f"安学桥没有就绪,日志见 {log}")

    def register(self, school: School) -> None:
        """Load the demonstration's catalogue with this Moodle as its platform and this course as its class run's."""
        catalogue = self.folder / "catalogue"
        shutil.copytree(_CATALOGUE, catalogue)
        issuer, self.registration, self.secret = school.site.url, "reg_moodle", secrets.token_hex(32)
        registered = {
            "id": self.registration,
            "issuer": issuer,
            "client_id": school.client_id,
            "auth_login_url": f"{issuer}/mod/lti/auth.php",
            "auth_token_url": f"{issuer}/mod/lti/token.php",
            "jwks_url": f"{issuer}/mod/lti/certs.php",
            "deployment_ids": [str(school.tool)],
            "algorithm": "RS256",
            "demo": True,
            "private_hosts": [urlsplit(issuer).hostname],
            "allowed_origin": issuer,
            "webhook_secret": self.secret,
        }
        with _changed(catalogue / "institution.yaml") as content:
            content["lti_registrations"] = [registered]
        with _changed(catalogue / "class_runs.yaml") as content:
            content["class_runs"][0]["lti_contexts"] = [
                {"registration": self.registration, "context_id": str(school.course)}
            ]
        with _changed(catalogue / "course.yaml") as content:
            lesson, _, test = content["courses"][0]["units"]
            lesson["resource_link_id"], test["resource_link_id"] = f"cm-{school.lesson}", f"cm-{school.quiz}"
        loaded = self._command("catalogue", "load", str(catalogue), "--photographs", "demo", "--json")
        self.invitations = tuple(one["url"] for one in loaded["invitations"])
        self.class_run = loaded["class_runs"][0]

    def listed_learner(self) -> tuple[str, str]:
        """Return name and citizen id of the made-up learner who stands on the enrolment list."""
        content = read_yaml(_CATALOGUE / "enrolment_list.yaml")
        first = content["learners"][0]
        return str(first["name"]), str(first["citizen_id"])

    def received(self) -> "Counter[str]":
        """Return how many messages of each kind came from the Moodle: `type`, with the event or kind behind a space."""
        counted: Counter[str] = Counter()
        for payload in self._payloads():
            kind = payload.get("type") or next(
                (name for mark, name in _UNTYPED.items() if mark in payload), "launch"
            )
            counted[" ".join(filter(None, (kind, payload.get("event") or payload.get("kind"))))] += 1
        return counted

    def holds(self, words: Sequence[str]) -> list[str]:
        """Return which of these words stand anywhere in what was received."""
        everything = "\n".join(json.dumps(payload, ensure_ascii=False) for payload in self._payloads())
        return [word for word in words if word in everything]

    def stop(self) -> None:
        """End it and wait.

        Raises:
            StepFailed: it did not end by itself.
        """
        child, self._child = self._child, None
        if child is None:
            return
        child.process.send_signal(signal.SIGTERM)
        try:
            status = child.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            raise StepFailed(f"安学桥没有按时停止,日志见 {child.log}") from error
        expect(status == 0, f"安学桥退出码 {status},日志见 {child.log}")

    def _payloads(self) -> list[dict[str, Any]]:
        engine = open_engine(self._settings().database_url, pool_size=1)
        try:
            with engine.connect() as connection:
                rows = connection.execute(
                    text("SELECT payload FROM inbox_message ORDER BY chain, seq")
                ).scalars()
                return [json.loads(row) for row in rows]
        finally:
            engine.dispose()

    def _command(self, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "bridge.cli", *arguments],
            cwd=ROOT, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        last = (done.stderr.strip().splitlines() or ["没有说明原因"])[-1]
        expect(done.returncode == 0, f"./anxue {' '.join(arguments[:2])} 失败:{last}")
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return result

    def _environment(self) -> dict[str, str]:
        return {
            # The reader's own settings of a real bridge must not reach this one.
            **{name: value for name, value in os.environ.items() if not name.startswith("ANXUE_")},
            "PYTHONPATH": str(ROOT),
            # A demonstration may speak http with a Moodle on this machine, and hurry the clock of study.
            "ANXUE_MODE": "demonstration",
            "ANXUE_STUDY_FACTOR": str(_STUDY_FACTOR),
            "ANXUE_VAR": str(Settings().var),
            "ANXUE_DATA": str(self.folder / "bridge"),
            "ANXUE_HOST": self.host,
            "ANXUE_PORT": str(self.port),
        }

    def _settings(self) -> Settings:
        given = {
            k.removeprefix("ANXUE_").lower(): v
            for k, v in self._environment().items()
            if k.startswith("ANXUE_")
        }
        return Settings.model_validate(given)


@contextmanager
def _changed(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a YAML file holds, and write it back as it was left."""
    content = read_yaml(path)
    yield content
    YAML(typ="safe").dump(content, path)
