"""What members answer in WhatsApp: buttons, lists, words, pictures; and their tasks, «مهامي»."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from bayan.channels import selectors as channel_selectors
from bayan.channels.events import IncomingMessage
from bayan.core import audit
from bayan.core import events as core_events
from bayan.core.arabic import fold
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Contact, Member
from bayan.people.permissions import Access
from bayan.work import events, selectors
from bayan.work.models import Item
from bayan.work.services import items, joining, mail, papers, saying
from bayan.work.services.clocks import ITEM
from bayan.work.services.items import Shown, State
from bayan.work.services.joining import PICTURES
from bayan.work.services.onward import ONE

# So long a member's next message is taken for the words or the picture that they were asked for.
AWAITED = timedelta(minutes=30)
# So long after it was due an approval may still be given by its button; then on its page only.
PRESSED_UNTIL = timedelta(days=3)
LONGEST_WORD = 20
# What asks for one's tasks, and what takes back that one was asked; however they are spelt.
TASKS = frozenset(map(fold, ("مهامي", "مهام", "المهام", "تكليفاتي", "tasks", "my tasks")))
NEVER_MIND = frozenset(map(fold, ("إلغاء", "لا", "cancel")))
ENDS = {"work-done": State.DONE, "work-return": State.RETURNED, "work-refuse": State.REFUSED}


def receive(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime
) -> list[IncomingMessage]:
    """Do what members pressed under a message about one item.

    Returns what is none of a member's: somebody else pressed a button that was passed on to them.
    """
    return _receive(replies, now=now, about_one=True)


def receive_choice(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime
) -> list[IncomingMessage]:
    """Show what members chose from a list of their tasks. Returns what is none of a member's."""
    return _receive(replies, now=now, about_one=False)


@transaction.atomic
def _receive(
    replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime, about_one: bool
) -> list[IncomingMessage]:
    last = mail.last_parts([message for message, _key in replies])

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        choice = message.choice_id
        if about_one and message.email:
            is_last = message.external_id in last
            mail.hear_answer(key, member, conversation, message, is_last=is_last, now=now)
        elif about_one and choice.startswith("work-"):
            _act(UUID(key), choice, member, conversation, now=now)
        elif about_one and is_word(message) and _remark(key, member, message, now=now):
            saying.say(conversation, _("Noted, and handed on to whoever sent it."), now=now)
        elif about_one and choice.startswith("silence-"):
            _explain(UUID(key), choice.removeprefix("silence-"), member, conversation, now=now)
        else:
            _show(choice if not about_one else f"{ITEM}-{key}", member, conversation, now=now)

    return hear_each(replies, do, now=now)


def hear_each(
    replies: Sequence[tuple[IncomingMessage, str]],
    do: Callable[[IncomingMessage, str, Member, Conversation], None],
    *,
    now: datetime,
) -> list[IncomingMessage]:
    """Keep what members pressed or wrote in their conversations, and do for each what it asks for.

    `do` is called in the member's language with the message, the key of what it is about, the member and
    their conversation. Returns what is none of a member's.
    """
    members = _members_of([message for message, _key in replies], now=now)
    others = []
    for message, key in replies:
        member = members.get(message.external_id)
        conversation = keep(message, member, now=now) if member else None
        if member is None or conversation is None:
            others.append(message)
            continue
        with override(member.language):
            do(message, key, member, conversation)
    return others


def hear_members(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Take what asks for one's tasks, or answers what one was just asked; returns the messages' ids."""
    taken = set()
    for message, member in messages:
        word = word_of(message.text) if message.kind == "text" else ""
        item = selectors.waiting_for(member, now=now)
        if word not in TASKS and item is None:
            continue
        if item is not None and word not in TASKS and not _may_answer(message):
            continue
        conversation = keep(message, member, now=now)
        if conversation is None:
            continue
        taken.add(message.external_id)
        with override(member.language):
            if word in TASKS:
                send_tasks(conversation, member, now=now)
            elif item is not None:
                _take(item, word, member, conversation, message, now=now)
    return taken


def hear_quotations(
    messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime
) -> set[str]:
    """Hand words and pictures that quote a message of ours to whoever sent that; returns the messages' ids.

    What a citizen quotes belongs to their conversation; this is for members alone.
    """
    quoting = [message for message, _member in messages if message.quoted_id and is_word(message)]
    subjects = channel_selectors.subjects_of(message.quoted_id for message in quoting)
    by_type: dict[str, list[tuple[IncomingMessage, str]]] = defaultdict(list)
    for message in quoting:
        if (subject := subjects.get(message.quoted_id)) and not message.forwarded:
            by_type[subject.type].append((message, subject.key))
    taken: set[str] = set()
    for subject_type, quotations in by_type.items():
        if read := core_events.reader_of(subject_type):
            others = {message.external_id for message in read(quotations, now=now)}
            taken |= {message.external_id for message, _key in quotations} - others
    return taken


def word_of(text: str) -> str:
    """A short message without what spelling and signs differ in; empty for a longer one."""
    return " ".join(fold(text).translate(mail.SIGNS).split()) if len(text) <= LONGEST_WORD else ""


def _may_answer(message: IncomingMessage) -> bool:
    return message.kind in {"text", "voice", "audio", *PICTURES} and not message.choice_id


def keep(message: IncomingMessage, member: Member, *, now: datetime) -> Conversation | None:
    """Keep a member's message in their conversation; None where they work for no body now."""
    conversation = (
        saying.conversation_by_mail(message, member, now=now)
        if message.email
        else saying.conversation_with(member, now=now)
    )
    if conversation is None or conversation.number_id != message.number_id:
        return None
    inbox.store([inbox.Arrival(message, conversation)])
    conversation.refresh_from_db(fields=["last_inbound_at", "last_message_at"])
    conversation.matter = ""
    return conversation


def _members_of(messages: Sequence[IncomingMessage], *, now: datetime) -> dict[str, Member]:
    """The member behind each message, by its id; whoever is none of us is left out."""
    by_mail = mail.members_by_mail(messages, now=now)
    senders = {
        m.external_id: people.Sender(whatsapp_id=m.whatsapp_id, phone=m.phone, name=m.name)
        for m in messages
        if not m.email
    }
    if not senders:
        return by_mail
    people.lock_senders(senders.values())
    contacts: dict[people.Sender, Contact] = people.contacts_of(senders.values(), now=now)
    members = people_selectors.linked_members(contacts.values())
    return by_mail | {
        name: members[contacts[sender].pk]
        for name, sender in senders.items()
        if contacts[sender].pk in members
    }


def stop_waiting(member: Member, *, now: datetime) -> None:
    """Take the member's next message for nothing that they were asked for: they turned to something else."""
    Item.objects.filter(owner=member, awaits_until__gt=now).update(awaits_until=None)


def _act(
    key: UUID,
    choice: str,
    member: Member,
    conversation: Conversation,
    *,
    now: datetime,
) -> None:
    try:
        item = items.locked_for(key, Access.of(member, now=now), now=now)
    except DomainError as refused:
        _refuse(key, choice, refused, member, conversation, now=now)
        return
    if choice == "work-later":
        _ask_why(item, conversation, now=now)
        return
    if item.on_page:
        words = _("This can be done on the page only, after reading it there.")
        refusal = items.NotPossible(f"{words}\n{saying.address_of(item)}")
        _refuse(key, choice, refusal, member, conversation, now=now)
        return
    if item.kind == Item.Kind.APPROVE and now > item.due_at + PRESSED_UNTIL:
        refusal = items.NotPossible(
            _(
                "This button is too old to approve with. Read it as it is now, and decide there:\n%(address)s"
            )
            % {"address": saying.address_of(item)}
        )
        _refuse(key, choice, refusal, member, conversation, now=now)
        return
    end = ENDS.get(choice, State.DONE)
    asked = question(item, end)
    if asked:
        # Whoever presses it takes it: their next message is the answer.
        item.owner, item.awaits_until = member, now + AWAITED
        item.awaits = end
        item.save(update_fields=["owner", "awaits_until", "awaits"])
        saying.say(conversation, asked, now=now)
        return
    _end(item, end, choice, member, conversation, now=now)


def _end(
    item: Item,
    end: str,
    press: str,
    member: Member,
    conversation: Conversation,
    *,
    words: str = "",
    proofs: Sequence[Shown] = (),
    now: datetime,
) -> None:
    """End an item, and say so; or say why not, when whoever follows its end refuses."""
    try:
        with transaction.atomic():
            papers.require_version(item)
            items.end_item(item, end=end, words=words, proofs=proofs, by=member, now=now)
    except DomainError as refused:
        _refuse(item.public_id, press, refused, member, conversation, now=now)
        return
    saying.say(conversation, thanks(item), now=now)


def _refuse(
    key: UUID,
    choice: str,
    refused: DomainError,
    member: Member,
    conversation: Conversation,
    *,
    now: datetime,
) -> None:
    """Say why not; that it was tried stays in the trail, unless something is only missing still."""
    saying.say(conversation, str(refused), now=now)
    audit.record_all(refused.entries)
    if isinstance(refused, items.UNFINISHED):
        return
    item = Item.objects.filter(public_id=key).first()
    if item is not None:
        items.note("item.refused", item, by=member, now=now, press=choice)


def is_word(message: IncomingMessage) -> bool:
    """Whether somebody wrote it: the button of a template has words too."""
    return not message.choice_id and (
        message.kind in PICTURES
        or (message.kind == "text" and bool(message.text))
        # Of a letter everything is one answer.
        or bool(message.email)
    )


def _remark(key: str, member: Member, message: IncomingMessage, *, now: datetime) -> bool:
    """Hand what was written under a message about a task to whoever gave it."""
    item = items.find(UUID(key))
    if item is None:
        return False
    kept = Message.objects.filter(
        number=message.number_id, external_id=message.external_id, direction="in"
    ).first()
    if kept is None:
        return False
    joining.remark(item, member, kept, now=now)
    return True


def question(item: Item, end: str) -> str:
    """What is asked before it can end; empty: one press is enough."""
    if end == State.RETURNED:
        return _("Write in one message what is to be changed.")
    if end in {State.REFUSED, State.DECLINED}:
        return _("Write the reason in one message.")
    if item.kind == Item.Kind.ANSWER:
        return _("Write the answer in one message.")
    if item.wants_proof and not items.is_of_a_place(item):
        return _("Send a picture or a file that shows that it was done, with a few words under it.")
    if item.wants_proof:
        return _("Send a picture of the place as it is now, with a few words under it.")
    return ""


def _take(
    item: Item,
    word: str,
    member: Member,
    conversation: Conversation,
    message: IncomingMessage,
    *,
    now: datetime,
) -> None:
    if word in NEVER_MIND:
        Item.objects.filter(pk=item.pk).update(awaits_until=None)
        saying.say(conversation, _("All right, nothing was changed."), now=now)
        return
    stored = Message.objects.select_related("media").get(
        number=message.number_id, external_id=message.external_id, direction="in"
    )
    proofs = [Shown(stored.media)] if stored.media and message.kind in PICTURES else []
    try:
        item = items.locked_open(item.public_id)
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return
    end = item.awaits or State.DONE
    _end(
        item, end, f"words-{end}", member, conversation, words=message.text, proofs=proofs, now=now
    )


def thanks(item: Item) -> str:
    match item.state:
        case State.RETURNED:
            return _("Returned for changes, with your reason.")
        case State.REFUSED:
            return _("Not approved; your reason is noted.")
        case State.DECLINED:
            return _("Noted that you will not do it; whoever gave the task is told why.")
    if item.kind == Item.Kind.APPROVE:
        return _("Approved. Thank you.")
    if item.kind == Item.Kind.ACKNOWLEDGE:
        return _("Thank you, it is noted that you have seen it.")
    return _("Thank you, it is noted as done.")


def _ask_why(item: Item, conversation: Conversation, *, now: datetime) -> None:
    saying.ask(
        conversation,
        _("Why does it take longer? Choose, and nobody chases you for a working day."),
        [
            (f"silence-{value}", str(label)[: saying.LONGEST_TITLE])
            for value, label in Item.Silence.choices
        ],
        button=_("Choose the reason"),
        subject=(ONE, str(item.public_id)),
        now=now,
    )


def _explain(
    key: UUID, silence: str, member: Member, conversation: Conversation, *, now: datetime
) -> None:
    try:
        items.explain(key, silence, by=Access.of(member, now=now), now=now)
    except DomainError as refused:
        saying.say(conversation, str(refused), now=now)
        return
    saying.say(conversation, _("Noted; whoever gave the task sees the reason."), now=now)


def _show(choice: str, member: Member, conversation: Conversation, *, now: datetime) -> None:
    """Show what was chosen from a list; anything else brings the list."""
    of, _dash, key = choice.partition("-")
    access = Access.of(member, now=now)
    if of == ITEM and (name := _uuid(key)):
        item = Item.objects.select_related("node", "given_from").filter(public_id=name).first()
        if item and item.is_open and items.may_act(item, access, now=now):
            saying.send_item(conversation, item, now=now)
            return
    subject = events.describe(of, [key]).get(key)
    if subject is not None and of != ITEM:
        saying.say_subject(conversation, subject, now=now)
        return
    send_tasks(conversation, member, now=now)


def send_tasks(conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Tell a member what needs them now, as a list to choose from."""
    access = Access.of(member, now=now)
    counts = selectors.counts(access, now=now)
    count, late = counts["mine"], counts["late"]
    if not count:
        saying.say(conversation, _("Nothing needs you now."), now=now)
        return
    waiting = selectors.needs(access, now=now)[: saying.MOST_ROWS + 1]
    text = ngettext("%(count)d task needs you.", "%(count)d tasks need you.", count) % {
        "count": count
    }
    if late:
        text = f"{text} " + ngettext("%(count)d is late.", "%(count)d are late.", late) % {
            "count": late
        }
    rows = [
        (f"{ITEM}-{item.public_id}", _title(item), saying.when(item.due_at, now=now))
        for item in waiting
    ]
    saying.send_rows(conversation, text, rows, now=now)


def _title(item: Item) -> str:
    if item.subject_type == "case":
        return f"{item.title} · {grouped(item.subject_key)}"
    return item.title


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
