"""Settings: defaults that work, and a refusal in a sentence where production would be unsafe."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.settings import Mode, Settings


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("ANXUE_")]:
        monkeypatch.delenv(name)


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Settings(**values)  # type: ignore[arg-type]  # what an environment would give
    return str(refused.value)


def test_the_defaults_need_nothing(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path)
    assert settings.mode is Mode.PRODUCTION
    assert not settings.demonstration
    assert settings.study_factor == 1
    assert settings.data_dir == tmp_path / "bridge"
    assert settings.database_url == f"sqlite:///{tmp_path / 'bridge' / 'anxue.sqlite3'}"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.assets == tmp_path / "assets"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANXUE_DATA", str(tmp_path))
    monkeypatch.setenv("ANXUE_PORT", "9000")
    monkeypatch.setenv("ANXUE_PUBLIC_URL", "https://bridge.example.cn/")
    settings = Settings()
    assert (settings.data_dir, settings.port) == (tmp_path, 9000)
    assert settings.public_url == "https://bridge.example.cn"


@pytest.mark.parametrize("factor", [2, 150, 600])
def test_production_refuses_a_faster_study_clock(factor: int) -> None:
    assert "study_factor_in_production" in refusal(study_factor=factor)


def test_the_demonstration_may_run_faster_within_bounds() -> None:
    assert Settings(mode=Mode.DEMONSTRATION, study_factor=150).study_factor == 150
    for factor in (0, -1, 601):
        assert "study_factor" in refusal(mode="demonstration", study_factor=factor)


def test_production_beyond_this_machine_speaks_https() -> None:
    assert "public_url_not_https" in refusal(host="0.0.0.0", public_url="http://bridge.example.cn")  # noqa: S104
    assert "public_url_not_https" in refusal(host="0.0.0.0")  # noqa: S104  # its own address would be http
    assert Settings(host="0.0.0.0", public_url="https://bridge.example.cn").public_url  # noqa: S104


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_loopback_http_is_enough(host: str) -> None:
    assert Settings(host=host).listens_on_loopback


@pytest.mark.parametrize(
    ("name", "value"),
    [("mode", "test"), ("port", 0), ("port", 65_536), ("web_threads", 0), ("platform_code", "a b")],
)
def test_a_value_without_sense_is_named(name: str, value: object) -> None:
    assert name in refusal(**{name: value})


def test_the_regulators_key_shows_in_no_message() -> None:
    assert "k3y-of-the-regulator" not in repr(Settings(regulator_key="k3y-of-the-regulator"))
    assert "k3y-of-the-regulator" not in refusal(regulator_key="k3y-of-the-regulator", study_factor=2)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
