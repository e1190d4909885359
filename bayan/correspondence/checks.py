"""What a careful clerk would say of a letter before it is signed: short hints, no refusals.

Rules of form are those of the house's own words (docs/letters.md names the source of each).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bayan.core.arabic import fold
from bayan.correspondence.marking import has_pages
from bayan.correspondence.models import Letter

GREETING = tuple(map(fold, ("السلام عليكم",)))
ENDING = fold("والسلام عليكم")
# Padding that belongs to no text: معالي and سعادة stand in the line of address only.
PADDING = re.compile(
    "|".join(
        map(
            fold,
            (r"معالي\w*", r"سعادة", r"سعادتكم", r"معاليكم", r"فضيلتكم", r"حفظه الله", r"سلمه الله"),
        )
    )
)
# A second subject begins in words such as these.
SECOND = re.compile("|".join(map(fold, (r"وفي موضوع آخر", r"من جهة أخرى", r"وبخصوص موضوع آخر"))))
BY_WHEN = re.compile("|".join(map(fold, (r"خلال", r"في موعد", r"قبل", r"حتى تاريخ"))))


def hints(letter: Letter) -> Iterator[str | Promise]:
    """What to look at again, the most telling first."""
    text = fold(letter.text)
    lines = [line.strip() for line in letter.text.splitlines() if line.strip()]
    is_arabic = bool(re.search("[\u0621-\u064a]", letter.text))
    if PADDING.search(text):
        yield _("Titles of courtesy stand in the line of address only, not in the text.")
    if SECOND.search(text):
        yield _("One subject a letter: give the second one a letter of its own.")
    if is_arabic and letter.kind != Letter.Kind.MEMO and not text.startswith(GREETING):
        yield _("It begins without «السلام عليكم ورحمة الله وبركاته، وبعد:».")
    if is_arabic and letter.kind != Letter.Kind.MEMO and lines and ENDING not in fold(lines[-1]):
        yield _("It ends without «والسلام عليكم ورحمة الله وبركاته».")
    if letter.wants == Letter.Wants.ANSWER and is_arabic and not BY_WHEN.search(text):
        yield _("It asks for an answer and does not say by when.")
    if letter.is_classified and any(
        not has_pages(one.media) for one in letter.attachments.select_related("media")
    ):
        yield _(
            "Only PDF files and pictures can bear their reader's name: another file leaves unmarked with a "
            "restricted letter, and not at all with a secret one."
        )
    if letter.refers_to_id is None and fold("إلحاقا") in text:
        yield _("It follows an earlier letter: choose that one, so that both are found together.")
