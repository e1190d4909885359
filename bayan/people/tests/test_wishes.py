"""The words with which a person stops or resumes what goes to many."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bayan.core.models import AuditEntry
from bayan.people import services
from bayan.people.models import Contact, OptOut
from bayan.people.services import Wish, wish_of


@pytest.mark.parametrize(
    "text",
    [
        "إيقاف", "ايقاف", "  إِيقـــاف. ", "«الغاء»", "إلغاء الاشتراك", "الغاء الإشتراك", "توقّف", "أوقفوا",
        "لا أُريد رسائل", "STOP", "stop!", "Stop 🙏", "Unsubscribe", "Opt-Out", "ﺇﻳﻘﺎﻑ", "قف\u200f",
    ],
)  # fmt: skip
def test_who_writes_a_word_of_stopping_and_nothing_else_wants_no_more(text: str) -> None:
    assert wish_of(text) is False


@pytest.mark.parametrize(
    "text", ["اشتراك", "إشتراك", "اشترك", "استئناف", "START", "resume", "opt in."]
)
def test_who_writes_a_word_of_resuming_wants_it_again(text: str) -> None:
    assert wish_of(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "", "؟", "توقف المطر أخيرًا", "متى إيقاف الحفر؟", "إيقاف إيقاف", "the bus stop is broken", "شكرًا",
        "إلغاء البلاغ", "السلام عليكم " * 20, "إيقاف " * 30, "🙏",
    ],
)  # fmt: skip
def test_who_writes_of_something_else_wishes_nothing(text: str) -> None:
    assert wish_of(text) is None


@pytest.fixture
def contact(db: None, now: datetime) -> Contact:
    return Contact.objects.create(name="نورة", created_at=now)


def say(contact: Contact, wants: bool, at: datetime) -> bool:
    wish = Wish(contact=contact, wants=wants, source=OptOut.Source.WORD, at=at)
    return bool(services.note_wishes([wish], now=at))


def rows(contact: Contact) -> list[tuple[datetime, datetime | None]]:
    return list(contact.opt_outs.order_by("since_at").values_list("since_at", "ended_at"))


def test_a_wish_counts_once_and_leaves_its_trace(contact: Contact, now: datetime) -> None:
    later = now + timedelta(hours=1)
    assert not say(contact, True, now)
    assert say(contact, False, now)
    assert not say(contact, False, later)
    assert say(contact, True, later)
    assert not say(contact, True, later)

    assert rows(contact) == [(now, later)]
    trail = AuditEntry.objects.filter(subject_key=str(contact.public_id)).order_by("pk")
    assert [entry.action for entry in trail] == ["contact.opted_out", "contact.opted_in"]


def test_a_wish_that_comes_late_changes_nothing(contact: Contact, now: datetime) -> None:
    say(contact, False, now)
    say(contact, True, now + timedelta(hours=2))

    assert not say(contact, False, now + timedelta(hours=1))

    assert rows(contact) == [(now, now + timedelta(hours=2))]


def test_of_several_at_once_the_latest_counts(contact: Contact, now: datetime) -> None:
    wishes = [
        Wish(contact=contact, wants=wants, source=OptOut.Source.WORD, at=now + timedelta(hours=n))
        for n, wants in ((2, False), (0, False), (1, True))
    ]

    assert services.note_wishes(wishes, now=now) == {contact.pk}

    assert rows(contact) == [
        (now, now + timedelta(hours=1)),
        (now + timedelta(hours=2), None),
    ]
