"""A member is reached by whichever way gets to them: each way once, in order, and it is seen which it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError

from bayan.channels import selectors, services
from bayan.channels.models import Account, Attempt, Number, Outgoing, Reach, Template
from bayan.channels.services import Letter, Reaching, reaching
from bayan.channels.tests.factories import body_part, make_number, make_template
from bayan.organisation import selectors as organisation
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member

SUBJECT = "circular.addressee"
State, Way = Outgoing.State, Reach.Way


def make_sms_number(**changes: Any) -> Number:
    """The sender of an account of text messages."""
    facts: dict[str, Any] = {
        "key": "sms", "channel": Account.Channel.UNIFONIC, "nature": Account.Nature.DEMO, "name": "رسائل",
        "base_url": "http://127.0.0.1:9", "access_token": "a-key-of-the-gateway",
        "numbers": {"sms:EasternMun": "EasternMun"}, "sender_class": Number.Class.SERVICE,
        "node": organisation.desk(), "now": datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
    }  # fmt: skip
    account = services.save_account(**facts | services.gateway_secrets() | changes)
    return account.numbers.get()


def make_mail_number() -> Number:
    """The address of an e-mail account."""
    return make_sms_number(
        key="mail", channel=Account.Channel.EMAIL, base_url="smtp://127.0.0.1:9", sender_class="",
        numbers={"bayan@example.org": "bayan@example.org"},
    )  # fmt: skip


@pytest.fixture
def member(db: None) -> Member:
    """Somebody with a mobile, a backup number and an address."""
    made = make_member(Role.Kind.EXECUTIVE, organisation.desk())
    made.phone, made.backup_phone = "966500000101", "966500000102"
    made.save(update_fields=["phone", "backup_phone"])
    return made


@pytest.fixture
def template(member: Member) -> Template:
    return make_template(
        "work", components=[body_part("{{1}} حتى {{2}}", "تعميم", "9 صباحًا")], purpose="work"
    )


def letter_to(member: Member, key: str = "1", **changes: Any) -> Letter:
    facts: dict[str, Any] = {
        "member_id": member.pk, "node_id": organisation.desk().pk, "subject_key": key,
        "title": "تعميم 12: بدء موسم الأمطار", "text": "تعميم 12: بدء موسم الأمطار\nhttps://example.org/t/1",
    }  # fmt: skip
    return Letter(**facts | changes)


def tries(reach: Reach) -> list[tuple[str, str]]:
    """Each way that was tried, and why it was left."""
    return [(each.way, each.ended) for each in reach.attempts.order_by("pk")]


def become(state: Outgoing.State, way: str, **changes: Any) -> None:
    """Let the message by this way come to this state."""
    row = Outgoing.objects.get(attempt__way=way)
    Outgoing.objects.filter(pk=row.pk).update(state=state, **changes)


def how_far(member: Member, key: str = "1") -> str:
    found = selectors.how_far(SUBJECT, [key])[key, member.pk]
    return f"{found.how_far} {found.way}".strip()  # type: ignore[attr-defined]


def test_who_is_not_on_whatsapp_gets_a_text_message(
    member: Member, template: Template, now: datetime
) -> None:
    sender, worker = make_sms_number(), Reaching()
    member.backup_phone = ""
    member.save(update_fields=["backup_phone"])
    assert services.reach([letter_to(member)], subject_type=SUBJECT, now=now) == 1
    assert how_far(member) == "waiting"

    assert worker.step(now=now) == 1
    first = Outgoing.objects.get(attempt__way="whatsapp")
    assert (first.number, first.to_phone, first.template) == (
        make_number(),
        "966500000101",
        template,
    )
    assert (first.subject_type, first.subject_key) == (SUBJECT, "1")
    assert how_far(member) == "queued whatsapp"
    assert worker.step(now=now) == 0
    become(State.FAILED, "whatsapp", failed_at=now, error={"code": 131026})
    assert worker.step(now=now) == 1

    second = Outgoing.objects.get(attempt__way="sms")
    assert (second.number, second.to_phone) == (sender, "966500000101")
    assert second.content["sms"]["text"].endswith("https://example.org/t/1")
    become(State.SENT, "sms", sent_at=now)
    assert how_far(member) == "sent sms"
    become(State.DELIVERED, "sms", delivered_at=now)
    assert worker.step(now=now) == 1
    assert how_far(member) == "delivered sms"
    reach = Reach.objects.get()
    assert (reach.state, reach.ended_at) == (Reach.State.REACHED, now)
    assert tries(reach) == [("whatsapp", "failed"), ("backup", "no address"), ("sms", "")]


def test_asked_for_twice_it_is_sent_once_and_a_second_round_is_another(
    member: Member, template: Template, now: datetime
) -> None:
    worker = Reaching()
    assert services.reach([letter_to(member)], subject_type=SUBJECT, now=now) == 1
    worker.step(now=now)
    assert services.reach([letter_to(member)], subject_type=SUBJECT, now=now) == 0
    again = [letter_to(member), letter_to(member, round=1), letter_to(member, "2")]
    assert services.reach(again, subject_type=SUBJECT, now=now) == 2
    worker.step(now=now)
    assert Outgoing.objects.count() == Reach.objects.count() == 3


def test_a_worker_that_dies_in_the_midst_leaves_every_way_tried_once_or_not_at_all(
    member: Member, template: Template, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.reach([letter_to(member)], subject_type=SUBJECT, now=now)

    def die() -> None:
        raise DatabaseError("killed")

    with monkeypatch.context() as dying:
        # All is written, nothing is committed.
        dying.setattr(reaching, "wake_dispatcher", die)
        with pytest.raises(DatabaseError):
            Reaching().step(now=now)
    assert not Outgoing.objects.exists()
    assert not Attempt.objects.exists()
    for _time in range(3):
        Reaching().step(now=now)
    assert Outgoing.objects.count() == Attempt.objects.count() == 1


def test_without_a_receipt_in_its_usual_time_the_next_way_is_tried_and_a_late_one_counts(
    member: Member, template: Template, now: datetime
) -> None:
    make_mail_number()
    services.reach([letter_to(member)], subject_type=SUBJECT, now=now)
    worker = Reaching()
    worker.step(now=now)
    become(State.SENT, "whatsapp", sent_at=now)
    # Nothing is known of this number's receipts: ten minutes.
    assert worker.step(now=now + timedelta(minutes=9)) == 0
    worker.step(now=now + timedelta(minutes=10))
    assert Outgoing.objects.get(attempt__way="backup").to_phone == "966500000102"
    become(State.UNCERTAIN, "backup", claimed_at=now + timedelta(minutes=10))
    worker.step(now=now + timedelta(minutes=20))
    letter = Outgoing.objects.get(attempt__way="email")
    assert letter.to_email == member.email
    assert letter.content["email"]["subject"] == "تعميم 12: بدء موسم الأمطار"
    become(State.SENT, "email", sent_at=now + timedelta(minutes=20))
    worker.step(now=now + timedelta(minutes=31))
    reach = Reach.objects.get()
    assert reach.state == Reach.State.LEFT
    assert how_far(member) == "sent email"
    assert tries(reach) == [
        ("whatsapp", "no receipt"), ("backup", "no receipt"), ("sms", "no account"), ("email", "no receipt"),
    ]  # fmt: skip
    # None of them was sent again.
    assert Outgoing.objects.count() == 3

    become(State.READ, "whatsapp", delivered_at=now, read_at=now)
    Reaching().step(now=now + timedelta(hours=1))
    assert how_far(member) == "read whatsapp"


def test_how_long_a_receipt_is_waited_for_is_learned_from_the_last_ones(
    member: Member, template: Template, now: datetime
) -> None:
    number = make_number()
    facts: dict[str, Any] = {
        "node": number.node, "number": number, "to_phone": "966500000199", "content": {}, "lane": 10,
        "not_before": now, "created_at": now, "state": State.DELIVERED, "sent_at": now,
    }  # fmt: skip
    usual = [Outgoing(**facts, delivered_at=now + timedelta(seconds=200)) for _n in range(19)]
    Outgoing.objects.bulk_create(usual)
    learn: Callable[..., timedelta] = lambda lane=30: Reaching().patience(  # noqa: E731
        number, "whatsapp", lane=lane
    )
    assert learn() == timedelta(minutes=10)
    Outgoing.objects.create(**facts, delivered_at=now + timedelta(hours=9))
    assert learn() == timedelta(seconds=400)
    assert learn(Outgoing.Lane.CRISIS) == timedelta(minutes=5)
    Outgoing.objects.update(delivered_at=now)
    assert learn() == timedelta(minutes=2)
    assert learn(Outgoing.Lane.CRISIS) == timedelta(minutes=1)
    Outgoing.objects.update(delivered_at=now + timedelta(hours=9))
    assert learn() == timedelta(minutes=30)


def test_an_account_that_stands_still_holds_nobody_up(
    member: Member, template: Template, now: datetime
) -> None:
    make_sms_number()
    services.reach([letter_to(member), letter_to(member, "2")], subject_type=SUBJECT, now=now)
    worker = Reaching()
    worker.step(now=now)
    # One of them has left already: nobody calls it back.
    on_its_way = Outgoing.objects.get(subject_key="2")
    Outgoing.objects.filter(pk=on_its_way.pk).update(state=State.SENDING, claimed_at=now)
    Number.objects.filter(pk=make_number().pk).update(
        stopped_at=now, stop_error={"code": 190, "title": "expired"}
    )
    worker.step(now=now + timedelta(seconds=1))

    first, second = Reach.objects.order_by("subject_key")
    assert tries(first) == [("whatsapp", "stopped"), ("backup", "stopped"), ("sms", "")]
    assert Outgoing.objects.get(attempt__reach=first, attempt__way="whatsapp").state == State.FAILED
    assert tries(second) == [("whatsapp", "")]


def test_what_is_called_off_goes_no_further_way(
    member: Member, template: Template, now: datetime
) -> None:
    services.reach([letter_to(member)], subject_type=SUBJECT, now=now)
    worker = Reaching()
    worker.step(now=now)
    assert services.call_off(SUBJECT, ["1"], now=now) == 1
    assert worker.step(now=now + timedelta(hours=1)) == 0
    assert Outgoing.objects.get().state == State.FAILED
    assert how_far(member) == "withdrawn whatsapp"


def test_within_the_window_whatsapp_says_it_with_its_buttons(
    member: Member, template: Template, now: datetime
) -> None:
    content = services.compose(
        make_number(), lambda c: c.buttons("تعميم", replies=[("seen", "اطلعت")])
    )
    services.reach(
        [letter_to(member, content=content, window_until=now + timedelta(hours=1))],
        subject_type=SUBJECT, now=now,
    )  # fmt: skip
    Reaching().step(now=now)
    row = Outgoing.objects.get()
    assert (row.content, row.template) == (content, None)
    assert row.window_until == now + timedelta(hours=1)


def test_as_many_statements_for_a_hundred_as_for_two(
    member: Member, template: Template, now: datetime, django_assert_max_num_queries: Any
) -> None:
    members = [make_member(Role.Kind.VIEWER, organisation.desk()) for _n in range(20)]
    make_mail_number()
    services.reach([letter_to(m) for m in [member, *members]], subject_type=SUBJECT, now=now)
    with django_assert_max_num_queries(40):
        Reaching().step(now=now)
    assert Outgoing.objects.count() == 21
    assert reaching.BATCH > 21
