"""Ready-made series of acts: one press does several things with a conversation, and one takes them back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse

from bayan.core.models import UndoStep
from bayan.inbox import selectors, services
from bayan.inbox.models import CannedReply, Conversation, Label, Macro
from bayan.inbox.tests.factories import make_conversation
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


def make_macro(*steps: str, node: Node, by: Member, now: datetime, **more: Any) -> Macro:
    known: dict[str, Any] = {"title": "تجمع مياه", "note": ""}
    return services.save_macro(None, steps=steps, node=node, by=by, now=now, **known | more)


def make_label(name: str, node: Node) -> Label:
    return Label.objects.create(node=node, name=name)


def test_a_bodys_own_holds_in_that_body_alone(
    desk_responder: Member, khobar_responder: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    desk = organisation.desk()
    make_conversation(node=khobar)
    other = make_conversation(node=qatif)
    own = make_macro("assign:me", node=khobar, by=khobar_responder, now=now)
    theirs = make_macro("assign:me", node=desk, by=desk_responder, now=now)

    done = services.run_macro(Conversation.objects.all(), own, by=desk_responder, now=now)

    assert done.count == 1
    other.refresh_from_db()
    assert other.assignee is None
    assert selectors.macros_of([khobar]) == [theirs, own]
    assert selectors.macros_of([qatif]) == [theirs]


def test_what_contradicts_itself_or_holds_elsewhere_is_not_saved(
    desk_responder: Member, qatif_responder: Member, khobar: Node, qatif: Node, now: datetime
) -> None:
    theirs = make_label("القطيف", qatif)
    for steps, refusal in (
        ((), services.NothingWritten),
        (("assign:me", "assign:"), services.StepNotKnown),
        (("snooze:never",), services.StepNotKnown),
        (("priority:highest",), services.StepNotKnown),
        (("close:resolved",), services.StepNotKnown),
        ((f"label:{theirs.public_id}",), services.StepNotKnown),
        ((f"assign:{qatif_responder.public_id}",), services.NotTheirs),
        ([f"label:{number}" for number in range(7)], services.TooMany),
    ):
        with pytest.raises(refusal):
            make_macro(*steps, node=khobar, by=desk_responder, now=now)
    make_macro("assign:me", node=khobar, by=desk_responder, now=now)
    with pytest.raises(services.NameTaken):
        make_macro("assign:me", node=khobar, by=desk_responder, now=now)


def test_a_step_whose_label_is_gone_is_passed_over(
    desk_responder: Member, desk: Node, now: datetime
) -> None:
    label = make_label("أمطار", desk)
    steps = f"label:{label.public_id}", "assign:me"
    macro = make_macro(*steps, node=desk, by=desk_responder, now=now)
    services.delete_label(label.public_id, by=desk_responder, now=now)
    make_conversation()
    done = services.run_macro(Conversation.objects.all(), macro, by=desk_responder, now=now)
    assert done.count == 1


@pytest.fixture
def signed_in(client: StaffClient, khobar_responder: Member) -> StaffClient:
    client.force_login(khobar_responder)
    return client


def test_a_body_writes_its_own_and_reads_the_authoritys(
    signed_in: StaffClient, khobar: Node, desk: Node, desk_responder: Member, now: datetime
) -> None:
    theirs = make_macro("assign:me", node=desk, by=desk_responder, now=now, title="عام")
    address = reverse("inbox:save_macro")
    form = signed_in.get(address, headers=HTMX).content.decode()
    assert 'value="priority:high"' in form
    signed_in.post(address, {"title": "أمطار", "step": ["assign:me", ""], "node": "khobar"})
    own = Macro.objects.get(title="أمطار")
    assert own.steps == ["assign:me"]
    changed = {
        "id": str(own.public_id),
        "title": "أمطار",
        "step": ["snooze:week"],
        "note": "تابعوا",
    }
    signed_in.post(address, changed)
    page = signed_in.get(reverse("inbox:settings")).content.decode()
    assert "أمطار" in page
    assert "عام" in page
    assert f"?id={theirs.public_id}" not in page
    assert "selected" in signed_in.get(address, {"id": str(own.public_id)}).content.decode()
    refused = signed_in.post(
        address, {"id": str(theirs.public_id), "title": "x", "step": "snooze:"}
    )
    assert refused.status_code == 403
    assert signed_in.get(address, {"id": str(theirs.public_id)}).status_code == 403
    signed_in.post(reverse("inbox:delete_macro", args=[own.public_id]))
    assert list(Macro.objects.all()) == [theirs]


def test_the_menu_of_a_conversation_runs_it_and_puts_its_words_into_the_reply(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    reply = CannedReply.objects.create(node=khobar, title="استلام", text="وصلنا رقم {رقم البلاغ}")
    macro = make_macro(
        f"ready:{reply.public_id}", "assign:me", node=khobar, by=khobar_responder, now=now
    )
    conversation = make_conversation(node=khobar, matter="482173095")
    menu = signed_in.get(reverse("inbox:acts", args=[conversation.public_id])).content.decode()
    assert 'data-insert="وصلنا رقم 482\u00a0173\u00a0095"' in menu

    form = {"do": f"macro:{macro.public_id}", "ids": str(conversation.public_id), "inserts": "1"}
    for _time in range(2):
        # Also where the rest is done already, the words are put there.
        assert signed_in.post(reverse("inbox:act"), form, headers=HTMX).status_code == 200
    conversation.refresh_from_db()
    assert conversation.assignee == khobar_responder
    # Nothing was sent to the person.
    assert conversation.messages.count() == 1
    step = UndoStep.objects.get(action=services.RAN)
    signed_in.post(reverse("people:undo", args=[step.public_id]))
    conversation.refresh_from_db()
    assert conversation.assignee is None


def test_for_many_only_what_changes_them_is_offered(
    signed_in: StaffClient, khobar: Node, qatif: Node, khobar_responder: Member, now: datetime
) -> None:
    reply = CannedReply.objects.create(node=khobar, title="استلام", text="وصلنا")
    make_macro(f"ready:{reply.public_id}", node=khobar, by=khobar_responder, now=now, title="كلمات")
    macro = make_macro("assign:me", node=khobar, by=khobar_responder, now=now, title="لي")
    offered = signed_in.get(reverse("inbox:choices"), {"part": "macros"}).content.decode()
    assert "لي" in offered
    assert "كلمات" not in offered

    make_conversation(node=khobar)
    other = make_conversation(node=qatif)
    form = {"do": f"macro:{macro.public_id}", "all": "1", "query": "view=all"}
    assert signed_in.post(reverse("inbox:act"), form, headers=HTMX).status_code == 200
    assert Conversation.objects.filter(assignee=khobar_responder).count() == 1
    alone = {"do": f"macro:{macro.public_id}", "ids": str(other.public_id)}
    assert signed_in.post(reverse("inbox:act"), alone, headers=HTMX).status_code == 422


def test_whoever_only_reads_runs_none(client: StaffClient, khobar: Node, now: datetime) -> None:
    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    macro = make_macro("snooze:", node=khobar, by=make_member(Role.Kind.RESPONDER, khobar), now=now)
    form = {"do": f"macro:{macro.public_id}", "all": "1"}
    assert client.post(reverse("inbox:act"), form).status_code == 403
    assert client.get(reverse("inbox:save_macro")).status_code == 403
