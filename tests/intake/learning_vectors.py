"""Made-up events of Caliper sensors and of Canvas, and what each is held against."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.intake.learning import LearningEvent, learning_claim
from bridge.kernel.canonical import sha256_hex

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ACCOUNT, HOST = "Root4Account2Uuid0Of9School", "school.lms.example"
NEVER_KEPT = (
    "lms.example",
    "19900003001",
    "zhang_2026x",
    "440199199003071219",
    "陈晓安",
    "xiaoan",
    "Xiaoan",
    "554433",
    "10000000000048",
    "203.0.113.9",
    "ef686f8ed684abf78cbfa1f6a58112b5",
)
"""What the events hold of people: names, contact data, citizen ids, accounts, addresses."""
_FOLDER = Path(__file__).parent / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    """Return the vectors in a file."""
    found: list[dict[str, Any]] = json.loads((_FOLDER / f"{name}.json").read_text())
    return found


def blind(iri: str) -> str:
    """Stand in for the house's blind references."""
    return f"blind_{sha256_hex(iri.encode())[:32]}"


def hold(event: LearningEvent, expect: dict[str, Any]) -> None:
    """Hold what is kept, and what it claims, against a vector."""
    payload = json.loads(json.dumps(event.payload()))
    claim = learning_claim(payload)
    facts = {**payload, "kind": claim.kind, "overridden": claim.overridden}
    for name, expected in expect.items():
        if name == "same":
            assert facts["actor"] == facts["learner"] is not None
        elif name == "differ":
            assert facts[expected[0]] != facts[expected[1]]
            assert None not in (facts[expected[0]], facts[expected[1]])
        elif name == "absent":
            assert [facts[one] for one in expected] == [None] * len(expected)
        elif name == "present":
            assert all(facts[one].startswith("blind_") for one in expected)
        else:
            assert facts[name] == expected, name
    text = json.dumps(payload, ensure_ascii=False)
    assert not [one for one in NEVER_KEPT if one in text]
