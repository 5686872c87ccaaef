"""Made-up packs for tests: as objects, and as files in a temporary folder."""

from datetime import date
from pathlib import Path

from bridge.kernel.citation import Basis, Citation
from bridge.rules.model import Parameter, Profile, ProfileInForce, ReadOn, RulePack, Stricter, Value

START = date(2024, 1, 1)
END = date(2025, 1, 1)
"""The first day on which the made-up values no longer hold."""

PACK = """\
format: 1
id: made
title_zh: 虚构办法
document: 虚构〔2024〕1号
version: "1"
effective_from: 2024-01-01
effective_until: 2025-01-01
"""
PARAMETER = """\
name: study.cap_seconds
title_zh: 上限
type: integer
unit: seconds
read_on: study_second
stricter: min
values:
  - value: 600
    basis: law
    article: 第一条
    text_zh: "上限为{value}。"
"""
CASES = """\
cases:
  - name: 施行当天
    date: 2024-01-01
    input: {parameter: study.cap_seconds}
    expected: {value: 600}
"""


def parameter(
    value: Value,
    *,
    name: str = "study.cap_seconds",
    unit: str = "seconds",
    basis: Basis = Basis.STANDARD,
    effective_from: date = START,
    effective_until: date | None = END,
    read_on: ReadOn = "study_second",
    stricter: Stricter | None = "min",
) -> Parameter:
    """Return a parameter; whatever is not said is ordinary."""
    return Parameter(
        name=name,
        value=value,
        unit=unit,
        citation=Citation(basis, "虚构"),
        effective_from=effective_from,
        effective_until=effective_until,
        read_on=read_on,
        stricter=stricter,
        text_zh="虚构。",
    )


def pack(pack_id: str, *parameters: Parameter) -> RulePack:
    """Return a pack that holds `parameters`."""
    return RulePack(pack_id, "虚构", "虚构", "1", START, None, "0" * 64, parameters)


def in_force(*packs: RulePack, named: dict[str, str] | None = None) -> ProfileInForce:
    """Return a profile that applies `packs`."""
    return ProfileInForce(Profile("made", "虚构", tuple(one.id for one in packs), named or {}), packs)


def write_pack(
    folder: Path, *, pack_yaml: str = PACK, parameter_yaml: str = PARAMETER, cases_yaml: str = CASES
) -> Path:
    """Write a pack named "made" below `folder` and return its own folder."""
    home = folder / "made"
    for path, text in (
        ("pack.yaml", pack_yaml),
        ("parameters/study/cap_seconds.yaml", parameter_yaml),
        ("cases/cap.yaml", cases_yaml),
    ):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text, "utf-8")
    return home
