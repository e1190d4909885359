"""What pages of needs show again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bayan.core.templatetags.bayan import icon, thousands
from bayan.needs.models import Kind, Need, Thing
from bayan.needs.planning import Sums
from bayan.needs.selectors import NeedFilter

register = template.Library()

State = Need.State
TONES: dict[str, str] = {
    State.ASKED: "is-info", State.REVIEW: "is-info", State.GRANTED: "is-ok", State.PARTLY: "is-warn",
    State.PROVIDED: "is-ok", State.REFUSED: "is-bad",
}  # fmt: skip


@register.simple_tag
def need_state(need: Need) -> SafeString:
    """How a request stands, as a badge."""
    return format_html(
        '<span class="badge {}">{}</span>',
        TONES.get(need.state, ""),
        str(need.get_state_display()),
    )


@register.simple_tag
def need_query(asked: NeedFilter, view: str) -> str:
    """The address of the same list in another view."""
    return replace(asked, view=view).query


@dataclass(frozen=True)
class Sign:
    """A picture of the sprite: assets/build.mjs finds it by this name of the argument."""

    icon: str


SIGNS: dict[str, Sign] = {
    Kind.COVERAGE: Sign(icon="camera"), Kind.DESIGN: Sign(icon="palette"),
    Kind.PRINTING: Sign(icon="printer"), Kind.TRANSLATION: Sign(icon="language"),
    Kind.VEHICLE: Sign(icon="car"), Thing.Kind.CAMERA: Sign(icon="camera"),
    Thing.Kind.DRONE: Sign(icon="drone"), Thing.Kind.SOUND: Sign(icon="microphone"),
    Thing.Kind.HALL: Sign(icon="building"), Thing.Kind.PRINTED: Sign(icon="printer"),
    Thing.Kind.GIVEAWAY: Sign(icon="gift"),
}  # fmt: skip
ANY_OTHER = Sign(icon="package")


@register.simple_tag
def kind_icon(kind: str) -> SafeString:
    """The sign of a kind of need or of thing."""
    return icon(SIGNS.get(kind, ANY_OTHER).icon)


@register.simple_tag
def free_now(thing: Thing) -> SafeString:
    """How many of a lent thing are free at this moment, as a badge; it came with `promised`."""
    free = max(0, thing.stock - getattr(thing, "promised", 0))
    tone = "is-ok" if free else "is-bad"
    return format_html('<span class="badge {}">{}</span>', tone, free or _("none free"))


@register.simple_tag
def sums_cells(sums: Sums, average: Sums | None = None) -> SafeString:
    """Three cells: requests asked, granted, provided, with their pieces, and the average below."""
    values = sums.cells
    beside = average.cells if average is not None else [None] * len(values)
    return format_html_join(
        "",
        "<td><b>{}</b>{}{}</td>",
        (
            (
                thousands(int(values[at])),
                format_html(' <span class="meta">({})</span>', thousands(int(values[at + 1])))
                if values[at + 1] != values[at]
                else "",
                format_html(
                    '<span class="meta block">{} {}</span>', _("average"), f"{beside[at]:g}"
                )
                if beside[at] is not None
                else "",
            )
            for at in range(0, len(values), 2)
        ),
    )
