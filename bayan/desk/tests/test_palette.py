"""One field for everything."""

from __future__ import annotations

from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from bayan.cases.tests.factories import make_case
from bayan.organisation.models import Node
from bayan.people.models import Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

PALETTE = reverse("palette:palette")


def found(client: StaffClient, words: str) -> str:
    text: str = client.get(PALETTE, {"q": words}).content.decode()
    return text


def test_it_offers_what_the_member_may_open_and_nothing_else(
    client: StaffClient, khobar: Node
) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))

    text = client.get(PALETTE).content.decode()

    assert "مهامي" in text
    assert "البلاغات المتأخرة" in text
    assert reverse("people:members") not in text
    assert reverse("channels:health") not in text


def test_a_page_is_found_by_the_beginning_of_its_words(client: StaffClient, desk: Node) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, desk))

    assert "البلاغات المتأخرة" in found(client, "بلاغات متاخره")
    assert "سجل التدقيق" in found(client, "تدقيق")


def test_a_case_is_found_by_its_number_and_a_person_by_a_misspelt_name(
    client: StaffClient, khobar: Node
) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    case = make_case("عمود مائل", node=khobar, name="عبدالعزيز المطيري")

    assert case.subject in found(client, case.reference)
    assert "عبدالعزيز المطيري" in found(client, "عبدالعزير")


def test_what_another_body_has_is_not_found(client: StaffClient, khobar: Node, qatif: Node) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    case = make_case("سر القطيف", node=qatif, name="زائر القطيف")

    assert case.subject not in found(client, case.reference)
    assert "زائر القطيف" not in found(client, "زائر")


def test_with_a_conversation_before_ones_eyes_it_acts_on_it(
    client: StaffClient, khobar: Node, qatif: Node
) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    own, other = make_case(node=khobar, phone="966500000111"), make_case(node=qatif)

    def offered(key: object) -> bool:
        return "أسندها إليّ" in client.get(PALETTE, {"conversation": str(key)}).content.decode()

    assert offered(own.conversation.public_id)
    assert not offered(other.conversation.public_id)
    assert not offered("nonsense")


def test_who_only_has_duty_finds_no_cases(client: StaffClient, desk: Node) -> None:
    client.force_login(make_member(Role.Kind.TRAINER, desk))
    case = make_case("ليس للتدريب", name="شخص")

    text = found(client, "شخص") + found(client, case.reference)

    assert case.subject not in text
    assert 'role="option"' in client.get(PALETTE).content.decode()


def test_a_search_asks_few_statements(
    client: StaffClient, khobar: Node, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(make_member(Role.Kind.RESPONDER, khobar))
    for number in range(8):
        make_case(node=khobar, phone=f"9665000002{number:02}", name=f"سعيد {number}")

    with django_assert_max_num_queries(12):
        found(client, "سعيد")
