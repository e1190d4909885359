"""The pages of answers to everybody: looked at before, followed after; from the panel, the list, a burst."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services
from bayan.cases.answering.reading import preview, written
from bayan.cases.models import Answer, AnswerRecipient, Case
from bayan.cases.services import answering
from bayan.cases.tests.factories import drafted, make_matter, started
from bayan.channels.models import Outgoing, Template
from bayan.channels.tests.factories import body_part, make_template
from bayan.inbox.models import Conversation
from bayan.organisation.models import Node
from bayan.people.models import Member, OptOut
from conftest import StaffClient

HTMX = {"HX-Request": "true"}
To = AnswerRecipient.State


@pytest.fixture
def signed_in(client: StaffClient, desk_responder: Member) -> StaffClient:
    client.force_login(desk_responder)
    return client


def panel(client: StaffClient, case: Case) -> str:
    address = reverse("cases:panel", args=[case.conversation.public_id])
    return client.get(address, headers=HTMX).content.decode()


def test_an_answer_is_looked_at_sent_and_offered_to_whoever_comes_later(
    signed_in: StaffClient, desk_responder: Member
) -> None:
    now = timezone.now()
    cases = make_matter(3, now=now - timedelta(hours=1))
    assert reverse("cases:answer_matter", args=[cases[2].public_id]) in panel(signed_in, cases[2])

    page = signed_in.post(
        reverse("cases:answer_matter", args=[cases[1].public_id]), follow=True
    ).content.decode()
    answer = Answer.objects.get()
    assert all(case.reference in page.replace("\xa0", "") for case in cases)
    words = {
        "text": "{الاسم}، سُدّت الحفرة.",
        "outcome": "resolved",
        "excuse": "confirmed",
        "outside": "leave",
    }
    seen = signed_in.post(
        reverse("cases:save_answer", args=[answer.public_id]), words, headers=HTMX
    ).content.decode()
    assert f"{cases[0].contact.name}، سُدّت الحفرة." in seen
    everybody = {"listed": " ".join(str(case.public_id) for case in cases)}
    left_out = words | everybody | {"left_out": [str(cases[1].public_id)]}
    counted = signed_in.post(
        reverse("cases:save_answer", args=[answer.public_id]), left_out, headers=HTMX
    ).content.decode()
    assert "<dd data-total>2</dd>" in counted.replace("\n", "")

    # What was ticked last counts, though no request but the last has told of it.
    left_out |= {"left_out": [str(cases[2].public_id)]}
    signed_in.post(reverse("cases:start_answer", args=[answer.public_id]), left_out)
    services.Delivery().step(now=timezone.now())

    address = reverse("cases:answer", args=[answer.public_id])
    assert 'data-state="running"' in signed_in.get(address).content.decode()
    # What was being typed when it started comes too late and says so to nobody.
    late = signed_in.post(f"{address}save", words, headers=HTMX)
    assert late["HX-Redirect"] == address
    assert set(Case.objects.open()) == {cases[2]}
    also = reverse("cases:answer_also", args=[answer.public_id])
    assert also in panel(signed_in, cases[2])
    assert also not in panel(signed_in, cases[0])
    signed_in.post(also, {"case": cases[2].public_id}, headers=HTMX)
    services.Delivery().step(now=timezone.now())
    assert not Case.objects.open().exists()
    signed_in.post(reverse("cases:take_back_answer", args=[answer.public_id]))
    assert Case.objects.open().count() == 3
    lines = written(answer, [answer.node_id], after=0)
    assert [(line[0], line[3]) for _key, line in lines] == [(case.reference, "") for case in cases]
    assert written(answer, [], after=0) == []


def test_the_page_says_who_is_outside_the_window_and_what_that_costs(
    signed_in: StaffClient, desk_responder: Member
) -> None:
    now = timezone.now()
    cases = make_matter(3, now=now - timedelta(hours=1))
    long_ago = now - timedelta(days=2)
    Conversation.objects.filter(pk=cases[0].conversation_id).update(last_inbound_at=long_ago)
    OptOut.objects.create(contact=cases[1].contact, source="word", since_at=now)
    cases[2].contact.identities.all().delete()
    template = make_template("done", components=[body_part("بلاغك {{1}} انتهى.", "482193765")])
    make_template("news", category=Template.Category.MARKETING, components=[body_part("أخبار")])
    answer = drafted(cases[0], desk_responder, now=now)

    page = signed_in.post(
        reverse("cases:save_answer", args=[answer.public_id]) + "?part=fields",
        {"text": "سُدّت", "outside": "template", "template": template.public_id},
        headers=HTMX,
    ).content.decode()
    assert "{رقم البلاغ}" in page
    assert 'hx-post="?part' not in page
    assert "news" not in page
    found = Answer.objects.get()
    assert found.values == {"body.1": "{رقم البلاغ}"}

    seen = preview(found, now=now)
    assert (seen.inside, seen.outside, seen.reached_outside) == (1, 1, 1)
    assert (seen.unreachable, seen.unwilling, seen.total) == (1, 1, 2)
    assert seen.cost == template
    assert seen.template is not None
    assert cases[1].reference in seen.template["body"].replace("\xa0", "")


def test_for_many_people_it_must_be_read_twice(
    signed_in: StaffClient, desk_responder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "LOOK_TWICE", 1)
    cases = make_matter(2, now=timezone.now())
    answer = drafted(cases[0], desk_responder, now=timezone.now())
    address, words = reverse("cases:start_answer", args=[answer.public_id]), {"text": "سُدّت"}

    assert signed_in.post(address, words).status_code == 422
    assert signed_in.post(address, words | {"read": "1"}).status_code == 302


def test_chosen_cases_of_the_list_are_answered_together(
    signed_in: StaffClient, khobar: Node
) -> None:
    cases = make_matter(3, now=timezone.now())
    Case.objects.update(parent=None)
    ids = [str(case.public_id) for case in cases]

    gone = signed_in.post(reverse("cases:act"), {"do": "answer", "ids": ids}, headers=HTMX)

    answer = Answer.objects.get()
    assert gone["HX-Redirect"] == reverse("cases:answer", args=[answer.public_id])
    assert answer.recipients.count() == 3
    alone = signed_in.post(reverse("cases:act"), {"do": "answer", "ids": ids[:1]}, headers=HTMX)
    assert alone.status_code == 409


def test_a_municipality_answers_and_sees_its_own_people_only(
    client: StaffClient, desk_responder: Member, khobar: Node, khobar_responder: Member
) -> None:
    now = timezone.now()
    theirs = make_matter(2, now=now)
    ours = make_matter(2, node=khobar, now=now)
    # One matter over two bodies, as it comes to be when a part of it is passed on.
    Case.objects.filter(pk__in=[case.pk for case in ours]).update(parent=theirs[0])
    everybody = started(theirs[0], desk_responder, now=now)
    assert everybody.recipients.count() == 4
    client.force_login(khobar_responder)

    client.post(reverse("cases:answer_matter", args=[ours[0].public_id]))

    own = Answer.objects.exclude(pk=everybody.pk).get()
    assert set(own.recipients.values_list("case", flat=True)) == {case.pk for case in ours}
    assert client.get(reverse("cases:answer", args=[everybody.public_id])).status_code == 404


def test_lists_of_answers_and_people_cost_the_same_for_two_and_for_many(
    signed_in: StaffClient, desk_responder: Member
) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert signed_in.get(address, headers=HTMX).status_code == 200
        return len(caught)

    def counted() -> list[int]:
        people = reverse("cases:answer", args=[answer.public_id]) + "?part=people"
        return [
            queries(people),
            queries(reverse("cases:answer", args=[answer.public_id])),
            queries(reverse("cases:answers")),
        ]

    now = timezone.now()
    answer = started(make_matter(2, now=now)[0], desk_responder, now=now)
    services.Delivery().step(now=now)
    counted()
    few = counted()
    for _number in range(3):
        answer = started(make_matter(8, now=now)[0], desk_responder, now=now)
    services.Delivery().step(now=now)
    assert Outgoing.objects.count() == 26

    assert counted() == few
