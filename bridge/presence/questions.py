"""Small questions that a person must read: which the prompts ask, each time another. Pure.

Chinese words and numbers, answered with a thumb: a tap on one of a few large choices, or on some in order. A script can
be written that reads them; that is why an answer proves no presence and earns nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

_CHOICES = 6
_IN_ORDER = 4
_DIGITS = "零一二三四五六七八九"
THINGS: Mapping[str, tuple[str, ...]] = {
    "消防器材": ("灭火器", "消火栓", "灭火毯", "消防水带", "消防沙箱"),
    "劳动防护用品": ("安全帽", "绝缘手套", "防护眼镜", "安全带", "防尘口罩"),
    "电工工具": ("验电笔", "剥线钳", "电烙铁", "万用表", "绝缘螺丝刀"),
    "水果": ("苹果", "香蕉", "荔枝", "西瓜", "葡萄"),
    "交通工具": ("公共汽车", "火车", "飞机", "自行车", "轮船"),
    "动物": ("大象", "孔雀", "金鱼", "骆驼", "松鼠"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Args:
        kind: what sort of question it is.
        text_zh: what is asked.
        choices: (id, label), in the order in which they are shown; the ids say nothing.
        answer: ids, in the order in which they must be tapped.
    """

    kind: str
    text_zh: str
    choices: tuple[tuple[str, str], ...]
    answer: tuple[str, ...]

    def asked(self) -> dict[str, Any]:
        """Return what the client gets: everything but the answer."""
        return {
            "kind": self.kind,
            "text": self.text_zh,
            "choices": [{"id": name, "label": label} for name, label in self.choices],
            "pick": len(self.answer),
        }


def make_question(dice: Random) -> Question:
    """Return a question of a random kind.

    Args:
        dice: the server's; with a predictable one the next question could be known.
    """
    return dice.choice(_KINDS)(dice)


def number_zh(number: int) -> str:
    """Return a number from 0 to 99 in words: 47 → 四十七."""
    tens, ones = divmod(number, 10)
    if not tens:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")


def _number(dice: Random) -> Question:
    numbers = dice.sample(range(11, 100), _CHOICES)
    wanted = dice.choice(numbers)
    return _choice(dice, "number", f"请点出“{number_zh(wanted)}”", [str(n) for n in numbers], [str(wanted)])


def _extreme(dice: Random) -> Question:
    numbers = dice.sample(range(11, 100), _CHOICES)
    word, pick = dice.choice([("最大", max), ("最小", min)])
    return _choice(dice, "extreme", f"请点出{word}的数", [str(n) for n in numbers], [str(pick(numbers))])


def _sum(dice: Random) -> Question:
    one, other = dice.randint(2, 9), dice.randint(2, 9)
    wrong = dice.sample([n for n in range(2, 20) if n != one + other], _CHOICES - 1)
    text = f"{number_zh(one)}加{number_zh(other)}等于几?"
    return _choice(dice, "sum", text, [str(n) for n in (*wrong, one + other)], [str(one + other)])


def _word(dice: Random) -> Question:
    group = dice.choice(list(THINGS))
    wanted = dice.choice(THINGS[group])
    others = [thing for name, things in THINGS.items() if name != group for thing in things]
    labels = [wanted, *dice.sample(others, _CHOICES - 1)]
    return _choice(dice, "word", f"下面哪一个是{group}?", labels, [wanted])


def _order(dice: Random) -> Question:
    numbers = dice.sample(range(11, 100), _IN_ORDER)
    falling = dice.random() < 0.5
    text = "请从大到小依次点击" if falling else "请从小到大依次点击"
    return _choice(
        dice, "order", text, [str(n) for n in numbers], [str(n) for n in sorted(numbers, reverse=falling)]
    )


def _choice(dice: Random, kind: str, text: str, labels: list[str], answer: list[str]) -> Question:
    dice.shuffle(labels)
    ids = {
        label: f"{number:08x}" for label, number in zip(labels, _different(dice, len(labels)), strict=True)
    }
    return Question(
        kind, text, tuple((ids[label], label) for label in labels), tuple(ids[label] for label in answer)
    )


def _different(dice: Random, count: int) -> list[int]:
    return dice.sample(range(2**32), count)


_KINDS: tuple[Callable[[Random], Question], ...] = (_number, _extreme, _sum, _word, _order)
