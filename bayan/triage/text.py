"""Text as people type it, brought to one form, with every character traced back to where it stood."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Forms of one letter: those of Arabic, and what Persian, Urdu and Gulf keyboards give in their place.
_LETTERS = {
    **dict.fromkeys("أإآٱ", "ا"), **dict.fromkeys("ىیېۍےئ", "ي"), **dict.fromkeys("ةۃہھەۀۂ", "ه"),
    **dict.fromkeys("ؤۆۇ", "و"), **dict.fromkeys("کگڪ", "ك"), "پ": "ب", "چ": "ج", "ژ": "ز", "ڤ": "ف",
    "ڨ": "ق", "ٹ": "ت", "ڈ": "د", "ڑ": "ر", "ں": "ن", "ء": "", "_": " ", "#": " ",
}  # fmt: skip
_DIGITS = {
    chr(zero + value): str(value) for zero in (0x660, 0x6F0, 0x966, 0x9E6) for value in range(10)
}
# Marks over and under letters, tatweel, and the invisible characters that phones put beside Arabic.
_DROPPED = frozenset(
    chr(code)
    for first, last in (
        (0x610, 0x61A), (0x640, 0x640), (0x64B, 0x65F), (0x670, 0x670), (0x6D6, 0x6ED), (0x200B, 0x200F),
        (0x202A, 0x202E), (0x2060, 0x2069), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip
_AWAY = re.compile(r"(?:https?://|www\.)\S+|(?<!\w)@\w+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Plain:
    """A text in its plain form; `places[i]` is where its character `i` stood in the given text.

    Places count code points, as Python does.
    """

    text: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where these characters of the plain form stood: the first of them, and behind the last."""
        return self.places[start], self.places[end - 1] + 1


class _Plain(dict[str, str]):
    """Of each character its plain form: none, one, or several."""

    def __missing__(self, character: str) -> str:
        if character in _DROPPED:
            form = ""
        else:
            form = "".join(
                _LETTERS.get(part, _DIGITS.get(part, part))
                for part in unicodedata.normalize("NFKC", character).lower()
                if part not in _DROPPED
            )
            category = unicodedata.category(character)
            if category == "So":  # emoji: a word of its own
                form = f" {form} "
            elif category in {"Cf", "Cc", "Cs", "Zl", "Zp", "Zs"}:
                form = " "
        # All of Unicode would be a few megabytes; no text holds it.
        self[character] = form
        return form


_PLAIN_OF = _Plain()
# What most texts consist of: characters that become one character each.
_ONE_FOR_ONE = {
    code: form
    for code in (*range(0x20, 0x7F), *range(0x600, 0x700), 0x0A, 0x2026)
    if len(form := _PLAIN_OF[chr(code)]) == 1
}
_EVEN = re.compile(f"[{re.escape(''.join(map(chr, _ONE_FOR_ONE)))}]*")
_STRETCHED = re.compile(r"(\w)\1\1")


def plain(text: str) -> Plain:
    """Letters and digits in one spelling, no marks, no links and names of accounts, no stretched words.

    A letter that stands three times or more in a row is written once (مررررة as مره), `#` and `_` part words.
    """
    if "@" in text or "http" in text or "www" in text:
        # As many spaces: what follows stays where it stood.
        text = _AWAY.sub(lambda found: " " * len(found.group()), text)
    if _EVEN.fullmatch(text):
        read = text.translate(_ONE_FOR_ONE)
        if read[:1] != " " and "  " not in read and not _STRETCHED.search(read):
            return Plain(read, range(len(read)))
    characters: list[str] = []
    places: list[int] = []
    row = 0
    before = " "
    for place, character in enumerate(text):
        form = _PLAIN_OF[character]
        if len(form) == 1 and form != before:
            # Nearly all there is.
            row, before = 1, form
            characters.append(form)
            places.append(place)
            continue
        for part in form:
            if part == before:
                if part == " ":
                    continue
                row += 1
                if row == 3 and part.isalpha():
                    # The third of its kind: what stood twice stands once from now on.
                    characters.pop()
                    places.pop()
                if row >= 3 and part.isalpha():
                    continue
            else:
                row, before = 1, part
            characters.append(part)
            places.append(place)
    return Plain("".join(characters), places)


def words_in(plain_text: str) -> list[tuple[str, int, int]]:
    """The words of a plain form, each with where it begins and ends."""
    # Nothing but words holds letters: each stands at the first place after the one before.
    words: list[tuple[str, int, int]] = []
    end = 0
    for word in _WORD.findall(plain_text):
        start = plain_text.index(word, end)
        end = start + len(word)
        words.append((word, start, end))
    return words


with (Path(__file__).parent / "words.toml").open("rb") as _file:
    _WORDS = {name: frozenset(words.split()) for name, words in tomllib.load(_file).items()}
_OTHER_LATIN = ("tagalog", "roman_urdu", "indonesian", "turkish", "french")
_LATIN = re.compile(r"[a-zà-ÿğışçöü\d']+")
# A digit that stands for a letter: 3 in «3ndna», 7 in «el7in».
_DIGIT_IN_WORD = re.compile(
    r"(?<![a-z\d])(?:[235679][a-z']{2,}|[a-z]+[235679][a-z]+|[a-z]{2,}[35679](?![\d%]))"
)


_ARABIC = re.compile(r"[\u0620-\u064a\u0660-\u077f\ufb50-\ufeff]+")
_URDU = re.compile("[ٹڈڑںےۓہھۂۃ]+")
_LATIN_LETTER = re.compile(r"[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]+")
_FOREIGN = re.compile(r"[^\W\d_\u0000-\u024f\u0600-\u077f\u1e00-\u1eff\ufb50-\ufeff]+")


def _count(letters: re.Pattern[str], text: str) -> int:
    return len("".join(letters.findall(text)))


def language_of(text: str) -> str:
    """`ar`, `en`, `ar-Latn` (Arabic in Latin letters) or `other`; `ar` where there are no letters at all."""
    arabic = _count(_ARABIC, text)
    latin = _count(_LATIN_LETTER, text)
    if _count(_FOREIGN, text) > arabic + latin:
        return "other"
    if arabic and arabic * 2 >= latin:
        words = set(text.split())
        common = len(words & _WORDS["urdu"])
        is_other = (
            common >= 2
            or (common and _count(_URDU, text) * 12 >= arabic)
            or len(words & _WORDS["persian"]) >= 2
        )
        return "other" if is_other else "ar"
    return _of_latin(text.lower()) if latin else "ar"


def _of_latin(text: str) -> str:
    words = _LATIN.findall(text)
    other = max(sum(word in _WORDS[name] for word in words) for name in _OTHER_LATIN)
    english = sum(word in _WORDS["english"] for word in words)
    arabizi = sum(word in _WORDS["arabizi"] for word in words)
    arabizi += 2 * len(_DIGIT_IN_WORD.findall(text))
    if other >= 2 and other > english and other > arabizi:
        return "other"
    return "ar-Latn" if arabizi > english else "en"


# Arabic in Latin letters, the longest spelling first; a digit stands for the letter that looks like it.
_SOUND = {
    "sh": "ش", "kh": "خ", "gh": "غ", "th": "ث", "dh": "ذ", "ch": "ج", "3'": "غ", "7'": "خ", "6'": "ظ", "9'":
    "ض", "aa": "ا", "ee": "ي", "oo": "و", "ou": "و", "ai": "ي", "ei": "ي", "ay": "ي", "ey": "ي", "au": "و",
    "aw": "و", "2": "", "3": "ع", "5": "خ", "6": "ط", "7": "ح", "8": "ق", "9": "ص", "b": "ب", "t": "ت", "j":
    "ج", "d": "د", "r": "ر", "z": "ز", "s": "س", "f": "ف", "q": "ق", "k": "ك", "g": "ق", "l": "ل", "m": "م",
    "n": "ن", "h": "ه", "w": "و", "y": "ي", "x": "كس", "v": "ف", "p": "ب", "c": "ك", "i": "ي", "o": "و",
    "u": "و", "e": "", "a": "ا",
}  # fmt: skip
_SOUNDED = re.compile("|".join(map(re.escape, _SOUND)))
_LATIN_WORD = re.compile(r"[a-z\d']*[a-z][a-z\d']*")


def in_arabic_letters(text: str) -> str:
    """Arabic that was typed in Latin letters, written as it sounds: «el shar3» as «ل شارع».

    Long vowels cannot be told from short ones; what reads it compares pieces of words.
    """

    def sounded(word: re.Match[str]) -> str:
        return _SOUNDED.sub(lambda at: _SOUND[at.group()], word.group())

    return _LATIN_WORD.sub(sounded, text.lower())
