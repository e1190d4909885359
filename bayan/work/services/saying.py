"""How something is said to a member by WhatsApp: the conversation with them, tasks with their buttons, lists.

What is to be said, to whom and when, `telling` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override, pgettext

from bayan.channels import services as channels
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing, Reach, Template
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member
from bayan.work.events import Subject
from bayan.work.models import Item, Notice
from bayan.work.services.onward import ONE, SEVERAL

# WhatsApp's list: ten rows, titles of 24 characters.
MOST_ROWS, LONGEST_TITLE = 10, 24
# With buttons a message has 1,024 characters, heading, title and link included; the page shows all of it.
LONGEST_TEXT = 450


def conversation_with(member: Member, *, now: datetime) -> Conversation | None:
    """The conversation in which this member is written to; None where there is no way to them."""
    body = people_selectors.body_of_member(member, now=now)
    if body is None or not member.phone or member.phone_linked_at is None:
        return None
    number = channels.number_for(Reach.Way.WHATSAPP)
    if number is None:
        return None
    return _conversation(people.Sender(phone=member.phone), number.pk, body, now=now)


def conversation_by_mail(
    message: IncomingMessage, member: Member, *, now: datetime
) -> Conversation | None:
    """The conversation for what a member wrote by e-mail; None where they work for no body now."""
    body = people_selectors.body_of_member(member, now=now)
    if body is None:
        return None
    sender = people.Sender(email=message.email, name=member.name_ar)
    return _conversation(sender, message.number_id, body, now=now)


def _conversation(
    sender: people.Sender, number_id: int, body: Node, *, now: datetime
) -> Conversation:
    people.lock_senders([sender])
    contact = people.contacts_of([sender], now=now)[sender]
    inbox.conversations_for([(contact, number_id)], node=body, now=now)
    conversation: Conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("node", "number__account", "contact")
        .get(contact=contact, number=number_id, node=body)
    )
    # It is no word about a case of the member's own that may be open there.
    conversation.matter = ""
    return conversation


def headline(level: str, subject: Subject) -> str:
    mark = f"⚠️ {_('Emergency')} · " if subject.is_emergency else ""
    return f"{mark}{level}: {subject.title}" if level else f"{mark}{subject.title}"


def send_item(
    conversation: Conversation,
    item: Item,
    *,
    now: datetime,
    level: str = "",
    lane: Outgoing.Lane = Outgoing.Lane.WORK,
) -> Message | None:
    """Send one item with its buttons; the conversation is the member's, and theirs to write in."""
    first, *rest = item_lines(item, level, now=now)
    return send(
        conversation, "\n".join([f"*{first}*", *rest]), buttons=buttons_of(item), lane=lane, now=now,
        subject=(ONE, str(item.public_id)),
    )  # fmt: skip


def item_lines(item: Item, level: str, *, now: datetime) -> list[str]:
    subject = Subject(item.title, item.node_id, item.owner_id, "", "", item.is_emergency)
    lines = [
        headline(level, subject),
        _("Due: %(time)s") % {"time": when(item.due_at, now=now)},
        _("From: %(body)s") % {"body": item.given_from.name},
    ]
    if item.text:
        lines.append(item.text[:LONGEST_TEXT])
    return [*lines, address_of(item)]


def address_of(item: Item) -> str:
    """The address of its page."""
    return f"{settings.PUBLIC_URL}{_path_of(item)}"


def _path_of(item: Item) -> str:
    return reverse("work:item", args=[item.public_id])


def buttons_of(item: Item) -> list[tuple[str, str]]:
    """What can be done with it by one press: WhatsApp shows three at most, of 20 characters."""
    later = ("work-later", _("It takes longer"))
    if item.on_page:
        return [] if item.kind == Item.Kind.APPROVE else [later]
    match item.kind:
        case Item.Kind.ACKNOWLEDGE:
            return [("work-done", _("Seen")), later]
        case Item.Kind.ANSWER:
            return [("work-done", _("Write the answer")), later]
        case Item.Kind.APPROVE:
            return [
                ("work-done", _("Approve")),
                ("work-return", _("Return for changes")),
                ("work-refuse", _("Do not approve")),
            ]
    return [("work-done", pgettext("task", "Done")), later]


def send_rows(
    conversation: Conversation,
    text: str,
    rows: Sequence[tuple[str, str, str]],
    *,
    now: datetime,
    lane: Outgoing.Lane = Outgoing.Lane.WORK,
) -> Message | None:
    """Send things to choose from, each (key, title, when it is due); what does not fit is on the page."""
    shown = rows[:MOST_ROWS]
    lines = [f"• {title} ({due})" for _key, title, due in shown]
    if len(rows) > len(shown):
        lines.append(
            _("The rest is on the page: %(address)s")
            % {"address": f"{settings.PUBLIC_URL}{page()}"}
        )
    return send(
        conversation,
        "\n".join([text, "", *lines]),
        rows=[(key, title[:LONGEST_TITLE]) for key, title, _due in shown],
        subject=(SEVERAL, conversation.contact.audit_key),
        lane=lane,
        now=now,
    )


def say(conversation: Conversation, text: str, *, now: datetime) -> None:
    """Answer a member who just wrote."""
    with suppress(inbox.WindowClosed):
        inbox.send(conversation, text, by=None, now=now, lane=Outgoing.Lane.PERSON)


def say_subject(conversation: Conversation, subject: Subject, *, now: datetime) -> None:
    """Tell a member where to find what a clock runs for."""
    say(conversation, f"{headline('', subject)}\n{settings.PUBLIC_URL}{subject.path}", now=now)


def ask(
    conversation: Conversation,
    text: str,
    rows: Sequence[tuple[str, str]],
    *,
    button: str,
    subject: tuple[str, str],
    now: datetime,
) -> None:
    """Ask a member who just wrote, with a list of answers."""
    with suppress(inbox.WindowClosed):
        inbox.send(
            conversation, text, by=None, now=now, rows=list(rows), button=button,
            subject=subject, lane=Outgoing.Lane.PERSON,
        )  # fmt: skip


def page() -> str:
    return reverse("work:items")


def send(
    conversation: Conversation,
    text: str,
    *,
    now: datetime,
    subject: tuple[str, str],
    lane: Outgoing.Lane,
    buttons: Sequence[tuple[str, str]] = (),
    rows: Sequence[tuple[str, str]] | None = None,
) -> Message | None:
    # The window may close between the question and the message: the page still shows it.
    with suppress(inbox.WindowClosed):
        return inbox.send(
            conversation, text, by=None, now=now, buttons=buttons,
            rows=list(rows) if rows else None, button=_("Choose a task"), subject=subject, lane=lane,
        )  # fmt: skip
    return None


def values(template: Template, said: Sequence[str]) -> dict[str, str]:
    keys = [p.key for p in channels.templates.parameters(template) if p.is_required]
    return dict(zip(keys, said, strict=False))


def send_template(
    conversation: Conversation,
    template: Template,
    said: Sequence[str],
    *,
    subject: tuple[str, str],
    lane: Outgoing.Lane,
    now: datetime,
) -> Message | None:
    try:
        return inbox.send_notice(
            conversation, template, values(template, said), subject=subject, lane=lane, now=now
        )
    except DomainError:
        # A template that asks for something else than these two: the page shows the task.
        return None


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a member is told of something of theirs that is no task."""

    text: str
    # As a template says it, outside the 24 hours: in a few words what, and of when.
    what: str
    at: datetime
    subject: tuple[str, str]
    buttons: Sequence[tuple[str, str]] = ()


def tell_member(member: Member, word: Word, *, now: datetime) -> str:
    """Tell a member something by WhatsApp, in the language that is set. Returns the way, as of a notice."""
    conversation = conversation_with(member, now=now)
    message = None
    way = Notice.Way.PAGE
    if conversation is not None and conversation.is_writable(now=now):
        message = send(
            conversation, word.text, buttons=word.buttons, subject=word.subject,
            lane=Outgoing.Lane.WORK, now=now,
        )  # fmt: skip
        way = Notice.Way.WHATSAPP
    elif conversation is not None and (template := template_for(conversation, member)):
        message = send_template(
            conversation, template, [word.what, when(word.at, now=now)], subject=word.subject,
            lane=Outgoing.Lane.WORK, now=now,
        )  # fmt: skip
        way = Notice.Way.TEMPLATE
    return way if message else Notice.Way.PAGE


def tell_member_who_gave(item: Item, said: Callable[[], str], *, words: str, now: datetime) -> None:
    """Tell whoever gave a task what became of it outside, in their language; `words` are others' own.

    Who has asked for silence finds it on their page.
    """
    giver = item.given_by
    if giver is None or not giver.is_active or giver.is_quiet(now=now):
        return
    with override(giver.language):
        what = said()
        text = f"{what}: {words[:LONGEST_TEXT]}" if words else what
        word = Word(
            text="\n".join([f"*{item.title}*", text, address_of(item)]),
            what=f"{what}: {item.title}",
            at=now,
            subject=(ONE, str(item.public_id)),
        )
        tell_member(giver, word, now=now)


def template_for(conversation: Conversation, member: Member) -> Template | None:
    found = {
        template.language[:2]: template
        for template in Template.objects.filter(
            account=conversation.number.account_id,
            purpose=Template.Purpose.WORK,
            status=Template.Status.APPROVED,
        ).order_by("-language")
    }
    return found.get(member.language) or found.get("ar") or next(iter(found.values()), None)


def when(moment: datetime, *, now: datetime) -> str:
    """A time as a message says it: today's by the hour, others with their day."""
    at, today = timezone.localtime(moment), timezone.localdate(now)
    if at.date() == today:
        return date_format(at, "TIME_FORMAT")
    return f"{date_format(at, 'l')} {date_format(at, 'j F')}، {date_format(at, 'TIME_FORMAT')}"
