"""Open311 as its clients speak it: what the PyPI packages `georeport` and `three` ask for, and worse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bayan.api.open311.formats import Answer
from bayan.cases import services as cases
from bayan.cases.models import Case, Heard
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import body_part, incoming, make_number, make_template
from bayan.core.references import grouped
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message, Note
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Contact, Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

BASE = "/open311/v2/"
# In the district العليا of Khobar.
POINT = {"lat": "26.29871", "long": "50.20643"}
POTHOLE = {
    "service_code": "roads",
    "description": "حفرة كبيرة في الشارع تكسر السيارات",
    **POINT,
}
PHONE = "0551234567"


@pytest.fixture(autouse=True)
def _public(settings: Any) -> None:
    settings.OPEN311_IS_PUBLIC = True
    cache.clear()


def key_of(member: Member, *scopes: str) -> str:
    return people.create_token(
        email=member.email or "", scopes=scopes or ("read", "write"), now=timezone.now()
    )


@pytest.fixture
def key(desk_responder: Member) -> str:
    make_number()
    return key_of(desk_responder)


@pytest.fixture
def post(client: StaffClient, key: str) -> Callable[..., Any]:
    """Report as an app does: a form, with the key as one of its fields."""

    def post(path: str = "requests.json", **fields: Any) -> Any:
        return client.post(BASE + path, {"api_key": key} | POTHOLE | fields)

    return post


def got(client: StaffClient, path: str, **asked: Any) -> Any:
    answer = client.get(BASE + path, asked)
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- Discovery and services


def test_discovery_says_where_and_in_which_formats(client: StaffClient) -> None:
    found = got(client, "discovery.json")
    (endpoint,) = found["endpoints"]
    assert endpoint["url"].endswith("/open311/v2")
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["formats"] == ["text/xml", "application/json"]

    root = ET.fromstring(client.get(BASE + "discovery.xml").content)  # noqa: S314  # our own
    assert [e.text for e in root.iterfind("endpoints/endpoint/formats/format")] == endpoint[
        "formats"
    ]
    assert root.findtext("contact") == found["contact"]


def test_every_category_is_a_service_in_the_readers_language(client: StaffClient) -> None:
    services = got(client, "services.json")
    assert [s["service_code"] for s in services] == Case.Category.values
    roads = services[1]
    assert (roads["service_name"], roads["type"]) == ("الطرق والأرصفة", "realtime")
    assert roads["metadata"] is False
    english = client.get(BASE + "services.json", headers={"Accept-Language": "en-GB,ar;q=0.5"})
    assert english.json()[1]["service_name"] == "roads and pavements"
    assert english.headers["Content-Language"] == "en"
    assert got(client, "services.json", locale="en_US")[1]["group"] == "Streets"

    root = ET.fromstring(client.get(BASE + "services.xml").content)  # noqa: S314  # our own
    assert root.tag == "services"
    assert [s.findtext("service_code") for s in root.iterfind("service")] == Case.Category.values
    assert root[1].findtext("metadata") == "false"


def test_a_service_names_what_is_asked_besides(client: StaffClient) -> None:
    definition = got(client, "services/storm_water.json", locale="en")
    (depth,) = definition["attributes"]
    assert (depth["code"], depth["datatype"], depth["required"]) == (
        "depth",
        "singlevaluelist",
        False,
    )
    assert depth["values"][0] == {"key": "ankle", "name": "up to the ankle"}

    root = ET.fromstring(client.get(BASE + "services/storm_water.xml").content)  # noqa: S314
    assert root.tag == "service_definition"
    assert root.findtext("attributes/attribute/values/value/key") == "ankle"
    assert client.get(BASE + "services/nonsense.json").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("services/nonsense", 404),
        ("requests/nonsense", 404),
        ("requests/019a0000-0000-7000-8000-000000000000", 404),
        ("tokens/nonsense", 404),
        ("elsewhere", 404),
        ("services", 404),
        ("requests", 400),
    ],
)
def test_an_error_is_a_list_of_codes_and_descriptions(
    client: StaffClient, path: str, status: int
) -> None:
    asked = {"jurisdiction_id": "paris"} if path == "services" else {"start_date": "yesterday"}
    answer = client.get(f"{BASE}{path}.json", asked)
    assert answer.status_code == status
    (error,) = answer.json()
    assert error["code"] == status
    assert error["description"]
    root = ET.fromstring(client.get(f"{BASE}{path}.xml", asked).content)  # noqa: S314
    assert (root.tag, root[0].tag, root[0].findtext("code")) == ("errors", "error", str(status))


def test_the_one_jurisdiction_may_be_named(client: StaffClient, desk: Node) -> None:
    assert got(client, "services.json", jurisdiction_id=desk.key)
    assert client.delete(BASE + "requests.json").status_code == 405


# --- Reports


def test_an_app_is_told_of_an_open_case_near_by(post: Callable[..., Any]) -> None:
    first = Case.objects.get(public_id=post(phone=PHONE).json()[0]["service_request_id"])
    (made,) = post(phone="0557654321", description="حفرة في نفس المكان").json()
    assert grouped(first.reference) in made["service_notice"]
    assert Case.objects.get(public_id=made["service_request_id"]).parent_id is None


def test_a_report_becomes_a_case_at_the_desk(
    post: Callable[..., Any], client: StaffClient, desk: Node, desk_responder: Member
) -> None:
    answer = post(first_name="نورة", last_name="القحطاني", phone=PHONE, email="n@example.org")
    assert answer.status_code == 201
    (made,) = answer.json()
    case = Case.objects.get(public_id=made["service_request_id"])
    assert grouped(case.reference) in made["service_notice"]
    assert f"/track/{case.reference}" in made["service_notice"]
    assert (case.node, case.category, case.points_to) == (desk, "roads", "khobar")
    assert (case.latitude, case.longitude) == (26.29871, 50.20643)
    assert case.reading.said["category"][0] == "roads"
    assert case.contact.name == "نورة القحطاني"
    assert case.contact.identities.get().value == "966551234567"
    message = Message.objects.get(matter=case.reference)
    assert (message.text, message.author) == (POTHOLE["description"], desk_responder)
    # Her mobile and address are for those who work on it.
    note = Note.objects.get(matter=case.reference).text
    assert "0551234567" in note
    assert "n@example.org" in note
    assert Heard.objects.filter(external_id=message.external_id).exists()


def test_the_category_is_the_persons_choice(post: Callable[..., Any]) -> None:
    (made,) = post(service_code="lighting").json()
    case = Case.objects.get(public_id=made["service_request_id"])
    assert case.category == "lighting"
    assert case.reading.said["category"][0] == "roads"


def test_words_of_danger_make_it_an_emergency(post: Callable[..., Any]) -> None:
    (made,) = post(
        service_code="lighting", description="سلك كهرب مكشوف في الحديقة وولد انصعق الحين الحقوا"
    ).json()
    assert Case.objects.get(public_id=made["service_request_id"]).priority == "emergency"


def test_a_place_in_words_is_enough(post: Callable[..., Any]) -> None:
    (made,) = post(lat="", long="", address_string="حي المزروعية، الدمام، شارع 12").json()
    case = Case.objects.get(public_id=made["service_request_id"])
    assert (case.place, case.latitude) == ("حي المزروعية، الدمام، شارع 12", None)


def test_nobody_is_written_to_and_no_time_to_write_is_opened(post: Callable[..., Any]) -> None:
    post(phone=PHONE)
    conversation = Conversation.objects.get()
    assert conversation.last_inbound_at is None
    assert not conversation.is_waiting
    assert not Message.objects.filter(direction="out").exists()


def test_a_mobile_of_somebody_whose_case_is_open_does_not_mix_up_what_they_write(
    post: Callable[..., Any],
) -> None:
    theirs = make_case("الشارع مظلم", phone="966551234567", name="نورة")
    (made,) = post(phone=PHONE, first_name="سعد").json()
    case = Case.objects.get(public_id=made["service_request_id"])
    assert case.contact != theirs.contact
    assert not case.contact.identities.exists()
    theirs.conversation.refresh_from_db()
    assert theirs.conversation.matter == theirs.reference
    assert Contact.objects.get(pk=theirs.contact_id).name == "نورة"
    assert PHONE in Note.objects.get(matter=case.reference).text


def test_a_known_mobile_keeps_the_name_that_its_person_has(
    post: Callable[..., Any], desk_responder: Member
) -> None:
    theirs = make_case("الشارع مظلم", phone="966551234567", name="نورة")
    cases.close_case(
        theirs.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="",
        by=desk_responder,
        now=timezone.now(),
    )
    (made,) = post(phone=PHONE, first_name="سعد").json()
    case = Case.objects.get(public_id=made["service_request_id"])
    assert (case.contact, case.contact.name) == (theirs.contact, "نورة")


def test_a_member_answers_the_mobile_that_was_given_by_a_template(
    post: Callable[..., Any], client: StaffClient, desk_responder: Member
) -> None:
    post(phone=PHONE)
    conversation = Conversation.objects.get()
    page = reverse("inbox:conversation", args=[conversation.public_id])
    client.force_login(desk_responder)
    make_template(purpose="reopen", components=[body_part("لدينا رد، اضغط لعرضه.")])
    assert 'name="kind" value="wait"' in client.get(page).content.decode()

    with pytest.raises(inbox.WindowClosed):
        inbox.reply(conversation.public_id, "تم", by=desk_responder, now=timezone.now())
    inbox.nudge(conversation.public_id, "تم", by=desk_responder, now=timezone.now())

    question, answer = Outgoing.objects.order_by("pk")
    assert (question.to_phone, question.state, answer.state) == ("966551234567", "queued", "held")
    assert question.template is not None


def test_without_a_mobile_the_composer_says_that_nobody_can_be_answered(
    post: Callable[..., Any], client: StaffClient, desk_responder: Member
) -> None:
    post()
    page = reverse("inbox:conversation", args=[Conversation.objects.get().public_id])
    client.force_login(desk_responder)
    make_template(purpose="reopen")
    shown = client.get(page).content.decode()
    assert "رقم واتساب كاتبه غير معروف" in shown
    assert 'name="kind" value="wait"' not in shown


def test_a_report_closes_though_nobody_can_be_asked_how_content_they_are(
    reported: Case, desk_responder: Member
) -> None:
    case = cases.close_case(
        reported.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=desk_responder,
        now=timezone.now(),
    )
    assert case.is_closed
    assert not Outgoing.objects.exists()


def test_what_the_person_then_writes_joins_the_case(reported: Case) -> None:
    cases.take_in(
        [incoming("وين وصلتوا؟", phone="966551234567", received_at=timezone.now())],
        now=timezone.now(),
    )
    assert Case.objects.count() == 1
    assert Message.objects.filter(matter=reported.reference).count() == 2


def test_the_same_report_sent_again_is_the_same_request(post: Callable[..., Any]) -> None:
    ids = {post().json()[0]["service_request_id"] for _again in range(3)}
    assert len(ids) == 1
    assert Case.objects.count() == 1
    other = post(description="حفرة أخرى").json()[0]["service_request_id"]
    assert other not in ids


def test_a_report_is_sent_again_within_ten_minutes(
    db: None, desk_responder: Member, now: datetime
) -> None:
    make_number()

    def report(minutes: float) -> Case:
        return cases.open_reported(
            cases.Report(digest="x", category=Case.Category.ROADS, description="حفرة"),
            by=desk_responder,
            now=now + timedelta(minutes=minutes),
        )

    first = report(9)
    assert report(12) == report(18.9) == first
    assert report(19) != first


def test_a_report_sent_twice_at_once_is_one_case(committed_db: None) -> None:
    member = make_member(Role.Kind.RESPONDER, Node.objects.get(kind="authority"))
    make_number()

    def report(_time: int) -> int:
        try:
            made = cases.open_reported(
                cases.Report(digest="x", category=Case.Category.ROADS, phone="966551234567"),
                by=member,
                now=timezone.now(),
            )
            return made.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(report, range(4)))) == 1
    assert Case.objects.count() == 1


def test_what_is_asked_besides_is_told_to_those_who_work_on_it(post: Callable[..., Any]) -> None:
    (made,) = post(service_code="storm_water", **{"attribute[depth]": "knee"}).json()
    case = Case.objects.get(public_id=made["service_request_id"])
    assert "حتى الركبة" in Note.objects.get(matter=case.reference).text
    (made,) = post(service_code="digital_services", **{"attribute[balady_number]": "55-1"}).json()
    assert Case.objects.get(public_id=made["service_request_id"]).balady_number == "55-1"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"service_code": ""}, 400),
        ({"service_code": "nonsense"}, 404),
        ({"lat": "", "long": ""}, 400),
        ({"lat": "26.3", "long": ""}, 400),
        ({"lat": "91"}, 400),
        ({"lat": "nan"}, 400),
        ({"lat": "here"}, 400),
        ({"description": "ا" * 4001}, 400),
        ({"description": "a\0b"}, 400),
        ({"attribute[nonsense]": "1"}, 400),
        ({"service_code": "storm_water", "attribute[depth]": "sea"}, 400),
        ({"service_code": "stray_animals", "attribute[animals]": "many"}, 400),
        ({"jurisdiction_id": "paris"}, 404),
        ({"api_key": ""}, 403),
        ({"api_key": "wrong"}, 403),
        ({"api_key": "\0"}, 403),
    ],
)
def test_what_cannot_be_taken_is_refused_and_nothing_is_kept(
    post: Callable[..., Any], fields: dict[str, str], status: int
) -> None:
    answer = post(**fields)
    assert answer.status_code == status
    assert all(error["code"] == status and error["description"] for error in answer.json())
    assert not Case.objects.exists()
    assert not Message.objects.exists()


def test_only_a_key_that_may_write_reports(client: StaffClient, desk_responder: Member) -> None:
    make_number()
    reads = key_of(desk_responder, "read")
    assert client.post(BASE + "requests.json", POTHOLE | {"api_key": reads}).status_code == 403
    trainer = make_member(Role.Kind.TRAINER, Node.objects.get(kind="authority"))
    without_a_role = POTHOLE | {"api_key": key_of(trainer)}
    assert client.post(BASE + "requests.json", without_a_role).status_code == 403
    # As the API takes it.
    headers = {"Authorization": f"Bearer {key_of(desk_responder)}"}
    assert client.post(BASE + "requests.xml", POTHOLE, headers=headers).status_code == 201


def test_without_a_number_no_report_is_taken(client: StaffClient, desk_responder: Member) -> None:
    answer = client.post(BASE + "requests.json", POTHOLE | {"api_key": key_of(desk_responder)})
    assert answer.status_code == 400


def test_a_picture_that_comes_along_is_kept_and_one_that_is_none_is_refused(
    post: Callable[..., Any], settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    drawn = BytesIO()
    Image.new("RGB", (8, 8)).save(drawn, "JPEG")
    # As requests sends a file: without a type.
    picture = SimpleUploadedFile("photo.jpg", drawn.getvalue(), content_type="")
    (made,) = post(media=picture).json()
    case = Case.objects.get(public_id=made["service_request_id"])
    message = Message.objects.get(matter=case.reference)
    assert message.media is not None
    assert (message.kind, message.media.mime_type) == ("image", "image/jpeg")
    page = SimpleUploadedFile("photo.jpg", b"<html><script>", content_type="image/jpeg")
    assert post(media=page, description="أخرى").status_code == 400
    assert Case.objects.count() == 1


def test_an_app_that_runs_wild_is_slowed_down(
    post: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayan.api.open311.views.MOST_REPORTS", 2)
    assert [post().status_code for _again in range(3)] == [201, 201, 429]


# --- What is shown of requests


@pytest.fixture
def reported(post: Callable[..., Any]) -> Case:
    (made,) = post(first_name="نورة", last_name="القحطاني", phone=PHONE).json()
    return Case.objects.get(public_id=made["service_request_id"])


def test_a_request_shows_how_it_stands_and_nobodys_words(
    client: StaffClient, reported: Case, desk: Node
) -> None:
    Case.objects.update(place="بيت القحطاني، شارع 12")
    (found,) = got(client, f"requests/{reported.public_id}.json", locale="en")
    assert found["service_request_id"] == str(reported.public_id)
    assert (found["status"], found["status_notes"]) == ("open", "new")
    assert (found["service_code"], found["service_name"]) == ("roads", "roads and pavements")
    assert found["agency_responsible"] == desk.name_en
    # A hundred metres, and the district: enough for a map, too little for a door.
    assert (found["lat"], found["long"]) == (26.299, 50.206)
    assert found["address"].startswith("near ")
    assert found["description"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00", found["requested_datetime"])
    for path in (
        f"requests/{reported.public_id}.json",
        "requests.json",
        "requests.xml?extensions=true",
    ):
        text = client.get(BASE + path).content.decode()
        for private in ("نورة", "القحطاني", "551234567", "حفرة", "شارع 12", reported.reference):
            assert private not in text, path


def test_a_closed_request_says_how_it_ended(
    client: StaffClient, reported: Case, desk_responder: Member
) -> None:
    cases.close_case(
        reported.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="",
        by=desk_responder,
        now=timezone.now(),
    )
    (found,) = got(client, "requests.json", status="closed", locale="en", extensions="true")
    assert (found["status"], found["status_notes"]) == ("closed", "put right")
    assert found["extended_attributes"] == {
        "municipality": None, "stage": "closed", "outcome": "resolved",
    }  # fmt: skip
    assert found["updated_datetime"] >= found["requested_datetime"]
    assert got(client, "requests.json", status="open") == []
    assert len(got(client, "requests.json", status="open,closed")) == 1


def test_an_app_reads_its_own_words_again(
    client: StaffClient, reported: Case, key: str, desk: Node
) -> None:
    (found,) = got(client, f"requests/{reported.public_id}.json", api_key=key)
    assert found["description"] == POTHOLE["description"]
    (found,) = got(client, "requests.json", service_request_id=reported.reference, api_key=key)
    assert found["service_request_id"] == str(reported.public_id)
    # Another app does not, though it sees the request; nor is a number known without a key.
    another = key_of(make_member(Role.Kind.VIEWER, desk))
    (found,) = got(client, f"requests/{reported.public_id}.json", api_key=another)
    assert found["description"] is None
    assert client.get(f"{BASE}requests/{reported.reference}.json").status_code == 404


def test_words_that_came_by_whatsapp_are_shown_to_no_app(
    client: StaffClient, key: str, desk: Node
) -> None:
    case = make_case("حفرة عند بيتنا", now=timezone.now())
    Case.objects.update(category="roads")
    (found,) = got(client, f"requests/{case.public_id}.json", api_key=key)
    assert found["description"] is None


def test_a_key_sees_what_its_member_sees(
    client: StaffClient, khobar: Node, khobar_responder: Member, qatif_responder: Member
) -> None:
    case = make_case("حفرة", now=timezone.now() - timedelta(hours=1))
    Case.objects.update(category="roads")
    clerk = make_member(Role.Kind.RESPONDER, case.node)
    cases.assign_case(case.public_id, to=khobar, by=clerk, now=timezone.now())
    path = f"requests/{case.public_id}.json"
    (found,) = got(client, "requests.json", api_key=key_of(khobar_responder))
    assert found["agency_responsible"] == khobar.name_ar
    qatifs = key_of(qatif_responder)
    assert got(client, "requests.json", api_key=qatifs) == []
    assert client.get(BASE + path, {"api_key": qatifs}).status_code == 404
    writes = key_of(khobar_responder, "write")
    assert client.get(BASE + path, {"api_key": writes}).status_code == 403


def test_where_nothing_is_published_a_key_is_needed(
    client: StaffClient, reported: Case, key: str, settings: Any
) -> None:
    settings.OPEN311_IS_PUBLIC = False
    for path in ("requests.json", f"requests/{reported.public_id}.json", "tokens/x.json"):
        assert client.get(BASE + path).status_code == 403
    assert len(got(client, "requests.json", api_key=key)) == 1
    assert got(client, "services.json")
    assert client.get(BASE + "requests.json", {"api_key": "wrong"}).status_code == 403


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "enquiry"}, {"kind": "rumour_claim"}, {"kind": "spam"}, {"category": ""},
        {"category": "staff_service"}, {"priority": "emergency"},
    ],
)  # fmt: skip
def test_what_is_no_request_or_too_close_to_a_person_is_not_published(
    client: StaffClient, facts: dict[str, str], desk_responder: Member
) -> None:
    make_case("حفرة", now=timezone.now())
    Case.objects.update(kind="complaint", category="roads", priority="normal")
    assert len(got(client, "requests.json")) == 1
    Case.objects.update(**facts)
    assert got(client, "requests.json") == []
    expected = 0 if facts == {"category": ""} else 1
    assert len(got(client, "requests.json", api_key=key_of(desk_responder))) == expected


def test_a_token_is_the_id(client: StaffClient, reported: Case) -> None:
    name = str(reported.public_id)
    assert got(client, f"tokens/{name}.json") == [{"service_request_id": name, "token": name}]


# --- Filters


@pytest.fixture
def many(db: None) -> list[Case]:
    """Five cases of five days, the latest first."""
    today = timezone.now()
    made = [make_case("حفرة", now=today - timedelta(days=day)) for day in range(5)]
    for position, case in enumerate(made):
        Case.objects.filter(pk=case.pk).update(
            kind="complaint", priority="normal",
            category="roads" if position % 2 else "lighting",
            latitude=26.3 + position / 100, longitude=50.2,
        )  # fmt: skip
    return made


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["service_request_id"] for row in rows]


def test_requests_are_listed_by_page_service_and_id(client: StaffClient, many: list[Case]) -> None:
    newest = [str(case.public_id) for case in many]
    assert ids(got(client, "requests.json")) == newest
    assert ids(got(client, "requests.json", page_size="2", page="2")) == newest[2:4]
    assert ids(got(client, "requests.json", service_code="roads,nonsense")) == newest[1::2]
    assert got(client, "requests.json", service_code="nonsense") == []
    named = f"{newest[3]}, {newest[0]},nonsense"
    assert ids(got(client, "requests.json", service_request_id=named, status="closed")) == [
        newest[0], newest[3],
    ]  # fmt: skip
    for asked in ({"page": "0"}, {"page_size": "x"}, {"status": "pending"}, {"page": "9" * 30}):
        assert client.get(BASE + "requests.json", asked).status_code == 400


def test_requests_are_listed_by_date_at_most_ninety_days(
    client: StaffClient, many: list[Case]
) -> None:
    newest = [str(case.public_id) for case in many]
    between = timezone.localtime(many[1].opened_at - timedelta(hours=1))
    since = between.isoformat()
    assert ids(got(client, "requests.json", start_date=since)) == newest[:2]
    # As an address carries a plus that nobody encoded.
    raw = client.get(f"{BASE}requests.json?end_date={since}")
    assert ids(raw.json()) == newest[2:]
    zulu = between.astimezone(tz=None).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert client.get(BASE + "requests.json", {"start_date": zulu}).status_code == 200
    Case.objects.filter(pk=many[4].pk).update(opened_at=timezone.now() - timedelta(days=91))
    assert ids(got(client, "requests.json")) == newest[:4]
    for asked in (
        {"start_date": "2025-01-01", "end_date": "2025-06-01"},
        {"start_date": "01-02-2025"},
        {"end_date": "0001-01-01T00:00:00Z"},
        {"start_date": "9999-12-31T23:59:59-12:00"},
    ):
        assert client.get(BASE + "requests.json", asked).status_code == 400, asked


def test_requests_are_listed_by_area_as_it_is_shown(client: StaffClient, many: list[Case]) -> None:
    newest = [str(case.public_id) for case in many]
    assert ids(got(client, "requests.json", bbox="50.1,26.295,50.3,26.315")) == newest[:2]
    near = {"lat": "26.30", "long": "50.2", "radius": "1200"}
    assert ids(got(client, "requests.json", **near)) == newest[:2]
    # Where it is to the metre cannot be asked out of the filter either.
    Case.objects.filter(pk=many[0].pk).update(latitude=26.30041)
    inside = {"lat": "26.300", "long": "50.2", "radius": "10"}
    assert ids(got(client, "requests.json", **inside)) == newest[:1]
    for asked in ({"bbox": "1,2,3"}, {"lat": "26"}, {"lat": "26", "long": "x", "radius": "1"}):
        assert client.get(BASE + "requests.json", asked).status_code == 400


def test_a_list_costs_the_same_however_long_it_is(
    client: StaffClient, key: str, many: list[Case]
) -> None:
    def cost(**asked: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            got(client, "requests.json", **asked)
        return len(queries)

    assert cost(page_size="1") == cost()
    assert cost(page_size="1", api_key=key) == cost(api_key=key)


# --- Whatever anybody sends


WORDS = st.text(max_size=40)
FIELDS = st.sampled_from(
    ["api_key", "service_code", "lat", "long", "address_string", "description", "phone", "email",
     "media_url", "first_name", "attribute[depth]", "attribute[", "jurisdiction_id", "extensions"]
)  # fmt: skip
VALUES = WORDS | st.sampled_from(
    ["roads", "storm_water", "26.3", "50.2", "1e400", "true", PHONE, "٢٦٫٣"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(FIELDS, VALUES, max_size=8), st.sampled_from(["json", "xml"]))
def test_no_form_breaks_anything(
    client: StaffClient, key: str, fields: dict[str, str], extension: str
) -> None:
    cache.clear()
    sent = {"api_key": key, **POTHOLE, **fields}
    answer = client.post(f"{BASE}requests.{extension}", sent)
    assert answer.status_code in {201, 400, 403, 404}
    readable(answer.content, extension)


ASKED = st.sampled_from(
    ["service_request_id", "service_code", "start_date", "end_date", "status", "page", "page_size",
     "bbox", "lat", "long", "radius", "locale", "extensions", "jurisdiction_id", "api_key"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        ASKED, WORDS | st.sampled_from(["1", "-1", "2026-11-01", "open", "1,2,3,4"]), max_size=6
    ),
    st.sampled_from(["json", "xml"]),
    WORDS,
)
def test_no_question_breaks_anything(
    client: StaffClient, fields: dict[str, str], extension: str, language: str
) -> None:
    cache.clear()
    headers = {"Accept-Language": language.encode("ascii", "ignore").decode()}
    answer = client.get(f"{BASE}requests.{extension}", fields, headers=headers)
    assert answer.status_code in {200, 400, 403, 404}
    readable(answer.content, extension)


@given(st.text() | st.text(st.characters(categories=["Cc", "Cs", "Co", "Cn"])))
def test_whatever_stands_in_a_text_it_is_well_formed(text: str) -> None:
    answer = Answer("service_requests", [{"description": text, "address": None}])
    readable(answer.response(as_xml=True).content, "xml")
    readable(answer.response(as_xml=False).content, "json")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe=\xff", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"broken", "multipart/form-data"),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-7"),
        (b"&".join(b"a%d=1" % i for i in range(2000)), "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_is_refused(client: StaffClient, body: bytes, kind: str) -> None:
    answer = client.post(BASE + "requests.json", body, content_type=kind)
    assert answer.status_code in {400, 403}
    assert answer.json()[0]["code"] == answer.status_code


def test_a_body_that_is_too_large_is_refused(client: StaffClient) -> None:
    answer = client.post(
        BASE + "requests.json", b"", content_type="application/json", CONTENT_LENGTH=7_000_000
    )
    assert answer.status_code == 413


def readable(content: bytes, extension: str) -> None:
    if extension == "xml":
        ET.fromstring(content)  # noqa: S314  # our own
    else:
        json.loads(content)
