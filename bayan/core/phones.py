"""Mobile numbers, as people write them and as providers want them."""

import re

from bayan.core.references import digits_in


def mobile_in(text: str) -> str | None:
    """The digits of a mobile number with its country code, 9665… for a Saudi one however written."""
    digits = digits_in(text)
    if text.strip().startswith("+") or digits.startswith("00"):
        digits = digits.removeprefix("00")
    elif re.fullmatch(r"0?5\d{8}", digits):
        digits = "966" + digits.removeprefix("0")
    pattern = r"9665\d{8}" if digits.startswith("966") else r"[1-9]\d{7,14}"
    return digits if re.fullmatch(pattern, digits) else None
