"""What Bayan answers members: how it stands, who is on duty, until when they are left in peace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from bayan.core.errors import DomainError
from bayan.core.rls import as_member
from bayan.desk import words
from bayan.desk.situation import (
    Situation,
    bodies_of,
    circulating_in_words,
    scope_of,
    situation,
    title_of,
)
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work

# What an answer to a list or a button of ours is about (config/subscriptions.py); the choice says the rest.
STAFF = "desk.staff"
OF_BODY, FOR_SPAN = "situation-", "quiet-"
LONGEST_STATEMENT = 120
# WhatsApp's list: titles of 24 characters.
LONGEST_TITLE = 24


def ask(
    conversation: Conversation,
    text: str,
    rows: Sequence[tuple[str, str]],
    *,
    button: str,
    now: datetime,
) -> None:
    """Ask a member with a list whose choices come back to `menu.receive_choice`."""
    work.ask(
        conversation, text, [(key, title[:LONGEST_TITLE]) for key, title in rows],
        button=button, subject=(STAFF, conversation.contact.audit_key), now=now,
    )  # fmt: skip


# The situation


def tell_situation(
    conversation: Conversation, member: Member, *, asked: words.Asked, now: datetime
) -> None:
    """Tell how a body stands, as the member sees it on the page; ask which one where none is recognised."""
    with as_member(member.pk):
        access = Access.of(member, now=now)
        bodies = bodies_of(access)
        scope = None if asked.words else scope_of(asked.node, bodies)
        found = situation(access, scope, now=now) if scope else None
    if found:
        work.say(conversation, "\n".join(lines_of(found)), now=now)
    elif bodies:
        ask_body(conversation, asked.words, bodies, now=now)
    else:
        work.say(conversation, _("Your role does not include this page."), now=now)


def ask_body(
    conversation: Conversation, unknown: str, bodies: Sequence[Node], *, now: datetime
) -> None:
    """Ask which body is meant, those with the most similar names first."""
    rows = [
        (f"{OF_BODY}{node.key}", node.short_name)
        for node in words.nearest(unknown, [body for body in bodies if not body.is_desk])
    ]
    if len(bodies) > 1:
        rows.append((f"{OF_BODY}all", _("All my bodies")))
    text = _("“%(words)s” is no body whose situation you see. Which one do you mean?")
    ask(
        conversation, text % {"words": unknown}, rows, button=_("Choose the body"), now=now,
    )  # fmt: skip


def lines_of(found: Situation) -> list[str]:
    """A heading and five lines: each figure, and the address of its rows."""

    def line(name: str, value: str, path: str) -> str:
        return f"• {name}: *{value}*\n{settings.PUBLIC_URL}{path}"

    statement = pgettext("situation", "none")
    if found.statement:
        said = " ".join(found.statement.words.split())
        if len(said) > LONGEST_STATEMENT:
            said = f"{said[: LONGEST_STATEMENT - 1].rsplit(' ', 1)[0]}…"
        statement = f"{said} ({work.when(found.statement.at, now=found.now)})"
    duty = pgettext("situation", "nobody")
    if found.duty:
        phone = (
            f"+{found.duty.member.phone}" if found.duty.member.phone else _("no mobile is known")
        )
        duty = _(", ").join([found.duty.member.name, phone])
    return [
        f"*{title_of(found.scope)}* · {date_format(timezone.localtime(found.now), 'TIME_FORMAT')}",
        line(pgettext("situation", "Open"), str(found.open), found.open_path),
        line(pgettext("situation", "Late"), str(found.late), found.late_path),
        line(
            _("Circulating within a day"), circulating_in_words(found), found.circulating_path,
        ),
        line(_("Last statement"), statement, found.statements_path),
        line(_("On duty now"), duty, found.duty_path),
    ]  # fmt: skip


# Who is on duty


def tell_duty(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Tell who is on duty for the member's body, and how to reach them."""
    role = Access.of(member, now=now).main_role
    turn = people_selectors.on_duty(role.node, now=now) if role else None
    if turn is None:
        work.say(conversation, _("Nobody is on duty now, here or above."), now=now)
        return
    phone = f"+{turn.member.phone}" if turn.member.phone else _("no mobile is known")
    said = _("On duty for %(body)s: *%(name)s*, %(phone)s, until %(time)s") % {
        "body": turn.node.name,
        "name": turn.member.name,
        "phone": phone,
        "time": work.when(turn.ends_at, now=now),
    }
    address = f"{settings.PUBLIC_URL}{reverse('people:duty')}?body={turn.node.key}"
    work.say(conversation, f"{said}\n{address}", now=now)


# Silence


def ask_quiet(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Ask until when; offer the end of a silence that lasts."""
    rows = [(f"{FOR_SPAN}{key}", str(label)) for key, (label, _ends) in people.SPANS.items()]
    if member.is_quiet(now=now):
        assert member.quiet_until is not None  # noqa: S101  # quiet
        text = _("Only emergencies come until %(time)s.") % {
            "time": work.when(member.quiet_until, now=now)
        }
        rows.append((f"{FOR_SPAN}end", _("End the silence")))
    else:
        text = _("Until when do you want only emergencies here? Choose, or write “quiet until 7”.")
    ask(conversation, text, rows, button=_("Choose"), now=now)


def be_quiet(conversation: Conversation, member: Member, until: datetime, *, now: datetime) -> None:
    """Be silent until then, and say so."""
    try:
        people.be_quiet(member, until, now=now)
    except DomainError as refused:
        work.say(conversation, str(refused), now=now)
        return
    said = _(
        "Until %(time)s only emergencies come here. The rest waits and comes together. "
        "Write “quiet off” to end it."
    )
    work.say(conversation, said % {"time": work.when(until, now=now)}, now=now)


def end_quiet(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """End the silence, and say so."""
    ended = people.end_quiet(member, now=now)
    text = _("Welcome back: everything comes here again.") if ended else _("There was no silence.")
    work.say(conversation, text, now=now)


# Letters and help


def letters_page() -> str:
    """The page of a member's letters; empty where there is none."""
    try:
        return reverse("correspondence:letters")
    except NoReverseMatch:
        return ""


def tell_letters(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Tell where the member's letters are."""
    said = _("Your letters are here:")
    work.say(conversation, f"{said}\n{settings.PUBLIC_URL}{letters_page()}", now=now)


def tell_help(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Tell what can be written here."""
    work.say(
        conversation,
        "\n".join(
            [
                _("What you can write here:"),
                _("• *menu*: what there is"),
                _("• *tasks*: what needs you"),
                _("• *status khobar*: how a body stands"),
                _("• *field report*: pictures, place and words from where you are"),
                _("• *on duty*: who is, and their number"),
                _("• *quiet until 7*: only emergencies until then"),
                _("Whatever you forward is read, placed and matched with what is known."),
            ]
        ),
        now=now,
    )
