"""One answer to everybody of a matter: each once, in their own conversation; paused, taken back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.cases import services
from bayan.cases.models import Answer, AnswerRecipient, Case
from bayan.cases.services import answering, delivering
from bayan.cases.services.delivering import deliver_some
from bayan.cases.tests.factories import MONDAY, drafted, make_matter, started
from bayan.channels.models import Outgoing, Template
from bayan.channels.tests.factories import body_part, incoming, make_template
from bayan.core.models import AuditEntry
from bayan.core.references import grouped
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact, Identity, Member
from bayan.work.models import Clock

LATER = MONDAY + timedelta(hours=2)
NEXT_DAY = MONDAY + timedelta(hours=25)
To = AnswerRecipient.State


def deliver(*, now: datetime = LATER) -> int:
    return services.Delivery().step(now=now)


def write_again(case: Case, text: str, *, now: datetime) -> None:
    names = dict(case.contact.identities.values_list("scheme", "value"))
    again = incoming(text, received_at=now, whatsapp_id=names["whatsapp"], phone=names["phone"])
    services.take_in([again], now=now)


def states(answer: Answer) -> Counter[str]:
    return Counter(answer.recipients.values_list("state", flat=True))


def written(answer: Answer) -> list[Message]:
    rows = Message.objects.filter(pk__in=answer.recipients.values("message"))
    return list(rows.select_related("outgoing", "conversation").order_by("pk"))


def test_everybody_is_told_once_under_their_own_number_and_their_cases_are_closed(
    khobar: Node, khobar_responder: Member
) -> None:
    cases = make_matter(3, node=khobar)
    answer = started(
        cases[1],
        khobar_responder,
        text="{الاسم}، سُدّت الحفرة.",
        outcome="resolved",
        excuse="confirmed",
    )

    assert deliver() == 3

    messages = written(answer)
    assert [message.matter for message in messages] == [case.reference for case in cases]
    for message, case in zip(messages, cases, strict=True):
        sent = message.outgoing
        assert sent is not None
        assert sent.lane == Outgoing.Lane.WORK
        body = sent.content["interactive"]["body"]["text"]
        assert body.startswith(f"*{khobar.name_ar} · ")
        assert case.contact.name in body
        assert body.endswith("ما مدى رضاكم عن خدمتنا؟")
        assert (sent.subject_type, sent.subject_key) == (services.SATISFACTION, case.reference)
        case.refresh_from_db()
        assert (case.outcome, case.closed_by, case.closed_at) == (
            "resolved", khobar_responder, LATER,
        )  # fmt: skip
        trail = AuditEntry.objects.filter(subject_key=case.reference, action="case.closed")
        assert trail.get().details == {"outcome": "resolved", "asked": True}
    assert not Conversation.objects.exclude(matter="").exists()
    assert not Clock.objects.filter(ended_at=None).exists()
    Outgoing.objects.filter(pk__in=[m.outgoing_id for m in messages]).update(state="delivered")
    deliver()
    answer.refresh_from_db()
    assert answer.state == Answer.State.DONE
    assert services.counts_of(answer) == {"delivered": 3}


def test_one_person_with_two_cases_of_the_matter_is_told_once_and_both_are_closed(
    khobar: Node, khobar_responder: Member
) -> None:
    cases = make_matter(2, node=khobar)
    twin = Case.objects.get(pk=cases[0].pk)
    twin.pk, twin.reference, twin.parent, twin._state.adding = None, "735208416", cases[0], True
    twin.public_id = Answer().public_id
    twin.save()
    answer = started(cases[1], khobar_responder, outcome="resolved", excuse="confirmed")

    deliver()

    assert len(written(answer)) == 2
    assert states(answer) == {To.QUEUED: 2, To.SKIPPED: 1}
    assert not Case.objects.open().exists()
    services.take_back_answer(answer.public_id, by=khobar_responder, now=LATER)
    assert Case.objects.open().count() == 3


def test_outside_the_window_it_goes_by_template_waits_or_is_left_as_chosen(
    khobar: Node, khobar_responder: Member
) -> None:
    cases = make_matter(2, node=khobar)
    template = make_template("done", components=[body_part("بلاغك {{1}} انتهى.", "482 193 765")])
    opener = make_template(
        "open", purpose=Template.Purpose.REOPEN, components=[body_part("لديك رد من {{1}}", "الخبر")]
    )
    # One of them wrote again within the day.
    write_again(cases[0], "؟", now=NEXT_DAY)

    left = started(cases[0], khobar_responder, now=NEXT_DAY)
    deliver(now=NEXT_DAY)
    assert [row.reason for row in left.recipients.order_by("pk")] == ["", "window"]

    by_template = started(
        cases[0], khobar_responder, now=NEXT_DAY, outside="template", template=template,
        values={"body.1": "{رقم البلاغ}"},
    )  # fmt: skip
    deliver(now=NEXT_DAY)
    kinds = [(message.kind, message.text) for message in written(by_template)]
    assert kinds[1] == ("template", f"بلاغك {grouped(cases[1].reference)} انتهى.")

    nudged = started(cases[0], khobar_responder, now=NEXT_DAY, outside="nudge", outcome="answered")
    deliver(now=NEXT_DAY)
    assert states(nudged) == {To.QUEUED: 1, To.HELD: 1}
    assert Outgoing.objects.filter(template=opener).count() == 1
    cases[1].refresh_from_db()
    assert not cases[1].is_closed
    # They open the conversation: the answer leaves, and with it their case ends.
    write_again(cases[1], "عرض", now=NEXT_DAY)
    deliver(now=NEXT_DAY)
    cases[1].refresh_from_db()
    assert cases[1].is_closed
    assert states(nudged) == {To.QUEUED: 2}


def test_taking_back_takes_what_no_dispatcher_has_and_opens_its_cases_again(
    khobar: Node, khobar_responder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "AHEAD", 3)
    cases = make_matter(5, node=khobar)
    clocks = list(Clock.objects.order_by("pk").values_list("pk", "due_at", "ended_at", "rings_at"))
    answer = started(cases[0], khobar_responder, outcome="resolved", excuse="confirmed")
    deliver()
    assert states(answer) == {To.QUEUED: 3, To.WAITING: 2}
    # A dispatcher has one of them in its hands.
    gone = written(answer)[0]
    Outgoing.objects.filter(message=gone).update(state="sending", claimed_at=LATER)

    services.take_back_answer(
        answer.public_id, by=khobar_responder, now=LATER + timedelta(seconds=9)
    )

    assert states(answer) == {To.QUEUED: 1, To.TAKEN_BACK: 4}
    assert set(Case.objects.closed().values_list("reference", flat=True)) == {gone.matter}
    still = Case.objects.open()
    assert {case.times_reopened for case in still} == {0}
    assert {case.stage for case in still} == {Case.Stage.NEW}
    assert Conversation.objects.waiting().count() == 4
    after = Clock.objects.order_by("pk").values_list("pk", "due_at", "ended_at", "rings_at")
    ended = {line[0] for line in after if line[2]}
    assert [line for line in after if not line[2]] == [c for c in clocks if c[0] not in ended]
    assert len(ended) == 2
    # It comes back to be tried again, and is taken back after all.
    Outgoing.objects.filter(message=gone).update(state="queued")
    deliver()
    assert states(answer) == {To.TAKEN_BACK: 5}
    assert not Case.objects.closed().exists()
    assert not Outgoing.objects.filter(state="queued").exists()


def test_while_it_is_paused_nothing_of_it_can_be_claimed(
    khobar: Node, khobar_responder: Member
) -> None:
    cases = make_matter(2, node=khobar)
    answer = started(cases[0], khobar_responder)
    deliver()
    due = Outgoing.objects.filter(state="queued", not_before__lte=LATER)
    assert due.count() == 2

    services.pause_answer(answer.public_id, by=khobar_responder, now=LATER)
    assert due.count() == 0
    services.resume_answer(answer.public_id, by=khobar_responder, now=LATER)
    assert due.count() == 2


def test_who_is_left_out_keeps_their_case_and_can_be_told_later(
    khobar: Node, khobar_responder: Member
) -> None:
    cases = make_matter(2, node=khobar)
    draft = drafted(
        cases[0], khobar_responder, outcome="resolved", excuse="confirmed",
        listed=frozenset(case.public_id for case in cases), left_out=frozenset([cases[1].public_id]),
    )  # fmt: skip
    services.start_answer(draft.public_id, by=khobar_responder, now=LATER)
    deliver()
    assert list(Case.objects.open()) == [cases[1]]
    [late] = make_matter(1, node=khobar)
    Case.objects.filter(pk=late.pk).update(parent=cases[0])

    for case in (cases[1], late):
        services.answer_also(draft.public_id, case.public_id, by=khobar_responder, now=LATER)
    deliver()

    assert states(draft) == {To.QUEUED: 3}
    assert not Case.objects.open().exists()
    with pytest.raises(services.AnswerOver):
        services.answer_also(draft.public_id, late.public_id, by=khobar_responder, now=LATER)


def test_a_batch_costs_as_many_statements_for_a_thousand_as_for_ten(
    khobar: Node, khobar_responder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "AHEAD", 10_000)
    monkeypatch.setattr(answering, "LOOK_TWICE", 10_000)
    [first] = make_matter(1, node=khobar)
    multiply(first, 10)
    few = started(first, khobar_responder, outcome="resolved", excuse="confirmed")
    with CaptureQueriesContext(connection) as small:
        deliver_some(few.pk, now=LATER)
    Case.objects.update(closed_at=None, outcome="", stage="new")
    multiply(first, 989, begin=100)
    many = started(first, khobar_responder, outcome="resolved", excuse="confirmed")

    counted = []
    while True:
        with CaptureQueriesContext(connection) as caught:
            if not deliver_some(many.pk, now=LATER):
                break
        counted.append(len(caught))

    assert len(counted) == 5
    assert set(counted) == {len(small)}
    assert len(small) < 40
    assert len(written(many)) == 1_000


def multiply(case: Case, count: int, *, begin: int = 0) -> None:
    """So many more people with a case of the same matter."""
    people = Contact.objects.bulk_create(
        Contact(name=f"مستفيد {number}", created_at=MONDAY) for number in range(count)
    )
    Identity.objects.bulk_create(
        Identity(
            contact=person, scheme="phone", value=f"9667{begin + number:08}", created_at=MONDAY
        )
        for number, person in enumerate(people)
    )
    conversations = Conversation.objects.bulk_create(
        Conversation(
            node=case.node, contact=person, number=case.conversation.number,
            last_message_at=MONDAY, last_inbound_at=MONDAY, created_at=MONDAY,
        )
        for person in people
    )  # fmt: skip
    Case.objects.bulk_create(
        Case(
            reference=f"{900_000_000 + begin + number}", node=case.node, contact=row.contact,
            conversation=row, due_at=NEXT_DAY, parent=case, opened_at=MONDAY,
        )
        for number, row in enumerate(conversations)
    )  # fmt: skip
