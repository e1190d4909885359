"""Pages of work: the list, one task, giving and doing it, the part of a case's page, the link."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bayan.channels.services import media_path
from bayan.channels.tests.factories import make_number
from bayan.channels.tests.test_metadata import a_photo
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.permissions import Access
from bayan.people.tests.factories import make_member
from bayan.work import services
from bayan.work.models import Contractor, Item, Project
from bayan.work.services import saying
from bayan.work.tests.factories import link_mobile, make_item
from bayan.work.tests.test_items import a_picture
from conftest import StaffClient

HOUR = timedelta(hours=1)


@pytest.fixture
def signed_in(client: StaffClient, khobar_responder: Member) -> StaffClient:
    client.force_login(khobar_responder)
    return client


def photo(name: str = "site.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, a_picture().stream.read(), content_type="image/jpeg")


def test_the_list_asks_the_same_few_statements_however_many_tasks_there_are(
    signed_in: StaffClient,
    khobar: Node,
    khobar_responder: Member,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    now = timezone.now()
    for number in range(12):
        make_item(khobar, now=now, owner=khobar_responder, title=f"مهمة {number}")
    for view in ("mine", "given", "body", "ended"):
        with django_assert_max_num_queries(11):
            page = signed_in.get(reverse("work:items"), {"view": view})
        assert page.status_code == 200
    found = signed_in.get(reverse("work:items"), {"q": "مهمة 7"}).content.decode()
    assert "مهمة 7" in found
    assert "مهمة 3" not in found


def test_a_task_is_given_to_a_colleague_in_one_form(signed_in: StaffClient, khobar: Node) -> None:
    officer = make_member(Role.Kind.FIELD_OFFICER, khobar)
    answer = signed_in.post(
        reverse("work:give"),
        {"title": "معاينة", "kind": "do", "to": f"member:{officer.public_id}", "term": "7",
         "text": "شارع 12", "wants_proof": "on"},
    )  # fmt: skip
    item = Item.objects.get()
    assert answer.headers["Location"] == reverse("work:item", args=[item.public_id])
    assert (item.owner, item.given_from, item.wants_proof) == (officer, khobar, True)
    missing = signed_in.post(reverse("work:give"), {"title": "", "kind": "do", "term": "7"})
    assert missing.status_code == 422


def test_a_task_is_done_on_its_page_with_a_picture_that_its_giver_sees(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    make_number()
    item = make_item(khobar, now=timezone.now(), owner=khobar_responder, wants_proof=True)
    refused = signed_in.post(reverse("work:finish", args=[item.public_id]), {"words": "تم"})
    assert refused.status_code == 409
    signed_in.post(
        reverse("work:finish", args=[item.public_id]),
        {"words": "تم", "pictures": [photo()], "latitude": "26.28", "longitude": "50.21"},
    )
    proof = item.proofs.get()
    assert (proof.latitude, proof.longitude) == (26.28, 50.21)
    page = signed_in.get(reverse("work:item", args=[item.public_id])).content.decode()
    address = reverse("work:picture", args=[item.public_id, proof.pk])
    assert address in page
    picture = signed_in.get(address)
    assert picture.headers["Content-Type"] == "image/jpeg"
    stranger = make_member(Role.Kind.RESPONDER, Node.objects.get(key="qatif"))
    client = StaffClient()
    client.force_login(stranger)
    assert client.get(address).status_code == 404


def test_what_pretends_to_be_a_picture_ends_nothing(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    make_number()
    item = make_item(khobar, now=timezone.now(), owner=khobar_responder, wants_proof=True)
    fake = SimpleUploadedFile("x.jpg", b"<html>", content_type="image/jpeg")
    answer = signed_in.post(
        reverse("work:finish", args=[item.public_id]), {"words": "تم", "pictures": [fake]}
    )
    assert answer.status_code == 409
    assert Item.objects.get().is_open


def linked(signed_in: StaffClient, item: Item) -> str:
    """The address of a link to it."""
    page = signed_in.post(reverse("work:make_link", args=[item.public_id])).content.decode()
    return reverse("work:link", args=[page.split("/w/")[1].split("/")[0]])


def test_by_a_link_a_task_is_declined_with_a_reason_and_its_giver_is_told(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    make_number()
    link_mobile(khobar_responder, "966500000111", now=timezone.now())
    conversation = saying.conversation_with(khobar_responder, now=timezone.now())
    assert conversation
    Conversation.objects.filter(pk=conversation.pk).update(last_inbound_at=timezone.now())
    contractor = Contractor.objects.create(name="مؤسسة تجريبية", phone="966500000900")
    item = make_item(khobar, now=timezone.now(), contractor=contractor, by=khobar_responder)
    outside, address = StaffClient(), linked(signed_in, item)
    silent = outside.post(address, {"name": "سالم", "end": "declined", "words": " "})
    assert (silent.status_code, "اكتب السبب" in silent.content.decode()) == (422, True)
    assert (
        outside.post(address, {"name": "سالم", "end": "refused", "words": "لا"}).status_code == 422
    )

    outside.post(address, {"name": "سالم", "end": "declined", "words": "خارج نطاق العقد"})

    item.refresh_from_db()
    assert (item.state, item.answer, item.ended_name) == ("declined", "خارج نطاق العقد", "سالم")
    told = Message.objects.get(direction="out")
    assert "اعتذر عنه سالم: خارج نطاق العقد" in told.text
    page = signed_in.get(reverse("work:item", args=[item.public_id])).content.decode()
    assert "خارج نطاق العقد" in page
    assert "معتذَر عنه" in page
    assert "وصل" in outside.get(address).content.decode()


def test_by_a_link_what_is_to_be_approved_is_returned_with_a_remark(
    signed_in: StaffClient, khobar: Node
) -> None:
    contractor = Contractor.objects.create(name="مؤسسة تجريبية")
    item = make_item(khobar, now=timezone.now(), contractor=contractor, kind="approve")
    outside, address = StaffClient(), linked(signed_in, item)
    form = outside.get(address).content.decode()
    assert ('value="returned"' in form, 'value="declined"' in form) == (True, False)
    assert outside.post(address, {"name": "س", "end": "declined", "words": "لا"}).status_code == 422

    outside.post(address, {"name": "سالم", "end": "returned", "words": "ينقص المخطط"})

    item.refresh_from_db()
    assert (item.state, item.answer) == ("returned", "ينقص المخطط")
    # And another one is simply approved.
    other = make_item(khobar, now=timezone.now(), contractor=contractor, kind="approve")
    outside.post(linked(signed_in, other), {"name": "سالم"})
    other.refresh_from_db()
    assert other.state == "done"


def test_a_contractor_sees_the_task_and_nothing_else_and_does_it(
    signed_in: StaffClient, client: StaffClient, khobar: Node, khobar_responder: Member
) -> None:
    make_number()
    contractor = Contractor.objects.create(name="مؤسسة تجريبية")
    item = make_item(
        khobar, now=timezone.now(), contractor=contractor, wants_proof=True, text="قرب المسجد"
    )
    page = signed_in.post(reverse("work:make_link", args=[item.public_id])).content.decode()
    # No way to them is known: by hand.
    assert "https://wa.me/?text=" in page
    secret = page.split("/w/")[1].split("/")[0]
    outside = StaffClient()
    address = reverse("work:link", args=[secret])
    shown = outside.get(address)
    assert "قرب المسجد" in shown.content.decode()
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["Referrer-Policy"] == "same-origin"
    assert khobar_responder.name not in shown.content.decode()
    nameless = outside.post(address, {"name": "", "pictures": [photo()]})
    assert nameless.status_code == 422
    assert "اسمك" in nameless.content.decode()
    later = outside.post(address, {"silence": "site"})
    assert later.status_code == 302
    old = SimpleUploadedFile("old.jpg", a_photo(at="2020:05:01 09:00:00"), "image/jpeg")
    refused = outside.post(address, {"name": "سالم", "words": "أُنجز", "pictures": [old]})
    assert (refused.status_code, "2020" in refused.content.decode()) == (422, True)
    at = timezone.now().strftime("%Y:%m:%d %H:%M:%S")
    taken = SimpleUploadedFile("site.jpg", a_photo(at=at, offset="+00:00"), "image/jpeg")
    done = outside.post(
        address,
        {"name": "سالم", "words": "أُنجز", "pictures": [taken], "latitude": "26.3",
         "longitude": "950"},
    )  # fmt: skip
    assert done.status_code == 302
    assert Item.objects.get().ended_name == "سالم"
    # The camera says where; nothing else of what it says is kept.
    proof = Item.objects.get().proofs.get()
    assert (round(proof.latitude or 0, 4), f"{proof.at:%Y:%m:%d %H:%M:%S}") == (26.2794, at)
    assert b"Galaxy of Salem" not in media_path(proof.media).read_bytes()
    assert "شكرًا" in outside.get(address).content.decode()
    assert outside.get(reverse("work:link", args=["x" * 32])).status_code == 410


def test_the_table_of_contractors(signed_in: StaffClient, khobar: Node) -> None:
    row = {
        "name": "مؤسسة الطرق", "project": "صيانة الأرصفة", "department": "khobar",
        "phone": "0500000901", "number": "م-12", "contact_name": "",
    }  # fmt: skip
    signed_in.post(reverse("work:contractors"), row)
    project = Project.objects.get()
    assert project.contractor.phone == "966500000901"
    assert signed_in.post(reverse("work:contractors"), row).status_code == 409
    bad = signed_in.post(reverse("work:contractors"), row | {"phone": "12", "project": "أخرى"})
    assert bad.status_code == 409
    assert "صيانة الأرصفة" in signed_in.get(reverse("work:give")).content.decode()
    signed_in.post(reverse("work:contractors"), {"end": str(project.public_id)})
    assert "صيانة الأرصفة" not in signed_in.get(reverse("work:give")).content.decode()


def test_a_subject_that_nobody_knows_takes_no_task(signed_in: StaffClient) -> None:
    address = reverse("work:panel", args=["case", "482193756"])
    assert signed_in.get(address).status_code == 200
    assert signed_in.post(address, {"title": "x"}).status_code == 404


def test_what_waits_too_long_is_explained_handed_over_given_back(
    signed_in: StaffClient, khobar: Node, khobar_responder: Member, now: datetime
) -> None:
    item = make_item(khobar, now=timezone.now(), owner=khobar_responder)
    key = [item.public_id]
    # What must be read before it is done can be explained here all the same.
    Item.objects.update(on_page=True)
    page = signed_in.get(reverse("work:item", args=key)).content.decode()
    assert reverse("work:explain", args=key) in page
    assert reverse("work:finish", args=key) not in page
    signed_in.post(reverse("work:explain", args=key), {"silence": "parts"})
    assert Item.objects.get().silence == "parts"
    officer = make_member(Role.Kind.FIELD_OFFICER, khobar)
    nobody = signed_in.post(reverse("work:delegate", args=key), {"to": str(UUID(int=0))})
    assert nobody.status_code == 422
    signed_in.post(reverse("work:delegate", args=key), {"to": str(officer.public_id)})
    assert Item.objects.get().owner == officer
    services.finish(item.public_id, by=Access.of(officer, now=timezone.now()), now=timezone.now())
    faulty = signed_in.post(reverse("work:send_again", args=key), {"reason": "", "term": "7"})
    assert faulty.status_code == 422
    signed_in.post(reverse("work:send_again", args=key), {"reason": "بقي", "term": "7"})
    assert Item.objects.get().is_open
    signed_in.post(reverse("work:withdraw", args=key))
    assert Item.objects.get().state == "withdrawn"
