"""What the bubbles of a conversation need: maps, files, and lines that are ready to be sent."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

from django import template
from django.template import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from bayan.channels.models import Media
from bayan.core import maps
from bayan.core.templatetags.bayan import since
from bayan.inbox.filtering import query_of
from bayan.inbox.models import Conversation, Label, Message
from bayan.inbox.selectors import Filters

register = template.Library()

# What a document is, by the end of its type.
OFFICE = "vnd.openxmlformats-officedocument."
TYPES = {
    "pdf": "PDF", "plain": "TXT", "jpeg": "JPEG", "png": "PNG", "webp": "WebP", "mp4": "MP4", "zip": "ZIP",
    "msword": "Word", f"{OFFICE}wordprocessingml.document": "Word",
    "vnd.ms-excel": "Excel", f"{OFFICE}spreadsheetml.sheet": "Excel",
    "vnd.ms-powerpoint": "PowerPoint", f"{OFFICE}presentationml.presentation": "PowerPoint",
}  # fmt: skip


@register.simple_tag
def list_query(filters: Filters, **changes: str) -> str:
    """The address of the same list with something changed."""
    return query_of(filters, **changes)


@register.simple_tag(takes_context=True)
def look_of(context: Context, row: Conversation) -> Hashable:
    """All that a row of the list shows of this conversation: as long as it is the same, the row is."""
    now, labels = context["now"], context.get("labels") or {}
    current = context.get("conversation")
    return (
        get_language(), context.get("may_act"), context.get("query"), row.public_id,
        current is not None and current.pk == row.pk, row.contact.name, row.last_message_at,
        since(row.last_message_at, now=now), row.last_message_at == row.last_outbound_at,
        row.is_waiting, row.matter, row.preview, vars(row)["last_kind"],
        vars(row)["last_revoked_at"] is None, vars(row)["is_passed_on"], row.node_id,
        tuple((labels[key].name, labels[key].tone) for key in row.labels if key in labels),
        row.assignee and row.assignee.name,
        row.snoozed_until if row.snoozed_until and row.snoozed_until > now else None,
    )  # fmt: skip


@register.filter
def named(keys: list[int], labels: Mapping[int, Label]) -> list[Label]:
    """The labels behind these keys, as far as they are known here."""
    return [labels[key] for key in keys if key in labels]


@register.filter
def map_of(payload: Any) -> maps.Map | None:
    """The map around a place; None without coordinates, or where the region's map does not reach."""
    point = _point(payload)
    return maps.around(*point) if point else None


@register.filter
def coordinates(payload: Any) -> str:
    """Latitude and longitude as other maps take them; empty when the place has none."""
    point = _point(payload)
    return f"{point[0]:.6f}, {point[1]:.6f}" if point else ""


def _point(payload: Any) -> tuple[float, float] | None:
    try:
        latitude, longitude = float(payload["latitude"]), float(payload["longitude"])
    except (KeyError, TypeError, ValueError):
        return None
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


@register.filter
def duration(seconds: float | None) -> str:
    """A length of time as a player shows it: 1:05; empty when it is not known."""
    if not seconds or not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


@register.filter
def file_type(media: Media) -> str:
    """What kind of file it is, in the word that people know."""
    ending = media.mime_type.partition(";")[0].rpartition("/")[2].strip()
    return TYPES.get(ending) or ending[:12].upper()


@register.filter
def refusal_of(media: Media) -> str:
    """Why a file was not kept, in plain words."""
    reasons = {
        "too large": _("It is larger than we take."),
        "wrong type": _("It is not what it says it is, so it was not kept."),
        "hash differs": _("It arrived damaged."),
    }
    title = (media.error or {}).get("title")
    return reasons.get(str(title)) or _("It could not be checked, so it was not kept.")


@register.filter
def answers_of(payload: Any) -> list[tuple[str, str]]:
    """The fields of a filled-in form as pairs of name and answer; the provider's own left out."""
    answers = payload.get("answers") if isinstance(payload, Mapping) else None
    if not isinstance(answers, Mapping):
        return []
    return [
        (str(name).replace("_", " "), _spelled(value))
        for name, value in answers.items()
        if name != "flow_token"
    ]


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return _(", ").join(_spelled(item) for item in value)
    if isinstance(value, Mapping):
        return _(", ").join(_spelled(item) for item in value.values())
    return "" if value is None else str(value)


@register.filter
def pieces(parts: list[tuple[str, str]]) -> SafeString:
    """A text with its variables marked, so that what is filled in can be seen in it at once."""
    return format_html_join(
        "",
        "{}",
        (
            (
                format_html(
                    '<span class="slot" data-slot="{}" data-example="{}">{}</span>', key, text, text
                )
                if key
                else text,
            )
            for key, text in parts
        ),
    )


@register.simple_tag
def ready_line(name: str, message: Message) -> str:
    """A line for the composer, in the language in which the person wrote (Arabic if they wrote none)."""
    letters = [letter for letter in message.text if letter.isalpha()]
    with override("en" if letters and letters[0].isascii() else "ar"):
        lines = {
            "original": _(
                "Thank you. WhatsApp made the picture smaller on its way. Please send it again as a "
                "file: choose “Document” where you attach, then the picture."
            ),
            "again": _("The file did not reach us whole. Please send it again."),
            "words": _(
                "Your message reached us in a form that WhatsApp does not show us. Please write it "
                "as text, or send a picture or a location."
            ),
        }
        return lines[name]
