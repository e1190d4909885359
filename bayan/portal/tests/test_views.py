from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.cases.tests.factories import CONFIRMED, make_case
from bayan.channels.models import Outgoing
from bayan.core.references import grouped, new_reference
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.portal import views
from bayan.portal.models import Feedback
from conftest import StaffClient


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "ANSWERS_AFTER", 0.0)


@pytest.fixture
def case(khobar: Node) -> Case:
    return make_case(node=khobar, now=timezone.now())


def let_in(client: StaffClient, case: Case) -> None:
    client.post(reverse("portal:send", args=[case.reference]))
    words = Outgoing.objects.latest("pk").content["text"]["body"]
    found = re.search(r"\b(\d{6})\b", words)
    assert found
    answer = client.post(reverse("portal:code", args=[case.reference]), {"code": found[1]})
    assert answer.status_code == 302, answer.content.decode()


def without_number(response: Any, reference: str) -> str:
    """A page as it is apart from the number on it and the tokens of its forms."""
    text = response.content.decode()
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)
    return text.replace(reference, "N").replace(grouped(reference), "N")


def test_from_the_number_to_the_case(client: StaffClient, case: Case) -> None:
    page = client.get(reverse("portal:track"), {"reference": grouped(case.reference)})
    assert page.url == f"/track/{case.reference}"  # type: ignore[attr-defined]
    assert "إرسال الرمز" in client.get(page.url).content.decode()  # type: ignore[attr-defined]

    let_in(client, case)

    shown = client.get(reverse("portal:case", args=[case.reference])).content.decode()
    assert case.node.name in shown
    assert case.subject not in shown
    assert case.contact.name not in shown


def test_arabic_digits_and_spaces_are_read(client: StaffClient) -> None:
    reference = new_reference()
    arabic = reference.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))

    page = client.get(reverse("portal:track"), {"reference": f" {arabic[:3]} {arabic[3:]}"})

    assert page.url == f"/track/{reference}"  # type: ignore[attr-defined]
    assert client.get(f"/track/{arabic}").url == f"/track/{reference}"  # type: ignore[attr-defined]


def test_a_mistyped_digit_is_found_before_anything_is_looked_up(client: StaffClient) -> None:
    reference = new_reference()
    mistyped = reference[:4] + str((int(reference[4]) + 1) % 10) + reference[5:]

    page = client.get(reverse("portal:track"), {"reference": mistyped})
    assert page.status_code == 200
    assert 'aria-invalid="true"' in page.content.decode()
    assert client.get(f"/track/{mistyped}").status_code == 404
    assert client.post(f"/track/{mistyped}/send").status_code == 404


def test_no_answer_tells_whether_a_case_exists(client: StaffClient, case: Case) -> None:
    pages = []
    for reference in (case.reference, new_reference()):
        steps = [
            client.get(reverse("portal:case", args=[reference])),
            client.post(reverse("portal:send", args=[reference])),
            client.get(reverse("portal:code", args=[reference])),
            client.post(reverse("portal:code", args=[reference]), {"code": "12"}),
            *(
                client.post(reverse("portal:code", args=[reference]), {"code": "000000"})
                for _try in range(6)
            ),
            *(client.post(reverse("portal:send", args=[reference])) for _time in range(3)),
        ]
        pages.append(
            [
                (step.status_code, step.get("Location", "").replace(reference, "N"),
                 without_number(step, reference))
                for step in steps
            ]
        )  # fmt: skip

    assert pages[0] == pages[1]
    assert pages[0][-1][0] == 429


def test_what_a_visitor_gets_is_kept_by_nobody(client: StaffClient, case: Case) -> None:
    let_in(client, case)

    for name in ("case", "code"):
        page = client.get(reverse(f"portal:{name}", args=[case.reference]))
        assert page["Cache-Control"] == "no-store"
        assert "noindex" in page["X-Robots-Tag"]
        assert "script-src 'self'" in page["Content-Security-Policy"]
        assert " style=" not in page.content.decode()


def test_the_cookie_is_for_this_case_and_half_an_hour(client: StaffClient, case: Case) -> None:
    other = make_case(now=timezone.now())
    let_in(client, case)

    cookie = client.cookies[views.COOKIE]
    assert cookie["path"] == f"/track/{case.reference}"
    assert cookie["httponly"]
    assert cookie["max-age"] == 1800
    # Django's client sends each cookie everywhere: the signature alone must do.
    shown = client.get(reverse("portal:case", args=[other.reference])).content.decode()
    assert other.node.name not in shown.partition("<main")[2].partition("</main")[0]


def test_a_forged_cookie_shows_nothing(client: StaffClient, case: Case) -> None:
    client.cookies[views.COOKIE] = f"{case.public_id}:{case.contact.public_id}:forged"

    page = client.get(reverse("portal:case", args=[case.reference]))

    assert case.node.name not in page.content.decode()


def test_leaving_closes_the_page(client: StaffClient, case: Case) -> None:
    let_in(client, case)

    client.post(reverse("portal:leave", args=[case.reference]))

    assert client.cookies[views.COOKIE].value == ""


def test_a_happy_answer_is_kept(client: StaffClient, case: Case, khobar_responder: Member) -> None:
    let_in(client, case)
    url = reverse("portal:rate", args=[case.reference])
    client.post(url, {"satisfaction": "5"})
    case.refresh_from_db()
    assert case.satisfaction is None, "an open case cannot be rated"
    cases.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=khobar_responder,
        now=timezone.now(),
    )

    assert 'name="satisfaction"' in client.get(f"/track/{case.reference}").content.decode()
    client.post(url, {"satisfaction": "5"})

    case.refresh_from_db()
    assert case.satisfaction == 5
    assert case.is_closed
    assert 'name="satisfaction"' not in client.get(f"/track/{case.reference}").content.decode()


def test_an_unhappy_answer_opens_the_case_again_and_says_so(
    client: StaffClient, case: Case, khobar_responder: Member
) -> None:
    let_in(client, case)
    cases.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=khobar_responder,
        now=timezone.now(),
    )

    client.post(reverse("portal:rate", args=[case.reference]), {"satisfaction": "1"})

    case.refresh_from_db()
    assert not case.is_closed
    assert case.times_reopened == 1
    assert Message.objects.latest("pk").author is None, "the platform says that it goes on"
    assert Conversation.objects.get(pk=case.conversation_id).matter == case.reference


def test_nobody_rates_without_a_code(
    client: StaffClient, case: Case, khobar_responder: Member
) -> None:
    cases.close_case(
        case.public_id,
        outcome="resolved",
        basis=CONFIRMED,
        words="تم",
        by=khobar_responder,
        now=timezone.now(),
    )

    client.post(reverse("portal:rate", args=[case.reference]), {"satisfaction": "1"})

    case.refresh_from_db()
    assert case.satisfaction is None


def test_a_member_without_business_there_sees_no_more_than_a_visitor(
    client: StaffClient, case: Case, qatif_responder: Member
) -> None:
    client.force_login(qatif_responder)

    page = client.get(reverse("portal:case", args=[case.reference]))

    assert page.status_code == 200
    assert case.node.name not in page.content.decode()


def test_feedback_is_kept_and_leads_back(client: StaffClient) -> None:
    sent = {"page": "track", "useful": "no", "next": "/track/"}
    answer = client.post(reverse("portal:feedback"), sent)

    assert answer.url == "/track/?thanks=1#feedback"  # type: ignore[attr-defined]
    assert Feedback.objects.get().is_useful is False
    assert 'bayan_portal_feedback{answer="not_useful"} 1' in client.get("/metrics").content.decode()
    elsewhere = client.post(reverse("portal:feedback"), {**sent, "next": "https://example.com/x"})
    assert elsewhere.url.startswith("/track/")  # type: ignore[attr-defined]


def test_behind_our_proxy_only_what_it_wrote_itself_counts(
    client: StaffClient, settings: object, now: datetime
) -> None:
    settings.TRUSTS_PROXY = True  # type: ignore[attr-defined]
    for number in range(10):
        client.post(
            reverse("portal:send", args=[new_reference()]),
            headers={"X-Forwarded-For": f"10.0.0.{number}, 203.0.113.7"},
        )

    refused = client.post(
        reverse("portal:send", args=[new_reference()]),
        headers={"X-Forwarded-For": "10.9.9.9, 203.0.113.7"},
    )

    assert refused.status_code == 429


def test_both_languages_speak(client: StaffClient, case: Case) -> None:
    let_in(client, case)
    url = reverse("portal:case", args=[case.reference])

    assert 'dir="rtl"' in client.get(url).content.decode()
    client.cookies["bayan_language"] = "en"
    english = client.get(url).content.decode()

    assert 'dir="ltr"' in english
    assert "Step by step" in english
    assert timedelta(minutes=30) == views.STAYS_OPEN_FOR
