"""A mobile is linked by a code that comes from it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from bayan.core import events
from bayan.organisation.models import Node
from bayan.people import services
from bayan.people.models import LinkCode, Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

MOBILE = "966500000142"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("اربط 482913", "482913"), ("إربط ٤٨٢٩١٣", "482913"), ("482913", "482913"),
        ("  ٤٨٢ ٩١٣. ", "482913"), ("Link 482-913", "482913"), ("اربط: 482913", "482913"),
        ("رمز الربط ٤٨٢٩١٣", "482913"), ("اربط482913", "482913"), ("۴۸۲۹۱۳", "482913"),
    ],
)  # fmt: skip
def test_a_message_that_links_is_known_however_it_is_written(text: str, code: str) -> None:
    assert services.link_code_of(text) == code


@pytest.mark.parametrize(
    "text",
    ["", "اربط", "48291", "4829133", "482913 482913", "بلاغي 482913", "482913 اربط", "رقم 482 173 095",
     "اربط 482913 من فضلكم لأن جوالي تغيّر والرقم القديم لا يعمل"],
)  # fmt: skip
def test_a_message_about_something_else_links_nothing(text: str) -> None:
    assert services.link_code_of(text) is None


def test_the_code_links_the_mobile_it_comes_from_once(
    khobar_responder: Member, now: datetime
) -> None:
    code = services.ask_link_code(khobar_responder, "0500000142", now=now)
    assert code not in LinkCode.objects.get().hash

    assert services.link_phone_by_code(code, MOBILE, now=now) == khobar_responder

    khobar_responder.refresh_from_db()
    assert (khobar_responder.phone, khobar_responder.phone_linked_at) == (MOBILE, now)
    assert services.link_phone_by_code(code, MOBILE, now=now) is None


def test_the_code_is_good_for_ten_minutes_and_from_that_mobile_alone(
    khobar_responder: Member, now: datetime
) -> None:
    code = services.ask_link_code(khobar_responder, MOBILE, now=now)
    assert services.link_phone_by_code(code, "966500000143", now=now) is None
    later = now + timedelta(minutes=10)
    assert services.link_phone_by_code(code, MOBILE, now=later) is None
    assert services.link_phone_by_code(code, f"+{MOBILE}", now=now) == khobar_responder


def test_five_wrong_codes_void_the_right_one(khobar_responder: Member, now: datetime) -> None:
    code = services.ask_link_code(khobar_responder, MOBILE, now=now)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _try in range(5):
        assert services.link_phone_by_code(wrong, MOBILE, now=now) is None
    assert services.link_phone_by_code(code, MOBILE, now=now) is None
    # A new one is good again.
    code = services.ask_link_code(khobar_responder, MOBILE, now=now)
    assert services.link_phone_by_code(code, MOBILE, now=now) == khobar_responder


def test_a_new_code_replaces_the_one_before(khobar_responder: Member, now: datetime) -> None:
    first = services.ask_link_code(khobar_responder, MOBILE, now=now)
    second = services.ask_link_code(khobar_responder, MOBILE, now=now)
    if first != second:
        assert services.link_phone_by_code(first, MOBILE, now=now) is None
    assert services.link_phone_by_code(second, MOBILE, now=now) == khobar_responder


def test_whoever_holds_the_mobile_now_has_it(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    before = make_member(Role.Kind.RESPONDER, khobar)
    Member.objects.filter(pk=before.pk).update(phone=MOBILE, phone_linked_at=now)
    code = services.ask_link_code(khobar_responder, MOBILE, now=now)

    assert services.link_phone_by_code(code, MOBILE, now=now) == khobar_responder

    before.refresh_from_db()
    assert (before.phone, before.phone_linked_at) == (None, None)


def test_nobody_loses_the_only_way_to_reach_them(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    mayor = Member.objects.create(phone=MOBILE, name_ar="رئيس البلدية")
    code = services.ask_link_code(khobar_responder, MOBILE, now=now)
    assert services.link_phone_by_code(code, MOBILE, now=now) is None
    mayor.refresh_from_db()
    assert mayor.phone == MOBILE


def test_a_member_who_is_switched_off_links_nothing(
    khobar_responder: Member, now: datetime
) -> None:
    code = services.ask_link_code(khobar_responder, MOBILE, now=now)
    Member.objects.filter(pk=khobar_responder.pk).update(is_active=False)
    assert services.link_phone_by_code(code, MOBILE, now=now) is None


def test_what_is_no_mobile_gets_no_code(khobar_responder: Member, now: datetime) -> None:
    with pytest.raises(services.NoMobile):
        services.ask_link_code(khobar_responder, "0138000000", now=now)


def test_the_page_offers_a_code_only_where_a_number_takes_it(
    client: StaffClient, khobar_responder: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_phone_numbers", [])
    client.force_login(khobar_responder)
    page = client.get(reverse("people:me")).content.decode()
    assert "ربط الجوال غير متاح هنا" in page
    client.post(reverse("people:link_phone"), {"phone": "0500000142"})
    assert not LinkCode.objects.exists()

    events.offer_phone_numbers(lambda: ["+966 11 234 5678"])
    answer = client.post(reverse("people:link_phone"), {"phone": "٠٥٠٠٠٠٠١٤٢"})
    page = answer.content.decode()
    assert "+966 11 234 5678" in page
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r'اربط <span dir="ltr">(\d{6})</span>', page)
    assert found is not None
    text = f"اربط {found[1]}"
    code = services.link_code_of(text)
    assert code is not None
    assert services.link_phone_by_code(
        code, MOBILE, now=LinkCode.objects.get().expires_at - timedelta(minutes=1)
    )

    page = client.get(reverse("people:me")).content.decode()
    assert "رُبط في" in page
    client.post(reverse("people:unlink_phone"))
    assert Member.objects.get(pk=khobar_responder.pk).phone is None
    assert client.post(reverse("people:link_phone"), {"phone": "abc"}).status_code == 422
