"""What a message says, written down for its channel; what the channel does not carry is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Adapter, PartRefused
from bayan.channels.models import Number
from bayan.core.errors import DomainError


class ContentRefused(DomainError):
    """A part of the message is missing or more than the channel carries; `part` says which."""

    def __init__(self, text: str, *, part: str) -> None:
        super().__init__(text)
        self.part = part


class TextTooLong(ContentRefused):
    pass


def compose(number: Number, write: Callable[[Adapter], dict[str, Any]]) -> dict[str, Any]:
    """The content that `write` makes with the adapter of this number's channel.

    :raises TextTooLong: the text is empty, or longer than the channel carries
    :raises ContentRefused: another part is missing, too long, or one too many
    """
    try:
        return write(ADAPTERS[number.account.channel])
    except PartRefused as error:
        refusal = TextTooLong if error.part in {"text", "body", "caption"} else ContentRefused
        raise refusal(_sentence(error.part, error.limit), part=error.part) from error


def as_answer(content: dict[str, Any], *, to: str, subject: str) -> dict[str, Any]:
    """A letter's content as an answer to the letter with this id, under its subject; others as they are."""
    letter = content.get("email")
    if not isinstance(letter, dict):
        return content
    return {**content, "email": {**letter, "in_reply_to": to, "subject": subject}}


def _sentence(part: str, limit: int) -> str:
    too_long = _(
        "The text is empty or too long for the channel: with its heading it may have %(limit)d "
        "characters. Shorten it."
    )
    sentences = {
        "text": too_long,
        "body": too_long,
        "caption": _(
            "The text under the file is too long: with its heading it may have %(limit)d characters. "
            "Shorten it, or send it by itself."
        )
        if limit
        else _("WhatsApp carries no text with a sound or a sticker. Send the text by itself."),
        "button": _(
            "Each button needs words of its own, %(limit)d characters at most; an emoji counts as two."
        ),
        "form_button": _("The button of a form takes no emoji."),
        "buttons": ngettext(
            "Write one button.",
            "Write one to %(limit)d buttons, each with different words.",
            limit,
        ),
        "rows": ngettext("Write one answer.", "Write one to %(limit)d answers.", limit),
        "row": _(
            "Each answer needs words, %(limit)d characters at most; its explanation may have more."
        ),
        "description": _("The explanation of an answer may have %(limit)d characters."),
        "kind": _("This channel carries nothing but text."),
        "url": _("Write the whole address of the page, beginning with https://."),
    }
    place = _("Choose a place on the map, or write its latitude and longitude.")
    return sentences.get(part, place) % {"limit": limit}
