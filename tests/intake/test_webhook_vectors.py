"""The recorded batches at the real door. Moodle's plugin holds the same file against what it signs and sends.

Two secrets are good, as while one is being changed; no account, course or activity of the vectors is known.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.registry.lti_tables import LtiRegistrationRow
from tests.web.furnished import ORG, PLATFORM, Furnished, furnish

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "vectors" / "webhook_batches.json").read_text(encoding="utf-8")
)
SECRETS = ("vector-secret-one-of-forty-characters-0001", "vector-secret-two-of-forty-characters-0002")
NOW = datetime.fromtimestamp(VECTORS[0]["now"], UTC)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """A house whose platform is changing its secret."""
    made = furnish(tmp_path_factory.mktemp("vectors"))
    with made.house.uow.for_institution(ORG) as tx:
        row = tx.session.get_one(LtiRegistrationRow, PLATFORM)
        row.webhook_secret_enc, row.old_secret_enc = (
            made.house.cipher.encrypt_text(secret, table="lti_registration", row_id=PLATFORM)
            for secret in SECRETS
        )
        row.old_secret_until = NOW + timedelta(days=1)
    yield made
    made.house.close()


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_door_answers_as_recorded(changing: Furnished, vector: dict[str, Any]) -> None:
    changing.clock.at = datetime.fromtimestamp(vector["now"], UTC)
    expected = vector["expect"]

    answer = changing.client().post(
        f"/webhooks/v1/{PLATFORM}/batches",
        data=vector["body"].encode(),
        content_type="application/json",
        headers={"X-Anxue-Timestamp": vector["timestamp"], "X-Anxue-Signature": vector["signature"]},
    )

    told = answer.get_json()
    assert answer.status_code == expected["status"], told
    if "reason" in expected:
        assert told["reason"] == expected["reason"]
    if "results" in expected:
        assert told["batch"] == json.loads(vector["body"])["batch"]
        said = [{name: value for name, value in one.items() if name != "message"} for one in told["results"]]
        assert said == expected["results"]
        assert all(one.get("message") for one in told["results"] if one["status"] == "refused")


def test_every_recorded_name_is_another() -> None:
    names = [vector["name"] for vector in VECTORS]
    assert len(set(names)) == len(names) > 15
