"""The number of a matter: short, digits only, safe to read out on the phone."""

import secrets
import unicodedata

from stdnum import damm

# Nine digits with the check digit: 90 million numbers, so that a guess seldom meets a case.
LENGTH = 9
GROUP = 3


def new_reference() -> str:
    """A number drawn by chance, so that nobody can count our cases, with a Damm check digit.

    The check digit finds every single wrong digit and every swap of two neighbours (Damm, 2004).
    The first digit is never 0: a spreadsheet would lose it.
    """
    body = str(10 ** (LENGTH - 2) + secrets.randbelow(9 * 10 ** (LENGTH - 2)))
    return body + damm.calc_check_digit(body)


def is_reference(text: str) -> bool:
    """True when these nine digits carry the right check digit."""
    return len(text) == LENGTH and text.isascii() and text.isdigit() and damm.is_valid(text)


def grouped(reference: str) -> str:
    """As it is read aloud: 482 173 095. The spaces do not break, so a line never splits it."""
    return "\u00a0".join(reference[i : i + GROUP] for i in range(0, len(reference), GROUP))


def digits_in(text: str) -> str:
    """The digits of a text as 0 to 9, whichever digits it is written in (٤٨٢ is 482)."""
    return "".join(str(unicodedata.digit(c)) for c in text if c.isdecimal())
