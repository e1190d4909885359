"""The staff's navigation: what stands in it, for whom, and which entry is the present page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from bayan.people.permissions import Access


@dataclass(frozen=True)
class Entry:
    """One page of the navigation. `permission` opens it; `everywhere` wants it in the authority itself."""

    page: str
    label: str | Promise
    permission: str
    # Of the sprite: assets/build.mjs finds it by this name of the argument.
    icon: str
    everywhere: bool = False
    # Opens it besides to those who work in municipalities only: the five entries of their officer.
    officer: str = ""


# The daily work first: on a phone these stand at the foot of the screen.
DAILY = (
    Entry("today:today", _("Today"), "cases.read", icon="checklist"),
    Entry("inbox:conversations", _("Messages"), "conversations.read", icon="messages"),
    Entry("cases:cases", _("Cases"), "cases.read", icon="alert-circle"),
    # A municipality's officer has five entries and no more: tasks and needs stand on the first page, contacts
    # are found by the search.
    Entry("work:items", _("Tasks"), "work.give", icon="checkbox", everywhere=True),
    Entry("press:stories", pgettext_lazy("menu", "Publishing"), "press.edit", icon="news",
          everywhere=True, officer="press.submit"),
    Entry("correspondence:letters", pgettext_lazy("menu", "Letters"), "work.do", icon="mail"),
)  # fmt: skip
OFFICES = (
    Entry("contacts:contacts", _("Contacts"), "conversations.read", icon="address-book", everywhere=True),
    # Whoever works in one body finds both on their first page.
    Entry("situation:situation", pgettext_lazy("menu", "The situation now"), "cases.read", icon="gauge",
          everywhere=True),
    Entry("field:reports", _("Reports from the field"), "cases.read", icon="camera", everywhere=True),
    Entry("figures:figures", pgettext_lazy("menu", "Figures"), "audit.read", icon="chart-bar"),
    # Whoever works in one body comes to it from the messages, and by the search.
    Entry("meetings:meetings", pgettext_lazy("menu", "Meetings"), "meetings.write", icon="calendar-event",
          everywhere=True),
    # A municipality's officer comes to it from the first page.
    Entry("needs:needs", _("Needs"), "needs.read", icon="package", everywhere=True),
    # Who is on duty stands on the first page of everybody.
    Entry("people:duty", _("Duty roster"), "duty.manage", icon="calendar-user"),
    Entry("people:members", pgettext_lazy("staff", "People"), "people.manage", icon="users"),
    Entry("channels:broadcasts", _("Broadcasts"), "broadcasts.send", icon="speakerphone"),
    Entry("channels:health", _("Channels"), "channels.read", icon="antenna"),
    # Places are found by the search too.
    Entry("places:places", _("Places"), "places.read", icon="map-pin", everywhere=True),
    Entry("cases:routing", _("Routing"), "routing.manage", icon="route", everywhere=True),
    Entry("cases:quality", _("Quality"), "quality.manage", icon="rosette-discount-check"),
    Entry("cases:directives", _("Directives"), "directives.read", icon="notebook"),
    Entry("channels:templates", _("Templates"), "templates.manage", icon="template"),
    Entry("channels:messages", _("Automatic messages"), "templates.manage", icon="message-2",
          everywhere=True),
    Entry("retention:due", _("Retention"), "retention.decide", icon="archive", everywhere=True),
    Entry("people:trail", _("Audit trail"), "audit.read", icon="shield-check"),
    Entry("intake:set_aside", _("Set-aside messages"), "journal.manage", icon="inbox-off", everywhere=True),
)  # fmt: skip


AT_THE_FOOT = 5


@dataclass(frozen=True)
class Menu:
    """The navigation of one member on one page, as markup."""

    daily: SafeString
    offices: SafeString
    # On a phone: what stands at its foot, and what lies behind "More".
    foot: SafeString
    more: SafeString


def entries_for(access: Access) -> list[Entry]:
    """The pages that this member may open, in the order of the navigation."""
    return [entry for entry in (*DAILY, *OFFICES) if _is_open(entry, access)]


def menu_of(access: Access, path: str) -> Menu:
    """The navigation for a member who is at this path."""
    mine = entries_for(access)
    # A page whose address begins as the entry's belongs to it; the longest beginning counts.
    begins = {_address(entry.page): entry.page for entry in mine}
    current = begins.get(max(filter(path.startswith, begins), key=len, default=""), "")
    officer = access.is_municipal

    def drawn(entries: Sequence[Entry]) -> SafeString:
        pages = tuple(entry.page for entry in entries if entry in mine)
        return _drawn(pages, current, officer, get_language())

    # Five fit beside "More"; of a longer row the first four stay.
    daily = [entry for entry in DAILY if entry in mine]
    foot = daily if len(daily) <= AT_THE_FOOT else daily[: AT_THE_FOOT - 1]
    return Menu(drawn(DAILY), drawn(OFFICES), drawn(foot), drawn([*daily[len(foot) :], *OFFICES]))


@cache
def _address(page: str) -> str:
    """Where a page of the navigation stands; every page asks for all of them."""
    return reverse(page)


def _is_open(entry: Entry, access: Access) -> bool:
    if entry.officer and access.is_municipal:
        return access.may(entry.officer)
    return (access.may_everywhere if entry.everywhere else access.may)(entry.permission)


# The same few menus go out with every page: they are drawn once a process.
@lru_cache(maxsize=4_096)
def _drawn(
    pages: tuple[str, ...], current: str, is_officer: bool, _language: str | None
) -> SafeString:
    known = {entry.page: entry for entry in (*DAILY, *OFFICES)}
    entries = [(known[page], _address(page)) for page in pages]
    context = {"entries": entries, "current": current, "is_officer": is_officer}
    return mark_safe(render_to_string("core/menu.html", context))  # noqa: S308  # a template's own
