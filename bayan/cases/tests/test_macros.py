"""Ready-made actions that also set what is known of a case: one press does all, one takes all of it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bayan.cases.models import Case
from bayan.cases.tests.factories import make_case
from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Label, Macro, Note
from bayan.organisation.models import Node
from bayan.people.models import Member


def macro_of(*steps: str, node: Node, by: Member, now: datetime, note: str) -> Macro:
    return inbox.save_macro(
        None, title="تجمع مياه", steps=steps, note=note, node=node, by=by, now=now
    )


def label_of(name: str, node: Node) -> Label:
    return Label.objects.create(node=node, name=name)


def state_of_all() -> list[Any]:
    return [
        list(
            Conversation.objects.order_by("pk").values_list("assignee", "labels", "snoozed_until")
        ),
        list(Case.objects.order_by("pk").values_list("priority", "category", "kind", "due_at")),
        list(Note.objects.values_list("text", flat=True)),
    ]


def test_one_press_does_all_of_it_and_one_takes_all_of_it_back(
    desk_responder: Member, desk: Node, now: datetime
) -> None:
    rain, old = label_of("أمطار", desk), label_of("قديم", desk)
    for number in range(3):
        case = make_case(whatsapp_id=f"SA.{number}", phone=f"96650000000{number}", now=now)
        Conversation.objects.filter(pk=case.conversation_id).update(labels=[old.pk])
    macro = macro_of(
        f"label:{rain.public_id}", f"unlabel:{old.public_id}", "assign:me", "snooze:tomorrow",
        "priority:high", "category:storm_water", node=desk, by=desk_responder, now=now,
        note="أُبلغت فرقة الشفط",
    )  # fmt: skip
    before = state_of_all()

    done = inbox.run_macro(Conversation.objects.all(), macro, by=desk_responder, now=now)

    assert done.count == 3
    assert {(c.assignee, tuple(c.labels)) for c in Conversation.objects.all()} == {
        (desk_responder, (rain.pk,))
    }
    assert Conversation.objects.snoozed(now=now).count() == 3
    assert {(case.priority, case.category) for case in Case.objects.all()} == {
        ("high", "storm_water")
    }
    assert [note.text for note in Note.objects.all()] == ["أُبلغت فرقة الشفط"] * 3
    line = AuditEntry.objects.get(action="macro.run")
    assert (line.node_id, line.details) == (desk.pk, {"count": 3})

    assert done.undo
    undo.undo(done.undo, by=desk_responder, now=now)
    assert state_of_all() == before


def test_many_are_worked_on_in_as_many_statements_as_one(
    desk_responder: Member, desk: Node, now: datetime, django_assert_max_num_queries: Any
) -> None:
    macro = macro_of(
        "assign:me", "snooze:week", "priority:high", node=desk, by=desk_responder, now=now, note="راجعوا"
    )  # fmt: skip
    for number in range(20):
        make_case(whatsapp_id=f"SA.{number}", phone=f"9665000000{number:02}", now=now)
    with django_assert_max_num_queries(60):
        done = inbox.run_macro(Conversation.objects.all(), macro, by=desk_responder, now=now)
    assert done.count == 20
