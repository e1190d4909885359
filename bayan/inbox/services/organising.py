"""Who answers what, and when: assigning, putting off, labels, notes, ready answers, views of one's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from bayan.core import audit, live, undo
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.inbox.models import (
    HERE_FOR,
    WRITES_FOR,
    CannedReply,
    Conversation,
    ConversationQuerySet,
    Label,
    Mention,
    Note,
    Presence,
    SavedView,
)
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access

ASSIGNED, SNOOZED, LABELLED, NOTED = (
    "conversations.assigned",
    "conversations.snoozed",
    "conversations.labelled",
    "conversations.noted",
)
LONGEST_NOTE = 2000
MOST_VIEWS = 20


class NotTheirs(DomainError):
    pass


class NothingWritten(DomainError):
    pass


class NameTaken(DomainError):
    pass


class AlreadyOver(DomainError):
    pass


class TooMany(DomainError):
    pass


@dataclass(frozen=True)
class Done:
    """How many rows were changed, and the name under which that is undone (None: nothing was changed)."""

    count: int
    undo: UUID | None = None


@transaction.atomic
def assign(rows: ConversationQuerySet, *, to: Member | None, by: Member, now: datetime) -> Done:
    """Give these conversations to a member, or to nobody.

    :raises NotTheirs: the member does not answer for a body of one of them
    """
    found = _locked(rows)
    if to is not None:
        check_answering(to, {row.node_id for row in found}, now=now)
    changed = [row for row in found if row.assignee_id != (to.pk if to else None)]
    if not changed:
        return Done(0)
    before = [[row.pk, row.assignee_id] for row in changed]
    Conversation.objects.filter(pk__in=[row.pk for row in changed]).update(assignee=to)
    _tell("conversation.assigned", changed, by=by, now=now, member=_named(to))
    return Done(
        len(changed),
        undo.remember(ASSIGNED, {"before": before, "to": to.pk if to else None}, member_id=by.pk, now=now),
    )  # fmt: skip


def undo_assign(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Give the conversations back to whom they belonged; those that went on meanwhile stay."""
    rows = _locked(
        Conversation.objects.filter(
            pk__in=[pk for pk, _former in facts["before"]], assignee=facts["to"]
        )
    )
    former = dict(facts["before"])
    for row in rows:
        row.assignee_id = former[row.pk]
    Conversation.objects.bulk_update(rows, ["assignee"])
    _tell("conversation.assign_undone", rows, by=by, now=now)


@transaction.atomic
def snooze(
    rows: ConversationQuerySet, *, until: datetime | None, by: Member, now: datetime
) -> Done:
    """Put these conversations off until then, or take them back now (None).

    They come back by themselves, and at once when the person writes.

    :raises AlreadyOver: the moment is past
    """
    if until is not None and until <= now:
        raise AlreadyOver(_("Choose a time that is still to come."))
    changed = [row for row in _locked(rows) if row.snoozed_until != until]
    if not changed:
        return Done(0)
    before = [
        [row.pk, row.snoozed_until.isoformat() if row.snoozed_until else None] for row in changed
    ]
    Conversation.objects.filter(pk__in=[row.pk for row in changed]).update(snoozed_until=until)
    _tell("conversation.snoozed" if until else "conversation.woken", changed, by=by, now=now)
    return Done(len(changed), undo.remember(SNOOZED, {"before": before}, member_id=by.pk, now=now))


def moment_of(word: str, *, now: datetime) -> datetime | None:
    """When a conversation comes back: in hours, on the next working morning, in a week, at a given time."""
    calendar = organisation.calendar()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if word == "":
        return None
    if word == "hours":
        return now + timedelta(hours=3)
    if word == "tomorrow":
        return calendar.next_opening(midnight + timedelta(days=1))
    if word == "week":
        return calendar.next_opening(midnight + timedelta(days=7))
    given = parse_datetime(word)
    if given is None:
        raise AlreadyOver(_("Choose a time that is still to come."))
    return given if timezone.is_aware(given) else timezone.make_aware(given)


def undo_snooze(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Put the conversations back to when they were put off before, if at all."""
    former = {pk: until and datetime.fromisoformat(until) for pk, until in facts["before"]}
    rows = _locked(Conversation.objects.filter(pk__in=former))
    for row in rows:
        row.snoozed_until = former[row.pk]
    Conversation.objects.bulk_update(rows, ["snoozed_until"])
    _tell("conversation.snooze_undone", rows, by=by, now=now)


@transaction.atomic
def label(
    rows: ConversationQuerySet,
    *,
    add: Collection[Label] = (),
    remove: Collection[Label] = (),
    by: Member,
    now: datetime,
) -> Done:
    """Put labels on these conversations and take others off."""
    added, removed = [one.pk for one in add], {one.pk for one in remove}
    before, changed = [], []
    for row in _locked(rows):
        wanted = [key for key in row.labels if key not in removed]
        wanted += [key for key in added if key not in wanted]
        if wanted != row.labels:
            before.append([row.pk, row.labels])
            row.labels = wanted
            changed.append(row)
    if not changed:
        return Done(0)
    Conversation.objects.bulk_update(changed, ["labels"], batch_size=1000)
    _tell("conversation.labelled", changed, by=by, now=now)
    return Done(len(changed), undo.remember(LABELLED, {"before": before}, member_id=by.pk, now=now))


def undo_label(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Give the conversations the labels that they had."""
    former = dict(facts["before"])
    rows = _locked(Conversation.objects.filter(pk__in=former))
    for row in rows:
        row.labels = former[row.pk]
    Conversation.objects.bulk_update(rows, ["labels"], batch_size=1000)
    _tell("conversation.label_undone", rows, by=by, now=now)


def take(conversation: Conversation, *, by: Member, now: datetime) -> None:
    """Let whoever answers first have the conversation, where nobody has it yet."""
    if conversation.assignee_id is None:
        conversation.assignee = by
        conversation.save(update_fields=["assignee"])
        _tell("conversation.assigned", [conversation], by=by, now=now, member=_named(by))


@transaction.atomic
def hand_over(member: Member, *, to: Member | None, by: Member, now: datetime) -> int:
    """Give all open conversations of a member who leaves to another, or to nobody. Returns how many.

    Where the successor does not answer for a body, they go to nobody: the body's people see them.
    """
    rows = _locked(Conversation.objects.open().filter(assignee=member))
    access = Access.of(to, now=now) if to else None
    nodes = Node.objects.in_bulk({row.node_id for row in rows})
    theirs = {
        key for key, node in nodes.items() if access and access.may("conversations.reply", node)
    }
    for row in rows:
        row.assignee = to if row.node_id in theirs else None
    Conversation.objects.bulk_update(rows, ["assignee"], batch_size=1000)
    _tell("conversation.assigned", rows, by=by, now=now, member=_named(to))
    return len(rows)


# --- Notes


@transaction.atomic
def write_note(
    conversation_id: UUID, text: str, *, mentions: Iterable[Member], by: Member, now: datetime
) -> Note:
    """Write a note beside a conversation, and call members who can see it.

    :raises NothingWritten: there are no words
    :raises NotTheirs: somebody who is called does not see this conversation
    """
    text = text.strip()[:LONGEST_NOTE]
    if not text:
        raise NothingWritten(_("Write the note first."))
    conversation = Conversation.objects.select_related("node").get(public_id=conversation_id)
    note = Note.objects.create(
        node_id=conversation.node_id,
        conversation=conversation,
        matter=conversation.matter,
        author=by,
        text=text,
        created_at=now,
    )
    called = {member.pk: member for member in mentions if member.pk != by.pk}
    for member in called.values():
        if not Access.of(member, now=now).may("conversations.read", conversation.node):
            raise NotTheirs(
                _("%(name)s does not see the messages of %(body)s.")
                % {"name": member.name, "body": conversation.node.name}
            )
    Mention.objects.bulk_create(
        Mention(node_id=note.node_id, note=note, conversation=conversation, member=member)
        for member in called.values()
    )
    _tell("note.written", [conversation], by=by, now=now)
    return note


@transaction.atomic
def delete_note(note_id: UUID, *, by: Member, now: datetime) -> Conversation:
    """Take back a note of one's own.

    :raises NotTheirs: somebody else wrote it
    """
    note = Note.objects.select_related("conversation").get(public_id=note_id)
    if note.author_id != by.pk:
        raise NotTheirs(_("Only who wrote a note can delete it."))
    note.delete()
    _tell("note.deleted", [note.conversation], by=by, now=now)
    return note.conversation


@transaction.atomic
def write_notes(rows: ConversationQuerySet, text: str, *, by: Member, now: datetime) -> Done:
    """Write the same note beside each of these conversations, calling nobody.

    :raises NothingWritten: there are no words
    """
    text = text.strip()[:LONGEST_NOTE]
    if not text:
        raise NothingWritten(_("Write the note first."))
    found = _locked(rows)
    if not found:
        return Done(0)
    notes = Note.objects.bulk_create(
        [
            Note(
                node_id=row.node_id,
                conversation=row,
                matter=row.matter,
                author=by,
                text=text,
                created_at=now,
            )
            for row in found
        ],
        batch_size=1000,
    )
    _tell("note.written", found, by=by, now=now)
    facts = {"notes": [note.pk for note in notes]}
    return Done(len(found), undo.remember(NOTED, facts, member_id=by.pk, now=now))


def undo_notes(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Take the notes back from all conversations."""
    notes = Note.objects.filter(pk__in=facts["notes"], author=by)
    rows = _locked(
        Conversation.objects.filter(pk__in=list(notes.values_list("conversation", flat=True)))
    )
    notes.delete()
    _tell("note.deleted", rows, by=by, now=now)


def see_mentions(conversation: Conversation, *, by: Member, now: datetime) -> bool:
    """Note that a member has looked at what calls them here; returns whether anything did."""
    return bool(
        Mention.objects.filter(conversation=conversation, member=by, seen_at=None).update(
            seen_at=now
        )
    )


# --- Who is here


def be_here(conversation: Conversation, *, by: Member, writes: bool, now: datetime) -> None:
    """Note that a member has this conversation before their eyes; others hear of it when that is news."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO inbox_presence AS p (node_id, conversation_id, member_id, seen_at, writing_at)
            VALUES (%(node)s, %(conversation)s, %(member)s, %(now)s, %(writing)s)
            ON CONFLICT (conversation_id, member_id) DO UPDATE
                SET seen_at = excluded.seen_at, node_id = excluded.node_id,
                    writing_at = coalesce(excluded.writing_at, p.writing_at)
            RETURNING (SELECT seen_at FROM inbox_presence o WHERE o.id = p.id),
                      (SELECT writing_at FROM inbox_presence o WHERE o.id = p.id)
            """,
            {
                "node": conversation.node_id,
                "conversation": conversation.pk,
                "member": by.pk,
                "now": now,
                "writing": now if writes else None,
            },
        )
        seen_at, writing_at = cursor.fetchone()
    was_here = seen_at is not None and now - seen_at < HERE_FOR
    wrote = writing_at is not None and now - writing_at < WRITES_FOR
    if not was_here or (writes and not wrote):
        live.announce([(conversation.node_id, "presence", conversation.public_id)])


def forget_presences(*, now: datetime) -> int:
    """Delete what is no longer true; returns how many rows."""
    return Presence.objects.filter(seen_at__lt=now - timedelta(minutes=10)).delete()[0]


# --- Labels, ready answers and saved views


@transaction.atomic
def save_label(
    label_id: UUID | None, *, name: str, tone: str, node: Node, by: Member, now: datetime
) -> Label:
    """Make a label of a body, or change one.

    :raises NothingWritten: it has no name
    :raises NameTaken: the body has one of this name
    """
    name = " ".join(name.split())[:40]
    if not name:
        raise NothingWritten(_("Give the label a name."))
    row = Label.objects.get(public_id=label_id) if label_id else Label(node=node)
    if Label.objects.filter(node=row.node, name=name).exclude(pk=row.pk).exists():
        raise NameTaken(_("There is a label “%(name)s” already.") % {"name": name})
    row.name, row.tone = name, tone if tone in Label.Tone.values else Label.Tone.GREY
    row.save()
    _setting("label.saved", "label", row.public_id, row.node_id, by=by, now=now)
    return row


@transaction.atomic
def delete_label(label_id: UUID, *, by: Member, now: datetime) -> None:
    """Delete a label, and take it off all conversations."""
    row = Label.objects.get(public_id=label_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inbox_conversation SET labels = array_remove(labels, %s) "
            "WHERE labels @> ARRAY[%s]::bigint[] AND labels <> '{}'",
            [row.pk, row.pk],
        )
    _setting("label.deleted", "label", row.public_id, row.node_id, by=by, now=now)
    row.delete()


@transaction.atomic
def save_canned_reply(
    reply_id: UUID | None, *, title: str, text: str, node: Node, by: Member, now: datetime
) -> CannedReply:
    """Make a ready answer of a body, or change one.

    :raises NothingWritten: it has no title or no words
    :raises NameTaken: the body has one of this title
    """
    title, text = " ".join(title.split())[:80], text.strip()[:2000]
    if not title or not text:
        raise NothingWritten(_("A ready reply needs a title and its words."))
    unknown = unknown_places(text)
    if unknown:
        raise NothingWritten(
            _("Nothing is known that could stand for {%(name)s}.") % {"name": unknown[0]}
        )
    row = CannedReply.objects.get(public_id=reply_id) if reply_id else CannedReply(node=node)
    if CannedReply.objects.filter(node=row.node, title=title).exclude(pk=row.pk).exists():
        raise NameTaken(_("There is a ready reply “%(name)s” already.") % {"name": title})
    row.title, row.text = title, text
    row.save()
    _setting("canned_reply.saved", "canned_reply", row.public_id, row.node_id, by=by, now=now)
    return row


@transaction.atomic
def delete_canned_reply(reply_id: UUID, *, by: Member, now: datetime) -> None:
    row = CannedReply.objects.get(public_id=reply_id)
    _setting("canned_reply.deleted", "canned_reply", row.public_id, row.node_id, by=by, now=now)
    row.delete()


PLACEHOLDER = re.compile(r"\{([^{}\n]{1,40})\}")
# What may stand in a ready answer, in Arabic and in English.
_PLACES = {
    "الاسم": "name", "name": "name",
    "رقم البلاغ": "reference", "case number": "reference",
    "البلدية": "body", "municipality": "body",
    "الموظف": "member", "member": "member",
}  # fmt: skip


def unknown_places(text: str) -> list[str]:
    """What stands in brackets in a text, and nothing is known that could stand for it."""
    return [name for name in PLACEHOLDER.findall(text) if name.strip() not in _PLACES]


def filled(text: str, *, values: Mapping[str, str]) -> str:
    """A ready answer with what is known put in; a value that is not known leaves no brackets behind."""
    text = PLACEHOLDER.sub(lambda found: values.get(_PLACES.get(found[1].strip(), ""), ""), text)
    # «أهلًا ، » of a person without a name reads «أهلًا، ».
    return re.sub(r"[ \t]+([،,.؟?!])", r"\1", re.sub(r"[ \t]{2,}", " ", text)).strip()


def filled_in(
    replies: Iterable[CannedReply], conversation: Conversation, *, by: Member
) -> list[tuple[CannedReply, str]]:
    """These ready replies with what is known of the conversation, as this member would send them."""
    values = {
        "name": conversation.contact.name,
        "reference": grouped(conversation.matter) if conversation.matter else "",
        "body": conversation.node.name_ar,
        "member": by.name_ar,
    }
    return [(reply, filled(reply.text, values=values)) for reply in replies]


@transaction.atomic
def save_view(*, page: str, name: str, query: str, by: Member) -> SavedView:
    """Keep the filters of a list under a name; the same name again replaces it.

    :raises NothingWritten: it has no name
    :raises TooMany: more views than one finds one's way in
    """
    name = " ".join(name.split())[:40]
    if not name:
        raise NothingWritten(_("Give the view a name."))
    known = SavedView.objects.filter(member=by, page=page)
    if not known.filter(name=name).exists() and known.count() >= MOST_VIEWS:
        raise TooMany(_("You have 20 saved views. Delete one first."))
    row, _created = SavedView.objects.update_or_create(
        member=by, page=page, name=name, defaults={"query": query[:500]}
    )
    return row


def delete_view(view_id: UUID, *, by: Member) -> None:
    SavedView.objects.filter(public_id=view_id, member=by).delete()


# --- What leaves the house


def note_export(action: str, count: int, *, access: Access, now: datetime, **filters: str) -> None:
    """Write into the trail that a list was saved as a file: how many rows, by which filters, no words."""
    role = access.main_role
    audit.record(
        audit.Entry(
            action=action,
            subject_type="export",
            subject_key=str(access.member.public_id),
            by=access.member,
            at=now,
            node_id=role.node_id if role else None,
            details={"count": count} | {name: value for name, value in filters.items() if value},
        )
    )


def note_export_of(conversation: Conversation, *, by: Member, now: datetime) -> None:
    """Write into the trail that the messages of a conversation were saved as a file."""
    _record("conversation.exported", [conversation], by=by, now=now)


# --- Parts


def _locked(rows: ConversationQuerySet) -> list[Conversation]:
    # Always in one order, so that two members never wait for each other.
    return list(rows.order_by("pk").select_for_update(of=("self",)))


def check_answering(member: Member, node_ids: Collection[int], *, now: datetime) -> None:
    """Refuse to give anything of these bodies to a member who does not answer for them.

    :raises NotTheirs: as it says
    """
    access = Access.of(member, now=now)
    for node in Node.objects.filter(pk__in=node_ids):
        if not member.is_active or not access.may("conversations.reply", node):
            raise NotTheirs(
                _("%(name)s does not answer for %(body)s.")
                % {"name": member.name, "body": node.name}
            )


def _named(member: Member | None) -> str:
    return str(member.public_id) if member else ""


def _tell(
    action: str, rows: Sequence[Conversation], *, by: Member, now: datetime, **details: str
) -> None:
    _record(action, rows, by=by, now=now, **details)
    live.announce((row.node_id, "conversation", row.public_id) for row in rows)


def _record(
    action: str, rows: Sequence[Conversation], *, by: Member, now: datetime, **details: str
) -> None:
    label_of = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(
        audit.Entry(
            action=action,
            subject_type="conversation",
            subject_key=str(row.public_id),
            by=label_of,
            at=now,
            node_id=row.node_id,
            details=details,
        )
        for row in rows
    )


def _setting(
    action: str, subject: str, key: UUID, node_id: int, *, by: Member, now: datetime
) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type=subject,
            subject_key=str(key),
            by=by,
            at=now,
            node_id=node_id,
        )
    )
