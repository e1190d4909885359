"""Automatic messages as they arrive on a phone, with examples filled in; and what would not arrive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels.adapters.base import Adapter
from bayan.channels.adapters.whatsapp import outbound
from bayan.core import automatic, catalogue
from bayan.core.automatic import HEADING, Automatic, Bubble, Part, Sample, To, Words
from bayan.core.models import Wording

# Forms by (text, language), as they are kept.
type Texts = Mapping[tuple[str, str], tuple[str, ...]]

LIMITS = {
    Part.BUTTON: outbound.BUTTON_LIMIT,
    Part.LIST: outbound.BUTTON_LIMIT,
    Part.ROW: outbound.ROW_TITLE_LIMIT,
}
# Of a text that counts, the example shows the form for so many.
_SHOWN_FORM = {"ar": 4, "en": 1}


def own_words() -> dict[tuple[str, str], tuple[str, ...]]:
    """What the authority has worded itself, as far as it fits."""
    found = {}
    for key, language, forms in Wording.objects.values_list("key", "language", "forms"):
        words = automatic.words(key)
        if words and words.fits(forms, language):
            found[key, language] = tuple(forms)
    return found


def texts_of(message: Automatic, own: Texts) -> dict[tuple[str, str], tuple[str, ...]]:
    """All forms of its texts, in all its languages, as they are said now."""
    heading = automatic.words(HEADING)
    return {
        (words.key, language): own.get((words.key, language)) or catalogue.original(words, language)
        for words in [*message.words, *([heading] if heading else [])]
        for language in {*message.languages, "ar"}
    }


def units(text: str) -> int:
    """How long a text is for the provider: UTF-16 units, in which an emoji counts two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def seen(message: Automatic, texts: Texts, language: str) -> list[dict[str, Any]]:
    """Its bubbles, as `channels/bubble.html` draws them."""
    return [_seen(message, bubble, texts, language) for bubble in message.bubbles]


def _seen(message: Automatic, bubble: Bubble, texts: Texts, language: str) -> dict[str, Any]:
    buttons = [
        {"type": _KINDS[part], "text": text}
        for part, text in _said(bubble, texts, language)
        if part in _KINDS
    ]
    if bubble.asks_place:
        # The phone writes it in its own language.
        with override(language):
            buttons.append({"type": "LOCATION", "text": _("Send location")})
    return {
        "body": body(message, bubble, texts, language),
        "buttons": buttons,
        "rows": [t for part, t in _said(bubble, texts, language) if part == Part.ROW],
    }


_KINDS = {Part.BUTTON: "QUICK_REPLY", Part.LIST: "LIST"}


def _said(
    bubble: Bubble, texts: Texts, language: str, *, longest: bool = False
) -> Iterator[tuple[Part, str]]:
    """Its parts with examples filled in; the longest of all forms if that is asked."""
    for part in bubble.parts:
        if isinstance(part, Sample):
            with override(language):
                yield part.part, "م" * part.longest if longest else str(part.text)
            continue
        forms = texts[part.key, language]
        if longest:
            filled = [part.filled(form, language, longest=True) for form in forms]
            text = max(filled, key=units)
        else:
            form = _SHOWN_FORM[language] if part.plural else 0
            text = part.filled(forms[form], language)
        yield part.part, text[: LIMITS[part.part]] if part.is_cut else text


def body(
    message: Automatic, bubble: Bubble, texts: Texts, language: str, *, longest: bool = False
) -> str:
    """The text of one bubble, under its heading."""
    lines = [
        text for part, text in _said(bubble, texts, language, longest=longest) if part == Part.TEXT
    ]
    words = bubble.join.join(lines)
    if not message.is_headed:
        return words
    return f"*{_heading(message, texts, language, longest=longest)}*\n{words}"


def _heading(message: Automatic, texts: Texts, language: str, *, longest: bool) -> str:
    words = automatic.words(HEADING)
    if words is None or message.to != To.PERSON:
        with override(language):
            variable = automatic.VARIABLES["body"]
            return "م" * variable.longest if longest else str(variable.sample)
    return words.filled(texts[HEADING, language][0], language, longest=longest)


def limit_of(bubble: Bubble) -> int:
    """How long the text of this bubble may be."""
    is_short = bubble.asks_place or any(part.part == Part.BUTTON for part in bubble.parts)
    return outbound.BODY_LIMIT if is_short else outbound.TEXT_LIMIT


def lengths(message: Automatic, texts: Texts, language: str) -> list[tuple[int, int]]:
    """For each bubble how long it may get, with the longest filled in, and how long it may be."""
    return [
        (units(body(message, bubble, texts, language, longest=True)), limit_of(bubble))
        for bubble in message.bubbles
    ]


def field_of(words: Words, language: str, form: int) -> str:
    """What the field of a form of a text is called in the editor."""
    return f"{words.key}.{language}.{form}"


def faults(message: Automatic, texts: Texts) -> dict[str, str]:
    """By field what is missing, unknown or too long, with the longest that may be filled in."""
    found: dict[str, str] = {}
    for words in message.words:
        for language in message.languages:
            for form, text in enumerate(texts[words.key, language]):
                if problem := _problem(words, text, form, language):
                    found[field_of(words, language, form)] = problem
    if not found:
        for bubble in message.bubbles:
            for language in message.languages:
                found |= _too_long(message, bubble, texts, language)
    return found


def _problem(words: Words, text: str, form: int, language: str) -> str:
    if not text.strip():
        return _("Write what is said here.")
    if missing := words.lacking(text, form, language):
        named = "، ".join(f"{{{words.label(name, language)}}}" for name in missing)
        return _("This must stand in it too: %(names)s") % {"names": named}
    if not words.is_fillable(text):
        return _("Only what stands under the field is filled in. Take the rest in braces out.")
    if words.longest and len(text) > words.longest:
        return _("It may have %(limit)d characters.") % {"limit": words.longest}
    is_cut = words.is_cut and text == catalogue.original(words, language)[form]
    if (limit := LIMITS.get(words.part)) and not is_cut:
        count = units(words.filled(text, language, longest=True))
        if count > limit:
            return _(
                "With the longest that may be filled in it has %(count)d characters; WhatsApp takes "
                "%(limit)d."
            ) % {"count": count, "limit": limit}
    return ""


def _too_long(message: Automatic, bubble: Bubble, texts: Texts, language: str) -> dict[str, str]:
    ours = [part for part in bubble.parts if isinstance(part, Words)]
    count = units(body(message, bubble, texts, language, longest=True))
    found = {}
    if count > limit_of(bubble):
        said = _(
            "With the longest that may be filled in the message has %(count)d characters; WhatsApp takes "
            "%(limit)d."
        ) % {"count": count, "limit": limit_of(bubble)}
        found = {field_of(w, language, 0): said for w in ours if w.part == Part.TEXT}
    titles: dict[str, Words] = {}
    for words in ours:
        if words.part not in {Part.BUTTON, Part.ROW}:
            continue
        title = texts[words.key, language][0].strip()
        if title in titles:
            same = _("Two answers cannot read the same.")
            found |= {field_of(each, language, 0): same for each in (words, titles[title])}
        titles[title] = words
    return found


def contents(
    message: Automatic, texts: Texts, language: str, channel: Adapter
) -> list[dict[str, Any]]:
    """What the provider gets for each bubble, with examples filled in.

    :raises PartRefused: it is more than the channel carries
    """
    return [
        content_of(bubble, body(message, bubble, texts, language), texts, language, channel)
        for bubble in message.bubbles
    ]


def content_of(
    bubble: Bubble,
    text: str,
    texts: Texts,
    language: str,
    channel: Adapter,
    *,
    longest: bool = False,
) -> dict[str, Any]:
    """What the provider gets for one bubble with this text.

    :raises PartRefused: it is more than the channel carries
    """
    said = list(_said(bubble, texts, language, longest=longest))
    replies = [
        (f"try-{place}", words)
        for place, (part, words) in enumerate(said)
        if part in {Part.BUTTON, Part.ROW}
    ]
    opener = next((words for part, words in said if part == Part.LIST), "")
    if bubble.asks_place:
        return channel.ask_place(text)
    if opener:
        return channel.choices(text, button=opener, rows=replies)
    return channel.buttons(text, replies=replies) if replies else channel.text(text)
