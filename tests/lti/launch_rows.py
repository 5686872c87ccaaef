"""The launch rows of the security case list as data: what is sent, and the one answer that is right.

Each row names the exact reason: with its defence taken out, the launch would be accepted or refused
for another.
"""

import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lti.claims import (
    AGS_ENDPOINT,
    CONTEXT,
    CUSTOM,
    DEPLOYMENT_ID,
    LAUNCH_PRESENTATION,
    MESSAGE_TYPE,
    NOTIFICATION_SERVICE,
    NRPS_SERVICE,
    RESOURCE_LINK,
    ROLES,
    TARGET_LINK_URI,
    VERSION,
)
from tests.lti.doors import Door
from tests.lti.message_rows import MESSAGE_ROWS
from tests.lti.platform import (
    LEARNER,
    MEMBERSHIP,
    TEACHER,
    compact,
    ec_jwk,
    public_jwk,
    rsa_key,
    without_none,
)
from tests.lti.rows import LEARNER_IN, TEACHER_IN, Row, claims_row

__all__ = ["ROWS", "Row"]

INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#"
SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person#"


def header_row(id: str, expected: str, **header: Any) -> Row:
    """A right launch whose token's header is changed."""

    def play(door: Door) -> str:
        going, lms = door.login(), door.world.lms
        return door.launch(going.state, lms.sign(lms.claims(going.nonce), **header))

    return Row(id, expected, play)


def payload_row(id: str, expected: str, make: Callable[[dict[str, Any]], bytes]) -> Row:
    """A correctly signed token with this payload, made of the right claims."""

    def play(door: Door) -> str:
        going, lms = door.login(), door.world.lms
        payload = make(lms.claims(going.nonce))
        return door.launch(going.state, compact({"alg": "RS256", "kid": lms.kid}, payload, lms.key))

    return Row(id, expected, play)


def jwks_row(id: str, expected: str, jwks: Callable[[dict[str, Any]], Any]) -> Row:
    """A right launch by a platform whose published keys are these, made of the right key."""

    def play(door: Door) -> str:
        lms = door.world.lms
        lms.jwks = {"keys": jwks(public_jwk(lms.key, lms.kid))}
        going = door.login()
        return door.launch(going.state, lms.token(going.nonce))

    return Row(id, expected, play)


def login_row(id: str, expected: str, **changes: Any) -> Row:
    def play(door: Door) -> str:
        return door.login(**changes).refusal

    return Row(id, expected, play)


def _state_of_nobody(door: Door) -> str:
    going = door.login()
    return door.launch("made-up", door.world.lms.token(going.nonce))


def _no_state(door: Door) -> str:
    return door.launch(None, door.world.lms.token(door.login().nonce))


def _other_browser(door: Door) -> str:
    door.login(browser="thief")  # the thief's browser has a binding of its own
    going = door.login(browser="a")
    return door.launch(going.state, door.world.lms.token(going.nonce), browser="thief")


def _no_cookie(door: Door) -> str:
    going = door.login()
    return door.launch(going.state, door.world.lms.token(going.nonce), browser="")


def _replay(door: Door) -> str:
    going = door.login()
    token = door.world.lms.token(going.nonce)
    assert door.launch(going.state, token) == LEARNER_IN
    return door.launch(going.state, token)


def _state_burnt_by_failure(door: Door) -> str:
    going = door.login()
    assert door.launch(going.state, "not-a-token") == "token_malformed"
    return door.launch(going.state, door.world.lms.token(going.nonce))


def _used_nonce_other_sub(door: Door) -> str:
    first = door.login()
    assert door.launch(first.state, door.world.lms.token(first.nonce)) == LEARNER_IN
    return door.launch(door.login().state, door.world.lms.token(first.nonce, sub="user-2"))


def _nonce_of_other_flow(door: Door) -> str:
    first, second = door.login(), door.login()
    return door.launch(first.state, door.world.lms.token(second.nonce))


def _late(seconds: int) -> Callable[[Door], str]:
    def play(door: Door) -> str:
        going = door.login()
        door.world.clock.advance(seconds)
        return door.launch(going.state, door.world.lms.token(going.nonce))

    return play


def _mix_up_by_key(door: Door) -> str:
    going, other = door.login(), door.world.other
    return door.launch(going.state, other.token(going.nonce, aud="client-1"))


def _token_for_other_client(door: Door) -> str:
    return door.launch((going := door.login()).state, door.world.lms.token(going.nonce, aud="client-2"))


def _hs256_with_public_key(door: Door) -> str:
    going, lms = door.login(), door.world.lms
    pem = lms.key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    payload = json.dumps(lms.claims(going.nonce)).encode()
    return door.launch(going.state, compact({"alg": "HS256", "kid": lms.kid}, payload, None, secret=pem))


def _unsigned(door: Door) -> str:
    going, lms = door.login(), door.world.lms
    payload = json.dumps(lms.claims(going.nonce)).encode()
    return door.launch(going.state, compact({"alg": "none", "kid": lms.kid}, payload, None) + "AA")


def _stranger_signs(door: Door) -> str:
    going, lms = door.login(), door.world.lms
    return door.launch(going.state, lms.sign(lms.claims(going.nonce), key=rsa_key("stranger")))


def _payload_swapped(door: Door) -> str:
    going, lms = door.login(), door.world.lms
    header, _, signature = lms.token(going.nonce).split(".")
    _, payload, _ = lms.token(going.nonce, sub="user-2").split(".")
    return door.launch(going.state, f"{header}.{payload}.{signature}")


def _anonymous(door: Door) -> str:
    lms = door.world.open_lms
    going = door.login(lms)
    return door.launch(going.state, lms.token(going.nonce, sub=None))


def _unknown_kid_refetched_once(door: Door) -> str:
    lms = door.world.lms
    assert _right(door) == LEARNER_IN
    before = lms.fetches
    for _ in range(3):
        going = door.login()
        answer = door.launch(going.state, lms.sign(lms.claims(going.nonce), kid="no-such-key"))
    assert lms.fetches == before + 1
    return answer


def _right(door: Door) -> str:
    going = door.login()
    return door.launch(going.state, door.world.lms.token(going.nonce))


def _rotated(door: Door) -> str:
    lms = door.world.lms
    assert _right(door) == LEARNER_IN
    lms.kid, lms.key = "key-2", rsa_key("rotated")
    lms.jwks = {"keys": [public_jwk(lms.key, lms.kid)]}
    return _right(door)


def _own_key_in_header(door: Door) -> str:
    going, lms, mine = door.login(), door.world.lms, rsa_key("stranger")
    header: dict[str, Any] = {
        "jwk": public_jwk(mine, "mine"),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x",
    }
    return door.launch(going.state, lms.sign(lms.claims(going.nonce), key=mine, **header))


def _key_of_header_ignored(door: Door) -> str:
    going, lms = door.login(), door.world.lms
    header: dict[str, Any] = {
        "jwk": public_jwk(rsa_key("stranger"), "mine"),
        "jku": "https://evil.example/jwks",
    }
    return door.launch(going.state, lms.sign(lms.claims(going.nonce), **header))


def _four_parts(door: Door) -> str:
    going = door.login()
    return door.launch(going.state, door.world.lms.token(going.nonce) + ".e30")


def _too_large(door: Door) -> str:
    going = door.login()
    return door.launch(going.state, door.world.lms.token(going.nonce, filler="x" * 65536))


def _platform_says(error: str) -> Callable[[Door], str]:
    def play(door: Door) -> str:
        return door.launch(
            door.login().state, None, error=error, error_description="<script>alert(1)</script>"
        )

    return play


def _two_tabs(door: Door) -> str:
    """Two flows in one browser, answered in the other order, as two people."""
    first, second = door.login(), door.login()
    lms = door.world.lms
    assert door.launch(second.state, lms.token(second.nonce, sub="user-2", **{ROLES: TEACHER})) == TEACHER_IN
    return door.launch(first.state, lms.token(first.nonce))


def _duplicate(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims).encode()[:-1] + b', "sub": "user-2"}'


def _nested(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims).encode()[:-1] + b', "x": ' + b"[" * 600 + b"]" * 600 + b"}"


A_ROWS = [
    header_row("A1", "kid_missing", kid=None),
    header_row("A1.empty", "kid_missing", kid=""),
    Row("A2", "kid_unknown", _unknown_kid_refetched_once),
    claims_row("A3", "version_unsupported", **{VERSION: "11.3"}),
    claims_row("A4", "version_unsupported", **{VERSION: None}),
    payload_row("A5", "issuer_mismatch", lambda _: b'{"name": "badltilaunch"}'),
    claims_row("A6", "issuer_mismatch", aud=None, iss=None, sub=None, **{DEPLOYMENT_ID: None, ROLES: None}),
    claims_row("A6.aud", "audience_mismatch", aud=None),
    payload_row(
        "A7", "token_expired", lambda good: json.dumps({**good, "iat": 11111, "exp": 22222}).encode()
    ),
    claims_row("A8", "message_type_missing", **{MESSAGE_TYPE: None}),
    claims_row("A8.unknown", "message_type_unsupported", **{MESSAGE_TYPE: "LtiSomethingElse"}),
    claims_row("A9", "roles_missing", **{ROLES: None}),
    claims_row("A10", "deployment_id_missing", **{DEPLOYMENT_ID: None}),
    claims_row("A11", "resource_link_missing", **{RESOURCE_LINK: None}),
    claims_row("A11.id", "resource_link_missing", **{RESOURCE_LINK: {"title": "x"}}),
    claims_row("A12", "sub_missing", sub=None),
    Row("A12.allowed", LEARNER_IN, _anonymous),
]

B_ROWS = [
    Row("B1", "state_unknown", _state_of_nobody),
    Row("B1.none", "state_missing", _no_state),
    Row("B2", "browser_mismatch", _other_browser),
    Row("B2.no-cookie", "browser_mismatch", _no_cookie),
    Row("B3", "state_unknown", _replay),
    Row("B3.after-failure", "state_unknown", _state_burnt_by_failure),
    claims_row("B4", "nonce_missing", nonce=None),
    claims_row("B4.empty", "nonce_missing", nonce=""),
    claims_row("B4.number", "nonce_missing", nonce=7),
    Row("B5", "nonce_mismatch", _used_nonce_other_sub),
    Row("B6", "nonce_mismatch", _nonce_of_other_flow),
    Row("B7", "state_unknown", _late(600)),
    Row("B7.in-time", LEARNER_IN, _late(599)),
    claims_row("B8.exp", "exp_missing", exp=None),
    claims_row("B8.iat", "iat_missing", iat=None),
    claims_row("B9.past", "token_expired", iat=-120, exp=-60),
    claims_row("B9.past-in-leeway", LEARNER_IN, iat=-120, exp=-59),
    claims_row("B9.future", "token_from_future", iat=61, exp=300),
    claims_row("B9.future-in-leeway", LEARNER_IN, iat=60, exp=300),
    claims_row("B9.nbf", "token_from_future", nbf=61),
    claims_row("B10", "token_too_old", iat=-661, exp=99_999_999),
    claims_row("B10.in-age", LEARNER_IN, iat=-660, exp=300),
    claims_row("B11.aud", "audience_mismatch", aud="somebody"),
    claims_row("B11.no-azp", "azp_mismatch", aud=["client-1", "somebody"]),
    claims_row("B11.azp", "azp_mismatch", azp="somebody"),
    claims_row("B11.odd", "audience_mismatch", aud=["client-1", 7], azp="client-1"),
    claims_row("B11.object", "audience_mismatch", aud={"client-1": 1}),
    claims_row("B11.order", LEARNER_IN, aud=["somebody", "client-1"], azp="client-1"),
    claims_row("B11.one-in-a-list", LEARNER_IN, aud=["client-1"]),
    login_row("B12.unknown", "issuer_unknown", iss="https://nobody.example"),
    claims_row("B12.mix-up", "issuer_mismatch", iss="https://other.example"),
    Row("B12.mix-up-own-key", "signature_invalid", _mix_up_by_key),
    Row("B13", "audience_mismatch", _token_for_other_client),
    login_row("B13.login", "client_id_unknown", client_id="client-9"),
    claims_row("B14.unknown", "deployment_unknown", **{DEPLOYMENT_ID: "deployment-2"}),
    claims_row("B14.long", "deployment_id_invalid", **{DEPLOYMENT_ID: "d" * 256}),
    claims_row("B14.number", "deployment_id_invalid", **{DEPLOYMENT_ID: 1}),
    claims_row("B15.missing", "target_link_uri_missing", **{TARGET_LINK_URI: None}),
    claims_row(
        "B15.other", "target_link_uri_mismatch", **{TARGET_LINK_URI: "https://tool.example/study/unit-2"}
    ),
    login_row("B15.origin", "target_link_uri_foreign", target_link_uri="https://evil.example/study/unit-1"),
    Row("B16.none", "alg_not_allowed", _unsigned),
    Row("B16.hs256", "alg_not_allowed", _hs256_with_public_key),
    jwks_row("B16.ec", "key_unusable", lambda good: [ec_jwk(good["kid"])]),
    jwks_row("B16.alg", "key_unusable", lambda good: [{**good, "alg": "RS512"}]),
    Row("B16.signature", "signature_invalid", _stranger_signs),
    Row("B16.payload", "signature_invalid", _payload_swapped),
    Row("B17.own-key", "signature_invalid", _own_key_in_header),
    Row("B17.ignored", LEARNER_IN, _key_of_header_ignored),
    header_row("B17.path", "kid_unknown", kid="../../../../dev/null"),
    header_row("B17.sql", "kid_unknown", kid="x' UNION SELECT 'key"),
    header_row("B17.long", "kid_unknown", kid="k" * 8000),
    header_row("B17.crit", "token_malformed", crit=["exp"], exp=1),
    header_row("B17.b64", "token_malformed", b64=True),
    header_row("B17.typ", "token_malformed", typ=7),
    header_row("B17.number", "kid_missing", kid=7),
    jwks_row("B18.twice", "key_unusable", lambda good: [good, good]),
    jwks_row("B18.enc", "key_unusable", lambda good: [{**good, "use": "enc"}]),
    jwks_row("B18.no-ops", "key_unusable", lambda good: [{**good, "key_ops": ["encrypt"]}]),
    jwks_row("B18.bare", LEARNER_IN, lambda good: [without_none({**good, "use": None, "alg": None})]),
    Row("B20", LEARNER_IN, _rotated),
    claims_row("B21.roles", "roles_malformed", **{ROLES: MEMBERSHIP + "Instructor"}),
    claims_row("B21.roles-object", "roles_malformed", **{ROLES: {"0": MEMBERSHIP + "Instructor"}}),
    claims_row("B21.roles-mixed", "roles_malformed", **{ROLES: [1]}),
    claims_row("B21.link", "claim_malformed", **{RESOURCE_LINK: "link-1"}),
    claims_row("B21.custom", "claim_malformed", **{CUSTOM: {"a": {"b": "c"}}}),
    claims_row("B21.context", "claim_malformed", **{CONTEXT: ["course-1"]}),
    claims_row("B21.sub", "sub_invalid", sub=17),
    claims_row("B21.sub-empty", "sub_invalid", sub=""),
    claims_row("B21.sub-long", "sub_invalid", sub="s" * 256),
    claims_row("B21.deployment-empty", "deployment_id_missing", **{DEPLOYMENT_ID: ""}),
    claims_row("B21.message-empty", "message_type_missing", **{MESSAGE_TYPE: ""}),
    claims_row("B21.message-type", "message_type_missing", **{MESSAGE_TYPE: ["LtiResourceLinkRequest"]}),
    claims_row("B21.name", "claim_malformed", given_name=7),
    claims_row("B21.name-long", "claim_malformed", family_name="王" * 4097),
    claims_row("B21.many-roles", "roles_malformed", **{ROLES: LEARNER * 101}),
    claims_row("B21.link-id", "claim_malformed", **{RESOURCE_LINK: {"id": 7}}),
    claims_row("B21.context-id", "claim_malformed", **{CONTEXT: {"title": "x"}}),
    claims_row("B21.scope", "claim_malformed", **{AGS_ENDPOINT: {"scope": "score"}}),
    claims_row("B21.scopes", "claim_malformed", **{AGS_ENDPOINT: {"scope": [7]}}),
    claims_row("B21.endpoint", "claim_malformed", **{AGS_ENDPOINT: "https://lms.example/1"}),
    claims_row("B21.roster", "claim_malformed", **{NRPS_SERVICE: {"service_versions": ["2.0"]}}),
    claims_row("B21.presentation", "claim_malformed", **{LAUNCH_PRESENTATION: {"return_url": ["x"]}}),
    claims_row("B21.iat-text", "claim_malformed", iat="1700000000"),
    claims_row("B21.exp-huge", "claim_malformed", exp=1e300),
    claims_row("B21.exp-negative", "claim_malformed", exp=-(10**9)),
    claims_row("B21.iat", "claim_malformed", iat=True),
    claims_row("B21.notices", "claim_malformed", **{NOTIFICATION_SERVICE: {"notice_types_supported": []}}),
    claims_row("B21.link-description", "claim_malformed", **{RESOURCE_LINK: {"id": "l", "description": 7}}),
    payload_row("B22.twice", "token_malformed", _duplicate),
    payload_row("B22.nan", "token_malformed", lambda good: json.dumps({**good, "x": float("nan")}).encode()),
    payload_row(
        "B22.surrogate", "token_malformed", lambda good: json.dumps({**good, "name": "\ud800"}).encode()
    ),
    payload_row("B22.nul", "token_malformed", lambda good: json.dumps({**good, "name": "a\x00b"}).encode()),
    payload_row("B22.utf8", "token_malformed", lambda good: json.dumps(good).encode()[:-1] + b',"x":"\xff"}'),
    payload_row("B22.deep", "token_malformed", lambda _: b"[" * 20000),
    payload_row("B22.nested", "claim_malformed", _nested),
    payload_row("B22.list", "token_malformed", lambda _: b"[]"),
    Row("B22.no-token", "token_missing", lambda door: door.launch(door.login().state, None)),
    Row("B22.header", "token_malformed", lambda door: door.launch(door.login().state, "AAAA.e30.AAAA")),
    Row("B22.empty", "token_malformed", lambda door: door.launch(door.login().state, "..")),
    Row("B22.parts", "token_malformed", _four_parts),
    Row("B22.large", "token_too_large", _too_large),
    login_row("B23.issuer", "parameter_missing", iss=None),
    login_row("B23.hint", "parameter_missing", login_hint=None),
    login_row("B23.target", "parameter_missing", target_link_uri=None),
    login_row("B23.two-clients", "client_id_ambiguous", client_id=None),
    login_row("B23.long", "parameter_too_long", login_hint="h" * 4097),
    Row("B24", "platform_login_required", _platform_says("login_required")),
    Row("B24.other", "platform_refused", _platform_says("<b>x</b>")),
    Row("C3", LEARNER_IN, _two_tabs),
    login_row("C4.scheme", "target_link_uri_foreign", target_link_uri="javascript:alert(1)"),
    login_row("C4.user", "target_link_uri_foreign", target_link_uri="https://tool.example@evil.example/"),
    login_row(
        "C4.backslash", "target_link_uri_foreign", target_link_uri="https://tool.example\\@evil.example/"
    ),
    claims_row("C4.return", LEARNER_IN, **{LAUNCH_PRESENTATION: {"return_url": "https://evil.example/"}}),
    claims_row("C7", LEARNER_IN, **{ROLES: [INSTITUTION + "Administrator", *LEARNER]}),
    claims_row("C7.alone", LEARNER_IN, **{ROLES: [INSTITUTION + "Instructor", SYSTEM + "SysAdmin"]}),
    claims_row("C7.sub-role", LEARNER_IN, **{ROLES: [MEMBERSHIP.replace("#", "/Instructor#") + "Grader"]}),
]


def _valid(number: int, who: str, plain: list[str], short: str, expected: str) -> Row:
    unknown = "http://purl.imsglobal.org/vocab/lis/v2/unknown#Wizard"
    no_person: dict[str, Any] = {"email": None, "given_name": None, "family_name": None}
    changes: list[dict[str, Any]] = [
        {ROLES: plain},
        {ROLES: [*plain, MEMBERSHIP + "Mentor", INSTITUTION + "Student"]},
        {ROLES: [short]},
        {ROLES: [unknown]},
        {ROLES: [""]},
        {ROLES: plain, "given_name": None, "family_name": None},
        {ROLES: plain, "email": None},
        {ROLES: plain, **no_person},
        {ROLES: plain, CONTEXT: None},
    ]
    # V4 and V5 carry no role that is understood: a learner, never a teacher.
    return claims_row(f"V{number}.{who}", LEARNER_IN if number in (4, 5) else expected, **changes[number - 1])


V_ROWS = [
    row
    for number in range(1, 10)
    for row in (
        _valid(number, "teacher", TEACHER, "Instructor", TEACHER_IN),
        _valid(number, "student", LEARNER, "Learner", LEARNER_IN),
    )
] + [claims_row("V.no-roles", LEARNER_IN, **{ROLES: []})]

ROWS = A_ROWS + B_ROWS + V_ROWS + MESSAGE_ROWS
assert len({row.id for row in ROWS}) == len(ROWS)
