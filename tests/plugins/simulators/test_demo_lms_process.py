"""The demo LMS as a process of its own, and its configuration file."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from bridge.kernel.errors import InvalidInput
from plugins.simulators.demo_lms.course import load
from tests.plugins.simulators.demo_lms_server import BRIDGE, CONFIG

ROOT = Path(__file__).parents[3]


def test_it_starts_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plugins.simulators.demo_lms", "--port", "0", "--bridge-url", BRIDGE]
    command += ["--state", str(tmp_path / "state"), "--config", str(CONFIG)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        url = line[line.index("http://") :].strip()
        assert requests.get(f"{url}/healthz", timeout=5).json() == {"ok": True, "simulator": True}
        secret = tmp_path / "state" / "webhook-secret"
        assert len(secret.read_text().strip()) == 64
        assert secret.stat().st_mode & 0o077 == 0
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(10) == 0
        process.stderr.close()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("content", "reason", "says"),
    [
        (b"platform: [", "lms_config_not_yaml", "YAML"),
        (b"\xff\xfe", "lms_config_not_yaml", "YAML"),
        (b"a: 1\na: 2\n", "lms_config_not_yaml", "YAML"),
        (b"platform: {}\n", "lms_config_invalid", "platform.name"),
        (b"#" * 300_000, "lms_config_too_large", "KB"),
    ],
)
def test_a_bad_configuration_is_refused_in_words(
    tmp_path: Path, content: bytes, reason: str, says: str
) -> None:
    path = tmp_path / "lms.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        load(path, lms_url="http://127.0.0.1:1", bridge_url=BRIDGE)

    assert refused.value.reason == reason
    assert says in refused.value.message


def test_an_answer_that_is_no_option_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lms.yaml"
    path.write_text(CONFIG.read_text().replace("answer: 2", "answer: 4", 1))
    with pytest.raises(InvalidInput, match=r"course\.quiz\.questions\.2"):
        load(path, lms_url="http://127.0.0.1:1", bridge_url=BRIDGE)


def test_every_shipped_resource_link_is_named_once() -> None:
    lms = load(CONFIG, lms_url="http://127.0.0.1:1", bridge_url=BRIDGE)

    assert list(lms.link_titles()) == ["entry", "unit-1", "unit-2", "quiz-1"]
    assert lms.tool.webhook_url == f"{BRIDGE}/webhooks/v1/reg_demo_lms"
