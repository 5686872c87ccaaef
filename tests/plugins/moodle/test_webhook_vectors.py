"""The plugin signs the recorded batches as the bridge's door reads them: PHP without a Moodle, the same vectors."""

import hashlib
import hmac
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bridge.setup.servers import PROGRAMS, require

_ROOT = Path(__file__).resolve().parents[3]
_SIGNATURE = _ROOT / "plugins/moodle/local_anxue/classes/signature.php"
_VECTORS: list[dict[str, Any]] = json.loads(
    (_ROOT / "tests/intake/vectors/webhook_batches.json").read_text(encoding="utf-8")
)

_SCRIPT = """
require $argv[1];
foreach (json_decode(stream_get_contents(STDIN), true) as $case) {
    echo \\local_anxue\\signature::of($case['secret'], $case['timestamp'], $case['body']), "\\n";
}
"""


@pytest.fixture(scope="module")
def made_by_php() -> dict[str, str]:
    php = str(require(next(program for program in PROGRAMS if program.title == "PHP")))
    done = subprocess.run(
        [php, "-r", _SCRIPT, "--", str(_SIGNATURE)],
        input=json.dumps(_VECTORS),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip((case["name"] for case in _VECTORS), done.stdout.split(), strict=True))


@pytest.mark.parametrize("case", _VECTORS, ids=lambda case: case["name"])
def test_the_plugin_signs_as_the_bridge_reads(case: dict[str, Any], made_by_php: dict[str, str]) -> None:
    text = f"{case['timestamp']}.{case['body']}".encode()
    ours = "v1=" + hmac.new(case["secret"].encode(), text, hashlib.sha256).hexdigest()
    assert made_by_php[case["name"]] == ours
    if case["expect"]["status"] == 200:
        assert made_by_php[case["name"]] == case["signature"]


def test_some_vectors_are_signed_well_and_some_are_not() -> None:
    states = {case["expect"]["status"] for case in _VECTORS}
    assert {200, 401} <= states
