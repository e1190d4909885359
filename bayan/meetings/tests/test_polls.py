"""Polls: who is asked, how votes are counted, what is told, and what of a secret one nobody learns."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from bayan.channels.models import Outgoing, Reach
from bayan.channels.tests.factories import make_number
from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.core.rls import look_as
from bayan.inbox.models import Message
from bayan.meetings import counting, selectors, services
from bayan.meetings.models import Ballot, Option, Poll, Voter
from bayan.meetings.services import telling
from bayan.meetings.tests.conftest import Office
from bayan.meetings.tests.factories import (
    LEFT,
    linked,
    make_called,
    make_poll,
    make_sent,
    message_to,
    name_deputy,
    tend,
    within_the_window,
)
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.work.tests.factories import written_by
from conftest import StaffClient


def voter_of(poll: Poll, member: Member) -> Voter:
    found: Voter = poll.voters.get(member=member)
    return found


def press(poll: Poll, member: Member, choice: str = "", text: str = "", **more: Any) -> None:
    """A button under the message, or words quoting it."""
    message = written_by(member, text, choice_id=choice, kind="button" if choice else "text")
    services.receive([(message, str(voter_of(poll, member).public_id))], **more)


def said_to(member: Member) -> str:
    """The last words freely written to this member."""
    found = (
        Message.objects.filter(
            direction="out", conversation__contact__identities__value=member.phone
        )
        .order_by("-pk")
        .first()
    )
    return found.text if found else ""


def test_a_poll_goes_out_with_buttons_and_closes_once_everybody_has_voted(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.asked, now=now)
    poll = make_sent(office.desk, office.director, office.asked, now=now, quorum=60)

    content = message_to(voter_of(poll, office.mayor).public_id).content["interactive"]
    titles = [one["reply"]["title"] for one in content["action"]["buttons"]]
    yes, no = (one["reply"]["id"] for one in content["action"]["buttons"])
    assert titles == ["نعم", "لا"]
    # Told again and again by the worker, nobody gets it twice.
    assert tend(now=now + LEFT) == 0

    later = now + timedelta(minutes=5)
    press(poll, office.mayor, no, now=later)
    press(poll, office.mayor, yes, now=later)
    press(poll, office.officer, text="لا.", now=later)
    outcome = selectors.outcome_of(poll)
    assert (outcome.voted, outcome.needed, outcome.is_reached) == (2, 2, True)
    services.hear([(written_by(office.neighbour, "1"), office.neighbour)], now=later)

    poll.refresh_from_db()
    assert (poll.state, poll.why) == (Poll.State.CLOSED, Poll.Why.ALL)
    assert dict(selectors.outcome_of(poll).votes) == {"نعم": 2, "لا": 1}
    press(poll, office.mayor, no, now=later)
    assert "انتهى" in said_to(office.mayor) or "over" in said_to(office.mayor)
    assert selectors.by_body(poll)[0].voted == 2
    assert tend(now=later) > 0
    told = Reach.objects.filter(round=2)
    assert told.count() == 4
    assert tend(now=later) == 0
    assert all("نعم" in row.words["text"] for row in told)


def test_many_or_long_answers_come_as_a_list_and_a_stale_or_foreign_press_counts_for_nothing(
    office: Office, now: datetime
) -> None:
    make_number()
    within_the_window(office.asked, now=now)
    long = "يوم الثلاثاء الأول من كل شهر بعد صلاة الظهر"
    poll = make_sent(
        office.desk,
        office.director,
        office.asked,
        now=now,
        options=["الأحد", "الاثنين", long, "لا يهم"],
    )
    content = message_to(voter_of(poll, office.mayor).public_id).content["interactive"]
    rows = content["action"]["sections"][0]["rows"]
    assert [len(row["title"]) <= 24 for row in rows] == [True] * 4
    assert rows[2]["description"] == long

    press(poll, office.mayor, "vote-3-0000000000000000", now=now)
    press(poll, office.mayor, "vote-9-" + poll.fingerprint[:16], now=now)
    stranger = written_by(office.officer, choice_id=rows[0]["id"], kind="button")
    services.receive([(stranger, str(voter_of(poll, office.mayor).public_id))], now=now)
    assert not poll.voters.exclude(voted_at=None).exists()
    press(poll, office.mayor, rows[2]["id"], now=now)
    assert voter_of(poll, office.mayor).option == poll.options.get(position=3)


def test_the_silent_are_reminded_once_and_it_closes_by_itself_without_a_quorum(
    office: Office, now: datetime
) -> None:
    poll = make_sent(office.desk, office.director, office.asked, now=now, quorum=60)
    services.vote(poll.public_id, 1, by=office.mayor, now=now, fingerprint=poll.fingerprint[:16])
    assert poll.remind_at is not None
    assert poll.due_at is not None
    tend(now=poll.remind_at)
    tend(now=poll.remind_at + timedelta(minutes=1))
    assert Reach.objects.filter(round=1).count() == 2

    with pytest.raises(services.NotOpen):
        services.vote(
            poll.public_id, 2, by=office.officer, now=poll.due_at, fingerprint=poll.fingerprint
        )
    tend(now=poll.due_at)
    poll.refresh_from_db()
    assert (poll.state, poll.why) == (Poll.State.CLOSED, Poll.Why.TIME)
    result = Reach.objects.get(subject_type="poll", member=office.director)
    outcome = selectors.outcome_of(poll)
    assert not outcome.is_reached
    assert services.outcome_words(outcome, is_over=True, is_secret=False)[1] in result.words["text"]


def test_nobody_sees_who_chose_what_in_a_secret_poll(office: Office, now: datetime) -> None:
    make_number()
    within_the_window(office.asked, now=now)
    poll = make_sent(office.desk, office.director, office.asked, now=now, is_secret=True)
    content = message_to(voter_of(poll, office.mayor).public_id).content
    assert "interactive" not in content

    # What is pressed or written in WhatsApp would bear a name.
    press(poll, office.mayor, f"vote-1-{poll.fingerprint[:16]}", now=now)
    press(poll, office.mayor, text="نعم", now=now)
    assert not Ballot.objects.exists()
    for member, choice in zip(office.asked[:2], (1, 2), strict=True):
        services.vote(poll.public_id, choice, by=member, now=now, fingerprint=poll.fingerprint[:16])
    services.vote(poll.public_id, 2, by=office.mayor, now=now, fingerprint=poll.fingerprint[:16])
    assert Ballot.objects.count() == 2
    assert not poll.voters.exclude(option=None).exists()
    assert selectors.outcome_of(poll).votes == ()
    with transaction.atomic():
        look_as(office.director.pk)
        with pytest.raises(DatabaseError, match="permission denied"):
            Ballot.objects.exists()
        transaction.set_rollback(True)
    services.vote(
        poll.public_id, 1, by=office.neighbour, now=now, fingerprint=poll.fingerprint[:16]
    )
    poll.refresh_from_db()
    assert poll.state == Poll.State.CLOSED
    assert not Ballot.objects.exists()
    assert dict(selectors.outcome_of(poll).votes) == {"نعم": 1, "لا": 2}


def test_of_too_few_votes_a_secret_poll_shows_nothing(office: Office, now: datetime) -> None:
    few = make_poll(office.desk, office.director, office.asked[:2], now=now, is_secret=True)
    with pytest.raises(services.TooFewForSecrecy):
        services.send_poll(few.public_id, by=office.director, now=now)
    poll = make_sent(office.desk, office.director, office.asked, now=now, is_secret=True)
    services.vote(poll.public_id, 1, by=office.mayor, now=now, fingerprint=poll.fingerprint[:16])
    services.close_poll(poll.public_id, by=office.director, now=now)
    poll.refresh_from_db()
    assert selectors.outcome_of(poll).votes == ()
    assert not Option.objects.filter(poll=poll, votes__isnull=False).exists()


def test_what_was_sent_is_not_changed_but_undone_within_seconds_or_cancelled(
    office: Office, now: datetime
) -> None:
    poll = make_poll(office.desk, office.director, office.asked, now=now)
    step = services.send_poll(poll.public_id, by=office.director, now=now)
    assert services.tend(now=now) == 0
    undo.undo(step, by=office.director, now=now)
    poll.refresh_from_db()
    assert poll.is_draft
    assert not poll.voters.exists()

    poll = make_sent(office.desk, office.director, office.asked, now=now)
    with pytest.raises(services.NotADraft):
        services.delete_poll(poll.public_id, by=office.director, now=now)
    with pytest.raises(services.ReasonMissing):
        services.cancel_poll(poll.public_id, " ", by=office.director, now=now)
    services.cancel_poll(poll.public_id, "تغيّر الموعد", by=office.director, now=now)
    services.tend(now=now)
    told = Reach.objects.filter(round=2).values_list("words", flat=True)
    assert ["تغيّر الموعد" in words["text"] for words in told] == [True] * 3
    assert (
        not Outgoing.objects.filter(state=Outgoing.State.QUEUED, subject_type="poll.voter")
        .exclude(pk__in=Reach.objects.filter(round=2).values("outgoing"))
        .exists()
    )


def test_the_database_itself_keeps_a_poll_to_those_asked_and_its_body(
    office: Office, now: datetime
) -> None:
    poll = make_sent(office.khobar, office.officer, [office.neighbour], now=now)
    colleague = make_member(Role.Kind.VIEWER, office.khobar)
    stranger = make_member(Role.Kind.DIRECTOR, office.qatif)

    def sees(member: Member) -> tuple[bool, bool]:
        look_as(member.pk)
        return Poll.objects.filter(pk=poll.pk).exists(), Voter.objects.filter(poll=poll).exists()

    assert [sees(one) for one in (office.officer, office.neighbour, colleague, stranger)] == [
        (True, True),
        (True, True),
        (True, True),
        (False, False),
    ]


def test_whoever_dies_between_message_and_mark_leaves_neither(
    office: Office, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = make_poll(office.desk, office.director, office.asked, now=now)
    services.send_poll(poll.public_id, by=office.director, now=now)

    def die(_poll: Poll) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(telling, "announce", die)
        assert services.tend(now=now + LEFT) == 0
    assert not Reach.objects.exists()
    assert not poll.voters.filter(handed_at__isnull=False).exists()
    assert services.tend(now=now + LEFT) == 3
    assert Reach.objects.count() == 3


# --- Counting, whatever comes


@given(
    asked=st.integers(1, 60),
    quorum=st.integers(1, 100),
    is_share=st.booleans(),
    voted=st.integers(0, 60),
)
def test_a_quorum_is_reached_exactly_when_its_share_has_voted(
    asked: int, quorum: int, *, is_share: bool, voted: int
) -> None:
    voted = min(voted, asked)
    wanted = counting.needed(asked, quorum=quorum, is_share=is_share)
    outcome = counting.Outcome(asked=asked, voted=voted, needed=wanted)
    enough = voted * 100 >= asked * quorum if is_share else voted >= quorum
    assert outcome.is_reached == (enough and voted > 0)


VOTES = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=12)


@pytest.mark.parametrize("is_secret", [False, True])
def test_each_voice_counts_once_by_its_last_word_in_whatever_order_they_come(
    office: Office, now: datetime, *, is_secret: bool
) -> None:
    @settings(max_examples=6, deadline=None)
    @given(steps=VOTES)
    def holds(steps: list[tuple[int, int]]) -> None:
        with transaction.atomic():
            poll = make_sent(
                office.desk, office.director, office.asked, now=now, is_secret=is_secret,
                options=["أ", "ب", "ج"],
            )  # fmt: skip
            last: dict[int, int] = {}
            for who, choice in steps:
                if len(last) == 3:
                    with pytest.raises(services.NotOpen):
                        services.vote(
                            poll.public_id, choice, by=office.asked[who], now=now,
                            fingerprint=poll.fingerprint,
                        )  # fmt: skip
                    continue
                services.vote(
                    poll.public_id, choice, by=office.asked[who], now=now,
                    fingerprint=poll.fingerprint,
                )  # fmt: skip
                last[who] = choice
            poll.refresh_from_db()
            assert (poll.state == Poll.State.CLOSED) == (len(last) == 3)
            if poll.is_open:
                services.close_poll(poll.public_id, by=office.director, now=now)
                poll.refresh_from_db()
            outcome = selectors.outcome_of(poll)
            assert outcome.voted == len(last)
            counted = [list(last.values()).count(place) for place in (1, 2, 3)]
            hidden = is_secret and len(last) < counting.LEAST_SECRET
            assert [count for _text, count in outcome.votes] == ([] if hidden else counted)
            transaction.set_rollback(True)

    holds()


def test_a_deputy_votes_for_whom_they_stand_in_and_nobody_else_does(
    office: Office, client: StaffClient, now: datetime
) -> None:
    begins = timezone.now()
    deputy = linked(make_member(Role.Kind.RESPONDER, office.khobar), now=begins)
    within_the_window([deputy, *office.asked], now=begins)
    name_deputy(office.mayor, deputy, now=begins)
    poll = make_sent(office.desk, office.director, office.asked, now=begins)
    voter = voter_of(poll, office.mayor)

    # They are asked, too, in both names; the message that counts for the list is the mayor's own.
    asked = Reach.objects.filter(subject_key=str(voter.public_id)).values_list("member", flat=True)
    assert set(asked) == {office.mayor.pk, deputy.pk}
    assert voter.reach is not None
    assert voter.reach.member == office.mayor
    text = Reach.objects.get(member=deputy).words["text"]
    assert office.mayor.name in text

    client.force_login(deputy)
    page = client.get(reverse("meetings:poll", args=[poll.public_id])).content.decode()
    assert page.count(str(voter.public_id)) == 1
    form = {"option": "1", "seen": poll.fingerprint[:16], "voter": str(voter.public_id)}
    assert client.post(reverse("meetings:vote", args=[poll.public_id]), form).status_code == 302
    voter.refresh_from_db()
    assert voter.option is not None
    assert voter.option.text == "نعم"
    line = AuditEntry.objects.get(action="poll.voted")
    assert (line.actor, line.details["member"]) == (deputy.audit_key, str(office.mayor.public_id))

    message = written_by(deputy, "لا", kind="text")
    services.receive([(message, str(voter.public_id))], now=begins + LEFT)
    voter.refresh_from_db()
    assert voter.option.text == "لا"
    # For the others they do not vote.
    other = voter_of(poll, office.neighbour)
    services.receive([(written_by(deputy, "لا"), str(other.public_id))], now=begins + LEFT)
    other.refresh_from_db()
    assert other.option is None
    assert client.post(
        reverse("meetings:vote", args=[poll.public_id]), form | {"voter": str(other.public_id)}
    ).status_code == 409  # fmt: skip


def test_a_deputy_named_later_is_asked_once_for_whoever_has_not_voted_or_answered(
    office: Office, now: datetime
) -> None:
    begins = timezone.now()
    deputy = linked(make_member(Role.Kind.RESPONDER, office.khobar), now=begins)
    another = linked(make_member(Role.Kind.RESPONDER, office.khobar), now=begins)
    poll = make_sent(office.desk, office.director, office.asked, now=begins)
    voted = make_sent(office.desk, office.director, office.asked, now=begins)
    meeting = make_called(office.desk, office.director, office.asked, now=begins)
    press(voted, office.mayor, text="نعم", now=begins + LEFT)
    standing = name_deputy(office.mayor, deputy, now=begins)

    later = begins + 2 * LEFT
    tend(now=later)
    tend(now=later)

    voter, row = voter_of(poll, office.mayor), meeting.invitees.get(member=office.mayor)
    asked = Reach.objects.filter(member=deputy)
    assert set(asked.values_list("subject_key", flat=True)) == {
        str(voter.public_id), str(row.public_id),
    }  # fmt: skip
    assert all(office.mayor.name in one.words["text"] for one in asked)
    # Whoever takes it over is asked, too, and the vote of the first one counts until it is changed.
    press(poll, office.mayor, text="نعم", now=later)
    standing.delete()
    name_deputy(office.mayor, another, now=later)
    tend(now=later + LEFT)
    assert set(Reach.objects.filter(member=another).values_list("subject_key", flat=True)) == {
        str(row.public_id)
    }
    assert poll.voters.filter(voted_at__isnull=False).count() == 1


def test_a_deputy_answers_an_invitation_until_they_stand_in_no_more(
    office: Office, client: StaffClient, now: datetime
) -> None:
    begins = timezone.now()
    deputy = linked(make_member(Role.Kind.RESPONDER, office.khobar), now=begins)
    standing = name_deputy(office.mayor, deputy, now=begins)
    meeting = make_called(office.desk, office.director, office.asked, now=begins)
    row = meeting.invitees.get(member=office.mayor)
    client.force_login(deputy)
    address = reverse("meetings:meeting", args=[meeting.public_id])
    assert str(row.public_id) in client.get(address).content.decode()
    answer = {"answer": "sends", "stand_in": deputy.name, "invitee": str(row.public_id)}
    place = reverse("meetings:answer", args=[meeting.public_id])
    assert client.post(place, answer).status_code == 302
    row.refresh_from_db()
    assert (row.answer, row.stand_in) == ("sends", deputy.name)
    line = AuditEntry.objects.get(action="meeting.answered")
    assert (line.actor, line.details["member"]) == (deputy.audit_key, str(office.mayor.public_id))

    standing.ends_at = timezone.now()
    standing.save(update_fields=["ends_at"])
    assert client.post(place, answer | {"answer": "excused"}).status_code in {404, 409}
    row.refresh_from_db()
    assert row.answer == "sends"
