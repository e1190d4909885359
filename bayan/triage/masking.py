"""What of a message is taken out before it leaves the house: numbers of people, addresses, links, names."""

from __future__ import annotations

import re
from collections.abc import Collection

from bayan.triage.text import plain, words_in

# Seven digits or more, however they are set apart: phone numbers, identity numbers, accounts.
A_NUMBER = re.compile(r"\+?\d(?:[\s().\-/]{0,2}\d){6,}")
AN_ADDRESS = re.compile(r"[\w.+\-]*@[\w.\-]+")
A_LINK = re.compile(r"(?:[a-z][a-z0-9+.\-]*://|www\.)\S+", re.IGNORECASE)
# No word, no digit: it is learned neither as a word nor as a number.
HIDDEN = "***"
# So many words after «اسمي» or "my name is" are taken for a name.
WORDS_OF_A_NAME = 2


def masked(text: str, names: Collection[str]) -> str:
    """The text without numbers of people, addresses, links, words of these names, and what follows «اسمي».

    Names of others cannot be told from words: they stay.
    """
    # A link first: what is hidden in it must not leave a half of it behind.
    text = A_LINK.sub(HIDDEN, text)
    hidden = {
        word for name in names for word, _s, _e in words_in(plain(name).text) if len(word) > 2
    }
    form = plain(text)
    spans: list[tuple[int, int]] = []
    before, left = "", 0
    for word, start, end in words_in(form.text):
        if left or word in hidden:
            spans.append(form.span(start, end))
        left = max(0, left - 1)
        if word == "اسمي" or (before, word) == ("name", "is"):
            left = WORDS_OF_A_NAME
        before = word
    for first, behind in reversed(spans):
        text = text[:first] + HIDDEN + text[behind:]
    return A_NUMBER.sub("0000000", AN_ADDRESS.sub(HIDDEN, text))
