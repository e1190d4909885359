"""One field for everything: pages, what can be done here, cases, people and places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET

from bayan.cases import selectors as cases
from bayan.cases.models import Case
from bayan.core.arabic import words_of
from bayan.core.views import uuid_in
from bayan.inbox import selectors as inbox
from bayan.inbox import services
from bayan.inbox.models import Conversation
from bayan.people import selectors as people
from bayan.people.models import Contact
from bayan.people.permissions import Access, StaffRequest, for_members
from bayan.places import selectors as places
from bayan.places.models import Place

MOST_OF_A_KIND = 5
# One letter begins too many names.
FEWEST_LETTERS = 2


@dataclass(frozen=True)
class Way:
    """A page, or a part of one, that the field leads to."""

    label: str | Promise
    address: str
    icon: str

    def answers(self, asked: list[str]) -> bool:
        """True when each word that was typed begins one of its own."""
        own = words_of(str(self.label))
        return all(any(word.startswith(ask) for word in _both(own)) for ask in asked)


def _both(words: list[str]) -> Iterator[str]:
    """Each word with and without its article: «بلاغات» finds «البلاغات»."""
    for word in words:
        yield word
        yield word.removeprefix("ال")


@dataclass(frozen=True)
class ShortWay:
    """A part of a page that many look for: who may see it, and what stands behind its question mark."""

    permission: str
    label: str | Promise
    page: str
    query: str = ""
    icon: str = ""


SHORT_WAYS = (
    ShortWay("conversations.read", _("Conversations that wait for an answer"), "inbox:conversations",
             "view=waiting", icon="hourglass-high"),
    ShortWay("conversations.reply", _("My conversations"), "inbox:conversations",
             "view=mine", icon="user-check"),
    ShortWay("cases.read", _("Late cases"), "cases:cases", "state=late", icon="clock-exclamation"),
    ShortWay("cases.assign", _("My cases"), "cases:cases", "state=mine", icon="user-check"),
    ShortWay("cases.read", _("Board of cases"), "cases:board", icon="layout-kanban"),
    ShortWay("cases.read", _("Map of cases"), "cases:map", icon="map-2"),
    ShortWay("cases.read", _("Bursts"), "cases:bursts", icon="activity"),
    ShortWay("cases.read", _("Surge mode"), "cases:surge", icon="activity-heartbeat"),
    ShortWay("cases.read", _("Forwards of members"), "cases:forwards", icon="arrow-forward-up"),
    ShortWay("cases.read", pgettext_lazy("menu", "The situation now"), "situation:situation", icon="gauge"),
    ShortWay("cases.read", _("Reports from the field"), "field:reports", icon="camera"),
    ShortWay("work.do", _("Directives"), "cases:directives", icon="notebook"),
    ShortWay("conversations.reply", _("Answers to everybody"), "cases:answers", icon="messages"),
    ShortWay("needs.read", _("Needs"), "needs:needs", icon="package"),
    ShortWay("needs.ask", _("New request of a need"), "needs:choose", icon="package"),
    ShortWay("needs.read", _("Calendar of bookings"), "needs:calendar", icon="calendar-month"),
    ShortWay("work.do", pgettext_lazy("menu", "Meetings"), "meetings:meetings", icon="calendar-event"),
    ShortWay("work.do", _("Polls"), "meetings:polls", icon="list-check"),
    ShortWay("meetings.write", _("New meeting"), "meetings:new_meeting", icon="calendar-plus"),
    ShortWay("meetings.write", _("New poll"), "meetings:new_poll", icon="list-check"),
    ShortWay("press.submit", _("Ask for publication of a story"), "press:new", icon="news"),
    ShortWay("press.submit", _("Stories for publication"), "press:stories", icon="files"),
    ShortWay("places.read", _("Places"), "places:places", icon="map-pin"),
    ShortWay("inbox.manage", _("Labels, replies and actions"), "inbox:settings", icon="adjustments"),
    ShortWay("people.manage", _("Invite somebody"), "people:invitations", icon="user-plus"),
)  # fmt: skip


def ways_of(access: Access) -> list[Way]:
    """Where this member may go, in the order of the navigation; what the member may not open is left out."""
    ways = [
        Way(
            _("My tasks") if entry.page == "today:today" and access.is_municipal else entry.label,
            reverse(entry.page),
            icon=entry.icon,
        )
        for entry in people.entries_for(access)
    ]
    known = {way.address for way in ways}
    for way in SHORT_WAYS:
        address = reverse(way.page) + (f"?{way.query}" if way.query else "")
        if access.may(way.permission) and address not in known:
            ways.append(Way(way.label, address, icon=way.icon))
    ways.append(
        Way(
            pgettext_lazy("palette", "My page: mobile, roles, deputy"),
            reverse("people:me"),
            icon="user-circle",
        )
    )
    return ways


@require_GET
@for_members
def palette(request: StaffRequest) -> HttpResponse:
    """The field with what can be done at once; with `q` only what these words find."""
    access = request.access
    words = request.GET.get("q", "").strip()[:100]
    asked = words_of(words)
    context: dict[str, Any] = {
        "words": words,
        "ways": [way for way in ways_of(access) if way.answers(asked)][: 8 if words else 30],
    }
    here = _conversation(request, access)
    if here and not words:
        context |= {
            "conversation": here,
            "macros": services.offered_macros(here, by=access.member),
        }
    if words:
        context |= _found(access, words)
    return render(request, f"desk/palette.html{'#options' if 'q' in request.GET else ''}", context)


def _conversation(request: HttpRequest, access: Access) -> Conversation | None:
    """The conversation that the page shows, if the member answers there."""
    key = uuid_in(request.GET.get("conversation", ""))
    if key is None:
        return None
    found = Conversation.objects.select_related("node", "contact").filter(public_id=key).first()
    return found if found and access.may("conversations.reply", found.node) else None


def _found(access: Access, words: str) -> dict[str, Any]:
    """Cases, contacts and places that these words find, of what the member may see."""
    rows: list[Case] = []
    contacts: list[Contact] = []
    if access.may("conversations.read") and access.may("cases.read"):
        found = inbox.look_for(words)
        filters = cases.Filters(view="all", words=words)
        every = cases.cases(filters, member=access.member, now=timezone.now(), found=found)
        rows = list(cases.shown(every).order_by("-opened_at", "-pk")[:MOST_OF_A_KIND])
        contacts = list(
            Contact.objects.filter(pk__in=found.contacts[:50]).order_by("-pk")[:MOST_OF_A_KIND]
        )
    named: list[Place] = []
    if access.may("places.read") and sum(map(str.isalpha, words)) >= FEWEST_LETTERS:
        named = places.find(words, 3)
    return {"cases": rows, "contacts": contacts, "places": named}
