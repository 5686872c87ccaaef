"""Who shows a face to a person logs it: no page opens a photograph by itself, and the desks that do log first."""

import ast
from pathlib import Path

import bridge

ROOT = Path(bridge.__file__).parent
OPENS = frozenset({"roster_photo"})
TO_A_PROVIDER = "wiring/name_jobs.py"
"""Sends the list's photograph to the real-name provider under a consent of its own; `real_name_question` says that it
left. Nobody looks at it."""
LOGS = frozenset({"wiring/review_desk.py", "web/pages/authority_learner.py"})
UNSEEN = frozenset(
    {
        "wiring/archive_fixity.py",  # hashes what is stored
        "wiring/face_renewal.py",  # has a new model read the pictures of a check of the card
        "wiring/handover_pack.py",  # encrypts them to another bridge
        "wiring/handover_take.py",
    }
)
"""No person sees what these open."""


def opens_evidence(path: Path) -> bool:
    """Return whether the module asks the vault, or identity, for bytes that may be a photograph."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        of_vault = node.func.attr == "get" and ast.unparse(node.func.value).endswith("vault")
        if of_vault or node.func.attr in OPENS:
            return True
    return False


def test_no_page_and_no_desk_but_those_that_log_open_a_photograph() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("web", "wiring")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if opens_evidence(path)
    }
    assert found == LOGS | UNSEEN | {TO_A_PROVIDER}
