"""«القائمة»: what members find in their WhatsApp, each leading on; and silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from bayan.cases import services as cases
from bayan.channels.tests.factories import incoming
from bayan.desk import words
from bayan.desk.services import receive_choice
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Member, Role, Turn
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.forms import GiveForm
from bayan.work.models import Item, Notice
from bayan.work.tests.factories import link_mobile, make_item, written_by
from conftest import StaffClient

HOUR = timedelta(hours=1)


@pytest.fixture
def officer(khobar: Node, now: datetime) -> Member:
    return link_mobile(make_member(Role.Kind.FIELD_OFFICER, khobar), "966500000711", now=now)


def last() -> Message:
    return Message.objects.filter(direction="out").latest("pk")


def write(member: Member, text: str, *, now: datetime) -> str:
    cases.take_in([written_by(member, text, received_at=now)], now=now)
    return last().text


def choose(member: Member, choice: str, *, now: datetime) -> str:
    key = last().outgoing.subject_key  # type: ignore[union-attr]
    tap = written_by(member, "…", kind="list_reply", choice_id=choice, received_at=now)
    receive_choice([(tap, key)], now=now)
    return last().text


def test_the_menu_is_a_list_and_each_entry_leads_on(
    officer: Member, khobar: Node, now: datetime
) -> None:
    make_item(khobar, now=now, owner=officer)
    write(officer, "القائمه", now=now)
    rows = last().payload["rows"]
    assert rows == [
        "مهامي", "الموقف الآن", "تقرير ميداني", "من المناوب", "خطاباتي", "الصمت", "المساعدة",
    ]  # fmt: skip
    Turn.objects.create(node=khobar, member=officer, starts_at=now, ends_at=now + HOUR)
    for key, said in (
        ("tasks", "تكليف"), ("situation", "المفتوحة"), ("duty", "966500000711"),
        ("quiet", "الطارئ"), ("help", "القائمة"), ("field", "الموقع"), ("gone", "ما الذي تحتاج"),
    ):  # fmt: skip
        assert said in choose(officer, f"menu-{key}", now=now), key


def test_whoever_reads_no_cases_is_offered_what_is_theirs(khobar: Node, now: datetime) -> None:
    trainer = link_mobile(make_member(Role.Kind.TRAINER, khobar), "966500000712", now=now)
    write(trainer, "menu", now=now)
    assert "الموقف الآن" not in last().payload["rows"]
    assert "ما الذي تحتاج" in choose(trainer, "menu-situation", now=now)


def test_a_stranger_finds_no_menu(db: None, now: datetime) -> None:
    cases.take_in([incoming("القائمة", received_at=now)], now=now)
    tap = incoming("…", kind="list_reply", choice_id="menu-situation", received_at=now)
    receive_choice([(tap, "x")], now=now)
    assert not Message.objects.filter(direction="out").exists()
    assert Message.objects.get(external_id=tap.external_id).matter


def test_words_that_were_asked_for_come_before_what_they_might_ask(
    officer: Member, khobar: Node, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=officer, kind="answer")
    Item.objects.update(awaits="done", awaits_until=now + HOUR)
    write(officer, "الموقف الخبر مستقر", now=now)
    item.refresh_from_db()
    assert (item.state, item.answer) == ("done", "الموقف الخبر مستقر")


# Silence


def test_a_quiet_member_hears_of_emergencies_only_and_of_the_rest_together(
    officer: Member, khobar: Node, now: datetime
) -> None:
    assert "الطارئ" in write(officer, "لا تزعجني حتى ٧ مساء", now=now)
    officer.refresh_from_db()
    assert officer.quiet_until == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    for number in range(2):
        make_item(khobar, now=now, owner=officer, title=f"مهمة {number}")
    assert work.tell(now=now) == 0
    make_item(khobar, now=now, owner=officer, title="تسرب غاز", is_emergency=True)
    assert work.tell(now=now) == 1
    assert "تسرب غاز" in last().text
    after = officer.quiet_until + timedelta(seconds=1)
    assert work.tell(now=after) == 1
    assert last().text.startswith("تكليفان")
    assert len(last().payload["rows"]) == 2
    assert not Notice.objects.filter(told_at=None).exists()


def test_notices_of_the_quiet_hold_up_nobody_else(
    officer: Member, khobar: Node, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = link_mobile(make_member(Role.Kind.RESPONDER, khobar), "966500000713", now=now)
    people.be_quiet(officer, now + HOUR, now=now)
    for _number in range(3):
        make_item(khobar, now=now, owner=officer)
    make_item(khobar, now=now, owner=other)
    monkeypatch.setattr("bayan.work.services.telling.AT_ONCE", 2)
    work.tell(now=now)
    assert Notice.objects.get(member=other).told_at is not None
    assert not Notice.objects.filter(member=officer, told_at__isnull=False).exists()


def test_silence_ends_by_a_word_and_what_waited_comes(
    officer: Member, khobar: Node, now: datetime
) -> None:
    write(officer, "quiet until 23:00", now=now)
    make_item(khobar, now=now, owner=officer)
    assert "أهلًا بعودتك" in write(officer, "أزعجني", now=now + HOUR)
    assert work.tell(now=now + HOUR) == 1


def test_whoever_gives_work_sees_who_is_quiet(
    client: StaffClient, officer: Member, khobar: Node, now: datetime
) -> None:
    from django.utils import timezone

    real = timezone.now()
    people.be_quiet(officer, real + HOUR, now=real)
    form = GiveForm(node=khobar, now=real)
    labels = [label for _group, rows in form.fields["to"].choices[1:] for _key, label in rows]  # type: ignore[attr-defined]
    assert any(officer.name in label and "صامت حتى" in label for label in labels)


def test_the_page_sets_and_ends_a_silence_of_three_days_at_the_most(
    client: StaffClient, officer: Member
) -> None:
    client.force_login(officer)
    address = reverse("people:quiet")
    assert client.post(address, {"until": "2030-01-01T07:00"}).status_code == 422
    assert client.post(address, {"until": "2020-01-01T07:00"}).status_code == 422
    assert client.post(address, {"span": "hours"}).status_code == 302
    officer.refresh_from_db()
    assert officer.quiet_until is not None
    assert "لا يصلك إلا الطارئ" in client.get(reverse("people:me")).content.decode()
    client.post(address, {"span": "end"})
    officer.refresh_from_db()
    assert not officer.is_quiet(now=officer.quiet_until + HOUR)


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        # It is Monday, 10:00 in Riyadh.
        ("لا تزعجني حتى ٧", 9), ("لا تزعجني حتى ٧ صباحا", 21), ("لا تزعجني الى الساعة السابعة مساءً", 9),
        ("لا تزعجني ساعتين", 2), ("لا تزعجني ٣ ساعات", 3), ("لا تزعجني ساعة", 1), ("quiet until 22:30", 12.5),
        ("quiet for 4 hours", 4), ("do not disturb until 7 am", 21), ("لا تزعجني حتى بكرة ٨", 22),
        ("لا تزعجني حتى الأربعاء ٧ ص", 45), ("لا تزعجني حتى ١٠", 12),
    ],
)  # fmt: skip
def test_until_when(said: str, hours: float, now: datetime) -> None:
    assert words.quiet_in(said, now=now) == words.Quiet(now + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("لا تزعجني", words.Quiet(None)), ("لا تزعجني حتى 99", words.Quiet(None)),
        ("لا تزعجني حتى أعود", words.Quiet(None)), ("لا تزعجني رسائل الشركة", None),
        ("الحي هادئ حتى ٧", None), ("quietly until 7", None),
    ],
)  # fmt: skip
def test_what_is_no_time_is_asked_about(said: str, wish: words.Quiet | None, now: datetime) -> None:
    assert words.quiet_in(said, now=now) == wish
