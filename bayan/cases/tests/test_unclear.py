"""What a member writes freely while things wait for an answer: asked about once, and put where it belongs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError

from bayan.cases import services as cases
from bayan.cases.models import Forward
from bayan.cases.services import unclear
from bayan.channels.events import IncomingFile
from bayan.inbox.models import Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work.models import Item, Remark
from bayan.work.tests.factories import link_mobile, make_item, written_by

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def officer(khobar: Node, now: datetime) -> Member:
    """A field officer whose WhatsApp is open: they wrote a moment ago."""
    member = link_mobile(make_member(Role.Kind.FIELD_OFFICER, khobar), "966500000801", now=now)
    cases.take_in([written_by(member, "مهامي", received_at=now)], now=now)
    return member


def write(member: Member, text: str, *, now: datetime, **changes: object) -> Message:
    """Let the member write, and a worker look; what Bayan said last."""
    cases.take_in([written_by(member, text, received_at=now, **changes)], now=now)
    cases.answer_forwards(now=now)
    return last()


def last() -> Message:
    return Message.objects.filter(direction="out").latest("pk")


def choose(member: Member, choice: str, *, now: datetime, of: Forward | None = None) -> str:
    forward = of or Forward.objects.latest("pk")
    message = written_by(member, kind="list_reply", choice_id=choice, received_at=now)
    cases.receive_decision([(message, str(forward.public_id))], now=now)
    return last().text


def photo(member: Member, *, now: datetime, name: str = "m1") -> None:
    message = written_by(
        member, "", kind="image", received_at=now,
        file=IncomingFile(external_id=name, mime_type="image/jpeg"),
    )  # fmt: skip
    cases.take_in([message], now=now)


def test_of_several_things_a_list_asks_which_and_the_words_and_pictures_go_there(
    khobar: Node, officer: Member, now: datetime
) -> None:
    facts = make_item(
        khobar, now=now, owner=officer, kind="answer", title="إفادة عن عقد صيانة الأرصفة في الراكة"
    )
    task = make_item(khobar, now=now, owner=officer)
    photo(officer, now=now, name="m0")
    asked = write(officer, "المقاول غادر الموقع أمس", now=now + SECOND)
    rows = asked.outgoing.content["interactive"]["action"]["sections"][0]["rows"]  # type: ignore[union-attr]
    assert [row["id"] for row in rows] == [
        f"answer-item-{facts.public_id}", f"answer-item-{task.public_id}", "answer-none",
    ]  # fmt: skip
    assert rows[-1]["title"] == "ليس ردًّا على شيء منها"
    assert all(len(row["title"]) <= 24 for row in rows)
    assert "الأرصفة" in rows[0]["description"]
    # The same words again are no second question.
    count = Message.objects.filter(direction="out").count()
    cases.take_in(
        [written_by(officer, "المقاول غادر الموقع أمس", received_at=now + MINUTE)], now=now + MINUTE
    )
    cases.answer_forwards(now=now + MINUTE)
    assert Message.objects.filter(direction="out").count() == count

    forward = Forward.objects.get()
    choose(officer, f"answer-item-{facts.public_id}", now=now + 2 * MINUTE)
    facts.refresh_from_db()
    assert (facts.state, facts.answer.splitlines()[0]) == ("done", "المقاول غادر الموقع أمس")
    assert facts.proofs.count() == 1
    assert Item.objects.get(pk=task.pk).is_open
    forward.refresh_from_db()
    assert (forward.state, forward.answers) == ("answer", f"item-{facts.public_id}")
    assert "من قبل" in choose(officer, "answer-none", now=now + 3 * MINUTE)


def test_what_is_to_be_done_keeps_it_as_a_remark_and_what_comes_in_the_same_breath(
    khobar: Node, officer: Member, now: datetime
) -> None:
    task = make_item(khobar, now=now, owner=officer)
    make_item(khobar, now=now, owner=officer, title="إزالة مخلفات")
    write(officer, "وصلنا الموقع وبدأنا", now=now)
    choose(officer, f"answer-item-{task.public_id}", now=now + 5 * SECOND)
    photo(officer, now=now + 10 * SECOND)
    assert list(Remark.objects.order_by("pk").values_list("text", flat=True)) == [
        "وصلنا الموقع وبدأنا", "",
    ]  # fmt: skip
    assert Item.objects.get(pk=task.pk).is_open
    assert task.proofs.count() == 1


def test_one_thing_and_words_like_an_answer_are_confirmed_by_two_buttons(
    khobar: Node, officer: Member, now: datetime
) -> None:
    task = make_item(khobar, now=now, owner=officer, kind="answer", title="عدد المقاولين")
    asked = write(officer, "لدينا ثلاثة مقاولين", now=now)
    assert asked.payload["rows"] == ["نعم، هذا ردّي", "ليس ردًّا عليه"]
    choose(officer, f"answer-item-{task.public_id}", now=now + MINUTE)
    assert Item.objects.get().answer == "لدينا ثلاثة مقاولين"


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("انكسر عمود إنارة عند سوق السمك", {}),
        ("تم https://example.org/x", {}),
        ("تم", {"forwarded": "once"}),
    ],
)
def test_what_is_no_answer_is_taken_as_before(
    khobar: Node, officer: Member, now: datetime, text: str, changes: dict[str, object]
) -> None:
    make_item(khobar, now=now, owner=officer)
    write(officer, text, now=now, **changes)
    assert Forward.objects.get().asked_at is None


def test_none_of_them_and_a_choice_after_a_day_go_the_way_of_what_is_passed_on(
    khobar: Node, officer: Member, now: datetime
) -> None:
    task = make_item(khobar, now=now, owner=officer, kind="answer")
    make_item(khobar, now=now, owner=officer)
    write(officer, "انكسر عمود إنارة عند سوق السمك", now=now)
    choose(officer, "answer-none", now=now + MINUTE)
    cases.answer_forwards(now=now + MINUTE)
    assert last().text.startswith("الفهم الأولي")
    write(officer, "الشارع مظلم منذ أمس", now=now + HOUR)
    late = now + 26 * HOUR
    choose(officer, f"answer-item-{task.public_id}", now=late)
    cases.answer_forwards(now=late)
    assert last().text.startswith("الفهم الأولي")
    assert Item.objects.get(pk=task.pk).is_open


def test_killed_between_asking_and_its_commit_it_is_asked_once(
    khobar: Node, officer: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_item(khobar, now=now, owner=officer)
    make_item(khobar, now=now, owner=officer)
    cases.take_in([written_by(officer, "وصلنا", received_at=now)], now=now)
    before = Message.objects.filter(direction="out").count()

    def die(*_things: object, **_facts: object) -> None:
        raise DatabaseError("killed")

    with monkeypatch.context() as dying:
        dying.setattr(Forward, "save", die)
        with pytest.raises(DatabaseError):
            cases.answer_forwards(now=now)
    for _time in range(2):
        cases.answer_forwards(now=now)
    assert Message.objects.filter(direction="out").count() == before + 1
    assert unclear.EXPIRES == 24 * HOUR
