"""Who is not reached by WhatsApp is told of their tasks by the next way, each way once, until it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError

from bayan.channels.models import Attempt, Outgoing, Reach
from bayan.channels.services import Reaching
from bayan.channels.tests.factories import body_part, make_number, make_template
from bayan.channels.tests.test_reaching import make_mail_number, make_sms_number
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Notice
from bayan.work.services import onward
from bayan.work.tests.factories import link_mobile, make_item, written_by

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def officer(khobar: Node, now: datetime) -> Member:
    """A field officer whose WhatsApp is open: they wrote a moment ago."""
    member = link_mobile(make_member(Role.Kind.FIELD_OFFICER, khobar), "966500000801", now=now)
    services.hear_members([(written_by(member, "مهامي", received_at=now), member)], now=now)
    Outgoing.objects.update(state=Outgoing.State.SENT)
    return member


def tries() -> list[tuple[int, str, str]]:
    """Each round's ways, and why each was left."""
    rows = Attempt.objects.order_by("reach__round", "pk").select_related("reach")
    return [(row.reach.round, row.way, row.ended) for row in rows]


def test_who_has_linked_no_whatsapp_gets_a_text_message(khobar: Node, now: datetime) -> None:
    make_number()
    make_sms_number()
    member = make_member(Role.Kind.FIELD_OFFICER, khobar)
    member.phone = "966500000802"
    member.save(update_fields=["phone"])
    item = make_item(khobar, now=now, owner=member, text="أمام مدرسة الراكة")

    assert services.tell(now=now) == 0
    Reaching().step(now=now)
    sent = Outgoing.objects.get(attempt__way="sms")
    assert (sent.to_phone, sent.subject_type, sent.subject_key) == (
        "966500000802", "work.item", str(item.public_id),
    )  # fmt: skip
    text = sent.content["sms"]["text"]
    assert "معاينة حفرة" in text
    assert f"/work/{item.public_id}" in text or str(item.public_id) in text
    notice = Notice.objects.get()
    assert (notice.way, notice.reach) == ("page", Reach.objects.get())
    services.tell(now=now)
    Reaching().step(now=now)
    assert Outgoing.objects.filter(attempt__isnull=False).count() == 1


def test_whatsapp_comes_first_with_its_buttons_and_each_chaser_is_a_round_of_its_own(
    khobar: Node, officer: Member, now: datetime
) -> None:
    make_sms_number()
    make_item(khobar, now=now, owner=officer)
    worker = Reaching()
    assert services.tell(now=now) == 1
    worker.step(now=now)
    first = Outgoing.objects.get(attempt__way="whatsapp")
    assert [row["reply"]["id"] for row in first.content["interactive"]["action"]["buttons"]] == [
        "work-done", "work-later",
    ]  # fmt: skip
    # It is not on WhatsApp any more.
    Outgoing.objects.filter(pk=first.pk).update(state="failed", error={"code": 131026})
    worker.step(now=now + MINUTE)
    assert tries() == [
        (0, "whatsapp", "failed"), (0, "backup", "no address"), (0, "sms", ""),
    ]  # fmt: skip
    due = now + 90 * MINUTE
    services.ring(now=due)
    assert services.tell(now=due) == 1
    assert tries()[3:] == [(1, "whatsapp", "")]
    assert Notice.objects.filter(reach__isnull=False).values("reach").distinct().count() == 2


def test_killed_in_the_midst_nobody_is_told_twice_and_nothing_is_lost(
    khobar: Node, officer: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_item(khobar, now=now, owner=officer)

    def die(*_rows: object, **_facts: object) -> None:
        raise DatabaseError("killed")

    before = Outgoing.objects.count()
    with monkeypatch.context() as dying:
        # All is written, nothing is committed.
        dying.setattr(onward, "pass_on", die)
        with pytest.raises(DatabaseError):
            services.tell(now=now)
    assert (Outgoing.objects.count(), Reach.objects.count()) == (before, 0)
    assert sum(services.tell(now=now) for _time in range(3)) == 1
    for _time in range(3):
        Reaching().step(now=now)
    assert (Outgoing.objects.count(), Attempt.objects.count()) == (before + 1, 1)


def test_what_is_done_goes_no_further_way_and_what_was_given_back_does(
    khobar: Node, officer: Member, now: datetime
) -> None:
    make_sms_number()
    item = make_item(khobar, now=now, owner=officer)
    services.tell(now=now)
    access = Access.of(officer, now=now)
    services.finish(item.public_id, by=access, now=now + MINUTE)
    services.tell(now=now + MINUTE)
    sent = Outgoing.objects.get(attempt__isnull=False)
    assert (sent.state, sent.error) == ("failed", {"title": "withdrawn"})
    assert Reach.objects.get().state == "withdrawn"
    head = Access.of(make_member(Role.Kind.DIRECTOR, khobar), now=now)
    services.send_again(
        item.public_id, reason="بقي الرصيف", due_at=now + 3 * HOUR, by=head, now=now + HOUR
    )
    assert services.tell(now=now + HOUR) == 1
    services.tell(now=now + HOUR)
    Reaching().step(now=now + HOUR)
    assert list(Reach.objects.order_by("pk").values_list("round", "state")) == [
        (0, "withdrawn"), (1, "open"),
    ]  # fmt: skip


def test_outside_the_window_the_template_goes_on_by_e_mail_and_several_things_come_together(
    khobar: Node, officer: Member, now: datetime
) -> None:
    make_mail_number()
    make_template(
        "work", components=[body_part("{{1}} حتى {{2}}", "تعميم", "9 صباحًا")], purpose="work"
    )
    later = now + 25 * HOUR
    for number in range(5):
        make_item(khobar, now=later, owner=officer, title=f"مهمة {number}")
    assert services.tell(now=later) == 1
    sent = Outgoing.objects.get(attempt__way="whatsapp")
    assert sent.template is not None
    Outgoing.objects.filter(pk=sent.pk).update(state="failed", error={"code": 131026})
    Reaching().step(now=later)
    mail = Outgoing.objects.get(attempt__way="email").content["email"]
    assert "4" in mail["subject"]
    assert "مهمة 0" in mail["text"]


def test_a_flood_of_emergencies_is_kept_within_bounds_by_text_message_too(
    khobar: Node, now: datetime
) -> None:
    make_sms_number()
    member = make_member(Role.Kind.FIELD_OFFICER, khobar)
    member.phone = "966500000802"
    member.save(update_fields=["phone"])
    worker = Reaching()
    for second in range(10):
        at = now + timedelta(seconds=second)
        make_item(khobar, now=at, owner=member, kind="acknowledge", is_emergency=True)
        services.tell(now=at)
        worker.step(now=at)
    assert Outgoing.objects.count() == 3
    services.tell(now=now + 2 * MINUTE)
    worker.step(now=now + 2 * MINUTE)
    assert Outgoing.objects.count() == 4
    assert not Notice.objects.filter(told_at=None).exists()
