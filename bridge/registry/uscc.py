"""Unified social credit codes (统一社会信用代码), GB 32100-2015: 17 characters and a check character."""

from bridge.kernel.errors import InvalidInput

# The standard leaves out I, O, S, V and Z; weights are the powers of 3 modulo 31.
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))


def check_uscc(text: str) -> str:
    """Return the code without spaces, in capitals.

    Raises:
        InvalidInput("uscc_malformed" | "uscc_check_digit")
    """
    code = text.replace(" ", "").upper()
    if len(code) != 18 or any(c not in _ALPHABET for c in code):
        raise InvalidInput("uscc_malformed", "统一社会信用代码应为 18 位数字或大写字母(不含 I、O、S、V、Z)。")
    if code[17] != check_character(code[:17]):
        raise InvalidInput("uscc_check_digit", "统一社会信用代码的校验位不对,请核对后重填。")
    return code


def check_character(body: str) -> str:
    """Return the check character that GB 32100 gives the 17 characters `body`."""
    total = sum(_ALPHABET.index(c) * w for c, w in zip(body, _WEIGHTS, strict=True))
    return _ALPHABET[-total % 31]
