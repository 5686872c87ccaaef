"""What lies on the disk: no name, no citizen id, no contact data of a launch, no secret, no photograph."""

from pathlib import Path

from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.identity.staff import StaffService
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from tests.identity.house import (
    CHEN,
    CHEN_ID,
    CONTEXT,
    HUANG,
    HUANG_ID,
    JPEG,
    ORG,
    PLATFORM,
    RUN,
    VARIABLES,
    House,
    demo_catalogue,
)

PHONE, MAIL = "19900001001", "canary.chen@lms.example"


def test_a_whole_walk_leaves_nothing_readable_in_database_and_blobs(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path / 'bridge.sqlite'}", tmp_path).loaded()
    claims = {**CONTEXT, "email": MAIL, "phone_number": PHONE, "name": CHEN, "given_name": "晓安"}
    with house.desk() as desk:
        # A platform may use the citizen id or a telephone number as its `sub`.
        by_number = desk.identity.recognise(PLATFORM, CHEN_ID, claims)
        desk.identity.recognise(PLATFORM, PHONE, claims)
        learner = desk.identity.verify_real_name(by_number.account_id, RUN, CHEN, CHEN_ID).value
        assert learner is not None
        desk.identity.verify_real_name(desk.account("lms-user-1004"), RUN, CHEN, HUANG_ID)
        desk.registry.enrol(learner, RUN, "elr_1")
        desk.identity.give_consent(by_number.account_id, FACE, FACE_CONSENT.version)
        assert desk.identity.roster_photo(learner, RUN) == JPEG
        desk.vault.put(
            EvidenceScope(ORG, learner, EvidencePurpose.LEARNER_FILE, RUN), CHEN.encode(), "text/plain"
        )
        desk.identity.disclose(learner, purpose="test", recipient="test", by="test")
    with house.units.across_institutions("load staff") as tx:
        tokens = [i.token for i in StaffService(tx.session, house.clock).load(demo_catalogue().staff)]
    house.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "bridge.sqlite" for path in files)
    assert any("blobs" in path.parts for path in files)
    raw = b"".join(path.read_bytes() for path in files)
    assert b"lms-user-1004" not in raw
    assert RUN.encode() in raw  # the search itself finds what is there
    secrets = [CHEN, HUANG, "晓安", CHEN_ID, HUANG_ID, PHONE, MAIL, VARIABLES["webhook_secret"], *tokens]
    for secret in secrets:
        for encoding in ("utf-8", "utf-16-le", "gb18030"):
            assert secret.encode(encoding) not in raw, secret[:1]
        assert secret.encode("unicode_escape") not in raw, secret[:1]
    assert JPEG not in raw
    assert house.master_key not in raw
    assert house.master_key.hex().encode() not in raw
