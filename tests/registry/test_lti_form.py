"""What is typed of a platform: every field that cannot stand is named, and its value never repeated."""

from typing import Any

import pytest

from bridge.registry.lti_form import read_addresses, read_new_platform, read_private_hosts
from bridge.registry.lti_model import FieldsInvalid, PlatformAddresses

TYPED = {
    "issuer": "https://moodle.example",
    "client_id": "abc123",
    "auth_login_url": "https://moodle.example/mod/lti/auth.php",
    "auth_token_url": "https://moodle.example/mod/lti/token.php",
    "jwks_url": "https://moodle.example/mod/lti/certs.php",
    "deployment_id": "1, 2",
}


def test_a_whole_form_is_a_platform() -> None:
    new = read_new_platform(
        {
            **TYPED,
            "name": " 示例学习平台 ",
            "allowed_origin": "https://www.moodle.example:443/course",
            "service_origins": "https://api.moodle.example https://files.moodle.example/",
            "token_audience": "https://moodle.example",
            "private_hosts": "LMS.school.lan、10.1.2.3",
            "algorithm": "RS256",
            "anonymous_allowed": "on",
        },
        demo_allowed=False,
    )

    assert new.name == "示例学习平台"
    assert new.addresses == PlatformAddresses(
        issuer="https://moodle.example",
        client_id="abc123",
        auth_login_url=TYPED["auth_login_url"],
        auth_token_url=TYPED["auth_token_url"],
        jwks_url=TYPED["jwks_url"],
        allowed_origin="https://www.moodle.example",
        token_audience="https://moodle.example",  # an audience, not a secret
        service_origins=frozenset({"https://api.moodle.example", "https://files.moodle.example"}),
    )
    assert (new.deployment_ids, new.private_hosts) == (
        frozenset({"1", "2"}),
        frozenset({"lms.school.lan", "10.1.2.3"}),
    )
    assert (new.anonymous_allowed, new.demo) == (True, False)


def test_little_is_enough() -> None:
    new = read_new_platform({**TYPED, "deployment_id": ""}, demo_allowed=False)

    assert (new.name, new.addresses.allowed_origin) == ("moodle.example", "https://moodle.example")
    assert (new.algorithm, new.deployment_ids, new.anonymous_allowed) == ("RS256", frozenset(), False)


def test_a_moodle_needs_its_address_alone() -> None:
    new = read_new_platform(
        {"moodle": "on", "issuer": "https://school.example/moodle", "client_id": "abc"}, demo_allowed=False
    )

    assert new.addresses.auth_login_url == "https://school.example/moodle/mod/lti/auth.php"
    assert new.addresses.auth_token_url == "https://school.example/moodle/mod/lti/token.php"
    assert new.addresses.jwks_url == "https://school.example/moodle/mod/lti/certs.php"
    assert new.addresses.allowed_origin == "https://school.example"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", ""),
        ("issuer", "http://moodle.example"),
        ("issuer", "https://moodle.example/?a=1"),
        ("issuer", "https://moodle.example/#a"),
        ("issuer", "https://" + "m" * 250 + ".example"),
        ("issuer", "moodle.example"),
        ("client_id", ""),
        ("client_id", "a b"),
        ("client_id", "a\x00b"),
        ("client_id", "x" * 256),
        ("auth_login_url", ""),
        ("auth_token_url", "http://127.0.0.1/token"),
        ("jwks_url", "file:///etc/passwd"),
        ("jwks_url", "https://user@moodle.example/"),
        ("algorithm", "HS256"),
        ("algorithm", "none"),
        ("deployment_id", "x" * 256),
        ("deployment_id", " ".join(map(str, range(21)))),
        ("allowed_origin", "javascript:alert(1)"),
        ("allowed_origin", "https://lms.example;sandbox"),
        ("service_origins", "https://lms.example'none'"),
        ("issuer", "https://学习.example"),
        ("service_origins", "https://api.moodle.example/path"),
        ("service_origins", "http://api.moodle.example"),
        ("private_hosts", "http://10.0.0.1"),
        ("private_hosts", "10.0.0.0/8"),
        ("private_hosts", "*"),
        ("name", "名" * 121),
        ("demo", "on"),
    ],
)
def test_a_field_that_cannot_stand_is_named_alone(field: str, value: str) -> None:
    with pytest.raises(FieldsInvalid) as refused:
        read_new_platform({**TYPED, field: value}, demo_allowed=False)

    assert list(refused.value.fields) == [field]
    assert not value or len(value) < 4 or value not in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(FieldsInvalid) as refused:
        read_new_platform({"issuer": "x", "client_id": ""}, demo_allowed=False)

    assert set(refused.value.fields) == {
        "issuer",
        "client_id",
        "auth_login_url",
        "auth_token_url",
        "jwks_url",
    }
    assert refused.value.http_status == 422


def test_http_is_for_the_demonstration_on_this_machine() -> None:
    local: dict[str, Any] = {
        name: value.replace("https://moodle.example", "http://127.0.0.1:8123")
        for name, value in TYPED.items()
    }

    new = read_new_platform({**local, "demo": "on"}, demo_allowed=True)
    with pytest.raises(FieldsInvalid):
        read_new_platform(local, demo_allowed=True)
    with pytest.raises(FieldsInvalid):
        read_new_platform({**local, "demo": "on"}, demo_allowed=False)
    with pytest.raises(FieldsInvalid):
        read_new_platform({**TYPED, "issuer": "http://lms.example", "demo": "on"}, demo_allowed=True)

    assert (new.demo, new.addresses.allowed_origin) == (True, "http://127.0.0.1:8123")


def test_the_addresses_of_a_move_are_read_alike() -> None:
    read = read_addresses(TYPED, demo=False)
    with pytest.raises(FieldsInvalid) as refused:
        read_addresses({**TYPED, "jwks_url": "http://moodle.example"}, demo=False)

    assert read == read_new_platform(TYPED, demo_allowed=False).addresses
    assert list(refused.value.fields) == ["jwks_url"]


def test_private_hosts_are_names_or_addresses() -> None:
    assert read_private_hosts("lms.lan fd00::1 10.0.0.2") == {"lms.lan", "fd00::1", "10.0.0.2"}
    assert read_private_hosts("") == frozenset()
    with pytest.raises(FieldsInvalid):
        read_private_hosts("lms.lan/path")
