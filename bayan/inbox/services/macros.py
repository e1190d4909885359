"""Ready-made series of acts: written once by a body, then done with one conversation or many in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.core import audit, events, undo
from bayan.core.errors import DomainError
from bayan.inbox import selectors
from bayan.inbox.models import CannedReply, Conversation, ConversationQuerySet, Label, Macro
from bayan.inbox.services import organising
from bayan.inbox.services.organising import Done, NameTaken, NothingWritten, TooMany
from bayan.organisation.models import Node
from bayan.people.models import Member

RAN = "conversations.macro_ran"
MOST_STEPS = 6
LATER = ("hours", "tomorrow", "week", "")
# Any number of labels may be put on and taken off; everything else is one thing or another.
SEVERAL = {"label", "unlabel"}


class StepNotKnown(DomainError):
    pass


def offered_macros(conversation: Conversation, *, by: Member) -> list[tuple[Macro, str | None]]:
    """What may be done here in one press, each with the words that it puts into the reply, if any."""
    macros = selectors.macros_of([conversation.node])
    wanted = {macro.reply_id for macro in macros if macro.reply_id}
    replies = list(CannedReply.objects.filter(public_id__in=wanted)) if wanted else []
    filled = organising.filled_in(replies, conversation, by=by) if conversation.matter else []
    words = {row.public_id: text for row, text in filled}
    # What only writes into the composer has nothing to do where nothing can be written.
    return [
        (row, words.get(row.reply_id) if row.reply_id else None)
        for row in macros
        if row.changes_anything or (row.reply_id and conversation.matter)
    ]


@transaction.atomic
def save_macro(
    macro_id: UUID | None,
    *,
    title: str,
    steps: Sequence[str],
    note: str,
    node: Node,
    by: Member,
    now: datetime,
) -> Macro:
    """Make a series of acts of a body, or change one.

    :raises NothingWritten: it has no title, or nothing is done in it
    :raises NameTaken: the body has one of this title
    :raises TooMany: more steps than one keeps in mind
    :raises StepNotKnown: a step is none, holds in other bodies only, or contradicts another
    :raises NotTheirs: whoever the conversation is given to does not answer for the body
    """
    title, note = " ".join(title.split())[:80], note.strip()[: organising.LONGEST_NOTE]
    row = Macro.objects.select_related("node").get(public_id=macro_id) if macro_id else None
    row = row or Macro(node=node)
    wanted = list(dict.fromkeys(step for step in steps if step))
    if not title or not (wanted or note):
        raise NothingWritten(_("Give it a title, and choose at least one step or write a note."))
    if len(wanted) > MOST_STEPS:
        raise TooMany(_("More than six steps are two series: divide them."))
    names = Counter(step.partition(":")[0] for step in wanted)
    if any(count > 1 for name, count in names.items() if name not in SEVERAL):
        raise StepNotKnown(_("Two steps contradict each other. Keep one of them."))
    for step in wanted:
        _check(step, row.node, now=now)
    if Macro.objects.filter(node=row.node, title=title).exclude(pk=row.pk).exists():
        raise NameTaken(_("There is a ready-made action “%(name)s” already.") % {"name": title})
    row.title, row.steps, row.note = title, wanted, note
    row.save()
    _tell("macro.saved", row, by=by, now=now)
    return row


@transaction.atomic
def delete_macro(macro_id: UUID, *, by: Member, now: datetime) -> None:
    row = Macro.objects.get(public_id=macro_id)
    _tell("macro.deleted", row, by=by, now=now)
    row.delete()


@transaction.atomic
def run_macro(rows: ConversationQuerySet, macro: Macro, *, by: Member, now: datetime) -> Done:
    """Do all of it with those of these conversations in whose bodies it holds; one name undoes it all.

    The words for the composer are the caller's to put there: nothing is sent.

    :raises NotTheirs: whoever it gives conversations to does not answer for a body of one of them
    """
    holding = rows.filter(node__lineage__contains=[macro.node_id])
    keys = list(holding.values_list("pk", flat=True))
    mine = Conversation.objects.filter(pk__in=keys)
    undone_by = [_do(step, mine, by=by, now=now) for step in macro.steps]
    if macro.note and keys:
        undone_by.append(organising.write_notes(mine, macro.note, by=by, now=now).undo)
    parts = [str(name) for name in undone_by if name]
    if not parts:
        return Done(0)
    _tell("macro.run", macro, by=by, now=now, count=len(keys))
    return Done(len(keys), undo.remember(RAN, {"parts": parts}, member_id=by.pk, now=now))


def undo_run(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Undo each step, the last one first."""
    for name in reversed(facts["parts"]):
        undo.undo(UUID(name), by=by, now=now)


def _check(step: str, node: Node, *, now: datetime) -> None:
    """Refuse a step that cannot be done in this body."""
    name, _colon, value = step.partition(":")
    field = events.matter_fields().get(name)
    if name in SEVERAL:
        is_known = Label.objects.filter(public_id=_key(value), node__in=node.lineage).exists()
    elif name == "ready":
        is_known = CannedReply.objects.filter(public_id=_key(value), node__in=node.lineage).exists()
    elif name == "snooze":
        is_known = value in LATER
    elif name == "assign":
        member = Member.objects.filter(public_id=_key(value)).first()
        is_known = value in {"me", ""} or member is not None
        if member is not None:
            organising.check_answering(member, [node.pk], now=now)
    else:
        is_known = field is not None and value in dict(field.choices)
    if not is_known:
        raise StepNotKnown(
            _("A step cannot be done in %(body)s. Choose it anew.") % {"body": node.name}
        )


def _do(step: str, rows: ConversationQuerySet, *, by: Member, now: datetime) -> UUID | None:
    """Do one step; returns the name under which it is undone, if anything was changed."""
    name, _colon, value = step.partition(":")
    if name in SEVERAL:
        labels = list(Label.objects.filter(public_id=_key(value)))
        add, remove = (labels, []) if name == "label" else ([], labels)
        return organising.label(rows, add=add, remove=remove, by=by, now=now).undo
    if name == "snooze":
        until = organising.moment_of(value, now=now)
        return organising.snooze(rows, until=until, by=by, now=now).undo
    if name == "assign":
        to = by if value == "me" else Member.objects.filter(public_id=_key(value)).first()
        if to is None and value:
            return None
        return organising.assign(rows, to=to, by=by, now=now).undo
    field = events.matter_fields().get(name)
    if field is None:
        return None
    matters = set(rows.open().values_list("matter", flat=True))
    return field.set_to(matters, value, by=by, now=now) if matters else None


def _key(value: str) -> UUID:
    """The id that this part of a step is; one that nothing has, for anything else."""
    try:
        return UUID(value)
    except ValueError:
        return UUID(int=0)


def _tell(action: str, row: Macro, *, by: Member, now: datetime, **details: int) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="macro",
            subject_key=str(row.public_id),
            by=by,
            at=now,
            node_id=row.node_id,
            details=details,
        )
    )
