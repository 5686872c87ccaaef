"""Documents for other doors: one kind each, and never a launch."""

import hashlib
from typing import Any

import pytest

from lti.errors import LaunchRefused
from lti.jwt_documents import PlatformDocument, verify_platform_jwt
from tests.lti.doors import CoreDoor

KIND = "anxue-session+jwt"
AUDIENCE = "https://tool.example/hooks"


class Hook:
    def __init__(self) -> None:
        self.door = CoreDoor()
        self.lms = self.door.world.lms

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = self.lms.clock.seconds()
        right = {
            "iss": self.lms.issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 60,
            "jti": "j-1",
            "event": {"a": 1},
        }
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def verify(self, token: str, **changes: Any) -> PlatformDocument:
        given = {"audience": AUDIENCE, "typ": KIND, "max_age_seconds": 300, **changes}
        tool = self.door.tool
        return verify_platform_jwt(
            token, self.lms.registration(), keys=tool.platform_keys, clock=tool.clock, **given
        )

    def refusal(self, token: str, **changes: Any) -> str:
        with pytest.raises(LaunchRefused) as refused:
            self.verify(token, **changes)
        return refused.value.reason


def test_a_right_document_is_believed() -> None:
    hook = Hook()
    document = hook.verify(hook.lms.sign(hook.claims(), typ=KIND))
    assert (document.jti, document.payload["event"], document.issued_at) == (
        "j-1",
        {"a": 1},
        hook.lms.clock.at,
    )
    assert document.registration == hook.lms.registration()


def test_a_document_is_known_again_by_the_hash_of_its_compact_form() -> None:
    hook = Hook()
    token = hook.lms.sign(hook.claims(), typ=KIND)
    assert hook.verify(token).sha256 == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize("jti", ["j", "j" * 255])
def test_an_id_of_one_to_255_characters_is_taken(jti: str) -> None:
    hook = Hook()
    assert hook.verify(hook.lms.sign(hook.claims(jti=jti), typ=KIND)).jti == jti


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("issuer_mismatch", {"iss": "https://other.example"}),
        ("audience_mismatch", {"aud": "client-1"}),
        ("audience_mismatch", {"aud": [AUDIENCE, "client-1"]}),
        ("exp_missing", {"exp": None}),
        ("iat_missing", {"iat": None}),
        ("jti_missing", {"jti": None}),
        ("jti_missing", {"jti": ""}),
        ("jti_missing", {"jti": "j" * 256}),
        ("jti_missing", {"jti": 1}),
    ],
)
def test_a_wrong_claim_is_refused(expected: str, changes: dict[str, Any]) -> None:
    hook = Hook()
    assert hook.refusal(hook.lms.sign(hook.claims(**changes), typ=KIND)) == expected


@pytest.mark.parametrize("typ", ["JWT", None, "anxue-webhook+jwt", "ANXUE-SESSION+JWT"])
def test_a_document_of_another_kind_is_refused(typ: str | None) -> None:
    hook = Hook()
    assert hook.refusal(hook.lms.sign(hook.claims(), typ=typ)) == "token_type_wrong"


def test_a_launch_is_never_a_document() -> None:
    hook = Hook()
    launch = hook.lms.token(hook.door.login().nonce, jti="j-1", aud=AUDIENCE)
    assert hook.refusal(launch) == "token_type_wrong"


def test_a_document_is_never_a_launch() -> None:
    door = CoreDoor()
    going, lms = door.login(), door.world.lms
    assert door.launch(going.state, lms.sign(lms.claims(going.nonce), typ=KIND)) == "token_type_wrong"


def test_an_old_document_and_a_large_one_are_refused() -> None:
    hook = Hook()
    token = hook.lms.sign(hook.claims(exp=hook.lms.clock.seconds() + 9000), typ=KIND)
    assert hook.refusal(token, max_bytes=100) == "token_too_large"
    hook.lms.clock.advance(361)
    assert hook.refusal(token) == "token_too_old"


@pytest.mark.parametrize("typ", ["JWT", "", "+jwt"])
def test_the_launch_kind_cannot_be_asked_for(typ: str) -> None:
    with pytest.raises(ValueError, match="kind of document"):
        Hook().verify("a.b.c", typ=typ)
