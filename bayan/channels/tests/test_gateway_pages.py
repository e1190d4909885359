"""The pages of SMS and e-mail accounts: added with plain words, keys only go in, each can be tried."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse

from bayan.channels import services
from bayan.channels.models import Account, Number, Outgoing, Reach
from bayan.channels.services import Reaching
from bayan.channels.tests.test_reaching import (
    SUBJECT,
    letter_to,
    make_mail_number,
    make_sms_number,
)
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

KEY = "a-key-that-nobody-sees-again"


@pytest.fixture
def staff(client: StaffClient, desk: Node) -> StaffClient:
    client.force_login(make_member(Role.Kind.ADMINISTRATOR, desk))
    client.cookies["bayan_language"] = "en"
    return client


def post(client: StaffClient, page: str, /, *args: Any, **data: Any) -> Any:
    return client.post(reverse(f"channels:{page}", args=args), data)


SMS: dict[str, str] = {
    "name": "رسائل الأمانة", "key": "sms", "nature": "real", "channel": "unifonic", "base_url": "",
    "node": "eastern", "sender": "EasternMun", "sender_class": "service", "access_token": KEY,
}  # fmt: skip
EMAIL: dict[str, str] = {
    "name": "بريد الأمانة", "key": "mail", "nature": "real", "node": "eastern",
    "address": "Bayan@Example.org", "base_url": "smtps://mail.example.org",
    "inbox_url": "imaps://mail.example.org", "login": "bayan", "access_token": KEY,
}  # fmt: skip


def test_an_sms_account_is_added_with_the_gateways_own_address(staff: StaffClient) -> None:
    assert post(staff, "new_sms", **SMS).status_code == 302
    account = Account.objects.get()
    assert (account.channel, account.base_url) == ("unifonic", "https://el.cloud.unifonic.com")
    assert account.access_token == KEY
    number = account.numbers.get()
    assert (number.display, number.sender_class, number.throughput) == ("EasternMun", "service", 10)

    page = staff.get(reverse("channels:account", args=["sms"])).content.decode()
    assert f"/hooks/unifonic/sms/{account.verify_token}" in page
    assert KEY not in page
    assert "EasternMun" in staff.get(reverse("channels:accounts")).content.decode()
    assert "EasternMun" in staff.get(reverse("channels:health")).content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sender": "EasternM-AD"}, "without -AD"),
        ({"sender_class": "promotional"}, "ends in -AD"),
        ({"sender": "الأمانة"}, "Latin letters"),
        ({"base_url": "http://gateway.example.org"}, "https"),
        ({"nature": "exercise"}, "reaches the emulator only"),
        ({"access_token": ""}, "required"),
    ],
)
def test_what_no_gateway_takes_is_said_at_its_field(
    staff: StaffClient, changes: dict[str, str], words: str
) -> None:
    answer = post(staff, "new_sms", **SMS | changes)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Account.objects.exists()


def test_an_email_account_is_reached_over_encrypted_lines_only(staff: StaffClient) -> None:
    for changes in (
        {"base_url": "https://mail.example.org"},
        {"base_url": "smtps://user@mail.example.org"},
        {"inbox_url": "smtps://mail.example.org"},
        {"nature": "exercise"},
    ):
        assert post(staff, "new_email", **EMAIL | changes).status_code == 422
    assert post(staff, "new_email", **EMAIL).status_code == 302
    number = Number.objects.get()
    assert number.display == number.external_id == "bayan@example.org"
    page = staff.get(reverse("channels:account", args=["mail"])).content.decode()
    assert KEY not in page


def test_settings_and_senders_change_and_another_mailbox_is_read_anew(staff: StaffClient) -> None:
    account = make_mail_number().account
    Account.objects.filter(pk=account.pk).update(inbox_generation=1, inbox_position=9)
    given = {
        "name": "بريد",
        "base_url": account.base_url,
        "inbox_url": "imap://127.0.0.1:9",
        "login": "",
    }
    assert post(staff, "change_gateway", "mail", **given).status_code == 302
    account.refresh_from_db()
    assert (account.name, account.inbox_position) == ("بريد", None)
    make_sms_number()
    sender = {"sender": "EasternM-AD", "sender_class": "promotional"}
    assert post(staff, "save_sender", "sms", **sender).status_code == 302
    assert Number.objects.get(display="EasternM-AD").sender_class == "promotional"
    # An address has no kind.
    assert post(staff, "save_sender", "mail", **sender).status_code == 404


@pytest.mark.parametrize(
    ("make", "to", "field"),
    [
        (make_sms_number, "0501234567", ("to_phone", "966501234567")),
        (make_mail_number, "me@example.org", ("to_email", "me@example.org")),
    ],
)
def test_a_test_message_goes_by_every_channel(
    staff: StaffClient, make: Any, to: str, field: tuple[str, str]
) -> None:
    number = make()
    given = {"number": number.pk, "phone": to, "text": "تجربة"}
    assert post(staff, "test_send", **given).status_code == 302
    assert getattr(Outgoing.objects.get(), field[0]) == field[1]
    wrong = post(staff, "test_send", **given | {"phone": "nobody"})
    assert wrong.status_code == 422


def test_after_a_restore_no_further_way_is_tried_by_itself(desk: Node, now: datetime) -> None:
    member: Member = make_member(Role.Kind.EXECUTIVE, desk)
    make_mail_number()
    services.reach([letter_to(member)], subject_type=SUBJECT, now=now)
    services.doubt_unsent()
    assert Reaching().step(now=now) == 0
    assert Reach.objects.get().state == Reach.State.LEFT
    assert not Outgoing.objects.exists()
