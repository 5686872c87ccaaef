"""Statements about people who do not exist."""

from typing import Any

Json = dict[str, Any]

LEARNER = {"objectType": "Agent", "account": {"homePage": "https://lms.example", "name": "learner-7"}}
ACTIVITY = {"id": "https://lms.example/mod/video/42", "objectType": "Activity"}


def statement(**changed: Any) -> Json:
    """Return a whole statement; a property given as None is left out."""
    whole = {
        "actor": LEARNER,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"zh-CN": "完成"}},
        "object": ACTIVITY,
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def substatement(**changed: Any) -> Json:
    """Return a statement whose object is a SubStatement with these changes."""
    return statement(object={**statement(**changed), "objectType": "SubStatement"})


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def voiding(target: str, **changed: Any) -> Json:
    """Return a statement that voids another."""
    return statement(
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": target},
        **changed,
    )
