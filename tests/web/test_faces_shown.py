"""Who shows a face to a person logs it: no page opens a photograph by itself, and the one desk that does logs first."""

import ast
from pathlib import Path

import bridge

ROOT = Path(bridge.__file__).parent
OPENS = frozenset({"roster_photo"})
TO_A_PROVIDER = "wiring/name_jobs.py"
"""Sends the list's photograph to the real-name provider under a consent of its own; `real_name_question` says that it
left. Nobody looks at it."""
LOGS = "wiring/review_desk.py"


def opens_evidence(path: Path) -> bool:
    """Return whether the module asks the vault, or identity, for bytes that may be a photograph."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        of_vault = node.func.attr == "get" and ast.unparse(node.func.value).endswith("vault")
        if of_vault or node.func.attr in OPENS:
            return True
    return False


def test_no_page_and_no_desk_but_the_logged_one_opens_a_photograph() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("web", "wiring")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if opens_evidence(path)
    }
    assert found == {LOGS, TO_A_PROVIDER}
