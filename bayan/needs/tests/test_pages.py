"""Pages of needs: asking in a form, the list, the builder, the calendar, the inventory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.tests.factories import make_number
from bayan.needs import services
from bayan.needs.fields import Asked
from bayan.needs.models import Booking, Form, FormVersion, Need
from bayan.needs.planning import inventory
from bayan.needs.services import Grant
from bayan.needs.tests.factories import HOUR, load_forms, make_booking, make_need, make_thing
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

DAY = timedelta(days=1)
type SignIn = Callable[[Member], StaffClient]


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def administrator(desk: Node) -> Member:
    return make_member(Role.Kind.ADMINISTRATOR, desk)


@pytest.fixture
def as_member(client: StaffClient) -> SignIn:
    def sign_in(member: Member) -> StaffClient:
        client.force_login(member)
        return client

    return sign_in


def test_an_officer_asks_in_six_fields_and_the_department_decides_on_the_page(
    as_member: SignIn, khobar_responder: Member, director: Member
) -> None:
    make_number()
    load_forms(now=timezone.now())
    officer = as_member(khobar_responder)
    page = officer.get(reverse("needs:choose")).content.decode()
    assert "تغطية وتصوير" in page
    address = reverse("needs:ask", args=["coverage"])
    assert len(officer.get(address).context["form"].fields) <= 6
    when = timezone.localtime(timezone.now() + 3 * DAY).strftime("%Y-%m-%dT%H:%M")
    until = timezone.localtime(timezone.now() + 3 * DAY + HOUR).strftime("%Y-%m-%dT%H:%M")
    given = {"f1": "تدشين حديقة", "f2_0": when, "f2_1": until, "f3": "الواجهة البحرية", "f4": "1"}
    assert officer.post(address, given | {"f2_1": when}).status_code == 422
    file = SimpleUploadedFile("program.pdf", b"%PDF-1.4 x", content_type="application/pdf")
    assert officer.post(address, given | {"f6": file}).status_code == 302
    need = Need.objects.get()
    assert (need.title, need.kind, need.node.key) == ("تدشين حديقة", "coverage", "khobar")
    assert need.ends_at is not None

    page = as_member(director).get(reverse("needs:need", args=[need.public_id])).content.decode()
    assert "صور ومقطع قصير" in page
    assert "program.pdf" in page
    [attachment] = need.attachments.all()
    kept = reverse("needs:file", args=[need.public_id, attachment.pk])
    assert as_member(director).get(kept).status_code == 200
    assert as_member(director).post(
        reverse("needs:decide", args=[need.public_id]), {"do": "grant", "to": "", "term": "then"}
    ).status_code == 302  # fmt: skip
    need.refresh_from_db()
    assert (need.state, need.due_at) == ("granted", need.starts_at)
    as_member(director).post(reverse("needs:provide", args=[need.public_id]), {"words": "تم"})
    officer = as_member(khobar_responder)
    assert officer.get(kept).status_code == 200
    officer.post(reverse("needs:confirm", args=[need.public_id]))
    need.refresh_from_db()
    assert need.state == "confirmed"


def test_the_list_asks_the_same_few_statements_is_searched_and_saved(
    as_member: SignIn, khobar: Node, qatif: Node, khobar_responder: Member, director: Member
) -> None:
    now = timezone.now()
    make_need(khobar, by=khobar_responder, now=now)
    desk = as_member(director)
    with CaptureQueriesContext(connection) as few:
        desk.get(reverse("needs:needs"))
    for number in range(8):
        make_need(qatif, by=director, now=now, key="design", title=f"دعوة {number}")
    with CaptureQueriesContext(connection) as many:
        page = desk.get(reverse("needs:needs"))
    assert len(many) <= len(few) <= 14
    assert page.context["counts"]["waiting"] == 9
    found = desk.get(reverse("needs:needs"), {"q": "دعوة 7"}).context["page"].rows
    assert [need.title for need in found] == ["دعوة 7"]
    assert len(desk.get(reverse("needs:needs"), {"body": "khobar"}).context["page"].rows) == 1
    assert desk.get(reverse("needs:export"), {"kind": "design"}).content.decode().count("\n") == 9
    answer = desk.post(
        reverse("needs:act"),
        {"do": "refuse", "reason": "العدد مكتمل", "all": "1", "query": "kind=design"},
    )
    assert answer.status_code == 302
    assert Need.objects.filter(state="refused").count() == 8
    # A municipality sees its own.
    own = as_member(khobar_responder).get(reverse("needs:needs"), {"view": "all"}).context["page"]
    assert {need.node_id for need in own.rows} == {khobar.pk}


def test_a_form_that_is_changed_leaves_what_was_asked_in_it_before(
    as_member: SignIn, khobar: Node, khobar_responder: Member, administrator: Member
) -> None:
    now = timezone.now()
    need = make_need(khobar, by=khobar_responder, now=now)
    form = Form.objects.get(key="coverage")
    builder = as_member(administrator)
    address = reverse("needs:form", args=[form.public_id])
    page = builder.get(address)
    given = {
        name: value
        for name, value in page.context["built"].initial.items()
        if value not in (False, None)
    }
    given["f1_label_ar"] = "اسم الفعالية"
    given |= {f"f{place}_order": str(7 - place) for place in range(1, 7)}
    assert (
        builder.post(address, given | {"f2_kind": "choice", "f2_choices": "واحد"}).status_code
        == 422
    )
    assert builder.post(address, given).status_code == 302
    form.refresh_from_db()
    need.refresh_from_db()
    assert form.version is not None
    assert (need.version.number, form.version.number) == (1, 2)
    # In the order that was given.
    assert form.version.fields[-1]["label_ar"] == "اسم الفعالية"
    shown = builder.get(reverse("needs:need", args=[need.public_id])).content.decode()
    assert "المناسبة" in shown
    with pytest.raises(services.FormNotOffered):
        services.ask(
            FormVersion.objects.get(number=1, form=form),
            Asked(answers={}, title="", quantity=1, starts_at=None, ends_at=None), node=khobar,
            by=khobar_responder, now=now,
        )  # fmt: skip
    assert as_member(khobar_responder).get(address).status_code == 403


def test_the_calendar_tells_that_it_is_taken_and_only_its_bodies_by_whom(
    as_member: SignIn, khobar: Node, khobar_responder: Member, qatif_responder: Member
) -> None:
    now = timezone.now()
    thing = make_thing(1)
    make_booking(thing, khobar, now + HOUR, by=khobar_responder, now=now, purpose="حفل التكريم")
    for view in ("week", "month"):
        day = timezone.localdate(now + HOUR).isoformat()
        given = {"view": view, "from": day}
        own = as_member(khobar_responder).get(reverse("needs:calendar"), given).content.decode()
        other = as_member(qatif_responder).get(reverse("needs:calendar"), given).content.decode()
        assert str(Booking.objects.get().public_id) in own
        assert "حقيبة تصوير" in other
        assert str(Booking.objects.get().public_id) not in other
    pages = [reverse("needs:calendar") + f"?from={day}", reverse("needs:things")]
    few = [statements(as_member(khobar_responder), page) for page in pages]
    for number in range(6):
        other_thing = make_thing(1, name_ar=f"كاميرا {number}")
        make_booking(other_thing, khobar, now + HOUR, by=khobar_responder, now=now)
    many = [statements(as_member(khobar_responder), page) for page in pages]
    assert all(after <= before <= 16 for before, after in zip(few, many, strict=True)), (few, many)
    answer = as_member(qatif_responder).post(
        reverse("needs:book"),
        {
            "thing": str(thing.public_id), "count": "1", "purpose": "تصوير",
            "starts_at": timezone.localtime(now + 2 * HOUR).strftime("%Y-%m-%dT%H:%M"),
            "ends_at": timezone.localtime(now + 4 * HOUR).strftime("%Y-%m-%dT%H:%M"),
        },
    )  # fmt: skip
    assert answer.status_code == 422
    assert not Booking.objects.filter(node__key="qatif").exists()


def test_the_inventory_shows_a_mayor_their_own_beside_the_average_and_the_authority_all(
    as_member: SignIn, khobar: Node, qatif: Node, khobar_responder: Member, director: Member
) -> None:
    now = timezone.now()
    for node, quantity in ((khobar, 100), (khobar, 50), (qatif, 350)):
        make_need(node, by=director, now=now, key="printing", quantity=quantity)
    services.grant_each(
        Need.objects.filter(node=khobar), Grant(due_at=now + DAY), by=director, now=now
    )
    with CaptureQueriesContext(connection) as asked:
        found = inventory(timezone.localdate(now).year)
    assert sum("needs_need" in query["sql"] for query in asked) == 1
    own = found.of([khobar.pk])["printing"]
    assert (own.asked, own.asked_pieces, own.granted, own.granted_pieces, own.provided) == (
        2, 150, 2, 150, 0,
    )  # fmt: skip
    assert found.average()["printing"].asked_pieces == 500 / len(found.municipalities)

    mayor = make_member(Role.Kind.EXECUTIVE, khobar)
    page = as_member(mayor).get(reverse("needs:inventory"))
    assert page.context["asked"].chosen == khobar
    assert page.context["bodies"] == []
    [row] = page.context["kinds"]
    assert row.average is not None
    saved = as_member(mayor).get(reverse("needs:inventory_export")).content.decode()
    assert qatif.name_ar not in saved
    page = as_member(director).get(reverse("needs:inventory"))
    assert {row.key for row in page.context["bodies"]} == {"khobar", "qatif"}


def test_a_thing_is_lent_from_its_page_and_noted_when_it_comes_back(
    as_member: SignIn, khobar: Node, khobar_responder: Member, director: Member
) -> None:
    now = timezone.now()
    thing = make_thing(2)
    booking = make_booking(thing, khobar, now, by=khobar_responder, now=now - HOUR)
    desk = as_member(director)
    desk.post(reverse("needs:hand_out", args=[booking.public_id]), {"note": "مع بطاريتين"})
    page = desk.get(reverse("needs:things"))
    assert [row.promised for row in page.context["lent"]] == [1]
    desk.post(
        reverse("needs:take_back", args=[booking.public_id]),
        {"condition": "damaged", "note": "كسر في العدسة", "mended_by": _in_days(5, now)},
    )
    shown = desk.get(reverse("needs:thing", args=[thing.public_id])).content.decode()
    assert "كسر في العدسة" in shown
    outage = thing.outages.get()
    desk.post(reverse("needs:mend", args=[thing.public_id]), {"outage": str(outage.pk)})
    assert thing.outages.get().ends_at < now + HOUR


def statements(client: StaffClient, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


def _in_days(days: int, now: datetime) -> str:
    return (timezone.localdate(now) + timedelta(days=days)).isoformat()
