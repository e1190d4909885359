"""«القائمة»: what members find in their WhatsApp, chosen from a list or asked for by a word of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override, pgettext_lazy

from bayan.cases import services as cases
from bayan.channels.events import IncomingMessage
from bayan.core import events
from bayan.core.arabic import fold
from bayan.core.events import MenuEntry
from bayan.desk import words
from bayan.desk.services import field, telling
from bayan.desk.services.telling import FOR_SPAN, OF_BODY, STAFF
from bayan.desk.situation import WHOLE, bodies_of
from bayan.inbox.models import Conversation
from bayan.people import services as people
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work

MENU = frozenset(map(fold, ("القائمة", "قائمة", "القائمه الرئيسية", "menu")))
OF_MENU = "menu-"


def _said(*given: str) -> frozenset[str]:
    return frozenset(map(fold, given))


def _reads_cases(access: Access) -> bool:
    return access.may("cases.read")


def _tell_whole(conversation: Conversation, member: Member, *, now: datetime) -> None:
    telling.tell_situation(conversation, member, asked=words.Asked(), now=now)


ENTRIES = (
    MenuEntry(
        key="tasks", title=gettext_lazy("My tasks"), words=frozenset(), choose=work.send_tasks
    ),
    MenuEntry(
        key="situation", title=pgettext_lazy("menu", "The situation now"),
        words=_said("الموقف", "الموقف الآن", "situation", "status"),
        choose=_tell_whole, is_for=_reads_cases,
    ),
    MenuEntry(
        key="field", title=gettext_lazy("Report from the field"),
        words=_said("تقرير ميداني", "التقرير الميداني", "field report"),
        choose=field.begin, is_for=_reads_cases,
    ),
    MenuEntry(
        key="duty", title=pgettext_lazy("menu", "Who is on duty"),
        words=_said("المناوب", "من المناوب", "من المناوب؟", "المناوب الآن", "on duty", "duty"),
        choose=telling.tell_duty,
    ),
    MenuEntry(
        key="letters", title=pgettext_lazy("menu", "My letters"),
        words=_said("خطاباتي", "my letters"),
        choose=telling.tell_letters, is_for=lambda _access: bool(telling.letters_page()),
    ),
    MenuEntry(
        key="quiet", title=pgettext_lazy("menu", "Silence"),
        words=_said("لا تزعجني", "الصمت", "quiet", "do not disturb"),
        choose=telling.ask_quiet,
    ),
    MenuEntry(
        key="help", title=pgettext_lazy("menu", "Help"),
        words=_said("مساعدة", "المساعدة", "help"), choose=telling.tell_help,
    ),
)  # fmt: skip


def hear_commands(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Answer what asks for the menu, or for one thing in it, by a word that means nothing else."""
    taken = set()
    by_word = {word: entry for entry in events.menu_entries() for word in entry.words}
    for message, member in messages:
        word = work.word_of(message.text) if message.kind == "text" else ""
        if message.forwarded or not (word in MENU or word in by_word):
            continue
        entry = by_word.get(word)
        if entry and not entry.is_for(Access.of(member, now=now)):
            continue
        conversation = work.keep(message, member, now=now)
        if conversation is None:
            continue
        taken.add(message.external_id)
        with override(member.language):
            if entry:
                entry.choose(conversation, member, now=now)
            else:
                send_menu(conversation, member, now=now)
    return taken


def send_menu(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Show a member what there is for them, as a list to choose from."""
    access = Access.of(member, now=now)
    rows = [
        (f"{OF_MENU}{entry.key}", str(entry.title))
        for entry in events.menu_entries()
        if entry.is_for(access)
    ]
    telling.ask(
        conversation, _("What do you need? Choose, or write it."), rows,
        button=_("Open the menu"), now=now,
    )  # fmt: skip


@transaction.atomic
def receive_choice(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Do what members chose from a list or a button of ours; what others press is a message like any."""

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        _choose(message.choice_id, key, conversation, member, now=now)

    cases.take_in(work.hear_each(replies, do, now=now), now=now)


def _choose(
    choice: str, key: str, conversation: Conversation, member: Member, *, now: datetime
) -> None:
    access = Access.of(member, now=now)
    if choice.startswith(OF_BODY):
        name = choice.removeprefix(OF_BODY)
        node = next((body for body in bodies_of(access) if body.key == name), None)
        asked = words.Asked(node, "" if node or name == WHOLE else name)
        telling.tell_situation(conversation, member, asked=asked, now=now)
    elif choice.startswith(FOR_SPAN):
        span = choice.removeprefix(FOR_SPAN)
        if span in people.SPANS:
            until = people.end_of(span, now=now)
            telling.be_quiet(conversation, member, until, now=now)
        else:
            telling.end_quiet(conversation, member, now=now)
    elif choice in {field.SEND, field.DROP}:
        field.decide(key, choice, conversation, member, now=now)
    else:
        entries = {f"{OF_MENU}{entry.key}": entry for entry in events.menu_entries()}
        entry = entries.get(choice)
        if entry and entry.is_for(access):
            entry.choose(conversation, member, now=now)
        else:
            send_menu(conversation, member, now=now)


__all__ = ["ENTRIES", "STAFF", "hear_commands", "receive_choice", "send_menu"]
