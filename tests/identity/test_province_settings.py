"""The guide's table of the provincial login's settings is that of the code; nothing has an invented default."""

import re

import pytest

from bridge.identity.province_settings import ProvinceLoginSettings
from bridge.settings import ROOT

GUIDE = ROOT / "docs" / "identity-providers.md"
COMPLETE = {
    "authorize_url": "https://login.example/authorize",
    "token_url": "https://login.example/token",
    "user_url": "https://login.example/user",
    "client_id": "anxue",
    "client_secret": "made-up",
    "user_path": "data.userId",
}


def settings_table() -> str:
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in ProvinceLoginSettings.model_fields.items():
        default = str(field.default) if field.default not in ("", None) else "–"
        rows.append(f"| `ANXUE_PROVINCE_LOGIN_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def test_the_settings_table_is_that_of_the_code() -> None:
    written = re.search(r"<!-- province: [^\n]*-->\n(.*?)\n?<!-- /province -->", GUIDE.read_text(), re.S)
    assert written is not None
    assert written.group(1) == settings_table()


def test_it_is_off_and_names_no_address_by_itself() -> None:
    nothing = ProvinceLoginSettings()
    assert not nothing.on
    assert [getattr(nothing, name) for name in COMPLETE] == [""] * len(COMPLETE)


@pytest.mark.parametrize("lacking", [name for name in COMPLETE if name != "authorize_url"])
def test_half_of_it_is_told_by_name_and_no_secret_is_shown(lacking: str) -> None:
    with pytest.raises(ValueError, match=f"ANXUE_PROVINCE_LOGIN_{lacking.upper()}") as refused:
        ProvinceLoginSettings(**{**COMPLETE, lacking: ""})  # type: ignore[arg-type]
    assert "made-up" not in str(refused.value)


def test_complete_it_is_on() -> None:
    assert ProvinceLoginSettings(**COMPLETE).on  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["data..userId", ".userId", "data.userId.", "data userId", "data['x']"])
def test_a_path_is_names_and_dots(path: str) -> None:
    with pytest.raises(ValueError, match="user_path"):
        ProvinceLoginSettings(**{**COMPLETE, "user_path": path})  # type: ignore[arg-type]
