"""What stops a channel calls a person: once, by a way that still works, until it is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import reverse

from bayan.channels import services as channels
from bayan.channels.models import Account, Alert, Number, Outgoing
from bayan.channels.tests.factories import make_account, make_number, make_template
from bayan.channels.tests.test_reaching import make_mail_number
from bayan.inbox.models import Message
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member, Role, Turn
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Clock, Item, Notice
from bayan.work.services import saying
from bayan.work.tests.factories import link_mobile
from conftest import StaffClient

HOUR = timedelta(hours=1)


@pytest.fixture
def officer(desk: Node, now: datetime) -> Member:
    """Whoever is on duty at the desk."""
    member = make_member(Role.Kind.RESPONDER, desk)
    Turn.objects.create(node=desk, member=member, starts_at=now - HOUR, ends_at=now + 10 * HOUR)
    return member


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


def another_number(account: Account) -> Number:
    return Number.objects.create(
        account=account, external_id="106540000000941", display="+966 11 234 5679",
        node=organisation.desk(),
    )  # fmt: skip


def stop(number: Number, *, now: datetime, code: int = 190) -> None:
    """What the dispatcher does with an error that only a person can mend."""
    from bayan.channels.tests.test_claiming import queue, refused

    queue(number, now=now)
    [row] = channels.claim(now=now)
    channels.settle([(row, refused(code, row))], now=now)


def test_when_nothing_goes_out_any_more_it_is_an_emergency(
    officer: Member, administrator: Member, now: datetime
) -> None:
    number = make_number()
    stop(number, now=now)

    item = Item.objects.get()
    assert (item.kind, item.is_emergency, item.owner) == ("acknowledge", True, None)
    assert item.due_at == now + timedelta(minutes=10)
    # In words, with what can be done about it.
    assert item.title.startswith("انتهت صلاحية رمز الوصول")
    assert "رمز وصول جديد" in item.text
    assert {notice.member for notice in Notice.objects.all()} == {officer, administrator}
    # No number is left that could ring: the page shows it.
    services.tell(now=now)
    assert set(Notice.objects.values_list("way", flat=True)) == {"page"}


def test_those_who_can_mend_the_only_whatsapp_number_are_told_once_by_what_still_works(
    desk: Node, now: datetime
) -> None:
    administrator, director = (
        make_member(Role.Kind.ADMINISTRATOR, desk),
        make_member(Role.Kind.DIRECTOR, desk),
    )
    link_mobile(administrator, "966500000778", now=now)
    make_mail_number()
    stop(make_number(), now=now)
    worker = channels.Reaching()
    for seconds in range(3):
        services.tell(now=now + timedelta(seconds=seconds))
        worker.step(now=now + timedelta(seconds=seconds))
    told = Outgoing.objects.filter(to_email__gt="")
    assert {row.to_email for row in told} == {administrator.email, director.email}
    assert told.count() == 2
    row = told.first()
    assert row is not None
    assert row.lane == Outgoing.Lane.CRISIS
    assert "رمز وصول جديد" in row.content["email"]["text"]


def test_another_number_rings_where_one_still_works(
    officer: Member, administrator: Member, now: datetime
) -> None:
    number = make_number()
    other = another_number(number.account)
    link_mobile(officer, "966500000777", now=now)
    stop(number, now=now, code=131048)
    # Whoever was written to by the stopped number writes by the other from now on.
    conversation = saying.conversation_with(officer, now=now)
    assert conversation is not None
    assert conversation.number == other
    type(conversation).objects.filter(pk=conversation.pk).update(last_inbound_at=now)

    assert services.tell(now=now) == 1
    message = Message.objects.get(direction="out")
    assert message.conversation.number == other
    assert "جودة" in message.text or Item.objects.get().title in message.text
    # One number stands still, not everything.
    item = Item.objects.get()
    assert (item.is_emergency, item.due_at) == (False, now + HOUR)


def test_one_trouble_calls_once_and_whoever_saw_it_is_left_alone(
    officer: Member, now: datetime
) -> None:
    account = make_account()
    for _again in range(3):
        channels.raise_alert(account, "token_refused", severity=Alert.Severity.CRITICAL, now=now)
    item = Item.objects.get()
    services.finish(item.public_id, by=Access.of(officer, now=now), now=now)
    channels.raise_alert(account, "token_refused", severity=Alert.Severity.CRITICAL, now=now + HOUR)
    assert Item.objects.get().state == "done"
    # What only wants to be known calls nobody.
    channels.raise_alert(account, "quality_low", severity=Alert.Severity.WARNING, now=now)
    assert Item.objects.count() == 1


def test_what_is_over_is_withdrawn_and_what_is_not_over_after_all_calls_again(
    officer: Member, administrator: Member, now: datetime
) -> None:
    number = make_number()
    stop(number, now=now)
    alert = Alert.objects.get()

    channels.resume_number(number, by=administrator, now=now)
    assert Item.objects.get().state == "withdrawn"
    assert not Clock.objects.filter(ended_at=None).exists()

    channels.reopen_alert(alert.pk, by=administrator, now=now)
    assert list(Item.objects.order_by("pk").values_list("state", flat=True)) == [
        "withdrawn", "open",
    ]  # fmt: skip
    channels.mark_settled(alert.pk, by=administrator, now=now)
    assert not Item.objects.open().exists()


def test_a_rehearsal_calls_nobody(officer: Member, now: datetime) -> None:
    account = make_account()
    Account.objects.filter(pk=account.pk).update(nature=Account.Nature.EXERCISE)
    account.refresh_from_db()
    channels.raise_alert(account, "account_banned", severity=Alert.Severity.CRITICAL, now=now)
    assert not Item.objects.exists()


def test_a_paused_template_calls_and_leads_to_the_health_page(
    client: StaffClient, administrator: Member, now: datetime
) -> None:
    template = make_template()
    channels.raise_alert(
        template.account, "template_stopped", severity=Alert.Severity.CRITICAL,
        template=template, facts={"code": 132015}, now=now,
    )  # fmt: skip
    item = Item.objects.get()
    assert (item.is_emergency, template.name in item.title) == (False, True)
    client.force_login(administrator)
    seen = client.get(reverse("work:item", args=[item.public_id])).content.decode()
    assert reverse("channels:health") in seen


def test_a_call_is_made_with_its_alert_or_not_at_all_and_by_two_at_once_only_once(
    committed_db: None, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    account = make_account()
    make_member(Role.Kind.ADMINISTRATOR, organisation.desk())

    def die(*args: Any, **facts: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("bayan.work.services.items.note_each", die)
        with pytest.raises(RuntimeError):
            raise_one(account, now)
    assert (Alert.objects.count(), Item.objects.count()) == (0, 0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _turn: raise_one(account, now), range(8)))
    assert (Alert.objects.get().times, Item.objects.count()) == (8, 1)
    assert not Outgoing.objects.exists()


def raise_one(account: Account, now: datetime) -> None:
    try:
        with transaction.atomic():
            channels.raise_alert(
                account, "token_refused", severity=Alert.Severity.CRITICAL, now=now
            )
    finally:
        if not connection.in_atomic_block:
            connection.close()
