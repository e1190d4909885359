"""Surge mode: on and off, whom it thanks and how honestly, what it counts, what it puts off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bayan.cases import services
from bayan.cases.models import Case
from bayan.cases.services.shedding import BEGINS, CALM_FOR, step_for
from bayan.cases.surge import band, reading
from bayan.cases.surge.lanes import LANES
from bayan.cases.surge.models import Acknowledged, Handled, Surge
from bayan.cases.surge.reading import Counter, expected_wait, wait_in_words
from bayan.cases.tests.factories import MONDAY, make_burst, make_case
from bayan.channels.models import Broadcast
from bayan.channels.tests.factories import incoming, make_account, make_template
from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.core.rls import as_worker, look_as
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

SOON = MONDAY + timedelta(minutes=5)
STATEMENT = "تسحب الأمانة المياه من نفق الملك فهد، ويُفتح خلال ساعتين."
WORDS = services.SurgeWords(reason="أمطار غزيرة", statement=STATEMENT)


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def surge(director: Member, desk: Node) -> Surge:
    return services.begin_surge(desk, WORDS, by=director, now=MONDAY)[0]


def someone(number: int, text: str = "متى يفتح النفق؟", **changes: Any) -> Case:
    at = changes.pop("now", MONDAY + timedelta(seconds=number))
    return make_case(
        text, now=at, whatsapp_id=f"SA.7{number}", phone=f"96650007{number:04}", **changes
    )


def thanked() -> list[Message]:
    return list(Message.objects.filter(direction="out", author=None).order_by("pk"))


# --- On and off


def test_one_surge_at_a_time_in_a_body_and_each_end_is_kept(
    director: Member, desk: Node, khobar: Node
) -> None:
    first, _undo = services.begin_surge(desk, WORDS, by=director, now=MONDAY)
    with pytest.raises(services.SurgeIsOn):
        services.begin_surge(desk, WORDS, by=director, now=SOON)
    services.begin_surge(khobar, WORDS, by=director, now=SOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        Surge.objects.create(node=desk, begun_at=SOON, reason="", thanks="", step_at=SOON)

    services.end_surge(first.public_id, by=director, now=SOON)
    with pytest.raises(services.SurgeIsOver):
        services.end_surge(first.public_id, by=director, now=SOON)
    services.begin_surge(desk, WORDS, by=director, now=SOON)

    assert Surge.objects.on().count() == 2
    actions = AuditEntry.objects.filter(subject_key=first.public_id).order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["surge.begun", "surge.ended"]


def test_what_was_switched_on_by_mistake_is_off_with_one_press(
    director: Member, desk: Node
) -> None:
    surge, step = services.begin_surge(desk, WORDS, by=director, now=MONDAY)

    undo.undo(step, by=director, now=MONDAY + timedelta(seconds=5))

    surge.refresh_from_db()
    assert not surge.is_on


def test_words_without_number_or_wait_and_with_unknown_places_are_refused(
    surge: Surge, director: Member
) -> None:
    for thanks in (
        "شكرًا {reference}",
        "شكرًا {wait}",
        "{reference} {wait} {name}",
        "{reference} {wait} }",
    ):
        with pytest.raises(services.WordsUnusable):
            services.word_surge(
                surge.public_id,
                services.SurgeWords(reason="م", thanks=thanks),
                by=director,
                now=SOON,
            )


def test_without_a_statement_the_lines_that_lead_to_it_are_left_out() -> None:
    filled = services.filled_thanks(
        services.usual_thanks(), reference="482", wait="قريبًا", statement=""
    )
    assert "482" in filled
    assert not filled.endswith(":")
    assert "{" not in filled


# --- Who is thanked


def test_each_person_is_thanked_once_in_twelve_hours_with_their_number_and_the_statement(
    surge: Surge,
) -> None:
    case = someone(1)
    someone(1, "ألو؟", now=SOON)
    services.acknowledge(now=SOON)
    someone(1, "هل من جديد؟", now=SOON + timedelta(minutes=1))
    services.acknowledge(now=SOON + timedelta(minutes=2))

    (message,) = thanked()
    assert message.matter == case.reference
    assert case.reference in message.text.replace("\u00a0", "")
    assert STATEMENT in message.text
    assert Conversation.objects.get(matter=case.reference).is_waiting

    later = SOON + timedelta(hours=13)
    someone(1, "ما زال مغلقًا", now=later)
    services.acknowledge(now=later)
    assert len(thanked()) == 2


def test_emergencies_praise_other_bodies_and_who_was_answered_are_not_thanked(
    director: Member, khobar: Node, qatif: Node, qatif_responder: Member
) -> None:
    services.begin_surge(khobar, WORDS, by=director, now=MONDAY)
    here, elsewhere = someone(1, node=khobar), someone(2, node=qatif)
    praise, urgent = someone(3, node=khobar), someone(4, node=khobar)
    Case.objects.filter(pk=praise.pk).update(kind="praise")
    Case.objects.filter(pk=urgent.pk).update(priority="emergency")
    answered = someone(5, node=khobar)
    for number in range(1, 6):
        someone(number, "وأيضًا", now=SOON)
    inbox.reply(
        Conversation.objects.get(matter=answered.reference).public_id,
        "وصلنا", by=make_member(Role.Kind.RESPONDER, khobar), now=SOON,
    )  # fmt: skip

    services.acknowledge(now=SOON)

    assert [message.matter for message in thanked()] == [here.reference]
    assert elsewhere.reference not in {message.matter for message in thanked()}
    assert not Acknowledged.objects.exclude(owed_at=None).exists()


def test_where_surge_mode_is_on_nobody_is_asked_where_it_is(director: Member, desk: Node) -> None:
    make_account(asks_where=True)
    someone(1, "حفرة كبيرة وسط الشارع كسرت كفر سيارتي")
    assert [message.kind for message in thanked()] == ["ask_location"]

    services.begin_surge(desk, WORDS, by=director, now=MONDAY)
    someone(2, "حفرة كبيرة وسط الشارع كسرت كفر سيارتي")

    assert [message.kind for message in thanked()] == ["ask_location"]


def test_the_worker_does_all_of_it_and_asks_nothing_while_no_surge_is_on(
    director: Member, desk: Node
) -> None:
    asked: list[int] = []

    def backlog() -> tuple[int, int]:
        asked.append(1)
        return BEGINS[Surge.Step.LIKENESS]

    case = someone(1)
    with CaptureQueriesContext(connection) as caught:
        assert services.tend_surges(backlog, now=SOON) == 0
    assert (len(caught), asked) == (2, [])

    services.begin_surge(desk, WORDS, by=director, now=SOON)
    someone(1, "وأيضًا", now=SOON)
    services.handle_together(
        Case.objects.filter(pk=case.pk), how=Handled.How.POINTED, by=director, now=SOON
    )
    later = SOON + timedelta(minutes=1)
    while services.tend_surges(backlog, now=later):
        pass

    assert len(thanked()) == 2
    assert Surge.objects.get().step == Surge.Step.LIKENESS
    assert not services.tend_surges(backlog, now=later)
    assert asked == [1]


def test_whom_a_surge_still_owed_its_thanks_gets_them_from_the_next_one(
    surge: Surge, director: Member, desk: Node
) -> None:
    someone(1)
    with transaction.atomic():
        look_as(director.pk)
        services.end_surge(surge.public_id, by=director, now=SOON)
        services.begin_surge(desk, WORDS, by=director, now=SOON)
    with as_worker():
        someone(1, "هل من جديد؟", now=SOON)
        services.acknowledge(now=SOON)
        assert len(thanked()) == 1


def test_one_that_cannot_be_sent_holds_up_nobody(
    surge: Surge, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = someone(1), someone(2)
    really = inbox.send

    def send(conversation: Conversation, *given: Any, **more: Any) -> Message:
        if conversation.matter == bad.reference:
            raise RuntimeError
        return really(conversation, *given, **more)

    monkeypatch.setattr(inbox, "send", send)

    services.acknowledge(now=SOON)

    assert [message.matter for message in thanked()] == [good.reference]
    assert services.acknowledge(now=SOON) == 0


# --- How long it takes


def test_a_wait_is_named_only_where_enough_were_answered_and_is_rounded_up() -> None:
    assert expected_wait(waiting=500, answered=4) is None
    assert expected_wait(waiting=0, answered=30) == timedelta()
    assert expected_wait(waiting=60, answered=30) == timedelta(hours=1)
    said = [
        wait_in_words(timedelta(minutes=minutes)) for minutes in (1, 16, 31, 61, 121, 721, 2000)
    ]
    assert len(set(said)) == 7
    assert wait_in_words(timedelta(minutes=60)) == wait_in_words(timedelta(minutes=31))
    assert not any(character.isdigit() for character in "".join([wait_in_words(None), *said]))


@given(st.integers(0, 100_000), st.integers(0, 5_000))
def test_a_wait_grows_with_the_queue_and_never_promises_too_much(
    waiting: int, answered: int
) -> None:
    wait = expected_wait(waiting=waiting, answered=answered)
    if wait is None:
        assert answered < reading.LEAST_ANSWERS
    else:
        more = expected_wait(waiting=waiting + 1, answered=answered)
        assert more is not None
        assert more >= wait
        assert wait * answered >= reading.LOOKED_BACK * waiting - timedelta(seconds=1)


# --- The counter


def test_each_person_is_counted_once_as_what_became_of_them(
    surge: Surge, director: Member, desk_responder: Member
) -> None:
    cases = [someone(number) for number in range(6)]
    inbox.reply(cases[0].conversation.public_id, "وصلنا", by=desk_responder, now=SOON)
    # Answered, and wrote again: waits again.
    inbox.reply(cases[1].conversation.public_id, "وصلنا", by=desk_responder, now=SOON)
    someone(1, "لم يُفتح بعد", now=SOON + timedelta(minutes=1))
    rows = Case.objects.filter(pk__in=[cases[2].pk, cases[3].pk])
    services.handle_together(rows, how=Handled.How.POINTED, by=director, now=SOON)
    rows = Case.objects.filter(pk=cases[4].pk)
    services.handle_together(rows, how=Handled.How.NONE, by=director, now=SOON)
    services.do_handled(now=SOON + timedelta(minutes=1))

    counter = reading.counter_of(surge)

    assert counter == Counter(answered=1, pointed=2, nothing=1, left=2)
    assert counter.ratio == 66


@given(st.integers(0, 9999), st.integers(0, 9999), st.integers(0, 9999), st.integers(0, 9999))
def test_the_classes_are_all_of_the_people(
    answered: int, pointed: int, nothing: int, left: int
) -> None:
    counter = Counter(answered, pointed, nothing, left)
    assert sum(count for _name, count, _share in counter.parts) == counter.people
    if counter.people:
        assert counter.ratio is not None
        assert (counter.ratio == 100) == (left == 0)
        assert sum(width for _name, _x, width in counter.stripes) == pytest.approx(100, abs=0.1)


CROWD = """
    WITH people AS (
        INSERT INTO people_contact (name, channel_name, created_at)
        SELECT '', '', %(now)s FROM generate_series(1, 20000) RETURNING id
    )
    INSERT INTO inbox_conversation (public_id, node_id, contact_id, number_id, matter, preview,
        last_message_at, last_inbound_at, last_outbound_at, labels, created_at)
    SELECT uuidv7(), %(node)s, id, %(number)s, CASE WHEN id %% 3 = 0 THEN '' ELSE '482173095' END, '',
        %(now)s, %(now)s, CASE WHEN id %% 4 = 0 THEN %(now)s END, '{}', %(now)s
    FROM people
"""


# --- Handled together


def test_nothing_is_sent_before_ten_seconds_and_undone_it_was_never_pressed(
    surge: Surge, director: Member
) -> None:
    case = someone(1)
    done = services.handle_together(
        Case.objects.filter(pk=case.pk), how=Handled.How.POINTED, by=director, now=SOON
    )
    assert services.do_handled(now=SOON) == 0
    assert done.undo
    undo.undo(done.undo, by=director, now=SOON + timedelta(seconds=5))
    assert services.do_handled(now=SOON + timedelta(hours=1)) == 0
    assert thanked() == []


def test_who_is_pointed_to_the_statement_gets_it_once_and_their_case_is_answered(
    surge: Surge, director: Member
) -> None:
    case, urgent = someone(1), someone(2)
    Case.objects.filter(pk=urgent.pk).update(priority="emergency")
    rows = Case.objects.filter(pk__in=[case.pk, urgent.pk])

    done = services.handle_together(rows, how=Handled.How.POINTED, by=director, now=SOON)
    services.do_handled(now=SOON + timedelta(minutes=1))
    services.do_handled(now=SOON + timedelta(minutes=2))

    assert done.count == 1
    (message,) = thanked()
    assert STATEMENT in message.text
    case.refresh_from_db()
    urgent.refresh_from_db()
    assert (case.outcome, case.closed_by, urgent.is_closed) == ("answered", director, False)
    assert Conversation.objects.get(pk=case.conversation_id).matter == ""


def test_who_has_two_cases_among_what_is_pressed_at_once_is_told_once(
    surge: Surge, director: Member
) -> None:
    one, two = someone(1), someone(2)
    Case.objects.filter(pk=two.pk).update(contact=one.contact, conversation=one.conversation)
    rows = Case.objects.filter(pk__in=[one.pk, two.pk])

    services.handle_together(rows, how=Handled.How.POINTED, by=director, now=SOON)
    # In two batches, too.
    services.do_handled(now=SOON + timedelta(minutes=1), limit=1)
    services.do_handled(now=SOON + timedelta(minutes=1), limit=1)

    assert len(thanked()) == 1
    assert not Case.objects.open().filter(pk__in=[one.pk, two.pk]).exists()


def test_with_the_first_case_of_a_matter_go_the_others_and_english_is_answered_in_english(
    surge: Surge, director: Member
) -> None:
    first, other = someone(1), someone(2, "When will the King Fahd tunnel be open again?")
    apart = someone(3)
    Case.objects.filter(pk=other.pk).update(parent=first)

    services.acknowledge(now=SOON)
    rows = Case.objects.filter(pk=first.pk)
    done = services.handle_together(rows, how=Handled.How.POINTED, by=director, now=SOON)
    services.do_handled(now=SOON + timedelta(minutes=1))

    assert done.count == 2
    assert list(Case.objects.open()) == [apart]
    texts = [message.text for message in thanked() if message.matter == other.reference]
    assert texts[0].startswith("Thank you for writing to us")
    assert "If this does not answer" in texts[1]


def test_pointing_needs_a_statement_and_a_surge(director: Member, desk: Node) -> None:
    case = someone(1)
    rows = Case.objects.filter(pk=case.pk)
    with pytest.raises(services.NoSurgeThere):
        services.handle_together(rows, how=Handled.How.POINTED, by=director, now=SOON)
    services.begin_surge(desk, services.SurgeWords(reason="م"), by=director, now=SOON)
    with pytest.raises(services.NoStatement):
        services.handle_together(rows, how=Handled.How.POINTED, by=director, now=SOON)


# --- What is put off


@given(st.integers(0, 100_000), st.integers(0, 1_000))
def test_more_waiting_never_puts_less_off(waiting: int, seconds: int) -> None:
    step = step_for(waiting=waiting, seconds=seconds)
    assert step_for(waiting=waiting + 1, seconds=seconds) >= step
    assert step_for(waiting=waiting, seconds=seconds + 1) >= step


def test_steps_rise_at_once_fall_one_by_one_and_a_hand_goes_before_what_is_measured(
    surge: Surge, director: Member
) -> None:
    def step() -> int:
        return Surge.objects.get(pk=surge.pk).step

    rows, _age = BEGINS[Surge.Step.BULK]
    services.measure(waiting=rows, seconds=0, now=SOON)
    assert step() == Surge.Step.BULK
    services.measure(waiting=0, seconds=0, now=SOON + timedelta(seconds=10))
    assert step() == Surge.Step.BULK
    services.measure(waiting=0, seconds=0, now=SOON + CALM_FOR)
    assert step() == Surge.Step.WHERE

    services.choose_step(surge.public_id, 1, by=director, now=SOON + CALM_FOR)
    services.measure(waiting=rows, seconds=0, now=SOON + 2 * CALM_FOR)
    assert step() == 1
    services.choose_step(surge.public_id, None, by=director, now=SOON + 2 * CALM_FOR)
    services.measure(waiting=rows, seconds=0, now=SOON + 2 * CALM_FOR)
    assert step() == Surge.Step.BULK


def test_broadcasts_of_all_bodies_pause_at_the_fourth_step_and_go_on_when_the_surge_ends(
    desk: Node, khobar: Node
) -> None:
    director = make_member(Role.Kind.DIRECTOR, khobar)
    surge, _undo = services.begin_surge(khobar, WORDS, by=director, now=MONDAY)
    account = make_account()
    number, template = account.numbers.get(), make_template("news", account=account)

    def running(**changes: Any) -> Broadcast:
        return Broadcast.objects.create(
            node=desk, number=number, template=template, title="حملة", created_at=MONDAY,
            state=Broadcast.State.RUNNING, **changes,
        )  # fmt: skip

    usual, crisis = running(), running(is_crisis=True)
    services.measure(waiting=BEGINS[Surge.Step.BULK][0], seconds=0, now=SOON)
    usual.refresh_from_db()
    crisis.refresh_from_db()
    assert (usual.state, crisis.state) == ("paused", "running")

    with transaction.atomic():
        # They do not see the authority's broadcasts; theirs is the surge.
        look_as(director.pk)
        services.end_surge(surge.public_id, by=director, now=SOON)
    with as_worker():
        usual.refresh_from_db()
    assert usual.state == "running"


def test_what_stands_on_the_list_is_really_put_off(
    surge: Surge, director: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bayan.cases.services import counting, matters, pictures

    class Reached(Exception):
        pass

    def reached(*_given: Any, **_more: Any) -> bool:
        raise Reached

    monkeypatch.setattr(matters, "is_only_one", reached)
    monkeypatch.setattr(pictures, "is_only_one", reached)
    monkeypatch.setattr(counting, "count_weeks", reached)
    monkeypatch.setattr("bayan.cases.services.second.SecondReader.objects.get_or_create", reached)
    endpoint: Any = type("Endpoint", (), {"model": "other"})()
    works: dict[float, Callable[[], int]] = {
        1: lambda: services.give_second_opinions(endpoint, now=SOON),
        2: lambda: services.Matching().look(now=SOON),
        2.5: lambda: services.look_at_pictures(now=SOON),
        5: lambda: services.keep_figures(now=SOON),
    }
    for step in Surge.Step.values:
        services.choose_step(surge.public_id, step, by=director, now=SOON)
        for begins, work in works.items():
            if step >= int(begins):
                assert work() == 0
            else:
                with pytest.raises(Reached):
                    work()


# --- Pages


@pytest.fixture
def seen() -> Iterator[None]:
    """Pages look for surges as they do outside of tests."""
    band.forget()
    yield
    band.Memory.bands, band.Memory.until = (), float("inf")


def test_a_burst_proposes_it_one_press_switches_it_on_and_every_page_says_so(
    client: StaffClient, seen: None, director: Member, khobar: Node, khobar_responder: Member
) -> None:
    burst = make_burst(khobar, now=timezone.now())
    client.force_login(director)
    assert str(burst.public_id) in client.get(reverse("cases:bursts")).content.decode()

    answer = client.post(reverse("cases:surge_begin"), {"burst": burst.public_id}, follow=True)

    assert answer.status_code == 200
    surge = Surge.objects.get()
    assert (surge.node, surge.burst) == (khobar, burst)
    assert reverse("cases:surge_begin") not in client.get(reverse("cases:bursts")).content.decode()
    elsewhere = (
        client.get(f"{reverse('cases:surge')}?all=1").context["form"].fields["node"].queryset
    )
    assert khobar not in elsewhere
    assert elsewhere.filter(kind=Node.Kind.AUTHORITY).exists()
    client.force_login(khobar_responder)
    assert "surge-band" in client.get(reverse("cases:cases")).content.decode()
    assert str(surge.public_id) in client.get(reverse("cases:cases")).content.decode()


def test_a_page_costs_no_statement_for_a_surge(
    client: StaffClient, seen: None, surge: Surge, desk_responder: Member
) -> None:
    client.force_login(desk_responder)
    client.get(reverse("cases:bursts"))
    with CaptureQueriesContext(connection) as caught:
        client.get(reverse("cases:bursts"))
    assert not [query for query in caught if "cases_surge" in query["sql"]]


def test_lanes_hold_what_their_links_show_and_all_of_one_is_handled_at_once(
    client: StaffClient, seen: None, surge: Surge, director: Member
) -> None:
    now = timezone.now()
    cases = [someone(number, now=now) for number in range(6)]
    changes: list[dict[str, Any]] = [
        {"priority": "emergency"}, {"kind": "complaint"}, {"kind": "enquiry"}, {"kind": "rumour_claim"},
        {"kind": "praise"}, {"kind": "complaint", "parent": cases[1]},
    ]  # fmt: skip
    for case, change in zip(cases, changes, strict=True):
        Case.objects.filter(pk=case.pk).update(**{"priority": "normal"} | change)
    client.force_login(director)
    page = client.get(reverse("cases:surge"))
    assert page.status_code == 200
    counts = {lane.key: lane.count for lane in reading.lanes_of(surge)}
    assert counts == {"danger": 1, "new": 2, "matters": 1, "statement": 2, "nothing": 1}
    Case.objects.filter(pk=cases[3].pk).update(subject="سمعنا عن محتجزين في النفق")
    words = services.SurgeWords(reason="م", statement=STATEMENT, terms="محتجزين، غرق")
    services.word_surge(surge.public_id, words, by=director, now=now)
    assert {lane.key: lane.count for lane in reading.lanes_of(Surge.objects.get())}[
        "statement"
    ] == 1
    services.word_surge(surge.public_id, WORDS, by=director, now=now)
    for lane in LANES:
        listed = client.get(f"{reverse('cases:cases')}?state=open&lane={lane}").context["page"].rows
        assert len(listed) == counts[lane]

    client.post(
        reverse("cases:act"),
        {"do": "together:pointed", "all": "1", "query": "state=open&lane=statement"},
    )

    assert set(Handled.objects.values_list("case_id", flat=True)) == {cases[2].pk, cases[3].pk}
    assert reading.lanes_of(surge)[3].count == 0


def test_the_page_and_the_wall_cost_the_same_for_one_and_for_many(
    client: StaffClient, seen: None, surge: Surge, director: Member
) -> None:
    client.force_login(director)
    someone(1)

    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(reverse(name)).status_code == 200
        return len(caught)

    one = [queries("cases:surge"), queries("cases:surge"), queries("cases:surge_wall")][1:]
    for number in range(2, 12):
        someone(number)
    assert [queries("cases:surge"), queries("cases:surge_wall")] == one
    assert one[1] <= 14


def test_the_wall_names_nobody_of_the_public(
    client: StaffClient, seen: None, surge: Surge, director: Member, desk_responder: Member
) -> None:
    case = make_case("غرق النفق", now=timezone.now(), name="نورة العتيبي")
    inbox.reply(case.conversation.public_id, "وصلنا", by=desk_responder, now=timezone.now())
    client.force_login(director)

    shown = client.get(reverse("cases:surge_wall")).content.decode()

    assert "نورة" not in shown
    assert "غرق" not in shown
    assert desk_responder.name.split()[0] in shown
    assert desk_responder.name not in shown or " " not in desk_responder.name


def test_a_crowd_of_twenty_thousand_is_counted_and_thanked_set_by_set(
    surge: Surge, director: Member, desk: Node
) -> None:
    number = make_account().numbers.get()
    with connection.cursor() as cursor:
        cursor.execute(CROWD, {"node": desk.pk, "number": number.pk, "now": SOON})
        # What other tests left in the statistics must not decide it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN {reading.COUNT}",
            {"nodes": surge.nodes, "since": SOON + timedelta(hours=1), "surge": surge.pk},
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    # An index finds who wrote since, whichever the planner takes; no message is read.
    assert "Seq Scan on inbox_conversation" not in plan
    assert "inbox_message" not in plan
    with CaptureQueriesContext(connection) as caught:
        counter = reading.counter_of(surge)
    assert counter.people == 20_000
    # The tree, and one statement for all of them.
    assert len(caught) <= 2

    with CaptureQueriesContext(connection) as few:
        services.take_in([incoming("أين؟", received_at=SOON, whatsapp_id="SA.1")], now=SOON)
    batch = [
        incoming("أين؟", received_at=SOON, whatsapp_id=f"SA.6{n}", phone=f"96650006{n:04}")
        for n in range(50)
    ]
    with CaptureQueriesContext(connection) as many:
        services.take_in(batch, now=SOON)

    def owing(caught: CaptureQueriesContext) -> int:
        return len([q for q in caught if "cases_acknowledged" in q["sql"]])

    assert owing(few) == owing(many) == 1
    assert Acknowledged.objects.exclude(owed_at=None).count() == 51


def test_the_summary_is_kept_and_counts_nothing_anew(
    client: StaffClient, seen: None, surge: Surge, director: Member, desk_responder: Member
) -> None:
    case = someone(1)
    inbox.reply(case.conversation.public_id, "وصلنا", by=desk_responder, now=SOON)
    client.force_login(director)
    assert client.get(reverse("cases:surge_summary", args=[surge.public_id])).status_code == 404

    services.end_surge(surge.public_id, by=director, now=SOON + timedelta(hours=1))
    someone(2, now=SOON + timedelta(hours=2))

    kept = Surge.objects.get().summary
    assert (kept["answered"], kept["left"], kept["median"]) == (1, 0, 299.0)
    page = client.get(reverse("cases:surge_summary", args=[surge.public_id]))
    assert page.status_code == 200
    table = client.get(reverse("cases:surge_export", args=[surge.public_id]))
    assert b"100%" in table.content


def test_members_see_the_surge_above_them_and_none_of_another_body(
    director: Member, desk: Node, qatif: Node, khobar_responder: Member
) -> None:
    above, _undo = services.begin_surge(desk, WORDS, by=director, now=MONDAY)
    services.begin_surge(qatif, WORDS, by=director, now=MONDAY)
    with transaction.atomic():
        look_as(khobar_responder.pk)
        assert list(Surge.objects.all()) == [above]
        assert Surge.objects.update(reason="x") == 0
    with as_worker():
        assert Surge.objects.filter(reason="x").count() == 0
