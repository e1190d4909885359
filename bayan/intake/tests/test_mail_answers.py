"""Members without WhatsApp answer by e-mail: their words come to the letter or task that they answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bayan.cases.models import Case
from bayan.channels import services as channels
from bayan.channels.models import Number, Outgoing
from bayan.channels.tests.test_reaching import make_mail_number
from bayan.correspondence.models import Address, Letter, Reply
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office, office
from bayan.correspondence.tests.factories import make_sent, message_to, task_of
from bayan.intake import services
from bayan.intake.tests.test_reports import put
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.models import Item, Proof, Remark
from bayan.work.services import mail
from bayan.work.tests.factories import make_item

__all__ = ["office"]

ANSWER = """X-Bayan-Mailbox: 12
From: {sender}
To: bayan@example.org
Subject: Re: x
In-Reply-To: {answered}
Message-ID: <{key}@example.org>
{more}Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

{text}

On Mon, Nov 23, 2026 at 8:00 AM Bayan <bayan@example.org> wrote:
> تعميم
{files}--b--
"""
PICTURE = """--b
Content-Type: image/jpeg
Content-Disposition: attachment; filename="after.jpg"
Content-Transfer-Encoding: base64

/9j/
"""


@pytest.fixture
def number(db: None) -> Number:
    return make_mail_number()


def answer(
    number: Number,
    row: Outgoing,
    *,
    sender: str,
    text: str,
    key: str = "a1",
    more: str = "",
    files: str = "",
    now: datetime,
) -> None:
    """A letter comes in that answers this one of ours."""
    written = ANSWER.format(
        sender=sender, answered=f"<{row.public_id}@example.org>", key=key, text=text, more=more,
        files=files,
    )  # fmt: skip
    put(number.account, written.encode(), now=now)
    assert services.work_off(now=now).set_aside == 0


def left(row: Outgoing) -> Outgoing:
    """It was handed to the mail server."""
    row.external_id, row.state = f"<{row.public_id}@example.org>", Outgoing.State.SENT
    row.save(update_fields=["external_id", "state"])
    return row


def address_of(member: Member) -> str:
    assert member.email
    return member.email


@pytest.fixture
def question(office: Office, number: Number, now: datetime) -> Letter:
    """A letter that wants an answer of somebody who has no WhatsApp."""
    to = [To(kind=Address.Kind.MEMBER, member=office.neighbour)]
    return make_sent(
        office.desk, office.writer, now=now, to=to, kind=Letter.Kind.FACTS,
        wants=Letter.Wants.ANSWER,
    )  # fmt: skip


def test_an_answer_by_mail_is_the_answer_to_the_letter_and_the_thread_goes_on(
    office: Office, number: Number, question: Letter, now: datetime
) -> None:
    sender = f"Mayor <{address_of(office.neighbour).upper()}>"
    row = left(message_to(question))

    answer(number, row, sender=sender, text="جاهزون: ١٢ مضخة", now=now)

    item = task_of(question)
    assert (item.state, item.answer, item.ended_by) == (
        Item.State.DONE,
        "جاهزون: ١٢ مضخة",
        office.neighbour,
    )
    told = left(Outgoing.objects.latest("pk"))
    assert told.to_email == address_of(office.neighbour)
    assert told.content["email"]["in_reply_to"] == "<a1@example.org>"

    answer(number, told, sender=sender, text="وتصل ثلاث غدًا", key="a2", now=now)

    assert [reply.text for reply in Reply.objects.all()] == ["وتصل ثلاث غدًا"]
    assert not Case.objects.exists()


def test_only_the_address_that_was_written_to_answers_and_no_machine_does(
    office: Office, number: Number, question: Letter, now: datetime
) -> None:
    row, theirs = left(message_to(question)), address_of(office.neighbour)
    away = "Auto-Submitted: auto-replied\n"
    answer(number, row, sender=theirs, text="أنا في إجازة", key="a1", more=away, now=now)
    assert not Case.objects.exists()
    stranger = address_of(office.mayor)
    answer(number, row, sender=stranger, text="نعم", key="a2", now=now)
    # Whoever writes in their name without having their mailbox cannot name what we wrote.
    unknown = Outgoing(public_id="0193f3a2-7b1c-7e55-9a31-5d2f8c0a1b2c")
    answer(number, unknown, sender=theirs, text="نعم", key="a3", now=now)
    office.neighbour.is_active = False
    office.neighbour.save(update_fields=["is_active"])
    answer(number, row, sender=theirs, text="نعم", key="a4", now=now)

    assert task_of(question).is_open
    assert not Reply.objects.exists()
    # What is nobody's answer opens a case, as ever: of each address one.
    assert Case.objects.count() == 2


def test_a_machine_that_does_not_say_so_is_not_answered_for_ever(
    office: Office,
    number: Number,
    question: Letter,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mail, "MOST_A_DAY", 2)
    row = left(message_to(question))
    for count in range(5):
        at = now + timedelta(minutes=count)
        answer(
            number, row, sender=address_of(office.neighbour), text="وصلت رسالتكم", key=f"a{count}",
            now=at,
        )  # fmt: skip
        latest = Outgoing.objects.latest("pk")
        row = latest if latest.external_id else left(latest)
    assert Outgoing.objects.exclude(to_email="").count() == 1 + 2
    assert Reply.objects.count() == 1


def test_pictures_by_mail_show_what_was_done_and_a_line_of_its_own_ends_it(
    office: Office, number: Number, now: datetime
) -> None:
    item = make_item(office.qatif, now=now, owner=office.neighbour, wants_proof=True)
    work.tell(now=now)
    channels.Reaching().step(now=now)
    row = left(Outgoing.objects.get(subject_type=work.ONE))

    answer(
        number, row, sender=address_of(office.neighbour), text="رُدمت الحفرة", files=PICTURE, now=now
    )

    assert Proof.objects.get().item == item
    assert set(Remark.objects.values_list("text", flat=True)) == {"", "رُدمت الحفرة"}
    item.refresh_from_db()
    assert item.is_open
    # Told once, with where it is ended.
    told = Outgoing.objects.filter(pk__gt=row.pk).get()
    assert f"/work/{item.public_id}/" in told.content["email"]["text"]
    assert not Case.objects.exists()

    thread = left(told)
    answer(
        number, thread, sender=address_of(office.neighbour), text="تم ردمها غدًا؟", key="a2", now=now
    )
    item.refresh_from_db()
    assert item.is_open
    answer(
        number, thread, sender=address_of(office.neighbour), text="السلام عليكم\nتمّ.\nأبو سالم",
        key="a3", now=now,
    )  # fmt: skip
    item.refresh_from_db()
    assert (item.state, item.ended_by) == (Item.State.DONE, office.neighbour)


@pytest.mark.parametrize(
    ("kind", "state"),
    [(Item.Kind.ACKNOWLEDGE, Item.State.DONE), (Item.Kind.APPROVE, Item.State.OPEN)],
)
def test_by_mail_it_is_said_that_something_was_seen_and_nothing_is_approved(
    office: Office, number: Number, kind: Item.Kind, state: Item.State, now: datetime
) -> None:
    item = make_item(office.qatif, now=now, owner=office.neighbour, kind=kind)
    work.tell(now=now)
    channels.Reaching().step(now=now)
    row = left(Outgoing.objects.get(subject_type=work.ONE))

    answer(number, row, sender=address_of(office.neighbour), text="تم الاطلاع", now=now)

    item.refresh_from_db()
    assert item.state == state
