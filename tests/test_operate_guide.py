"""The documents say what the code says: the settings' table, and files that links name."""

import re
from pathlib import Path

import pytest

from bridge.settings import ROOT, Settings

GUIDE = ROOT / "docs" / "operate.md"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md")),
]


def settings_table() -> str:
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        value = field.default
        if isinstance(value, Path):
            value = value.relative_to(ROOT)
        shown = "" if value in ("", None) else f"`{getattr(value, 'value', value)}`"
        lines.append(f"| `ANXUE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines)


def test_the_settings_table_is_that_of_the_code() -> None:
    written = re.search(r"<!-- settings: [^\n]*-->\n(.*?)\n?<!-- /settings -->", GUIDE.read_text(), re.S)
    assert written is not None
    assert written.group(1) == settings_table()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text())
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert broken == []


def test_every_decision_is_listed_and_has_its_four_parts() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    listed = re.findall(r"\((0[^)]+\.md)\)", (ROOT / "docs" / "adr" / "README.md").read_text())
    assert listed == [path.name for path in decisions]
    for path in decisions:
        parts = re.findall(r"^## (.+)$", path.read_text(), re.M)
        assert parts == ["Context", "Decision", "Consequences", "Refused"], path.name
