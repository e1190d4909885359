"""Circulars: who gets them, who has seen them, and what leaves the house."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bayan.cases.models import Forward
from bayan.channels import services as channels
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import make_number
from bayan.channels.tests.test_reaching import make_mail_number
from bayan.correspondence import selectors, services
from bayan.correspondence.models import Address, Letter, Recipient, Reply
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import (
    approval_of,
    linked,
    make_director,
    make_letter,
    make_sent,
    message_to,
    task_of,
    tell,
    within_the_window,
    words,
)
from bayan.organisation.models import Node
from bayan.people.models import Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.tests.factories import written_by


def to_khobar(khobar: Node) -> list[To]:
    return [To(kind=Address.Kind.BODY, node=khobar)]


def texts() -> list[str]:
    """What was written freely to members, in its order."""
    return [
        row.content.get("text", {}).get("body", "")
        for row in Outgoing.objects.filter(lane=Outgoing.Lane.WORK, template=None).order_by("pk")
    ]


def test_a_circular_reaches_each_municipality_once_with_a_number_of_the_hijri_year(
    office: Office, now: datetime
) -> None:
    alone = make_member(Role.Kind.RESPONDER, Node.objects.get(key="jubail"))
    make_member(Role.Kind.RESPONDER, office.khobar)

    letter = make_sent(office.desk, office.writer, now=now)

    assert (letter.year, letter.number, letter.reference) == (1448, 1, "1448/1")
    # Whoever heads a body and its media get it; where there are none, whoever works there.
    assert {row.member for row in letter.recipients.all()} == {
        office.mayor,
        office.neighbour,
        alone,
    }
    assert make_sent(office.desk, office.writer, now=now).reference == "1448/2"
    assert tell(now=now) == 0


def test_what_is_public_goes_out_whole_with_its_button(office: Office, now: datetime) -> None:
    make_number()
    within_the_window(office.mayor, now=now)

    letter = make_sent(office.desk, office.writer, now=now, to=to_khobar(office.khobar))

    content = message_to(letter).content["interactive"]
    assert "خطة موسم الأمطار" in content["body"]["text"]
    assert content["action"]["buttons"][0]["reply"]["id"] == "work-done"
    press = written_by(office.mayor, choice_id="work-done", kind="button")
    work.receive([(press, str(task_of(letter).public_id))], now=now)
    found = selectors.matrix(letter, Access.of(office.writer, now=now), now=now)
    assert found.counts == {"done": 1}
    assert found.silent == 0


def test_a_long_letter_is_cut_so_that_its_button_stays(office: Office, now: datetime) -> None:
    make_number()
    within_the_window(office.mayor, now=now)

    letter = make_sent(
        office.desk,
        office.writer,
        now=now,
        to=to_khobar(office.khobar),
        subject="الاستعداد لموسم الأمطار " * 5,
        text="نأمل الاطلاع على خطة موسم الأمطار. " * 60,
        urgency=Letter.Urgency.VERY_URGENT,
    )

    content = message_to(letter).content["interactive"]
    assert 850 < len(content["body"]["text"]) <= 1024
    assert "…\nhttp" in content["body"]["text"]
    assert content["action"]["buttons"][0]["reply"]["id"] == "work-done"


def test_of_what_is_restricted_only_the_title_leaves_with_a_link_that_opens_once(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.mayor, now=now)
    other = make_member(Role.Kind.VIEWER, office.khobar)

    letter = make_sent(
        office.desk,
        office.writer,
        now=now,
        to=to_khobar(office.khobar),
        grade=Letter.Grade.RESTRICTED,
    )

    said = message_to(letter).content["interactive"]["body"]["text"]
    assert "موسم الأمطار" in said
    assert "ثلاثة أيام" not in said
    secret = said.rsplit("/open/", 1)[1].strip("/ \n")
    with pytest.raises(services.LinkIsDead, match="شخص آخر"):
        services.open_link(secret, by=other, now=now)
    assert services.open_link(secret, by=office.mayor, now=now) == letter
    with pytest.raises(services.LinkIsDead, match="سبق استعمال"):
        services.open_link(secret, by=office.mayor, now=now)


def test_of_what_is_secret_not_even_the_title_leaves_and_no_button_confirms_it(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.mayor, now=now)

    letter = make_sent(
        office.desk, office.writer, now=now, to=to_khobar(office.khobar), grade=Letter.Grade.SECRET
    )

    said = str(message_to(letter).content)
    assert "موسم" not in said
    assert "موسم" not in task_of(letter).title + task_of(letter).text
    press = written_by(office.mayor, choice_id="work-done", kind="button")
    work.receive([(press, str(task_of(letter).public_id))], now=now)
    assert task_of(letter).is_open


@pytest.mark.parametrize("grade", [Letter.Grade.PUBLIC, Letter.Grade.SECRET])
def test_no_reminder_and_no_e_mail_says_what_is_secret(
    office: Office, grade: str, now: datetime
) -> None:
    make_number()
    make_mail_number()
    within_the_window(office.mayor, now=now)
    # One has WhatsApp, the other e-mail alone.
    both = [*to_khobar(office.khobar), To(kind=Address.Kind.MEMBER, member=office.neighbour)]
    make_sent(office.desk, office.writer, now=now, to=both, grade=grade)
    for days in range(1, 6):
        later = now + timedelta(days=days)
        within_the_window(office.mayor, now=later)
        work.ring(now=later)
        work.tell(now=later)
        channels.Reaching().step(now=later)

    told = [str(row.content) for row in Outgoing.objects.all()]
    assert any("تذكير" in one for one in told)
    assert any("email" in one for one in told)
    # Of what is public reminders do say it: they are the same messages.
    says = any("موسم" in one for one in told)
    assert says == (grade == Letter.Grade.PUBLIC)


def test_a_recall_kills_the_tasks_and_the_links_and_tells_whoever_was_told(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.mayor, now=now)
    letter = make_sent(
        office.desk,
        office.writer,
        now=now,
        to=to_khobar(office.khobar),
        grade=Letter.Grade.RESTRICTED,
    )
    said = message_to(letter).content["interactive"]["body"]["text"]
    Outgoing.objects.filter(pk=message_to(letter).pk).update(state="delivered")

    services.recall(letter.public_id, reason="نسخة خاطئة", by=office.writer, now=now)
    assert tell(now=now) == 1

    task = Item.objects.get(pk=task_of(letter).pk)
    assert (task.state, task.text) == (Item.State.WITHDRAWN, "")
    listed = [Letter.objects.get(pk=letter.pk)]
    for reader, subject in ((office.mayor, "تعميم رقم 1448/1"), (office.writer, letter.subject)):
        selectors.with_counts(listed, Access.of(reader, now=now))
        assert listed[0].shown_subject == subject  # type: ignore[attr-defined]
    assert letter.subject not in task.title
    with pytest.raises(services.LinkIsDead, match="سُحبت"):
        services.open_link(said.rsplit("/open/", 1)[1].strip("/ \n"), by=office.mayor, now=now)
    [told] = [body for body in texts() if "سُحب" in body]
    assert "نسخة خاطئة" not in told
    assert tell(now=now) == 0
    with pytest.raises(services.NotSent):
        services.recall(letter.public_id, reason="ثانية", by=office.writer, now=now)


def test_whom_its_message_had_not_reached_hears_nothing_of_the_recall(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.mayor, now=now)
    letter = make_sent(office.desk, office.writer, now=now, to=to_khobar(office.khobar))

    services.recall(letter.public_id, reason="نسخة خاطئة", by=office.writer, now=now)

    assert tell(now=now) == 0
    assert message_to(letter).state == Outgoing.State.FAILED


def test_whoever_signs_signs_what_was_submitted_and_nothing_else(
    office: Office, now: datetime
) -> None:
    editor = make_member(Role.Kind.EDITOR, office.desk)
    letter = make_letter(office.desk, editor, now=now, to=to_khobar(office.khobar))
    with pytest.raises(services.MayNotSign):
        services.submit(letter.public_id, signer=editor, by=editor, now=now)
    services.submit(letter.public_id, signer=office.writer, by=editor, now=now)
    with pytest.raises(services.NotOpen):
        services.change_letter(letter.public_id, words(), by=editor, now=now)
    stale = Item.objects.get(kind=Item.Kind.APPROVE)

    services.take_back(letter.public_id, by=editor, now=now)
    anew = words(subject="موضوع آخر", to=to_khobar(office.khobar))
    services.change_letter(letter.public_id, anew, by=editor, now=now)
    services.submit(letter.public_id, signer=office.writer, by=editor, now=now)

    # The button of the old message does nothing, says so, and the press stays in the trail.
    with pytest.raises(work.ItemIsOver, match="تغيّر"):
        work.finish(stale.public_id, by=Access.of(office.writer, now=now), now=now)
    letter.refresh_from_db()
    assert letter.state == Letter.State.REVIEW
    work.finish(approval_of(letter).public_id, by=Access.of(office.writer, now=now), now=now)
    letter.refresh_from_db()
    assert (letter.state, letter.subject, letter.signer) == ("sent", "موضوع آخر", office.writer)


def test_words_that_were_changed_behind_the_signature_are_not_sent(
    office: Office, now: datetime
) -> None:
    editor = make_member(Role.Kind.EDITOR, office.desk)
    letter = make_letter(office.desk, editor, now=now, to=to_khobar(office.khobar))
    services.submit(letter.public_id, signer=office.writer, by=editor, now=now)
    Letter.objects.filter(pk=letter.pk).update(text="غير ما قُدّم")
    letter.refresh_from_db()

    with pytest.raises(services.ChangedSince):
        work.finish(approval_of(letter).public_id, by=Access.of(office.writer, now=now), now=now)
    letter.refresh_from_db()
    assert letter.state == Letter.State.REVIEW
    assert not Recipient.objects.exists()


def test_a_returned_letter_says_why_and_is_open_again(office: Office, now: datetime) -> None:
    editor = make_member(Role.Kind.EDITOR, office.desk)
    letter = make_letter(office.desk, editor, now=now, to=to_khobar(office.khobar))
    services.submit(letter.public_id, signer=office.writer, by=editor, now=now)
    item = Item.objects.get(kind=Item.Kind.APPROVE)

    work.finish(
        item.public_id,
        by=Access.of(office.writer, now=now),
        now=now,
        words="أضف الموعد",
        end="returned",
    )

    letter.refresh_from_db()
    assert (letter.state, letter.remark, letter.is_open) == ("returned", "أضف الموعد", True)


def test_a_circular_goes_down_the_tree_only(office: Office, now: datetime) -> None:
    director = make_director(office.khobar, now=now)
    make_member(Role.Kind.EXECUTIVE, office.qatif)
    letter = make_letter(office.khobar, director, now=now, to=to_khobar(office.qatif))
    with pytest.raises(services.NotBelow):
        services.submit(letter.public_id, signer=director, by=director, now=now)
    services.change_letter(
        letter.public_id,
        words(kind=Letter.Kind.LETTER, to=to_khobar(office.qatif)),
        by=director,
        now=now,
    )
    assert services.submit(letter.public_id, signer=director, by=director, now=now).state == "sent"


def test_what_a_recipient_writes_under_it_is_kept_with_it(office: Office, now: datetime) -> None:
    make_number()
    within_the_window(office.mayor, now=now)
    letter = make_sent(office.desk, office.writer, now=now, to=to_khobar(office.khobar))

    work.receive(
        [(written_by(office.mayor, "هل يشمل الطرق الزراعية؟"), str(task_of(letter).public_id))],
        now=now,
    )

    reply = Reply.objects.get()
    assert (reply.recipient, reply.text) == (letter.recipients.get(), "هل يشمل الطرق الزراعية؟")
    assert selectors.matrix(letter, Access.of(office.writer, now=now), now=now).counts == {
        "read": 1
    }


def test_an_answer_that_was_asked_for_is_in_the_digest(office: Office, now: datetime) -> None:
    letter = make_sent(
        office.desk,
        office.writer,
        now=now,
        to=to_khobar(office.khobar),
        wants=Letter.Wants.ANSWER,
        kind=Letter.Kind.FACTS,
    )
    item = task_of(letter)

    work.finish(item.public_id, by=Access.of(office.mayor, now=now), now=now, words="ست مضخات")

    [row] = selectors.answers_of(letter, Access.of(office.writer, now=now))
    assert row.item is not None
    assert row.item.answer == "ست مضخات"
    each, together = selectors.responses(
        Access.of(office.writer, now=now),
        days=1,
        now=now + timedelta(hours=1),
    )
    assert [(one.node, one.total, one.done, one.in_time) for one in each] == [
        (office.khobar, 1, 1, 1)
    ]
    assert together is not None
    assert together.share == 1


def test_two_hundred_cost_as_many_statements_as_two(office: Office, now: datetime) -> None:
    make_number()

    def statements(size: int) -> int:
        people = [
            linked(make_member(Role.Kind.VIEWER, office.khobar), now=now) for _n in range(size)
        ]
        letter = make_letter(
            office.desk,
            office.writer,
            now=now,
            to=[To(kind=Address.Kind.MEMBER, member=one) for one in people],
        )
        services.submit(letter.public_id, signer=office.writer, by=office.writer, now=now)
        with CaptureQueriesContext(connection) as caught:
            assert services.hand_over_some(letter.pk, now=now) == size
        return len(caught)

    assert statements(30) <= statements(3) + 2


def test_what_a_member_passes_on_becomes_a_request_for_facts_ready_to_sign(
    office: Office, now: datetime
) -> None:
    forward = Forward.objects.create(
        node=office.desk,
        member=office.writer,
        text="مقطع متداول: النفق غرق والبلدية ما جت",
        said={"municipality": "khobar"},
        received_at=now,
    )

    said = services.ask_facts(forward, office.writer, now)

    letter = Letter.objects.get()
    assert str(letter.public_id) in said
    assert (letter.kind, letter.state, letter.wants) == ("facts", "draft", "answer")
    assert "النفق غرق" in letter.text
    assert letter.addresses.get().node == office.khobar
    viewer = make_member(Role.Kind.VIEWER, office.khobar)
    assert "إدارة العلاقات العامة" in services.ask_facts(forward, viewer, now)
    assert Letter.objects.count() == 1


def test_drafts_of_whoever_leaves_go_to_somebody_else(office: Office, now: datetime) -> None:
    draft = make_letter(office.desk, office.writer, now=now)
    sent = make_sent(office.desk, office.writer, now=now)
    other = make_director(office.desk, now=now)

    assert services.hand_over_letters(office.writer, to=other, by=other, now=now) == 1

    draft.refresh_from_db()
    sent.refresh_from_db()
    assert (draft.author, sent.author) == (other, office.writer)
