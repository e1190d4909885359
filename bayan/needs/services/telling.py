"""Telling whoever asked how their request stands: in WhatsApp, else by the next way; short and politely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases import services as cases
from bayan.channels.events import IncomingMessage
from bayan.core.arabic import fold
from bayan.core.errors import DomainError
from bayan.core.queries import Waits
from bayan.core.references import grouped
from bayan.inbox.models import Conversation
from bayan.needs.models import Booking, Form, Need, Step
from bayan.needs.services import filling
from bayan.needs.services.asking import TOLD, confirm
from bayan.needs.services.steps import path_of, title_of
from bayan.people import services as people
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.people.selectors import may_hear
from bayan.work import services as work

AT_ONCE = 100
# Under a question with buttons, which carries 1,024 characters with heading, subject and link; the page has
# all of it.
LONGEST_WORDS = 500
State = Need.State


_WAITS = Waits(
    lambda now: (
        Step.objects.filter(may_hear("need__asked_by", now=now), told_at=None, tell_at__lte=now),
        Booking.objects.filter(may_hear("booked_by", now=now), told_at=None, tell_at__lte=now),
    ),
    datetime,
)


def tell(*, now: datetime) -> int:
    """Queue messages about steps that cannot be undone any more, and about bookings that others cancelled.

    Of several steps of one request the last one is told. Returns how many were looked at.
    """
    if not _WAITS(now):
        return 0
    with transaction.atomic():
        return _tell_steps(now=now) + _tell_cancelled(now=now)


def let_past(*, now: datetime) -> int:
    """Let steps that should have been told by now be told no more; see `work.let_past`. Returns how many."""
    rows = Step.objects.filter(told_at=None, tell_at__lte=now)
    return rows.update(told_at=now, way=Step.Way.PAGE)


def _tell_steps(*, now: datetime) -> int:
    waiting = list(
        Step.objects.filter(may_hear("need__asked_by", now=now), told_at=None, tell_at__lte=now)
        .select_related("need__asked_by", "need__version")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:AT_ONCE]
    )
    latest = {step.need_id: step for step in waiting}
    askers = [step.need.asked_by for step in latest.values()]
    # In one statement, as taking in does: two orders would wait for each other.
    people.lock_senders(
        people.Sender(phone=member.phone) for member in askers if member and member.phone
    )
    for step in waiting:
        step.told_at, step.way = now, Step.Way.PAGE
        member = step.need.asked_by
        if step is latest[step.need_id] and member is not None and member.is_active:
            with override(member.language):
                step.way, step.reach = work.tell_member_onward(member, _word(step), now=now)
    Step.objects.bulk_update(waiting, ["told_at", "way", "reach"])
    return len(waiting)


def _tell_cancelled(*, now: datetime) -> int:
    waiting = list(
        Booking.objects.filter(may_hear("booked_by", now=now), told_at=None, tell_at__lte=now)
        .select_related("booked_by", "thing")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:AT_ONCE]
    )
    people.lock_senders(
        people.Sender(phone=one.booked_by.phone)
        for one in waiting
        if one.booked_by and one.booked_by.phone
    )
    for one in waiting:
        one.told_at = now
        if one.booked_by is not None and one.booked_by.is_active:
            with override(one.booked_by.language):
                work.tell_member_onward(one.booked_by, _word_of(one, now=now), now=now)
    Booking.objects.bulk_update(waiting, ["told_at"])
    return len(waiting)


def _word_of(booking: Booking, *, now: datetime) -> work.Word:
    path = reverse("needs:booking", args=[booking.public_id])
    facts = {
        "thing": booking.thing.name,
        "time": work.when(booking.starts_at, now=now),
        "reason": booking.reason,
    }
    return work.Word(
        text=_("We are sorry: your booking of %(thing)s, %(time)s, had to be cancelled. %(reason)s")
        % facts
        + f"\n{settings.PUBLIC_URL}{path}",
        what=_("Booking cancelled: %(thing)s") % facts,
        at=booking.starts_at,
        subject=(TOLD, str(booking.public_id)),
    )


def _word(step: Step) -> work.Word:
    need = step.need
    text, buttons = _said(step)
    if step.words and step.state in {State.GRANTED, State.PROVIDED}:
        text = f"{text}\n{step.words[:LONGEST_WORDS]}"
    return work.Word(
        text=f"{text}\n{settings.PUBLIC_URL}{path_of(need)}",
        what=f"{title_of(need)} ({need.get_state_display()})",
        at=step.at,
        subject=(TOLD, str(need.public_id)),
        buttons=buttons,
    )


def _said(step: Step) -> tuple[str, list[tuple[str, str]]]:
    need = step.need
    facts = {
        "number": grouped(need.reference),
        "title": need.title,
        "reason": step.words,
        "time": work.when(need.due_at, now=step.at) if need.due_at else "",
    }
    match step.state:
        case State.REVIEW:
            return _("Your request %(number)s, “%(title)s”, is being looked at.") % facts, []
        case State.GRANTED:
            return (
                _("Good news: your request %(number)s, “%(title)s”, is granted.\nDue: %(time)s")
                % facts,
                [],
            )
        case State.PARTLY:
            return (
                _(
                    "Your request %(number)s, “%(title)s”, is granted in part: %(reason)s\n"
                    "Due: %(time)s"
                )
                % facts,
                [],
            )
        case State.REFUSED:
            return (
                _(
                    "We are sorry that your request %(number)s, “%(title)s”, could not be granted "
                    "this time: %(reason)s"
                )
                % facts,
                [],
            )
        case State.PROVIDED:
            return (
                _("What you asked for with request %(number)s, “%(title)s”, is ready. Did it come?")
                % facts,
                [("need-confirm", _("Yes, it came")), ("need-dispute", _("Not as agreed"))],
            )
    return title_of(need), []


# What a member writes to hear of their requests and how to make one.
WORDS = ("احتياج", "احتياجات", "احتياجاتي", "طلب احتياج", "needs", "my needs")
MOST_NAMED = 5


def hear(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Answer members who ask for their needs by one of the words; returns the messages' ids."""
    words, taken = set(map(fold, WORDS)), set()
    for message, member in messages:
        if message.kind != "text" or work.word_of(message.text) not in words:
            continue
        conversation = work.keep(message, member, now=now)
        if conversation is not None:
            taken.add(message.external_id)
            with override(member.language):
                _answer_needs(member, conversation, now=now)
    return taken


def _answer_needs(member: Member, conversation: Conversation, *, now: datetime) -> None:
    may_ask = Access.of(member, now=now).may("needs.ask")
    if not (may_ask and filling.offer(conversation, _open_requests(member, most=3), now=now)):
        work.say(conversation, answer_needs(member, now), now=now)


def _open_requests(member: Member, *, most: int) -> list[str]:
    own = Need.objects.open().filter(asked_by=member).order_by("-asked_at")[:most]
    lines = [f"• {title_of(need)} ({need.get_state_display()})" for need in own]
    return [_("Your open requests:"), *lines, ""] if lines else []


def answer_needs(member: Member, now: datetime) -> str:
    """How this member's open requests stand, and where each new one is made."""
    if not Access.of(member, now=now).may("needs.ask"):
        return _("Your role does not include requests of needs.")
    lines = _open_requests(member, most=MOST_NAMED)
    offered = Form.objects.filter(is_on=True).select_related("version").order_by("position", "pk")
    asked = [
        f"• {form.version.name}: {settings.PUBLIC_URL}{reverse('needs:ask', args=[form.key])}"
        for form in offered
        if form.version is not None
    ]
    return "\n".join([*lines, _("What do you need? A minute is enough:"), *asked])


@transaction.atomic
def receive_told(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Do what whoever asked pressed under such a message; what others press is a message like any other."""

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        work.say(conversation, _answer(UUID(key), message, member, now=now), now=now)

    cases.take_in(work.hear_each(replies, do, now=now), now=now)


def _answer(key: UUID, message: IncomingMessage, member: Member, *, now: datetime) -> str:
    need = Need.objects.select_related("node").filter(public_id=key).first()
    if need is None and Booking.objects.filter(public_id=key, booked_by=member).exists():
        return f"{settings.PUBLIC_URL}{reverse('needs:booking', args=[key])}"
    if need is None or not may_answer(need, Access.of(member, now=now)):
        return _("This request is none of yours.")
    page = f"{settings.PUBLIC_URL}{path_of(need)}"
    if message.choice_id == "need-confirm":
        try:
            confirm(key, by=member, now=now)
        except DomainError as refused:
            return str(refused)
        return _("Thank you: it is noted that it came.")
    if message.choice_id == "need-dispute":
        return _(
            "Write on this page what is missing; it goes to whoever provides it:\n%(page)s"
        ) % {"page": page}
    return f"{title_of(need)} ({need.get_state_display()})\n{page}"


def may_answer(need: Need, access: Access) -> bool:
    """Whether this member may say for whoever asked that it came: they asked, or ask for the same body."""
    return need.asked_by_id == access.member.pk or access.may("needs.ask", need.node)
