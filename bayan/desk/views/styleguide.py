"""Every part of the interface on one page, in both directions."""

from __future__ import annotations

import re

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from bayan.desk.samples import samples
from bayan.desk.swatches import swatches
from bayan.people.permissions import StaffRequest, requires

DIRECTIONS = {"ar": "rtl", "en": "ltr"}
# In the order of the page; each is a partial of desk/styleguide_parts.html.
PARTS = {
    "type": _("Typeface and sizes"),
    "buttons": _("Buttons"),
    "fields": _("Fields"),
    "narrowing": _("Search, tabs, segments, chips"),
    "signs": _("Badges, tags, clocks, keys"),
    "people": _("People and facts"),
    "bands": _("Bands and alarms"),
    "notices": _("Notices with undo"),
    "states": _("Nothing there, still loading, gone wrong"),
    "rows": _("Rows of conversations"),
    "table": _("Table and cards of cases"),
    "bubbles": _("Messages and notes"),
    "menus": _("Menus"),
    "dialogs": _("Dialog and sheet"),
    "progress": _("Progress"),
    "map": _("Map"),
}
_ID = re.compile(
    r'(\s(?:id|for|form|list|aria-labelledby|aria-describedby|aria-controls|popovertarget)=")([^"]+)"'
)
# What would ask the server for something, or do something here.
_LIVING = re.compile(
    r'\s(?:(?:hx-[\w-]+|data-live|data-outgoing|data-said|action|formaction)="[^"]*"|data-said|autofocus)'
)
_LINK = re.compile(r'(<a\b[^>]*?\shref=")[^"]*"')


@require_GET
@requires("people.manage")
def styleguide(request: StaffRequest) -> HttpResponse:
    """The parts as the pages use them, each in Arabic and in English, with made-up contents."""
    now = timezone.now()
    shown = {}
    languages = sorted(DIRECTIONS, key=lambda language: language != get_language())
    for language in languages:
        with override(language):
            contents = samples(language, now=now)
            shown[language] = {
                part: still(
                    render_to_string(f"desk/styleguide_parts.html#{part}", contents),
                    part=part,
                    prefix=language,
                )
                for part in PARTS
            }
    parts = [
        (part, title, [(lang, DIRECTIONS[lang], shown[lang][part]) for lang in languages])
        for part, title in PARTS.items()
    ]
    return render(request, "desk/styleguide.html", {"swatches": swatches(), "parts": parts})


def still(html: str, *, part: str, prefix: str) -> SafeString:
    """The part to look at: it asks nothing of the server, leads nowhere, and its ids are its own."""

    def own(found: re.Match[str]) -> str:
        return found[1] + " ".join(f"{prefix}-{part}-{name}" for name in found[2].split()) + '"'

    html = _ID.sub(own, _LIVING.sub("", html))
    html = _LINK.sub(rf'\1#part-{part}"', html.replace('method="post"', 'method="dialog"'))
    return mark_safe(html)  # noqa: S308  # our own templates, with contents of our own
