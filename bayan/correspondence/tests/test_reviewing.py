"""A letter is read by others before it is signed: exactly this version, on the page or by a press."""

from __future__ import annotations

from datetime import datetime

import pytest

from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.core.rls import look_as
from bayan.correspondence import selectors, services
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import approval_of, linked, make_letter
from bayan.correspondence.tests.test_by_whatsapp import press
from bayan.correspondence.tests.test_views import address
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Item
from conftest import StaffClient


@pytest.fixture
def lawyer(office: Office, now: datetime) -> Member:
    make_number()
    return linked(make_member(Role.Kind.EDITOR, office.desk), now=now)


@pytest.fixture
def second(office: Office) -> Member:
    return make_member(Role.Kind.EDITOR, office.desk)


@pytest.fixture
def author(office: Office) -> Member:
    return make_member(Role.Kind.EDITOR, office.desk)


def handed_in(
    office: Office, author: Member, *reviewers: Member, now: datetime, grade: str = "public"
) -> Letter:
    """A letter that is to be read by these before the office's writer signs it."""
    to = [To(kind=Address.Kind.BODY, node=office.khobar)]
    letter = make_letter(office.desk, author, now=now, to=to, grade=grade)
    return services.submit(
        letter.public_id, signer=office.writer, reviewers=reviewers, by=author, now=now
    )


def task_for(member: Member) -> Item:
    return Item.objects.open().get(owner=member)


def test_it_is_signed_only_after_all_have_approved_by_page_and_by_press(  # noqa: PLR0917
    office: Office, author: Member, lawyer: Member, second: Member, client: StaffClient, now: datetime
) -> None:  # fmt: skip
    letter = handed_in(office, author, lawyer, second, now=now)
    assert not Item.objects.filter(owner=office.writer).exists()

    assert "تم الاعتماد" in press(task_for(lawyer), lawyer, now=now)
    letter.refresh_from_db()
    assert letter.state == Letter.State.REVIEWING
    client.force_login(second)
    page = client.get(address("letter", letter)).content.decode()
    assert 'id="review"' in page
    sent = {"print": letter.submitted_hash, "end": "done", "words": "لا ملاحظات"}
    client.post(address("decide", letter), sent)
    letter.refresh_from_db()
    assert (letter.state, letter.sent_at) == (Letter.State.REVIEW, None)

    client.force_login(office.writer)
    page = client.get(address("letter", letter)).content.decode()
    assert "لا ملاحظات" in page
    client.post(address("decide", letter), {"print": letter.submitted_hash, "end": "done"})
    letter.refresh_from_db()
    assert letter.state == Letter.State.SENT
    reviewed = AuditEntry.objects.filter(action="letter.reviewed").order_by("pk")
    assert [entry.actor_label for entry in reviewed] == [lawyer.audit_label, second.audit_label]


def test_what_a_reviewer_returns_goes_back_with_the_reason_and_nobody_else_is_kept_waiting(
    office: Office, author: Member, lawyer: Member, second: Member, now: datetime
) -> None:
    letter = handed_in(office, author, lawyer, second, now=now)
    services.decide(
        letter.public_id, seen=letter.submitted_hash, end="returned", words="المادة خاطئة",
        by=Access.of(second, now=now), now=now,
    )  # fmt: skip
    letter.refresh_from_db()
    assert (letter.state, letter.remark) == (Letter.State.RETURNED, "المادة خاطئة")
    assert not Item.objects.open().exists()
    # Handed in again it is read again, and the old button does nothing.
    old = Item.objects.get(owner=lawyer)
    services.submit(letter.public_id, signer=office.writer, reviewers=[second], by=author, now=now)
    assert "لم يعد" in press(old, lawyer, now=now)
    assert [one.reviewer for one in selectors.reviews_of(letter)] == [second, second, lawyer]


def test_an_approval_is_of_this_version_and_of_nobody_who_wrote_or_signs_it(
    office: Office, author: Member, lawyer: Member, second: Member, now: datetime
) -> None:
    letter = handed_in(office, author, lawyer, now=now)
    Letter.objects.filter(pk=letter.pk).update(text="غير ما قُدّم")
    assert "تغيّر النص" in press(task_for(lawyer), lawyer, now=now)
    Letter.objects.filter(pk=letter.pk).update(text=letter.text)
    # The director heads the body and may act on its tasks, but this letter is theirs to sign.
    by = Access.of(office.writer, now=now)
    item = task_for(lawyer)
    with pytest.raises(services.MayNotReview):
        work.finish(item.public_id, by=by, now=now)
    with pytest.raises(services.MayNotReview):
        work.delegate(item.public_id, to=author, by=by, now=now)
    with pytest.raises(services.NotOpen):
        services.decide(
            letter.public_id, seen=letter.submitted_hash, end="done", words="", by=by, now=now
        )
    assert work.delegate(item.public_id, to=second, by=by, now=now).owner == second
    other = make_letter(office.desk, author, now=now)
    responder = make_member(Role.Kind.RESPONDER, office.desk)
    for refused in (author, office.writer, responder):
        with pytest.raises(services.MayNotReview):
            services.submit(
                other.public_id, signer=office.writer, reviewers=[refused], by=author, now=now
            )


def test_who_signs_their_own_letter_is_asked_once_it_was_reviewed(
    office: Office, lawyer: Member, now: datetime
) -> None:
    letter = handed_in(office, office.writer, lawyer, now=now)
    press(task_for(lawyer), lawyer, now=now)
    assert approval_of(letter).owner == office.writer
    services.take_back(letter.public_id, by=office.writer, now=now)
    letter.refresh_from_db()
    assert letter.state == Letter.State.DRAFT


def test_a_secret_one_is_seen_by_its_reviewers_and_by_nobody_else_and_never_by_a_press(
    office: Office, author: Member, lawyer: Member, second: Member, now: datetime
) -> None:
    letter = handed_in(office, author, lawyer, now=now, grade=Letter.Grade.SECRET)
    assert task_for(lawyer).text == ""
    assert "على المنصة فقط" in press(task_for(lawyer), lawyer, now=now)
    assert task_for(lawyer).is_open

    def sees(member: Member) -> bool:
        look_as(member.pk)
        return Letter.objects.filter(pk=letter.pk).exists()

    assert [sees(one) for one in (author, lawyer, second)] == [True, True, False]

    # Whoever takes over from a reviewer who leaves reads it in their stead.
    manager = make_member(Role.Kind.ADMINISTRATOR, office.desk)
    work.hand_over(lawyer, to=second, by=manager, now=now)
    look_as(manager.pk)
    assert services.hand_over_letters(lawyer, to=second, by=manager, now=now) == 0
    assert [sees(one) for one in (manager, second)] == [False, True]
