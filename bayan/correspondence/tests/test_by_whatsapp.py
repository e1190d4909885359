"""Letters in WhatsApp alone: signed by a press, refused by name, and answered under the message itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bayan.cases import services as cases
from bayan.cases.models import Case, Forward
from bayan.channels.events import IncomingFile
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.correspondence import services
from bayan.correspondence.models import Address, Letter, Reply
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import (
    approval_of,
    linked,
    make_letter,
    make_sent,
    message_to,
    task_of,
    tell,
    within_the_window,
)
from bayan.people.models import Deputyship, Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.tests.factories import written_by


@pytest.fixture
def submitted(office: Office, now: datetime) -> Letter:
    """A circular to Khobar that waits for its signature."""
    make_number()
    editor = make_member(Role.Kind.EDITOR, office.desk)
    to = [To(kind=Address.Kind.BODY, node=office.khobar)]
    letter = make_letter(office.desk, editor, now=now, to=to)
    return services.submit(letter.public_id, signer=office.writer, by=editor, now=now)


def press(item: Item, member: Member, choice: str = "work-done", *, now: datetime) -> str:
    """A member presses a button under the message about a task; what they are told."""
    message = written_by(member, kind="button_reply", choice_id=choice, received_at=now)
    work.receive([(message, str(item.public_id))], now=now)
    return str(Outgoing.objects.latest("pk").content)


def refusals() -> list[tuple[str, str]]:
    """The tries that were refused, as the trail has them: who, and at what."""
    rows = AuditEntry.objects.filter(action__endswith="refused").exclude(subject_type="item")
    return list(rows.order_by("pk").values_list("actor_label", "action"))


def test_a_press_signs_and_sends(office: Office, submitted: Letter, now: datetime) -> None:
    assert "تم الاعتماد" in press(approval_of(submitted), office.writer, now=now)
    submitted.refresh_from_db()
    assert (submitted.state, submitted.signer) == (Letter.State.SENT, office.writer)


def test_a_press_on_words_that_were_changed_signs_nothing_says_so_and_is_in_the_trail(
    office: Office, submitted: Letter, now: datetime
) -> None:
    Letter.objects.filter(pk=submitted.pk).update(text="غير ما قُدّم")
    assert "تغيّر النص" in press(approval_of(submitted), office.writer, now=now)
    submitted.refresh_from_db()
    assert submitted.state == Letter.State.REVIEW
    assert approval_of(submitted).is_open
    assert refusals() == [(office.writer.audit_label, "item.refused")]


def test_the_button_of_what_was_taken_back_is_refused_by_name(
    office: Office, submitted: Letter, now: datetime
) -> None:
    stale = approval_of(submitted)
    assert submitted.author is not None
    services.take_back(submitted.public_id, by=submitted.author, now=now)
    assert "لم يعد" in press(stale, office.writer, now=now)
    assert refusals() == [(office.writer.audit_label, "item.refused")]


def test_a_button_that_is_days_old_leads_to_the_page(
    office: Office, submitted: Letter, now: datetime
) -> None:
    item = approval_of(submitted)
    late = item.due_at + work.PRESSED_UNTIL + timedelta(minutes=1)
    assert f"/work/{item.public_id}/" in press(item, office.writer, now=late)
    submitted.refresh_from_db()
    assert submitted.state == Letter.State.REVIEW


def test_a_signature_is_passed_on_only_to_somebody_who_may_sign(
    office: Office, submitted: Letter, now: datetime
) -> None:
    responder = linked(make_member(Role.Kind.RESPONDER, office.desk), now=now)
    deputy_head = make_member(Role.Kind.DIRECTOR, office.desk)
    by = Access.of(office.writer, now=now)
    item = approval_of(submitted)
    with pytest.raises(services.MayNotSign, match=responder.name):
        work.delegate(item.public_id, to=responder, by=by, now=now)
    assert work.delegate(item.public_id, to=deputy_head, by=by, now=now).owner == deputy_head


def test_a_try_to_sign_what_has_changed_since_it_was_read_is_in_the_trail(
    office: Office, submitted: Letter, now: datetime, client: Any
) -> None:
    client.force_login(office.writer)
    decide = f"/letters/{submitted.public_id}/decide/"
    assert client.post(decide, {"print": "0" * 64, "end": "done"}).status_code == 409
    # Enter in the line for the reason sends the form without a button: nothing is decided by it.
    assert client.post(decide, {"print": submitted.submitted_hash}).status_code == 409
    submitted.refresh_from_db()
    assert submitted.state == Letter.State.REVIEW
    assert [action for _who, action in refusals()] == ["letter.sign_refused", "item.refused"]
    assert (
        client.post(decide, {"print": submitted.submitted_hash, "end": "done"}).status_code == 302
    )


def received(letter: Letter, external_id: str) -> Letter:
    """The letter's message has reached its recipient's mobile."""
    Outgoing.objects.filter(pk=message_to(letter).pk).update(external_id=external_id)
    return letter


def test_words_and_pictures_that_quote_a_letter_are_kept_with_it(
    office: Office, now: datetime
) -> None:
    make_number()
    to = [To(kind=Address.Kind.BODY, node=office.khobar)]
    within_the_window(office.mayor, now=now)
    received(make_sent(office.desk, office.writer, now=now, to=to), "wamid.circular")
    question = written_by(
        office.mayor, "هل يشمل الطرق الزراعية؟", quoted_id="wamid.circular", external_id="q1"
    )

    cases.take_in([question], now=now)

    assert [reply.text for reply in Reply.objects.all()] == ["هل يشمل الطرق الزراعية؟"]
    assert not Forward.objects.exists()
    assert not Case.objects.exists()
    assert "وصلت ملاحظتكم" in str(Outgoing.objects.latest("pk").content)


def test_what_quotes_nothing_of_ours_or_is_a_citizens_goes_its_usual_way(
    office: Office, now: datetime
) -> None:
    make_number()
    to = [To(kind=Address.Kind.BODY, node=office.khobar)]
    within_the_window(office.mayor, now=now)
    letter = received(make_sent(office.desk, office.writer, now=now, to=to), "wamid.circular")
    passed_on = written_by(
        office.mayor, "منقول: انقطاع الماء", quoted_id="wamid.circular", forwarded="once",
        external_id="q2",
    )  # fmt: skip
    cases.take_in(
        [
            passed_on,
            written_by(office.mayor, "حفرة", quoted_id="wamid.of.nobody", external_id="q3"),
        ],
        now=now,
    )
    assert not Reply.objects.exists()
    assert Forward.objects.get().text == "منقول: انقطاع الماء\nحفرة"
    assert letter.recipients.get().seen_at is None


def test_whoever_stands_in_is_told_when_a_letter_comes_and_does_it_and_of_its_recall(
    office: Office, now: datetime
) -> None:
    make_number()
    deputy = linked(make_member(Role.Kind.RESPONDER, office.khobar), now=now)
    Deputyship.objects.create(
        member=office.mayor, deputy=deputy, starts_at=now, ends_at=now + timedelta(days=5)
    )
    within_the_window(deputy, now=now)
    within_the_window(office.mayor, now=now)
    to = [To(kind=Address.Kind.MEMBER, member=office.mayor)]
    letter = make_sent(office.desk, office.writer, now=now, to=to)
    restricted = make_sent(
        office.desk, office.writer, now=now, to=to, grade=Letter.Grade.RESTRICTED
    )

    told = Outgoing.objects.filter(subject_type=services.RECIPIENT, to_phone=deputy.phone)
    first, second = told.order_by("pk")
    assert "نيابةً عن" in str(first.content)
    assert office.mayor.name_ar in str(first.content)
    # A link that opens once is the mayor's own.
    assert "/letters/open/" not in str(second.content)
    assert f"/letters/{restricted.public_id}/" in str(second.content)
    assert letter.recipients.get().reach.member == office.mayor  # type: ignore[union-attr]

    message = written_by(deputy, kind="button_reply", choice_id="work-done", received_at=now)
    assert services.receive([(message, first.subject_key)], now=now) == []
    item = task_of(letter)
    assert (item.state, item.ended_by) == (Item.State.DONE, deputy)

    told.update(state="sent", sent_at=now)
    services.recall(letter.public_id, reason="خطأ", by=office.writer, now=now)
    tell(now=now)
    assert "سُحب" in str(told.latest("pk").content)


def test_done_asks_for_what_shows_it_and_a_file_does(office: Office, now: datetime) -> None:
    make_number()
    within_the_window(office.mayor, now=now)
    to = [To(kind=Address.Kind.MEMBER, member=office.mayor)]
    letter = make_sent(
        office.desk, office.writer, now=now, to=to, kind=Letter.Kind.ASSIGNMENT,
        wants=Letter.Wants.DO, wants_proof=True,
    )  # fmt: skip
    message = written_by(office.mayor, kind="button_reply", choice_id="work-done", received_at=now)
    services.receive([(message, message_to(letter).subject_key)], now=now)
    assert "صورة أو ملف" in str(Outgoing.objects.latest("pk").content)
    assert task_of(letter).is_open

    file = IncomingFile(external_id="77", mime_type="application/pdf", name="محضر.pdf")
    done = written_by(
        office.mayor, "مرفق المحضر", kind="document", file=file, external_id="d1", received_at=now
    )
    cases.take_in([done], now=now)

    item = task_of(letter)
    assert (item.state, item.answer) == (Item.State.DONE, "مرفق المحضر")
    assert item.proofs.get().media.name == "محضر.pdf"
