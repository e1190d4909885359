"""A request from asking to its end: who decides, who provides, who is told, and what is undone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction

from bayan.channels.models import Attempt, Outgoing, Reach
from bayan.channels.services import Reaching
from bayan.channels.tests.factories import make_number
from bayan.channels.tests.test_reaching import make_sms_number
from bayan.core import undo
from bayan.core.models import AuditEntry
from bayan.core.rls import look_as
from bayan.inbox.models import Message
from bayan.needs import services, stages
from bayan.needs.models import Need, Step
from bayan.needs.services import Grant
from bayan.needs.tests.factories import HOUR, make_need
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services as work
from bayan.work.models import Clock, Contractor, Item, Notice
from bayan.work.tests.factories import link_mobile, written_by

DAY = timedelta(days=1)


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


def granted(need: Need, *, by: Member, now: datetime, owner: Member | None = None) -> Need:
    services.grant_each(
        Need.objects.filter(pk=need.pk), Grant(due_at=now + DAY, owner=owner), by=by, now=now
    )
    need.refresh_from_db()
    return need


def test_a_request_goes_from_asking_to_coming_and_each_step_is_told(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    make_number()
    asker = link_mobile(khobar_responder, "966500000011", now=now)
    photographer = link_mobile(
        make_member(Role.Kind.EDITOR, Node.objects.get(key="eastern")), "966500000012", now=now
    )
    # Both wrote within the last day.
    work.hear_members([(written_by(asker, "مهامي"), asker)], now=now)
    work.hear_members([(written_by(photographer, "مهامي"), photographer)], now=now)
    before = Message.objects.count()

    need = make_need(khobar, by=asker, now=now)
    assert Notice.objects.filter(member=director, clock__name=Clock.Name.ANSWER).exists()
    need = granted(need, by=director, now=now + HOUR, owner=photographer)
    assert need.state == "granted"
    assert not Clock.objects.filter(name=Clock.Name.ANSWER, ended_at=None).exists()
    # What can be undone is not told before.
    assert services.tell(now=now + HOUR) == 0
    assert services.tell(now=now + HOUR + undo.OFFERED_FOR) == 1

    assert need.item is not None
    access = Access.of(photographer, now=now)
    people.be_quiet(asker, now + 2 * HOUR, now=now)
    work.finish(need.item.public_id, by=access, now=now + 2 * HOUR, words="الصور في المجلد")
    # Who asked for silence hears of it when that is over.
    assert services.tell(now=now + 2 * HOUR - timedelta(seconds=1)) == 0
    assert services.tell(now=now + 2 * HOUR) == 1
    told = list(Message.objects.filter(direction="out").order_by("pk"))[-2:]
    assert need.reference[:3] in told[0].text
    assert told[1].payload["rows"]

    answer = written_by(asker, "وصل", choice_id="need-confirm")
    services.receive_told([(answer, str(need.public_id))], now=now + 3 * HOUR)
    need.refresh_from_db()
    assert (need.state, need.granted, need.provided) == ("confirmed", 1, 1)
    assert [step.state for step in Step.objects.order_by("pk")] == [
        "asked", "granted", "provided", "confirmed",
    ]  # fmt: skip
    assert Message.objects.count() > before
    lines = AuditEntry.objects.filter(subject_type="need").values_list("action", flat=True)
    assert {"need.asked", "need.granted", "need.provided", "need.confirmed"} <= set(lines)


def test_steps_lead_where_the_table_says_and_nowhere_else(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    need = make_need(khobar, by=khobar_responder, now=now)
    with pytest.raises(services.StepNotPossible):
        services.confirm(need.public_id, by=khobar_responder, now=now)
    services.take(need.public_id, by=director, now=now)
    with pytest.raises(services.StepNotPossible):
        services.take(need.public_id, by=director, now=now)
    with pytest.raises(services.ReasonMissing):
        services.refuse_each(Need.objects.all(), " ", by=director, now=now)
    services.refuse_each(Need.objects.all(), "لا مصور متاح في هذا اليوم", by=director, now=now)
    with pytest.raises(services.StepNotPossible):
        granted(need, by=director, now=now)
    # Each state is reached by a step, or is the first; from an end none leads on.
    reached = {target for _sources, target in stages.STEPS.values()}
    assert reached | {"asked", "partly"} == set(Need.State.values)
    assert not any(stages.ENDS & sources for sources, _target in stages.STEPS.values())


def test_less_than_asked_has_a_reason_and_no_more_than_asked_is_granted(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    need = make_need(khobar, by=khobar_responder, now=now, key="printing", quantity=500)
    several = Need.objects.filter(pk=need.pk)
    with pytest.raises(services.MoreThanAsked):
        services.grant_each(several, Grant(due_at=now + DAY, granted=501), by=director, now=now)
    with pytest.raises(services.ReasonMissing):
        services.grant_each(several, Grant(due_at=now + DAY, granted=200), by=director, now=now)
    part = Grant(due_at=now + DAY, granted=200, words="المتوفر من الورق يكفي مئتين")
    services.grant_each(several, part, by=director, now=now)
    need.refresh_from_db()
    assert (need.state, need.granted) == ("partly", 200)
    services.provide(need.public_id, by=Access.of(director, now=now), now=now, provided=150)
    need.refresh_from_db()
    assert (need.state, need.provided) == ("provided", 150)
    assert Item.objects.get().state == "done"


def test_a_bulk_decision_is_undone_with_its_tasks_and_nobody_hears_of_it(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    needs = [make_need(khobar, by=khobar_responder, now=now) for _number in range(3)]
    services.take(needs[0].public_id, by=director, now=now)
    done = services.grant_each(Need.objects.all(), Grant(due_at=now + DAY), by=director, now=now)
    assert done.count == 3
    assert Item.objects.open().count() == 3
    assert done.undo is not None
    undo.undo(done.undo, by=director, now=now + timedelta(seconds=5))
    assert sorted(Need.objects.values_list("state", flat=True)) == ["asked", "asked", "review"]
    assert Item.objects.open().count() == 0
    assert Clock.objects.filter(name=Clock.Name.ANSWER, ended_at=None).count() == 3
    services.tell(now=now + HOUR)
    assert not Step.objects.filter(state="granted").exists()


def test_what_is_withdrawn_needs_not_be_provided_and_what_is_disputed_must_be_again(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    first = granted(make_need(khobar, by=khobar_responder, now=now), by=director, now=now)
    with transaction.atomic():
        # In the eyes of whoever asked: the task is another body's.
        look_as(khobar_responder.pk)
        services.withdraw_need(first.public_id, by=khobar_responder, now=now)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
    assert Item.objects.get().state == "withdrawn"

    second = granted(make_need(khobar, by=khobar_responder, now=now), by=director, now=now)
    services.provide(second.public_id, by=Access.of(director, now=now), now=now)
    with pytest.raises(services.ReasonMissing):
        services.dispute(second.public_id, "", by=khobar_responder, now=now)
    services.dispute(second.public_id, "وصل نصف العدد", by=khobar_responder, now=now)
    second.refresh_from_db()
    assert (second.state, second.provided) == ("granted", None)
    assert second.item is not None
    assert second.item.is_open
    assert "وصل نصف العدد" in second.item.text


def test_a_task_that_is_withdrawn_leaves_the_request_to_be_given_again(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    need = granted(make_need(khobar, by=khobar_responder, now=now), by=director, now=now)
    assert need.item is not None
    work.withdraw(need.item.public_id, by=Access.of(director, now=now), now=now)
    need.refresh_from_db()
    assert need.state == "granted"
    assert need.item_id is None
    services.give_again(
        need.public_id, Grant(due_at=now + DAY, owner=director), by=director, now=now
    )
    assert Item.objects.open().get().owner == director


def test_a_contractor_provides_by_a_link_without_an_account(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    need = make_need(khobar, by=khobar_responder, now=now, key="printing", quantity=200)
    grant = Grant(due_at=now + DAY, contractor=Contractor.objects.create(name="مطبعة"))
    services.grant_each(Need.objects.all(), grant, by=director, now=now)
    item = Item.objects.get()
    address = work.make_link(item.public_id, by=Access.of(director, now=now), now=now)
    work.finish_by_link(
        address.rstrip("/").rpartition("/")[2], name="فهد", words="سُلّمت في البلدية", pictures=[],
        place=None, now=now + HOUR,
    )  # fmt: skip
    need.refresh_from_db()
    assert (need.state, need.provided) == ("provided", 200)
    assert Step.objects.latest("pk").by_name == "فهد"


def test_both_bodies_see_a_request_and_no_other_does(
    khobar: Node, khobar_responder: Member, qatif_responder: Member, now: datetime
) -> None:
    need = make_need(khobar, by=khobar_responder, now=now)
    provider = make_member(Role.Kind.EDITOR, Node.objects.get(key="public-relations"))
    seen = []
    for member in (khobar_responder, provider, qatif_responder):
        with transaction.atomic(), connection.cursor() as cursor:
            look_as(member.pk)
            seen.append((Need.objects.filter(pk=need.pk).exists(), Step.objects.exists()))
            cursor.execute("SELECT set_config('role', 'bayan_worker', true)")
    assert seen == [(True, True), (True, True), (False, False)]


def test_a_word_in_whatsapp_tells_of_ones_requests_and_where_to_make_one(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    make_number()
    asker = link_mobile(khobar_responder, "966500000014", now=now)
    need = make_need(khobar, by=asker, now=now)
    heard = services.hear([(written_by(asker, "إحتياجاتي!"), asker)], now=now)
    assert len(heard) == 1
    text = Message.objects.filter(direction="out").latest("pk").text
    assert need.title in text
    assert "/needs/new/printing/" in text


def test_who_presses_a_button_that_is_not_theirs_changes_nothing(
    khobar: Node, khobar_responder: Member, qatif_responder: Member, director: Member, now: datetime
) -> None:
    make_number()
    need = granted(make_need(khobar, by=khobar_responder, now=now), by=director, now=now)
    services.provide(need.public_id, by=Access.of(director, now=now), now=now)
    stranger = link_mobile(qatif_responder, "966500000013", now=now)
    answer = written_by(stranger, "وصل", choice_id="need-confirm")
    services.receive_told([(answer, str(need.public_id))], now=now)
    need.refresh_from_db()
    assert need.state == "provided"


def test_whatsapp_that_fails_is_followed_by_a_text_message_until_it_is_said_that_it_came(
    khobar: Node, khobar_responder: Member, director: Member, now: datetime
) -> None:
    make_number()
    make_sms_number()
    asker = link_mobile(khobar_responder, "966500000031", now=now)
    work.hear_members([(written_by(asker, "مهامي"), asker)], now=now)
    Outgoing.objects.update(state="sent")
    need = granted(make_need(khobar, by=asker, now=now), by=director, now=now + HOUR)
    later, worker = now + HOUR + undo.OFFERED_FOR, Reaching()
    assert services.tell(now=later) == 1
    worker.step(now=later)
    told = Step.objects.get(told_at=later)
    assert told.way == "whatsapp"
    Outgoing.objects.filter(attempt__reach=told.reach).update(
        state="failed", error={"code": 131026}
    )
    worker.step(now=later + timedelta(minutes=1))
    tries = Attempt.objects.order_by("pk").values_list("way", "ended")
    assert list(tries) == [("whatsapp", "failed"), ("backup", "no address"), ("sms", "")]
    text = Outgoing.objects.get(attempt__way="sms").content["sms"]["text"]
    assert f"/{need.public_id}" in text

    assert need.item is not None
    work.finish(need.item.public_id, by=Access.of(director, now=now), now=later + HOUR)
    services.tell(now=later + HOUR)
    # What was said before goes no further, and once it came nothing does.
    assert list(Reach.objects.order_by("round").values_list("round", "state")) == [
        (0, "withdrawn"), (1, "open"),
    ]  # fmt: skip
    services.confirm(need.public_id, by=asker, now=later + HOUR)
    worker.step(now=later + 2 * HOUR)
    assert not Reach.objects.filter(state="open").exists()
    assert Attempt.objects.filter(reach__round=1).count() == 1
