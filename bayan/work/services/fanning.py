"""Telling many members of something, each in words of their own, by whichever way gets to them.

As many statements for two hundred as for one (and one or two more for each body): the caller decides how many
go into a transaction. The messages themselves are made and sent by the worker (`channels.Reaching`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import override

from bayan.channels import services as channels
from bayan.channels.models import Flow, Number, Outgoing, Reach, Template
from bayan.channels.services import WAYS
from bayan.core.errors import DomainError
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member
from bayan.work.services.onward import WITHOUT_CHAT
from bayan.work.services.saying import when


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of the provider's that opens in the chat; by its name there."""

    name: str
    screen: str
    # Of the button: 20 characters.
    title: str
    token: str
    # What its screen shows.
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What one member is told: freely as `text`, outside the window by a template that names it."""

    member: Member
    # Under which an answer to it comes back, with the subject's type (config/subscriptions.py).
    key: str
    text: str
    # What it is, in a line that may leave the house.
    title: str
    due_at: datetime
    # Whose message it is: for row-level security.
    node_id: int
    # At most three, of 20 characters: (key, title).
    buttons: Sequence[tuple[str, str]] = ()
    # In their place at most ten, of 24 characters, behind a button of this name: (key, title), and an
    # explanation of 72 where one is wanted.
    rows: Sequence[tuple[str, ...]] = ()
    opens_rows: str = ""
    # In place of buttons, where the account has this form.
    form: Form | None = None


def tell_each(
    words: Sequence[Telling],
    *,
    subject_type: str,
    now: datetime,
    lane: Outgoing.Lane,
    round: int = 0,  # noqa: A002  # as `channels.Letter` has it
) -> int:
    """Let each of these members be reached, in the running transaction; returns how many are new.

    Told again of the same in the same `round`, nobody gets it twice.
    """
    number = channels.number_for(Reach.Way.WHATSAPP)
    conversations = _conversations([word.member for word in words], number, now=now)
    templates = _templates(number)
    forms = _forms(words, number)
    letters = [
        _letter(
            word,
            conversations.get(word.member.pk),
            templates,
            forms,
            lane=lane,
            round_=round,
            now=now,
        )
        for word in words
    ]
    return channels.reach(letters, subject_type=subject_type, now=now)


def _conversations(
    members: Sequence[Member], number: Number | None, *, now: datetime
) -> dict[int, Conversation]:
    """The conversation in which each of these is written to, by the member's key; ours until the commit."""
    reached = [m for m in members if m.phone and m.phone_linked_at is not None]
    if number is None or not reached:
        return {}
    bodies = people_selectors.bodies_of_members(reached, now=now)
    senders = {m.pk: people.Sender(phone=m.phone or "") for m in reached if m.pk in bodies}
    people.lock_senders(senders.values())
    contacts = people.contacts_of(senders.values(), now=now)
    by_body = defaultdict(list)
    for member in reached:
        if member.pk in bodies:
            by_body[bodies[member.pk]].append(member)
    found: dict[int, int] = {}
    for body, there in by_body.items():
        pairs = [(contacts[senders[m.pk]], number.pk) for m in there]
        made = inbox.conversations_for(pairs, node=body, now=now)
        for member, (contact, _number) in zip(there, pairs, strict=True):
            found[member.pk] = made[contact.pk, number.pk].pk
    locked = inbox.lock_conversations(found.values())
    return {member: locked[key] for member, key in found.items()}


def _letter(
    word: Telling,
    conversation: Conversation | None,
    templates: dict[str, Template],
    forms: Mapping[str, Flow],
    *,
    lane: Outgoing.Lane,
    round_: int,
    now: datetime,
) -> channels.Letter:
    template = templates.get(word.member.language) or templates.get("ar")
    quiet = word.member.quiet_until
    content = _content(word, conversation, forms, now=now)
    return channels.Letter(
        member_id=word.member.pk,
        node_id=word.node_id,
        subject_key=word.key,
        title=word.title[:120],
        text=word.text,
        round=round_,
        lane=lane,
        content=content,
        window_until=conversation.window_closes_at if conversation and content else None,
        template_id=template.pk if template else None,
        template_content=_filled(template, word, now=now) if template else None,
        # Who wants silence is left in peace, but in a crisis.
        not_before=quiet if quiet and quiet > now and lane != Outgoing.Lane.CRISIS else None,
        ways=WAYS if word.member.phone_linked_at is not None else WITHOUT_CHAT,
    )


def _content(
    word: Telling, conversation: Conversation | None, forms: Mapping[str, Flow], *, now: datetime
) -> dict[str, Any] | None:
    if conversation is None or not conversation.is_writable(now=now):
        return None
    # It is no word about a case of the member's own that may be open there.
    conversation.matter = ""
    try:
        if word.form is not None and (flow := forms.get(word.form.name)):
            return inbox.form_draft(
                conversation, word.text, form=flow, title=word.form.title, token=word.form.token,
                data=word.form.data,
            ).content  # fmt: skip
        if word.buttons:
            return inbox.buttons_draft(conversation, word.text, buttons=word.buttons).content
        if word.rows:
            return inbox.list_draft(
                conversation, word.text, rows=word.rows, button=word.opens_rows
            ).content
        return inbox.text_draft(conversation, word.text).content
    except DomainError:
        # Too long for the channel: the template names it, and the page has all of it.
        return None


def send_form(
    conversation: Conversation, text: str, form: Form, *, subject: tuple[str, str], now: datetime
) -> bool:
    """Send a form to a member who just wrote; False where the account has none of that name."""
    flow = _published(conversation.number, {form.name}).get(form.name)
    if flow is None:
        return False
    with suppress(inbox.WindowClosed):
        inbox.send_form_by_itself(
            conversation, text, form=flow, title=form.title, token=form.token, data=form.data,
            subject=subject, now=now,
        )  # fmt: skip
        return True
    return False


def can_send_form(conversation: Conversation, name: str) -> bool:
    """Whether the account of this conversation has a form of that name."""
    return name in _published(conversation.number, {name})


def _forms(words: Sequence[Telling], number: Number | None) -> dict[str, Flow]:
    names = {word.form.name for word in words if word.form is not None}
    return _published(number, names) if number is not None and names else {}


def _published(number: Number, names: Collection[str]) -> dict[str, Flow]:
    """The account's forms of these names that can be sent now."""
    rows = Flow.objects.filter(account=number.account_id, name__in=names, status="PUBLISHED")
    return {row.name: row for row in rows.order_by("pk")}


def _filled(template: Template, word: Telling, *, now: datetime) -> dict[str, Any] | None:
    with override(template.language[:2]):
        said = [word.title, when(word.due_at, now=now)]
    keys = [p.key for p in channels.templates.parameters(template) if p.is_required]
    try:
        return channels.templates.fill(template, dict(zip(keys, said, strict=False)))
    except DomainError:
        return None


def _templates(number: Number | None) -> dict[str, Template]:
    """The approved templates that tell members of work, by language."""
    if number is None:
        return {}
    rows = Template.objects.filter(
        account=number.account_id,
        purpose=Template.Purpose.WORK,
        status=Template.Status.APPROVED,
        forget_at=None,
    )
    return {row.language[:2]: row for row in rows.order_by("-language")}
