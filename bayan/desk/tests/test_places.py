from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.urls import reverse

from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.places.models import Place
from conftest import StaffClient

LIST, FIND = reverse("places:places"), reverse("places:find")


@pytest.fixture
def signed_in(client: StaffClient, khobar: Node) -> StaffClient:
    client.force_login(make_member(Role.Kind.VIEWER, khobar))
    return client


def test_everybody_with_a_role_sees_all_places(signed_in: StaffClient) -> None:
    page = signed_in.get(LIST)

    text = page.content.decode()
    assert page.context["all"] == Place.objects.current().count()
    assert "محافظة القطيف" in text
    assert "GeoNames" in signed_in.get(LIST, {"type": "city"}).content.decode()


def test_nobody_sees_them_before_signing_in(client: StaffClient) -> None:
    for path in (LIST, FIND, reverse("places:export")):
        assert client.get(path).status_code == 302


def test_a_member_without_a_role_stays_outside(client: StaffClient, khobar: Node) -> None:
    member = make_member(Role.Kind.VIEWER, khobar)
    member.roles.all().delete()
    client.force_login(member)
    assert client.get(LIST).status_code == 403


def test_the_list_is_searched_and_filtered(signed_in: StaffClient) -> None:
    page = signed_in.get(LIST, {"q": "الفيصليه", "type": "district"})
    assert next(place.name_ar for place in page.context["places"]) == "الفيصلية"
    assert {place.type for place in page.context["places"]} == {"district"}
    assert signed_in.get(LIST, {"q": "قسطنطينية"}).content.decode().count("<tr") == 0


def test_the_list_goes_on_where_it_ended_and_shows_each_place_once(
    signed_in: StaffClient, django_assert_max_num_queries: object
) -> None:
    seen: list[str] = []
    after = ""
    while True:
        with django_assert_max_num_queries(12):  # type: ignore[operator]
            page = signed_in.get(LIST, {"after": after}, headers={"HX-Request": "true"})
        seen += [place.key for place in page.context["places"]]
        after = page.context["more_after"]
        if not after:
            break
    expected = Place.objects.current().order_by("position").values_list("key", flat=True)
    assert seen == list(expected)


@pytest.mark.parametrize("after", ["x", "-1", "9" * 40, "١٢"])
def test_a_made_up_place_in_the_list_breaks_nothing(signed_in: StaffClient, after: str) -> None:
    assert signed_in.get(LIST, {"after": after, "type": "nothing"}).status_code == 200


def test_what_somebody_types_is_offered_with_its_municipality(signed_in: StaffClient) -> None:
    items = signed_in.get(FIND, {"q": "الثقبه"}).json()["items"]
    assert items[0]["name"] == "الثقبة"
    assert items[0]["municipality"] == "khobar"
    assert items[0]["within"] == "الخبر"
    assert items[0]["at"] == pytest.approx([26.274, 50.192], abs=0.002)
    options = signed_in.get(FIND, {"q": "الثقبه"}, headers={"HX-Request": "true"}).content.decode()
    assert 'data-key="khobar-ath-thuqbah"' in options
    assert "<html" not in options


def test_the_whole_gazetteer_as_a_spreadsheet_reads_it(committed_db: None) -> None:
    viewer: Member = make_member(Role.Kind.VIEWER, Node.objects.get(key="khobar"))

    async def fetch() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(viewer)
        answer = cast("StreamingHttpResponse", await client.get(reverse("places:export")))
        assert answer.headers["Content-Disposition"] == 'attachment; filename="places.csv"'
        parts = cast("AsyncIterator[bytes]", answer.streaming_content)
        text = b"".join([part async for part in parts])
        assert text.startswith(b"\xef\xbb\xbf")
        return text.decode("utf-8-sig").splitlines()

    lines = asyncio.run(fetch())
    assert len(lines) == 1 + Place.objects.current().count()
    assert any(line.startswith("khobar-ath-thuqbah,") for line in lines)
