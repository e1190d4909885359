"""The same matter: what triage finds, and what members say of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from bayan.cases import selectors, services
from bayan.cases.models import Alike, Case, Reading
from bayan.cases.tests.factories import MONDAY, make_case
from bayan.core import undo
from bayan.core.models import AuditEntry, UndoStep
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HOLE = "حفرة كبيرة في شارع الأمير تركي بالخبر قدام مجمع الراشد"
LATER = MONDAY + timedelta(hours=1)
HTMX = {"HX-Request": "true"}


def some_cases(*texts: str, node: Node | None = None) -> list[Case]:
    return [
        make_case(
            text,
            node=node,
            now=MONDAY + timedelta(minutes=number),
            whatsapp_id=f"SA.7{number}",
            phone=f"9665000001{number:02}",
        )
        for number, text in enumerate(texts)
    ]


def look() -> int:
    """All that waits, as the worker does it between two batches."""
    matching, count = services.Matching(), 0
    while looked := matching.look(now=LATER):
        count += looked
    return count


def test_the_same_words_of_three_people_are_one_matter(desk: Node) -> None:
    first, second, third = some_cases(HOLE, f"السلام عليكم {HOLE}", f"{HOLE} يا بلدية")

    assert look() == 3

    for case in (second, third):
        case.refresh_from_db()
        assert case.parent == first
        assert AuditEntry.objects.filter(action="case.joined", subject_key=case.reference).exists()
    assert [row.pk for row in selectors.same_matter(first).reporters] == [third.pk, second.pk]
    assert selectors.same_matter(second).reporters[0] == first


def test_what_is_about_something_else_stays_by_itself(desk: Node) -> None:
    cases = some_cases(HOLE, "متى يفتح مكتب الرخص في بلدية القطيف؟")

    look()

    assert {case.parent_id for case in Case.objects.filter(pk__in=[c.pk for c in cases])} == {None}
    assert not Alike.objects.exists()


def test_what_somebody_handles_is_only_suggested(desk: Node, desk_responder: Member) -> None:
    first, second = some_cases(HOLE, HOLE)
    Case.objects.filter(pk=second.pk).update(owner=desk_responder)

    look()

    second.refresh_from_db()
    assert second.parent is None
    assert [case for case, _sure, _why in selectors.same_matter(second).suggestions] == [first]
    assert [case for case, _sure, _why in selectors.same_matter(first).suggestions] == [second]


def test_a_worker_that_was_killed_leaves_nothing_out_and_does_nothing_twice(desk: Node) -> None:
    first, second = some_cases(HOLE, HOLE)
    look()
    third = make_case(HOLE, now=LATER, whatsapp_id="SA.79", phone="966500000199")

    # A new process: it reads the two again, and looks at the third only.
    look()

    third.refresh_from_db()
    assert third.parent == first
    assert Alike.objects.filter(case=second).count() == 1
    assert not Reading.objects.filter(matched_at=None).exists()


def test_a_member_joins_by_the_number_and_takes_it_back(
    client: StaffClient, desk_responder: Member
) -> None:
    first, second = some_cases("طفح مجاري عند بيتنا", "ريحة المجاري ذبحتنا")
    client.force_login(desk_responder)

    shown = client.post(
        reverse("cases:join", args=[second.public_id]), {"other": first.reference}, headers=HTMX
    ).content.decode()

    second.refresh_from_db()
    assert second.parent == first
    assert first.reference[:3] in shown
    undo.undo(
        UndoStep.objects.get().public_id, by=desk_responder, now=UndoStep.objects.get().expires_at
    )
    second.refresh_from_db()
    assert second.parent is None


def test_the_worker_learns_what_members_say(desk: Node, desk_responder: Member) -> None:
    leak, smell, again = some_cases("طفح مجاري عند بيتنا من أمس", "ريحة المجاري ذبحتنا", HOLE)
    matching = services.Matching()
    while matching.look(now=MONDAY):
        pass
    services.join_case(smell.public_id, into=leak, by=desk_responder, now=LATER)
    copy = make_case(HOLE, now=LATER, whatsapp_id="SA.77", phone="966500000177")
    matching.look(now=LATER)
    assert set(matching.matters._open) == {str(leak.pk), str(again.pk)}
    copy.refresh_from_db()
    assert copy.parent == again

    services.part_case(copy.public_id, by=desk_responder, now=LATER)
    matching.look(now=LATER)

    assert set(matching.matters._open) == {str(leak.pk), str(again.pk), str(copy.pk)}


def test_a_chain_has_one_head(desk: Node, desk_responder: Member) -> None:
    first, second, third = some_cases("حفرة", "حفره كبيرة", "الحفرة")
    services.join_case(third.public_id, into=second, by=desk_responder, now=LATER)
    services.join_case(second.public_id, into=first, by=desk_responder, now=LATER)

    assert set(Case.objects.filter(parent=first)) == {second, third}

    services.part_case(third.public_id, by=desk_responder, now=LATER)
    assert set(Case.objects.filter(parent=first)) == {second}


@pytest.mark.parametrize("number", ["", "12", "not a number"])
def test_a_number_that_nobody_has_is_refused(
    client: StaffClient, desk_responder: Member, number: str
) -> None:
    (case,) = some_cases(HOLE)
    client.force_login(desk_responder)

    answer = client.post(
        reverse("cases:join", args=[case.public_id]), {"other": number}, headers=HTMX
    )

    assert answer.status_code == 422


def test_a_case_is_not_joined_to_itself_nor_to_another_bodys(
    desk: Node, khobar: Node, desk_responder: Member
) -> None:
    here, there = some_cases("حفرة", "حفرة ثانية")
    services.assign_case(there.public_id, to=khobar, by=desk_responder, now=LATER)

    for other in (here, there):
        with pytest.raises(services.NotTheSame):
            services.join_case(here.public_id, into=other, by=desk_responder, now=LATER)


def test_what_was_told_apart_is_not_asked_again(
    client: StaffClient, desk_responder: Member
) -> None:
    first, second = some_cases("حفرة", "حفرة ثانية")
    Alike.objects.create(case=second, other=first, likeness=0.5)
    client.force_login(desk_responder)
    panel = reverse("cases:panel", args=[second.conversation.public_id])
    assert f"maybe-{first.public_id}" in client.get(panel, headers=HTMX).content.decode()

    client.post(
        reverse("cases:tell_apart", args=[second.public_id]), {"other": str(first.public_id)}
    )

    assert f"maybe-{first.public_id}" not in client.get(panel, headers=HTMX).content.decode()


def test_a_municipality_is_not_told_of_what_it_may_not_see(
    client: StaffClient, desk_responder: Member, khobar: Node
) -> None:
    here, there = some_cases("حفرة", "حفرة ثانية")
    Alike.objects.create(case=there, other=here, likeness=0.5)
    services.assign_case(there.public_id, to=khobar, by=desk_responder, now=LATER)
    there.refresh_from_db()
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))

    shown = client.get(
        reverse("cases:panel", args=[there.conversation.public_id]), headers=HTMX
    ).content.decode()

    assert str(here.public_id) not in shown
