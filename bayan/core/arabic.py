"""Arabic as people type it: spellings of one word brought to one form, for searching.

The database folds with the same rules (`fold_arabic`, `words_to_find`, made by core's migration 0005); a test
holds both against each other.
"""

from __future__ import annotations

import re
import unicodedata

# Short vowels and other marks, tatweel, and the invisible characters that phones put beside Arabic.
_MARKS = re.compile(
    "[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_FORMS = str.maketrans("أإآٱىیةؤئکگ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "اااايي" + "هويكك" + "0123456789" * 2)
# و and ف (and), ب ك ل (in, as, to), ال (the): written as one with the word that they stand before.
_CLITICS = re.compile(r"^(?:[وف]?(?:ال|بال|كال|لل)|[وفبكل])(?=\w{2})")
# What is left of a shorter word may be none: لنا as نا. It is looked for whole, not as a beginning.
_SURELY_A_WORD = 4
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """A text with one spelling for each letter and digit: أ إ آ as ا, ى as ي, ة as ه, ٣ as 3, A as a."""
    text = _MARKS.sub("", unicodedata.normalize("NFKC", text))
    return text.translate(_FORMS).lower()


def bare(word: str) -> str:
    """A folded word without the و, ب, ال … that are written as one with it: والشارع as شارع."""
    return _CLITICS.sub("", word)


def words_of(text: str) -> list[str]:
    """The folded words of a text, in their order."""
    return _WORD.findall(fold(text))


def query_of(text: str) -> str:
    """What to look for, as PostgreSQL's `tsquery` is written; empty when nothing is asked.

    All words must occur, each as the beginning of a word, with or without what is written as one with it. Of
    two letters too many words begin: unless it is being typed, such a word («بن») is looked for whole.
    """
    *words, last = words_of(text) or [""]
    asked = [word if len(word) <= 2 else _asked(word) for word in words]
    return " & ".join([*asked, _asked(last)]) if last else ""


def _asked(word: str) -> str:
    stem = bare(word)
    if stem == word:
        return f"{word}:*"
    return f"({word}:* | {stem}{':*' if len(stem) >= _SURELY_A_WORD else ''})"
