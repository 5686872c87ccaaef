"""Answers the bridge's questions by reading them, as a person does, and as any script can that somebody writes.

Stands in for the learner in simulators. That it is so short is why an answer to a question proves nobody's presence:
the face check does.
"""

from collections.abc import Mapping
from typing import Any

from bridge.presence.questions import THINGS, number_zh

_NUMBERS = {number_zh(number): number for number in range(100)}


def read_and_answer(question: Mapping[str, Any]) -> list[str]:
    """Return the ids to tap, in order; ValueError for a question of a kind that nobody has seen yet."""
    text: str = question["text"]
    labels = {choice["label"]: choice["id"] for choice in question["choices"]}
    if "依次点击" in text:
        return [labels[label] for label in sorted(labels, key=int, reverse="从大到小" in text)]
    if "最大" in text or "最小" in text:
        return [labels[(max if "最大" in text else min)(labels, key=int)]]
    if "“" in text:
        return [labels[str(_NUMBERS[text.partition("“")[2].partition("”")[0]])]]
    if "加" in text:
        one, _, other = text.removesuffix("等于几?").partition("加")
        return [labels[str(_NUMBERS[one] + _NUMBERS[other])]]
    for group, things in THINGS.items():
        if text.endswith(f"是{group}?"):
            return [labels[label] for label in labels if label in things]
    raise ValueError(f"a question of another kind: {text}")
