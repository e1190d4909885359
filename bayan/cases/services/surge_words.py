"""What each person is sent in a surge: checked before it is kept, filled in for each."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core.errors import DomainError

PLACES = frozenset({"reference", "wait", "statement"})
_PLACE = re.compile(r"\{([^{}]*)\}")
LONGEST = 900


class WordsUnusable(DomainError):
    pass


def check_thanks(text: str) -> None:
    """Refuse words for people that cannot be filled in, or that are not honest without a wait.

    :raises WordsUnusable: a place is missing or unknown, or they are too long
    """
    places = _PLACE.findall(text)
    unknown = sorted(set(places) - PLACES)
    if unknown or "{" in _PLACE.sub("", text) or "}" in _PLACE.sub("", text):
        raise WordsUnusable(
            _("Only {reference}, {wait} and {statement} are filled in. Take the others out.")
        )
    if missing := sorted({"reference", "wait"} - set(places)):
        raise WordsUnusable(
            _("The words must hold %(places)s: people are told their number and how long it takes.")
            % {"places": "، ".join(f"{{{name}}}" for name in missing)}
        )
    if len(text) > LONGEST:
        raise WordsUnusable(_("The words are too long."))


def usual_thanks(language: str = "ar") -> str:
    """The words that a surge begins with, and those for whoever writes in English.

    The English are not the operator's, so that they never say something else.
    """
    with override(language):
        return _(
            "Thank you for writing to us. We have your message; its number is {reference}.\n"
            "Many messages are coming in now. We read all of them, and expect to answer you {wait}.\n"
            "This is what we published about it:\n{statement}"
        )


def filled_thanks(thanks: str, *, reference: str, wait: str, statement: str) -> str:
    """The words for one person. Without a statement the lines that lead to it are left out."""
    lines = thanks.splitlines()
    if not statement:
        at = [number for number, line in enumerate(lines) if "{statement}" in line]
        # A line that ends in a colon introduces what is not there.
        lead = [number - 1 for number in at if number and lines[number - 1].rstrip().endswith(":")]
        lines = [line for number, line in enumerate(lines) if number not in {*at, *lead}]
    values = {"reference": reference, "wait": wait, "statement": statement}
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), "\n".join(lines)).strip()
