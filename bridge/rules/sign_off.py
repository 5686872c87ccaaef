"""An operator signs the unconfirmed values of a pack: one small file beside pack.yaml, which the loader reads."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bridge.kernel.errors import InvalidInput
from bridge.rules.loader import SIGN_OFF, load_packs
from bridge.rules.model import RulePack


def sign(
    folder: Path, *, by: str, reason_zh: str, on: date, parameters: Sequence[str] = ()
) -> tuple[RulePack, Path]:
    """Write the sign-off of the pack in `folder`; return the pack as it reads now, and the file.

    The pack's content hash, which ledgers name, stays: what is signed is what stood there.

    Args:
        by: a post or a staff number, never a name.
        parameters: names without key; none for all unconfirmed values.

    Raises:
        InvalidInput: nothing_to_sign, or PackInvalid where pack or sign-off cannot be used.
    """
    (pack,) = load_packs([folder])
    unsure = {".".join(one.name.split(".")[:2]) for one in pack.parameters if not one.confirmed}
    wanted = set(parameters) or unsure
    if not wanted or not wanted <= unsure:
        raise InvalidInput(
            "nothing_to_sign",
            f"规则包 {pack.id} 中未经确认的参数为:{'、'.join(sorted(unsure)) or '(无)'};请从中选择。",
        )
    file = folder / SIGN_OFF
    before = file.read_text("utf-8") if file.is_file() else None
    already = () if pack.sign_off is None or pack.sign_off_is_stale else pack.sign_off.parameters
    lines = [
        "# 运营方签认:所列值在此适用。由 rules sign 写入;规则包内容改变后须重新签认。",
        "format: 1",
        f"content_hash: {pack.content_hash}",
        f"signed_by: {json.dumps(by, ensure_ascii=False)}",
        f"signed_on: {on.isoformat()}",
        f"reason_zh: {json.dumps(reason_zh, ensure_ascii=False)}",
    ]
    if parameters:
        lines.append("parameters:")
        lines += [f"  - {name}" for name in sorted({*already, *parameters})]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    try:
        (signed,) = load_packs([folder])
    except InvalidInput:
        if before is None:
            file.unlink()
        else:
            file.write_text(before, "utf-8")
        raise
    return signed, file
