"""Work items: given, done, explained, delegated, withdrawn, given back; and the links to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import pytest
from PIL import Image

from bayan.channels.tests.factories import make_number
from bayan.core.models import AuditEntry
from bayan.core.rls import look_as
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Deputyship, Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import selectors, services
from bayan.work.models import Clock, Contractor, Item, Link, Notice
from bayan.work.services import Picture
from bayan.work.tests.factories import make_item

HOUR = timedelta(hours=1)


def a_picture(colour: str = "grey") -> Picture:
    file = BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "JPEG")
    file.seek(0)
    return Picture(file, "site.jpg", "image/jpeg")


def by(member: Member, now: datetime) -> Access:
    return Access.of(member, now=now)


def test_a_task_is_done_once_and_the_first_one_wins(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=khobar_responder)
    done = services.finish(
        item.public_id, by=by(khobar_responder, now), now=now + HOUR, words="رُدمت الحفرة"
    )
    assert (done.state, done.answer, done.ended_by) == ("done", "رُدمت الحفرة", khobar_responder)
    assert Clock.objects.get().ended_at == now + HOUR
    with pytest.raises(services.ItemIsOver):
        services.finish(item.public_id, by=by(khobar_responder, now), now=now + HOUR)


def test_who_may_do_it(khobar: Node, qatif: Node, now: datetime) -> None:
    owner, colleague, head, deputy, stranger = (
        make_member(Role.Kind.FIELD_OFFICER, khobar),
        make_member(Role.Kind.RESPONDER, khobar),
        make_member(Role.Kind.DIRECTOR, khobar),
        make_member(Role.Kind.VIEWER, khobar),
        make_member(Role.Kind.RESPONDER, qatif),
    )
    Deputyship.objects.create(member=owner, deputy=deputy, starts_at=now - HOUR, ends_at=now + HOUR)
    item = make_item(khobar, now=now, owner=owner)
    nobodys = make_item(khobar, now=now)
    assert [
        services.may_act(item, by(member, now), now=now)
        for member in (owner, colleague, head, deputy, stranger)
    ] == [True, False, True, True, False]
    assert services.may_act(nobodys, by(colleague, now), now=now)
    assert not services.may_act(nobodys, by(stranger, now), now=now)
    with pytest.raises(services.NotYours):
        services.finish(item.public_id, by=by(stranger, now), now=now)


@pytest.mark.parametrize(
    ("kind", "end", "words"),
    [
        ("answer", "done", ""),
        ("answer", "refused", "لا"),
        ("approve", "returned", " "),
        ("approve", "refused", ""),
        ("do", "returned", "لا"),
        ("do", "withdrawn", ""),
        ("do", "open", ""),
        ("acknowledge", "returned", "x"),
    ],
)
def test_each_kind_ends_in_its_own_ways(
    khobar_responder: Member, now: datetime, kind: str, end: str, words: str
) -> None:
    node = Node.objects.get(key="khobar")
    item = make_item(node, now=now, owner=khobar_responder, kind=kind)
    with pytest.raises((services.WordsMissing, services.NotPossible)):
        services.finish(item.public_id, by=by(khobar_responder, now), now=now, end=end, words=words)
    assert Item.objects.get().is_open


def test_where_a_picture_is_wanted_it_ends_with_one(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    make_number()
    item = make_item(khobar, now=now, owner=khobar_responder, wants_proof=True)
    access = by(khobar_responder, now)
    with pytest.raises(services.ProofMissing):
        services.finish(item.public_id, by=access, now=now)
    services.finish(item.public_id, by=access, now=now, pictures=[a_picture()])
    [shown] = selectors.items_of(("", "")) or [selectors.shown(Item.objects.all()).get()]
    assert len(shown.pictures) == 1  # type: ignore[attr-defined]


def test_a_reason_for_silence_buys_a_working_day(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    item = make_item(khobar, now=now, owner=khobar_responder)
    services.explain(item.public_id, "parts", by=by(khobar_responder, now), now=now + HOUR)
    # Until 14:30 it works, and goes on at 7:30 the next day: 11:00 and seven hours.
    assert Clock.objects.get().rings_at is not None
    assert services.ring(now=now + 7 * HOUR) == 0
    assert services.ring(now=now + 30 * HOUR) == 1
    with pytest.raises(services.NotPossible):
        services.explain(item.public_id, "because", by=by(khobar_responder, now), now=now)


def test_a_colleague_takes_it_over_and_is_told(
    khobar: Node, qatif: Node, khobar_responder: Member, now: datetime
) -> None:
    colleague = make_member(Role.Kind.FIELD_OFFICER, khobar)
    item = make_item(khobar, now=now, owner=khobar_responder)
    access = by(khobar_responder, now)
    services.delegate(item.public_id, to=colleague, by=access, now=now)
    assert Item.objects.get().owner == colleague
    assert Notice.objects.filter(member=colleague, ring=None).count() == 1
    stranger = make_member(Role.Kind.FIELD_OFFICER, qatif)
    head = make_member(Role.Kind.DIRECTOR, khobar)
    with pytest.raises(services.NotTheirWork):
        services.delegate(item.public_id, to=stranger, by=by(head, now), now=now)


def test_what_was_not_done_well_goes_back_with_a_new_time(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    access = by(khobar_responder, now)
    item = make_item(khobar, now=now, owner=khobar_responder)
    services.finish(item.public_id, by=access, now=now, words="تم")
    again = services.send_again(
        item.public_id, reason="بقي الرصيف", due_at=now + 3 * HOUR, by=access, now=now + HOUR
    )
    assert again.is_open
    assert again.text.endswith("بقي الرصيف")
    assert Clock.objects.filter(ended_at=None).get().due_at == now + 3 * HOUR
    services.finish(item.public_id, by=access, now=now + 2 * HOUR, words="تم كاملًا")
    services.withdraw_of(("", ""), by=khobar_responder, now=now)
    assert Item.objects.get().state == "done"


def test_a_contractor_does_it_by_a_link_and_no_more_once_it_is_withdrawn(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    make_number()
    contractor = Contractor.objects.create(name="مؤسسة تجريبية")
    item = make_item(khobar, now=now, contractor=contractor, wants_proof=True)
    access = by(khobar_responder, now)
    address = services.make_link(item.public_id, by=access, now=now)
    secret = address.rstrip("/").rpartition("/")[2]
    assert secret not in "".join(str(row) for row in Link.objects.values_list())
    assert services.open_link(secret, now=now + HOUR).pk == item.pk
    with pytest.raises(services.LinkIsOver):
        services.open_link(secret[:-1], now=now)
    with pytest.raises(services.NameMissing):
        services.finish_by_link(
            secret, name=" ", words="", pictures=[a_picture()], place=None, now=now
        )
    with pytest.raises(services.ProofMissing):
        services.finish_by_link(secret, name="سالم", words="", pictures=[], place=None, now=now)
    services.explain_by_link(secret, "site", now=now)
    done = services.finish_by_link(
        secret, name="سالم", words="تم الردم", pictures=[a_picture()], place=(26.3, 50.2),
        now=now + HOUR,
    )  # fmt: skip
    assert (done.state, done.ended_name, done.ended_by) == ("done", "سالم", None)
    assert done.proofs.get().latitude == 26.3
    with pytest.raises(services.ItemIsOver):
        services.finish_by_link(
            secret, name="سالم", words="", pictures=[a_picture()], place=None, now=now
        )


def test_a_link_ends_with_its_time_and_with_the_task(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    access = by(khobar_responder, now)
    outside = OutsideBody.objects.get(key="national-water")
    item = make_item(khobar, now=now, outside=outside)
    secret = services.make_link(item.public_id, by=access, now=now).rstrip("/").rpartition("/")[2]
    with pytest.raises(services.LinkIsOver):
        services.open_link(secret, now=now + timedelta(days=15))
    services.withdraw(item.public_id, by=access, now=now)
    with pytest.raises(services.LinkIsOver):
        services.open_link(secret, now=now)


def test_members_see_what_their_bodies_have_or_gave_and_what_is_theirs(
    khobar: Node, qatif: Node, desk: Node, now: datetime
) -> None:
    responder = make_member(Role.Kind.RESPONDER, khobar)
    mine = make_item(qatif, now=now, title="من القطيف للخبر", given_from=khobar)
    theirs = make_item(qatif, now=now, title="للقطيف")
    personal = make_item(desk, now=now, title="شخصي")
    Item.objects.filter(pk=personal.pk).update(owner=responder)
    look_as(responder.pk)
    seen = set(Item.objects.values_list("pk", flat=True))
    assert mine.pk in seen
    assert personal.pk in seen
    assert theirs.pk not in seen


def test_the_trail_names_no_title_and_stands_with_the_case_too(
    khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    item = make_item(
        khobar, now=now, by=khobar_responder, title="سر", subject=("case", "482193756")
    )
    services.finish(item.public_id, by=by(khobar_responder, now), now=now)
    entries = AuditEntry.objects.filter(action__startswith="item.")
    assert {(e.action, e.subject_type) for e in entries} == {
        ("item.given", "item"), ("item.given", "case"), ("item.ended", "item"),
        ("item.ended", "case"),
    }  # fmt: skip
    assert "سر" not in "".join(str(e.details) for e in entries)


def test_what_needs_a_member_is_one_statement(
    khobar: Node, khobar_responder: Member, now: datetime, django_assert_num_queries: object
) -> None:
    late = make_item(khobar, now=now, owner=khobar_responder, due_at=now + HOUR)
    nobodys = make_item(khobar, now=now, due_at=now + 3 * HOUR)
    make_item(khobar, now=now, owner=make_member(Role.Kind.RESPONDER, khobar))
    access = by(khobar_responder, now)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert list(selectors.needs(access, now=now)) == [late, nobodys]
