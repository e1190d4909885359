"""The words with which a person stops, or resumes, what goes to many.

Only a message that says nothing else counts: who writes «توقف المطر» means the rain. Compared without
what writers leave out or mix up: harakat and tatweel, the kinds of alif, ى and ي, ة and ه, punctuation, case.
The words of what people themselves write about are nobody's business here: their matters go on.
"""

from __future__ import annotations

import re
import unicodedata

STOP = (
    "إيقاف", "أوقف", "أوقفوا", "وقف", "توقف", "توقفوا", "قف", "إيقاف الرسائل", "أوقفوا الرسائل",
    "إيقاف الاشتراك", "إلغاء", "إلغاء الاشتراك", "إلغاء اشتراك", "ألغوا اشتراكي", "إلغاء المتابعة",
    "إلغاء الرسائل", "لا أريد رسائل", "لا ترسلوا", "لا ترسلوا لي",
    "stop", "stop all", "stopall", "stop messages", "stop updates", "unsubscribe", "unsubscribe me",
    "opt out", "optout", "opt-out",
)  # fmt: skip
RESUME = (
    "اشتراك", "اشترك", "أشترك", "استئناف", "استأنفوا", "استئناف الرسائل", "استئناف الاشتراك",
    "تفعيل الاشتراك", "إعادة الاشتراك", "متابعة الرسائل",
    "start", "unstop", "resume", "subscribe", "resubscribe", "opt in", "optin", "opt-in",
)  # fmt: skip

# Longer than any of them with what may stand around it: most messages need not be looked at.
_LONGEST = 40
# Harakat, marks of recitation, tatweel.
_MARKS = [*range(0x0610, 0x061B), 0x0640, *range(0x064B, 0x0660), 0x0670, *range(0x06D6, 0x06EE)]
# Letters that writers mix up, and the one that stands for them.
PLAIN_LETTERS = dict(zip("أإآٱىةؤئ", "اااايهوي", strict=True))
_PLAIN = str.maketrans(PLAIN_LETTERS) | dict.fromkeys(_MARKS)
_NO_LETTERS = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """The text as it is compared: letters and digits alone, in their plain form, one space between words."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN)
    return _NO_LETTERS.sub(" ", plain).strip()


_STOP = frozenset(map(folded, STOP))
_RESUME = frozenset(map(folded, RESUME))


def wish_of(text: str) -> bool | None:
    """False: the person wants no more of what goes to many; True: they want it again; None: neither."""
    if not text or len(text) > _LONGEST:
        return None
    words = folded(text)
    if words in _STOP:
        return False
    return True if words in _RESUME else None
