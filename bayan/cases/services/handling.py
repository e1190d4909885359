"""Working on open cases: which body and member, what is known, at which stage; many at once, with undo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, TextChoices
from django.utils.translation import gettext as _

from bayan.cases import stages
from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.services import clocks, transfers
from bayan.cases.services.parts import (
    AlreadyThere,
    CaseAlreadyClosed,
    NotKnown,
    StepNotPossible,
    done,
    due,
    entry,
    lock_all,
    locked,
    tell,
)
from bayan.cases.services.understanding import note_corrections
from bayan.core import audit, live, undo
from bayan.inbox import services as inbox
from bayan.inbox.events import PeopleAnswered, PersonAnswered
from bayan.inbox.models import Conversation, Note
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.people.permissions import Access

PASSED_ON, GIVEN, PRIORITY_SET, SORTED = (
    "cases.passed_on", "cases.given", "cases.priority_set", "cases.sorted",
)  # fmt: skip
# The line of the trail that says so.
ASSIGNED = "case.assigned"
SORTED_BY: dict[str, type[TextChoices]] = {
    "priority": Case.Priority,
    "category": Case.Category,
    "kind": Case.Kind,
}
# The longest value of each field that a member writes.
LONGEST = {"subject": 140, "place": 200, "balady_number": 40, "transaction_number": 40}


def assign_case(case_id: UUID, *, to: Node, by: Member, now: datetime, remark: str = "") -> Case:
    """As `pass_on_one`, for whoever cannot undo it: returns the case."""
    return pass_on_one(case_id, to=to, by=by, now=now, remark=remark)[0]


@transaction.atomic
def pass_on_one(
    case_id: UUID, *, to: Node, by: Member, now: datetime, remark: str = ""
) -> tuple[Case, inbox.Done]:
    """Give a case, with its conversation and messages, to the body in charge.

    The remark, what is wanted there or why it goes there, stands as a note in the conversation and in the
    timeline.

    :raises CaseAlreadyClosed: nothing is left to do about it
    :raises AlreadyThere: it is that body's already
    :raises ReasonMissing: as `pass_on`
    """
    case = locked(case_id)
    if case.is_closed:
        raise CaseAlreadyClosed(_("This case is already closed."))
    if case.node_id == to.pk:
        raise AlreadyThere(_("The case is already with %(body)s.") % {"body": to.name})
    done = pass_on(Case.objects.filter(pk=case.pk), to=to, reason=remark, by=by, now=now)
    return locked(case_id), done


@transaction.atomic
def pass_on(
    rows: CaseQuerySet,
    *,
    to: Node,
    by: Member,
    now: datetime,
    reason: str = "",
    action: str = ASSIGNED,
) -> inbox.Done:
    """Give open cases, with their conversations, messages and sister cases, to the body in charge.

    What is closed, or there already, stays as it is. Whoever handled a case or answered its conversation does
    so no longer, unless they also work for the new body. The reason stands as a note in each conversation
    and in the timelines; it goes when that is undone. `action` names it in the trail.

    :raises ReasonMissing: one of them goes from one body to another, and it is not said why
    """
    chosen = list(rows.open().exclude(node=to).values_list("pk", "conversation_id"))
    conversations = list(
        Conversation.objects.filter(pk__in={conversation for _case, conversation in chosen})
        .order_by("pk")
        .select_for_update()
    )
    sources = {row.pk: row for row in conversations}
    cases = list(
        Case.objects.filter(conversation__in=sources)
        .select_related("node", "owner")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    if not cases:
        return inbox.Done(0)
    origins = {case.pk: case.node for case in cases}
    reason = transfers.checked(reason, origins.values(), to)
    notes: list[int] = []
    if reason and action == ASSIGNED:
        words = _("Passed on to %(body)s: %(remark)s") % {"body": to.name, "remark": reason}
        inbox.write_notes(Conversation.objects.filter(pk__in=sources), words, by=by, now=now)
        written = Note.objects.filter(conversation__in=sources, author=by, created_at=now)
        notes = list(written.values_list("pk", flat=True))
    # Where a conversation becomes part of another, that one changes too.
    there = Conversation.objects.filter(
        node=to, contact__in={row.contact_id for row in conversations}
    )
    facts = {
        "conversations": inbox.facts_of([*conversations, *there]),
        "cases": [[case.pk, case.conversation_id, case.owner_id] for case in cases],
        "to": to.pk,
        "transfers": transfers.keep(cases, origins, to=to, reason=reason, by=by, now=now),
        "notes": notes,
    }
    told = [(case.node_id, "case", case.public_id) for case in cases]
    carry(dict.fromkeys(conversations, to), cases, now=now)
    label = audit.Named(by.audit_key, by.audit_label)
    note_corrections(cases, ["body"], by=by, now=now, right=lambda _case, _field: to.key)
    audit.record_all(
        entry(action, case, by=label, now=now, **{"from": origins[case.pk].key, "to": to.key})
        for case in cases
    )
    live.announce([*told, *((to.pk, "case", case.public_id) for case in cases)])
    picked = {pk for pk, _conversation in chosen}
    return inbox.Done(
        sum(case.pk in picked for case in cases),
        undo.remember(PASSED_ON, facts, member_id=by.pk, now=now),
    )


def carry(
    destinations: Mapping[Conversation, Node], cases: Sequence[Case], *, now: datetime
) -> Mapping[int, int]:
    """Hand locked conversations with all of their cases each to its body, and say so to nobody yet.

    Returns which conversation each one is now, by their keys.
    """
    bodies = {row.pk: to for row, to in destinations.items()}
    held = {row.pk for row in destinations if row.assignee_id} | {
        case.conversation_id for case in cases if case.owner_id
    }
    for to in {bodies[key] for key in held}:
        conversations = [row for row in destinations if row.pk in held and bodies[row.pk] == to]
        theirs = [case for case in cases if bodies[case.conversation_id] == to]
        let_go(conversations, theirs, stays=answering_for(to, conversations, theirs, now=now))
    targets = inbox.move_each(destinations)
    for case in cases:
        case.node = bodies[case.conversation_id]
        case.conversation_id = targets[case.conversation_id]
    Case.objects.bulk_update(cases, ["node", "conversation", "owner"], batch_size=500)
    inbox.discard(targets)
    return targets


def answering_for(
    node: Node, conversations: Iterable[Conversation], cases: Iterable[Case], *, now: datetime
) -> set[int]:
    """Those who have these conversations or cases and also answer for this body, by their keys."""
    holders = [row.assignee_id for row in conversations] + [case.owner_id for case in cases]
    members = Member.objects.filter(pk__in={key for key in holders if key}, is_active=True)
    return {
        member.pk
        for member in members
        if Access.of(member, now=now).may("conversations.reply", node)
    }


def let_go(
    conversations: Iterable[Conversation], cases: Iterable[Case], *, stays: set[int]
) -> None:
    """Take what moves to another body from those who do not answer there; the caller saves the cases."""
    for case in cases:
        if case.owner_id not in stays:
            case.owner = None
    inbox.release([row.pk for row in conversations if row.assignee_id not in stays])


def undo_pass_on(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Take passed-on cases back with all that they held; those that went on meanwhile stay where they are."""
    rows = {pk: (conversation, owner) for pk, conversation, owner in facts["cases"]}
    cases = list(
        Case.objects.filter(pk__in=rows, node=facts["to"], closed_at=None)
        .order_by("pk")
        .select_for_update()
    )
    back = {rows[case.pk][0] for case in cases}
    contacts = {case.contact_id for case in cases}
    conversations = [
        row
        for row in facts["conversations"]
        if row["id"] in back or (row["node"] == facts["to"] and row["contact"] in contacts)
    ]
    inbox.move_back(conversations)
    nodes = {row["id"]: row["node"] for row in conversations}
    keys = dict(Node.objects.filter(pk__in=nodes.values()).values_list("pk", "key"))
    before = Node.objects.get(pk=facts["to"])
    for case in cases:
        case.conversation_id, case.owner_id = rows[case.pk]
        case.node_id = nodes[case.conversation_id]
    Case.objects.bulk_update(cases, ["node", "conversation", "owner"], batch_size=500)
    transfers.forget(facts.get("transfers", ()))
    if cases and facts.get("notes"):
        inbox.undo_notes({"notes": facts["notes"]}, by=by, now=now)
    # In the body that had them for a moment, another matter may be open.
    name_matters_of(
        {case.conversation_id for case in cases}, contacts={c.contact_id for c in cases}
    )
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(
        entry(
            "case.assign_undone", case, by=label, now=now,
            **{"from": before.key, "to": keys[case.node_id]},
        )
        for case in cases
    )  # fmt: skip
    live.announce(
        (node_id, "case", case.public_id) for case in cases for node_id in (case.node_id, before.pk)
    )


def name_matters_of(conversations: set[int], *, contacts: set[int]) -> None:
    """Let each conversation of these contacts name its latest open case, or none."""
    rows = Conversation.objects.filter(Q(pk__in=conversations) | Q(contact__in=contacts))
    matters = dict.fromkeys(rows.values_list("pk", flat=True), "")
    latest = Case.objects.open().filter(conversation__in=matters).order_by("opened_at", "pk")
    matters |= dict(latest.values_list("conversation_id", "reference"))
    inbox.name_matters(matters)


@transaction.atomic
def give_to(rows: CaseQuerySet, *, to: Member | None, by: Member, now: datetime) -> inbox.Done:
    """Let a member handle these open cases, or nobody in particular.

    :raises NotTheirs: the member does not answer for a body of one of them
    """
    cases = lock_all(rows.open())
    if to is not None:
        access = Access.of(to, now=now)
        for case in cases:
            if not to.is_active or not access.may("conversations.reply", case.node):
                raise inbox.NotTheirs(
                    _("%(name)s does not answer for %(body)s.")
                    % {"name": to.name, "body": case.node.name}
                )
    changed = [case for case in cases if case.owner_id != (to.pk if to else None)]
    facts = {"before": [[case.pk, case.owner_id] for case in changed]}
    for case in changed:
        case.owner = to
    Case.objects.bulk_update(changed, ["owner"], batch_size=500)
    tell("case.given", changed, by=by, now=now, member=str(to.public_id) if to else "")
    return done(changed, GIVEN, facts, by=by, now=now)


def undo_give_to(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    former = dict(facts["before"])
    cases = lock_all(Case.objects.filter(pk__in=former))
    for case in cases:
        case.owner_id = former[case.pk]
    Case.objects.bulk_update(cases, ["owner"], batch_size=500)
    tell("case.change_undone", cases, by=by, now=now)


@transaction.atomic
def set_priority(rows: CaseQuerySet, *, priority: str, by: Member, now: datetime) -> inbox.Done:
    """Set the priority of these open cases; when they are due follows.

    :raises NotKnown: there is no such priority
    """
    if priority not in Case.Priority.values:
        raise NotKnown(_("Choose a priority."))
    changed = [case for case in lock_all(rows.open()) if case.priority != priority]
    facts = {
        "before": [[case.pk, case.priority, case.due_at.isoformat()] for case in changed],
    }
    for case in changed:
        case.priority = priority
        case.due_at = due(case)
    Case.objects.bulk_update(changed, ["priority", "due_at"], batch_size=500)
    clocks.follow(changed)
    note_corrections(changed, ["priority"], by=by, now=now)
    tell("case.priority_set", changed, by=by, now=now, priority=priority)
    return done(changed, PRIORITY_SET, facts, by=by, now=now)


def undo_set_priority(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    former = {pk: (priority, due) for pk, priority, due in facts["before"]}
    cases = lock_all(Case.objects.filter(pk__in=former))
    for case in cases:
        case.priority, due = former[case.pk]
        case.due_at = datetime.fromisoformat(due)
    Case.objects.bulk_update(cases, ["priority", "due_at"], batch_size=500)
    clocks.follow(cases)
    note_corrections(cases, ["priority"], by=by, now=now)
    tell("case.change_undone", cases, by=by, now=now)


def sort_matters(
    field: str, matters: Collection[str], value: str, *, by: Member, now: datetime
) -> UUID | None:
    """Set priority, category or kind of the open cases with these references, as far as the member may.

    Returns the name under which it is undone; None: nothing was changed (config/subscriptions.py).
    """
    allowed = Access.of(by, now=now).bodies_of("cases.close")
    rows = Case.objects.filter(reference__in=matters, node__lineage__overlap=allowed)
    return sort(rows, field=field, value=value, by=by, now=now).undo


@transaction.atomic
def sort(rows: CaseQuerySet, *, field: str, value: str, by: Member, now: datetime) -> inbox.Done:
    """Set the priority, category or kind of these open cases; when they are due follows.

    :raises NotKnown: there is no such field or value
    """
    if field not in SORTED_BY or value not in SORTED_BY[field].values:
        raise NotKnown(_("This value is not known. Choose one from the list."))
    changed = [case for case in lock_all(rows.open()) if getattr(case, field) != value]
    facts = {
        "field": field,
        "before": [[case.pk, getattr(case, field), case.due_at.isoformat()] for case in changed],
    }
    for case in changed:
        setattr(case, field, value)
        case.due_at = due(case)
    Case.objects.bulk_update(changed, [field, "due_at"], batch_size=500)
    clocks.follow(changed)
    note_corrections(changed, [field], by=by, now=now)
    label = {"case_kind" if field == "kind" else field: value}
    tell("case.described", changed, by=by, now=now, fields=[field], **label)
    return done(changed, SORTED, facts, by=by, now=now)


def undo_sort(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    former = {pk: (value, due) for pk, value, due in facts["before"]}
    cases = lock_all(Case.objects.filter(pk__in=former))
    for case in cases:
        value, due = former[case.pk]
        setattr(case, facts["field"], value)
        case.due_at = datetime.fromisoformat(due)
    Case.objects.bulk_update(cases, [facts["field"], "due_at"], batch_size=500)
    clocks.follow(cases)
    note_corrections(cases, [facts["field"]], by=by, now=now)
    tell("case.change_undone", cases, by=by, now=now)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a member knows of a case; what is None stays as it is."""

    subject: str | None = None
    kind: str | None = None
    category: str | None = None
    priority: str | None = None
    # An empty place takes the point off the map too.
    place: str | None = None
    point: tuple[float, float] | None = None
    balady_number: str | None = None
    transaction_number: str | None = None


@transaction.atomic
def describe(case_id: UUID, facts: Facts, *, by: Member, now: datetime) -> Case:
    """Write down what a member knows of a case; when it is due follows its kind and priority.

    :raises NotKnown: a label is none of ours
    """
    case = locked(case_id)
    for name, known in (
        ("kind", Case.Kind.values),
        ("category", Case.Category.values),
        ("priority", Case.Priority.values),
    ):
        value = getattr(facts, name)
        if value and value not in known:
            raise NotKnown(_("This value is not known. Choose one from the list."))
    changed = []
    for name in (
        "subject", "kind", "category", "priority", "place", "balady_number", "transaction_number",
    ):  # fmt: skip
        value = getattr(facts, name)
        if value is None or (name == "priority" and not value):
            continue
        value = " ".join(value.split())[: LONGEST.get(name, 20)]
        if value != getattr(case, name):
            setattr(case, name, value)
            changed.append(name)
    point = facts.point or ((None, None) if facts.place == "" else None)
    if point and point != (case.latitude, case.longitude):
        case.latitude, case.longitude = point
        changed.append("point")
    if not changed:
        return case
    is_due_anew = not case.is_closed and {"kind", "category", "priority"} & set(changed)
    if is_due_anew:
        case.due_at = due(case)
    case.save(
        update_fields=[
            "subject", "kind", "category", "priority", "place", "latitude", "longitude", "balady_number",
            "transaction_number", "due_at",
        ]
    )  # fmt: skip
    if is_due_anew:
        clocks.follow([case])
    note_corrections([case], changed, by=by, now=now)
    # Which fields, and of the labels which: the words themselves may be personal.
    labels = {name: getattr(case, name) for name in changed if name in {"category", "priority"}}
    if "kind" in changed:
        labels["case_kind"] = case.kind
    tell("case.described", [case], by=by, now=now, fields=sorted(changed), **labels)
    return case


@transaction.atomic
def take_step(case_id: UUID, step: str, *, by: Member, now: datetime) -> Case:
    """Take a case to the next stage: start, ask_person, ask_body, resume (see `stages`).

    :raises StepNotPossible: not from where it stands, or it is closing or reopening, which ask for more
    """
    case = locked(case_id)
    target = stages.after(case.stage, step) if step in stages.STEPS else None
    if target is None or step in {"close", "reopen"}:
        raise StepNotPossible(
            _("This step is not possible any more: the case is “%(stage)s”.")
            % {"stage": case.get_stage_display()}
        )
    was_waiting = case.stage == Case.Stage.WAITS_FOR_PERSON
    case.stage = target
    if case.owner is None:
        case.owner = by
    case.save(update_fields=["stage", "owner"])
    if target == Case.Stage.WAITS_FOR_PERSON:
        clocks.pause([case], now=now)
    elif was_waiting:
        clocks.resume([case], now=now)
    tell("case.stage_changed", [case], by=by, now=now, stage=target)
    return case


def follow_answer(answer: PersonAnswered) -> None:
    """Whoever answers the person has taken the case up (config/subscriptions.py)."""
    for case in Case.objects.filter(reference=answer.matter, stage=Case.Stage.NEW):
        case.stage = Case.Stage.IN_PROGRESS
        case.owner = case.owner or answer.by
        case.save(update_fields=["stage", "owner"])
        tell("case.stage_changed", [case], by=answer.by, now=answer.at, stage=case.stage)


def follow_answers(answer: PeopleAnswered) -> None:
    """New cases are in progress once their persons were answered together; nobody handles them by that."""
    cases = lock_all(Case.objects.filter(reference__in=answer.matters, stage=Case.Stage.NEW))
    Case.objects.filter(pk__in=[case.pk for case in cases]).update(stage=Case.Stage.IN_PROGRESS)
    tell(
        "case.stage_changed", cases, by=answer.by, now=answer.at, stage=str(Case.Stage.IN_PROGRESS)
    )


@transaction.atomic
def hand_over(member: Member, *, to: Member | None, by: Member, now: datetime) -> int:
    """Give all open cases of a member who leaves to another, or to nobody. Returns how many.

    Where the successor does not answer for a body, its cases go to nobody: the body's people see them.
    """
    cases = lock_all(Case.objects.open().filter(owner=member))
    access = Access.of(to, now=now) if to else None
    for case in cases:
        theirs = access is not None and access.may("conversations.reply", case.node)
        case.owner = to if theirs else None
    Case.objects.bulk_update(cases, ["owner"], batch_size=500)
    tell("case.given", cases, by=by, now=now, member=str(to.public_id) if to else "")
    return len(cases)
