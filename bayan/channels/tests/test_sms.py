"""Text messages: how many parts they have, which senders may write when, what reports say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bayan.channels import services
from bayan.channels.adapters.sms import parts, senders
from bayan.channels.models import Number, Outgoing
from bayan.channels.tests.test_reaching import make_sms_number


@pytest.mark.parametrize(
    ("text", "units", "count"),
    [
        ("", 0, 0),
        ("س" * 70, 70, 1),
        ("س" * 71, 71, 2),
        ("س" * 134, 134, 2),
        ("س" * 135, 135, 3),
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        # The euro, brackets and the like count twice, and are never cut in half.
        ("€" * 80, 160, 1),
        ("a" * 159 + "€", 161, 2),
        ("€" * 153, 306, 3),
        # So does an emoji; one Arabic letter makes the whole text UCS-2.
        ("🌧" * 35, 70, 1),
        ("🌧" * 67, 134, 3),
        ("a" * 70 + "س", 71, 2),
        ("`", 1, 1),
    ],
)
def test_a_text_has_as_many_parts_as_its_alphabet_needs(text: str, units: int, count: int) -> None:
    length = parts.length_of(text)
    assert (length.units, length.parts) == (units, count)


def test_what_is_too_long_is_cut_at_a_word_and_keeps_its_end() -> None:
    long = "تعميم " * 200
    cut = parts.shortened(long, keeping="https://example.org/t/1")
    assert parts.length_of(cut).parts <= parts.MOST_PARTS
    assert cut.endswith("…\nhttps://example.org/t/1")
    assert parts.shortened("قصير") == "قصير"


def riyadh(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC) - timedelta(hours=3)


@pytest.mark.parametrize(
    ("kind", "now", "opens"),
    [
        ("promotional", riyadh(8, 59), riyadh(9)),
        ("promotional", riyadh(9), riyadh(9)),
        ("awareness", riyadh(20, 59), riyadh(20, 59)),
        ("awareness", riyadh(21), riyadh(9) + timedelta(days=1)),
        ("service", riyadh(3), riyadh(3)),
        ("warning", riyadh(3), riyadh(3)),
        ("", riyadh(3), riyadh(3)),
    ],
)
def test_only_advertising_and_awareness_keep_to_the_hours(
    kind: str, now: datetime, opens: datetime
) -> None:
    assert senders.opens_at(kind, now=now) == opens


@pytest.mark.parametrize(
    ("name", "kind", "is_possible"),
    [
        ("EasternMun", "service", True),
        ("EasternM-AD", "promotional", True),
        ("EasternM-AD", "service", False),
        ("EasternMun", "promotional", False),
        ("Easternmunic", "service", False),
        ("12345", "service", False),
        ("الأمانة", "service", False),
    ],
)
def test_a_senders_name_is_one_that_operators_register(
    name: str, kind: str, is_possible: bool
) -> None:
    assert senders.is_possible(name, kind) is is_possible


def test_at_night_a_name_for_advertising_waits_for_the_morning(db: None) -> None:
    number = make_sms_number(
        numbers={"sms:EasternM-AD": "EasternM-AD"}, sender_class=Number.Class.PROMOTIONAL
    )
    night = riyadh(23)
    facts: dict[str, Any] = {
        "node": number.node, "number": number, "to_phone": "966500000101", "lane": Outgoing.Lane.BULK,
        "content": {}, "not_before": night, "created_at": night,
    }  # fmt: skip
    row = Outgoing.objects.create(**facts)
    assert services.claim(now=night) == []
    row.refresh_from_db()
    assert row.not_before == riyadh(9) + timedelta(days=1)
    assert [claimed.pk for claimed in services.claim(now=row.not_before)] == [row.pk]
