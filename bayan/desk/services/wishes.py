"""What members ask in words of their own: how a body stands, and silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import override

from bayan.channels.events import IncomingMessage
from bayan.desk import words
from bayan.desk.services import field, telling
from bayan.desk.situation import bodies_of
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work


def hear_wishes(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Answer who asks how a body stands, or wants silence; returns the ids of these messages."""
    taken = set()
    for message, member in messages:
        if message.kind != "text" or message.forwarded:
            continue
        wish = words.quiet_in(message.text, now=now)
        ends = work.word_of(message.text) in words.NO_MORE_QUIET
        asked = None if wish or ends else _asked(message.text, member, now=now)
        if not (wish or ends or asked):
            continue
        conversation = work.keep(message, member, now=now)
        if conversation is None:
            continue
        taken.add(message.external_id)
        with override(member.language):
            if asked:
                telling.tell_situation(conversation, member, asked=asked, now=now)
            elif ends:
                telling.end_quiet(conversation, member, now=now)
            elif wish and wish.until:
                telling.be_quiet(conversation, member, wish.until, now=now)
            else:
                telling.ask_quiet(conversation, member, now=now)
    return taken


def _asked(text: str, member: Member, *, now: datetime) -> words.Asked | None:
    """What is asked; None where it may be a part of the report that they are at."""
    if not words.may_ask(text):
        return None
    access = Access.of(member, now=now)
    asked = words.asked_in(text, bodies_of(access)) if access.may("cases.read") else None
    if asked and asked.words and field.awaited(member, now=now):
        return None
    return asked
