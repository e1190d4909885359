"""Reading automatic messages: as they are said now, as a table, and who worded them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from bayan.channels import bubbles
from bayan.core import automatic, catalogue
from bayan.core.arabic import fold
from bayan.core.automatic import Automatic, Words
from bayan.core.models import AuditEntry
from bayan.core.rls import as_worker
from bayan.people import selectors as people


@dataclass(frozen=True)
class Said:
    """An automatic message as it is said now, in each of its languages."""

    message: Automatic
    # By language its bubbles, as they arrive.
    sides: dict[str, list[dict[str, Any]]]
    is_own: bool

    @property
    def arabic(self) -> list[dict[str, Any]]:
        return self.sides["ar"]

    @property
    def english(self) -> list[dict[str, Any]]:
        return self.sides.get("en", [])


def everything() -> list[Said]:
    """All automatic messages, as they are said now."""
    own = bubbles.own_words()
    found = []
    for message in automatic.messages():
        texts = bubbles.texts_of(message, own)
        found.append(
            Said(
                message=message,
                sides={
                    language: bubbles.seen(message, texts, language)
                    for language in message.languages
                },
                is_own=any(
                    (words.key, language) in own
                    for words in message.words
                    for language in message.languages
                ),
            )
        )
    return found


def narrowed(said: Iterable[Said], *, to: str, words: str, only_own: bool) -> list[Said]:
    """Those that go to these, hold these words, and are the authority's own, as far as that is asked."""
    wanted = fold(words).split()
    return [
        one
        for one in said
        if (not to or one.message.to == to)
        and (not only_own or one.is_own)
        and (not wanted or _holds(one, wanted))
    ]


def _holds(said: Said, wanted: Iterable[str]) -> bool:
    texts = [str(said.message.title), str(said.message.when)]
    for side in said.sides.values():
        for bubble in side:
            texts += [bubble["body"], *bubble["rows"], *(b["text"] for b in bubble["buttons"])]
    there = fold("\n".join(texts))
    return all(word in there for word in wanted)


def table() -> list[list[str]]:
    """Every text of every automatic message, with its original where it is the authority's own."""
    own = bubbles.own_words()
    rows = [
        [
            _("To whom"), _("Message"), _("When"), _("What it is"), "العربية", "English",
            _("Bayan's own words"), _("Bayan's own words (English)"),
        ]
    ]  # fmt: skip
    for message in automatic.messages():
        texts = bubbles.texts_of(message, own)
        for words in message.words:
            cells: list[str] = []
            originals: list[str] = []
            for language in ("ar", "en"):
                if language not in message.languages:
                    cells.append("")
                    originals.append("")
                    continue
                now = texts[words.key, language]
                cells.append(_as_one(words, now, language))
                is_own = (words.key, language) in own
                shipped = catalogue.original(words, language) if is_own else ()
                originals.append(_as_one(words, shipped, language))
            rows.append(
                [
                    str(message.to.label), str(message.title), str(message.when),
                    str(words.part.label), *cells, *originals,
                ]
            )  # fmt: skip
    return rows


def _as_one(words: Words, forms: Iterable[str], language: str) -> str:
    return "\n".join(words.shown(form, language) for form in forms)


def history_of(message: Automatic) -> list[people.Line]:
    """Who worded it when, latest first."""
    with as_worker():
        entries = AuditEntry.objects.filter(subject_type="message", subject_key=message.key)
        return people.in_words(entries.order_by("-pk")[:10])
