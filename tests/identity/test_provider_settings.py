"""Settings of real-name providers: refused where they would be unsafe, and written down as they are."""

import os
import re

import pytest
from pydantic import ValidationError

from bridge.identity.provider_settings import RealNameSettings
from bridge.kernel.time import SystemClock
from bridge.settings import ROOT
from plugins.identity.providers import make_provider

GUIDE = ROOT / "docs" / "identity-providers.md"
HTTP = {"http_url": "https://names.example/v1", "http_key_id": "k", "http_secret": "s" * 32}


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ANXUE_")]:
        monkeypatch.delenv(name)


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as refused:
        RealNameSettings(**values)  # type: ignore[arg-type]  # what an environment would give
    return str(refused.value)


def test_by_default_nothing_leaves_the_house() -> None:
    assert RealNameSettings().chosen == ("roster",)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"provider": "aliyun", "fallback": "aliyun"}, "real_name_fallback"),
        ({"provider": "aliyun", "fallback": "roster"}, "real_name_fallback"),
        ({"provider": "roster", "fallback": "aliyun"}, "real_name_fallback"),
        ({"provider": "http", **HTTP, "http_url": "http://names.example/v1"}, "real_name_url_not_https"),
        ({"provider": "aliyun", "fallback": "http", **HTTP, "http_url": ""}, "real_name_url_not_https"),
        ({"provider": "http", **HTTP, "http_secret": "short"}, "real_name_secret_short"),
        ({"provider": "tencent", "tencent_threshold": 69}, "tencent_threshold"),
        ({"provider": "baidu", "baidu_threshold": 79}, "baidu_threshold"),
        ({"provider": "somebody"}, "provider"),
    ],
)
def test_what_would_be_unsafe_is_refused(values: dict[str, object], reason: str) -> None:
    assert reason in refusal(**values)


def test_a_refusal_and_a_representation_never_show_a_key() -> None:
    secret = "made-up-secret-value-of-this-test"
    said = refusal(provider="http", http_url="http://names.example", http_secret=secret)
    shown = repr(RealNameSettings(**{**HTTP, "http_secret": secret, "aliyun_key_secret": secret}))  # type: ignore[arg-type]
    assert secret not in said + shown


@pytest.mark.parametrize("name", ["http", "aliyun", "tencent", "baidu", "network_identity"])
def test_each_choice_makes_its_provider_with_its_own_threshold(name: str) -> None:
    settings = RealNameSettings(tencent_threshold=75, baidu_threshold=85, **HTTP)  # type: ignore[arg-type]
    facts = make_provider(name, settings, SystemClock()).facts  # type: ignore[arg-type]
    assert (facts.code, facts.remote) == (name, True)
    assert facts.threshold == {"tencent": 75, "baidu": 85}.get(name)
    assert bool(facts.missing) is (name != "http")


@pytest.mark.parametrize("name", ["aliyun", "tencent", "baidu"])
def test_what_is_missing_is_named_as_the_setting_is(name: str) -> None:
    missing = make_provider(name, RealNameSettings(), SystemClock()).facts.missing  # type: ignore[arg-type]
    known = {f"ANXUE_REAL_NAME_{field.upper()}" for field in RealNameSettings.model_fields}
    assert len(missing) == 2
    assert set(missing) <= known


def settings_table() -> str:
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in RealNameSettings.model_fields.items():
        shown = "" if field.default in ("", None) else f"`{field.default}`"
        lines.append(f"| `ANXUE_REAL_NAME_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)


def test_the_settings_table_is_that_of_the_code() -> None:
    written = re.search(r"<!-- settings: [^\n]*-->\n(.*?)\n?<!-- /settings -->", GUIDE.read_text(), re.S)
    assert written is not None
    assert written.group(1) == settings_table()
