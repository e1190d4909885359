"""The question where it is, through the journal: once a case, whatever is repeated, mixed up or killed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bayan.cases.models import Asked, Case
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import make_account
from bayan.inbox.models import Message
from bayan.intake import services
from bayan.intake.tests.hooks import body_of, journal, text_from
from bayan.intake.tests.test_disorder import example_by_example, rolled_back

QUESTION = "wamid.QUESTION"


class Killed(Exception):
    pass


def location_from(sender: str, number: int) -> dict[str, Any]:
    message = text_from(sender, number) | {
        "type": "location",
        "location": {"latitude": 26.275, "longitude": 50.190},
    }
    del message["text"]
    return message


def tap_from(sender: str, number: int, key: str) -> dict[str, Any]:
    message = text_from(sender, number) | {
        "type": "interactive",
        "context": {"id": QUESTION},
        "interactive": {"type": "list_reply", "list_reply": {"id": key, "title": "الخفجي"}},
    }
    del message["text"]
    return message


WRITTEN = [
    text_from("SA.1", 1, "طفح مجاري في حي النزهة والريحة طلعت"),
    text_from("SA.1", 2, "وينكم؟"),
    text_from("SA.1", 3, "في الخفجي"),
    location_from("SA.1", 4),
    tap_from("SA.1", 5, "place-khafji-an-nuzhah"),
    tap_from("SA.1", 6, "place-elsewhere"),
    text_from("SA.2", 1, "حفرة كبيرة وسط الشارع كسرت كفر سيارتي"),
]


@example_by_example
@given(data=st.data())
def test_nobody_is_asked_or_thanked_twice_whatever_comes_in_whatever_order(
    db: None, data: Any
) -> None:
    again = data.draw(st.lists(st.sampled_from(range(len(WRITTEN))), max_size=6))
    order = data.draw(st.permutations([*range(len(WRITTEN)), *again]))
    size = data.draw(st.integers(1, len(order)))
    now = timezone.now()

    with rolled_back():
        account = make_account(asks_where=True)
        journal(account, *(body_of(WRITTEN[index]) for index in order))
        is_over = False
        while not is_over:
            if data.draw(st.booleans()):
                # Killed just before the commit: all of it is done again.
                with suppress(Killed), transaction.atomic():
                    services.work_off(now=now, limit=size)
                    raise Killed
            is_over = not services.work_off(now=now, limit=size).rows
            # The provider took the first question over: answers name it from now on.
            question = Outgoing.objects.filter(subject_type="cases.where", external_id=None).first()
            if question and not Outgoing.objects.filter(external_id=QUESTION).exists():
                Outgoing.objects.filter(pk=question.pk).update(state="sent", external_id=QUESTION)

        cases = Case.objects.count()
        questions = Outgoing.objects.filter(subject_type="cases.where")
        assert cases == 2
        assert questions.count() == Asked.objects.count() <= cases
        keys = list(questions.values_list("subject_key", flat=True))
        assert len(set(keys)) == len(keys)
        automatic = Message.objects.filter(direction="out", author=None).exclude(
            kind__in=["list", "ask_location"]
        )
        assert automatic.count() <= Asked.objects.exclude(answered_at=None).count()
        assert Message.objects.filter(direction="in").count() == len(WRITTEN)
