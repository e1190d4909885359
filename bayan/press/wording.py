"""A light look at a story before it goes out, and what its editors changed; nothing is written by it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.core.arabic import words_of
from bayan.press.models import Story, StoryFile

LONGEST_TITLE, SHORTEST_TEXT, LONGEST_SENTENCE = 90, 40, 45
# Each once is courtesy; more is padding (the rules of correspondence).
HONORIFICS = ("معالي", "سعادة", "فضيلة", "سمو", "المهندس", "الدكتور")
_WORD = re.compile(r"\s+|[^\s]+")
_SENTENCE = re.compile(r"[.!؟?\n]+")
_DAYS = {
    "الاحد", "الاثنين", "الثلاثاء", "الاربعاء", "الخميس", "الجمعه", "السبت", "اليوم", "امس", "غدا",
}  # fmt: skip


def findings(story: Story, files: Sequence[StoryFile]) -> list[str]:
    """What an editor may want to look at again, each in one sentence."""
    return [*_of_words(story.shown_title, story.shown_text), *_of_files(story, files)]


def _of_words(title: str, text: str) -> Iterator[str]:
    words = words_of(text)
    if len(title) > LONGEST_TITLE:
        yield _("The title is long: newspapers cut it after %(most)d characters.") % {
            "most": LONGEST_TITLE
        }
    if len(words) < SHORTEST_TEXT:
        yield _("The text is short: does it say what, where, when and who?")
    if not any(word in _DAYS or word.isdigit() for word in words):
        yield _("No day and no date stands in the text.")
    sentences = (words_of(part) for part in _SENTENCE.split(text))
    if any(len(sentence) > LONGEST_SENTENCE for sentence in sentences):
        yield _("A sentence has more than %(most)d words; two are easier to read.") % {
            "most": LONGEST_SENTENCE
        }
    if text.count("«") != text.count("»"):
        yield _("A quotation mark «» is not closed.")
    if re.search(r"[\u0600-\u06ff]\s?[,?;]", text):
        yield _("Latin punctuation stands in Arabic text: write ، ؛ ؟")
    if re.search(r"[^\n\s]  +[^\s]", text):
        yield _("Two spaces stand beside each other.")
    for honorific in HONORIFICS:
        times = len(re.findall(rf"(?<!\w){honorific}(?!\w)", text))
        if times > 2:
            yield _("“%(word)s” stands %(times)d times; once is enough.") % {
                "word": honorific,
                "times": times,
            }


def _of_files(story: Story, files: Sequence[StoryFile]) -> Iterator[str]:
    chosen = [file for file in files if file.is_chosen and file.twin_id is None]
    pictures = [file for file in chosen if file.kind == "image"]
    bare = sum(not file.caption for file in pictures)
    small = sum(file.is_compressed for file in chosen)
    if bare:
        yield ngettext("%(n)d picture has no caption.", "%(n)d pictures have no caption.", bare) % {
            "n": bare
        }
    if small:
        yield ngettext(
            "%(n)d file is compressed; the sender may still have the original.",
            "%(n)d files are compressed; the sender may still have the originals.",
            small,
        ) % {"n": small}
    if pictures and story.shows_people == Story.People.UNKNOWN:
        yield _("Nobody said whether people in the pictures have agreed.")
    if story.shows_people == Story.People.NOT_AGREED:
        yield _("People in the pictures were not asked: it cannot be approved like this.")


@dataclass(frozen=True)
class Piece:
    """A part of a text as it was changed: same, added or gone."""

    kind: str
    text: str


def changes(before: str, after: str) -> list[Piece]:
    """What became of a text, word by word."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    pieces = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, first, last, start, end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(old[first:last])))
            continue
        if last > first:
            pieces.append(Piece("gone", "".join(old[first:last])))
        if end > start:
            pieces.append(Piece("added", "".join(new[start:end])))
    return pieces
