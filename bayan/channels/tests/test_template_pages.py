"""The pages of templates: who sees what, what the editor makes of input, what can be done when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.models import Template
from bayan.channels.services import templates
from bayan.channels.services.suggestions import SUGGESTIONS
from bayan.channels.tests.factories import body_part, make_account, make_template
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}
LIST = "/channels/templates/"
WRITTEN = {
    "name": "storm_warning",
    "language": "ar",
    "category": "UTILITY",
    "ttl_seconds": "10800",
    "header_format": "TEXT",
    "header_text": "تنبيه لسكان {{1}}",
    "body": "يُتوقع هطول {{1}} حتى الساعة {{2}}.\r\nابتعدوا عن مجاري السيول.",
    "footer": "أمانة المنطقة الشرقية",
    "example.header.1": "الخبر",
    "example.body.1": "أمطار غزيرة",
    "example.body.2": "9 مساءً",
    "button.0.kind": "URL",
    "button.0.text": "آخر المستجدات",
    "button.0.value": "https://example.org/{{1}}",
    "example.button.0": "storm",
    "button.3.kind": "PHONE_NUMBER",
    "button.3.text": "اتصل بنا",
    "button.3.value": "+966 11 234 5678",
}


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def signed_in(client: StaffClient, director: Member) -> StaffClient:
    make_account()
    client.force_login(director)
    return client


def test_the_list_costs_the_same_queries_whatever_its_length(signed_in: StaffClient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(LIST).status_code == 200
        return len(captured)

    make_template("one")
    few = queries()
    for number in range(15):
        make_template(f"more_{number}")
        make_template(f"more_{number}", language="en")
    assert queries() == few <= 13


def test_the_languages_of_one_text_stand_side_by_side(signed_in: StaffClient) -> None:
    make_template("storm_ar")
    make_template("storm_en", language="en", status=Template.Status.PAUSED)
    make_template("storm_ur", language="ur")
    make_template("closure", language="en")

    storm, closure = sorted(
        signed_in.get(LIST).context["families"], key=lambda family: family.name, reverse=True
    )

    assert (storm.name, storm.arabic.name, storm.english.status) == ("storm", "storm_ar", "PAUSED")
    assert [other.language for other in storm.others] == ["ur"]
    assert (closure.arabic, closure.english.name) == (None, "closure")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"view": "all"}, {"good", "bad", "weak", "new", "waiting"}),
        ({"view": "approved"}, {"good", "weak"}),
        ({"view": "trouble"}, {"bad", "weak"}),
        ({"view": "pending"}, {"waiting"}),
        ({"view": "draft"}, {"new"}),
        ({"category": "MARKETING"}, {"new"}),
        ({"q": "goo"}, {"good"}),
        ({"q": "إنارة"}, {"waiting"}),
        ({"q": "nothing of the kind"}, set()),
        ({"view": "nonsense"}, {"good", "bad", "weak", "new", "waiting"}),
    ],
)
def test_templates_are_found_by_view_purpose_and_words(
    signed_in: StaffClient, query: dict[str, str], names: set[str]
) -> None:
    make_template("good")
    make_template("bad", status=Template.Status.REJECTED)
    make_template("weak", quality="RED")
    make_template("new", status=Template.Status.DRAFT, category="MARKETING")
    make_template(
        "waiting", status=Template.Status.PENDING, components=[body_part("أُصلح عمود الإنارة")]
    )
    make_template("gone", status=Template.Status.DELETED)

    assert {f.name for f in signed_in.get(LIST, query).context["families"]} == names


def test_a_long_list_goes_on(signed_in: StaffClient) -> None:
    for number in range(45):
        make_template(f"t{number:02}")

    first = signed_in.get(LIST)
    rest = signed_in.get(LIST, {"after": first.context["more_after"]}, headers=HTMX)

    assert len(first.context["families"]) == 40
    assert [f.name for f in rest.context["families"]] == [f"t{n}" for n in range(40, 45)]
    assert rest.context["more_after"] == ""


def test_what_is_written_becomes_the_providers_parts(signed_in: StaffClient) -> None:
    answer = signed_in.post("/channels/templates/new", WRITTEN | {"then": "submit"})

    made = Template.objects.get()
    assert answer.headers["Location"] == reverse("channels:template", args=[made.public_id])
    assert (made.status, made.ttl_seconds, made.is_named) == ("SUBMITTING", 10800, False)
    assert made.components == [
        {
            "type": "HEADER",
            "format": "TEXT",
            "text": "تنبيه لسكان {{1}}",
            "example": {"header_text": ["الخبر"]},
        },
        {
            "type": "BODY",
            "text": "يُتوقع هطول {{1}} حتى الساعة {{2}}.\nابتعدوا عن مجاري السيول.",
            "example": {"body_text": [["أمطار غزيرة", "9 مساءً"]]},
        },
        {"type": "FOOTER", "text": "أمانة المنطقة الشرقية"},
        {
            "type": "BUTTONS",
            "buttons": [
                {
                    "type": "URL",
                    "text": "آخر المستجدات",
                    "url": "https://example.org/{{1}}",
                    "example": ["https://example.org/storm"],
                },
                {"type": "PHONE_NUMBER", "text": "اتصل بنا", "phone_number": "+966112345678"},
            ],
        },
    ]


def test_the_editor_shows_what_it_made(signed_in: StaffClient) -> None:
    signed_in.post("/channels/templates/new", WRITTEN | {"then": "keep"})
    made = Template.objects.get()
    page = signed_in.get(reverse("channels:edit_template", args=[made.public_id]))
    form = page.context["form"]

    assert [(b.kind, b.value, b.example) for b in form.buttons[:3]] == [
        ("URL", "https://example.org/{{1}}", "storm"),
        ("PHONE_NUMBER", "+966112345678", ""),
        ("", "", ""),
    ]
    assert form.examples == [
        ("header", "1", "الخبر"),
        ("body", "1", "أمطار غزيرة"),
        ("body", "2", "9 مساءً"),
    ]
    assert not page.context["missing"]


def test_a_draft_may_have_faults_and_a_submission_names_them_beside_their_fields(
    signed_in: StaffClient,
) -> None:
    faulty = WRITTEN | {"body": "{{1}} في الطريق", "example.button.0": ""}
    refused = signed_in.post("/channels/templates/new", faulty | {"then": "submit"})

    assert refused.status_code == 422
    assert not Template.objects.exists()
    assert set(refused.context["faults"]) == {"body", "example.button.0"}
    assert 'id="body-error"' in refused.content.decode()
    assert "{{1}} في الطريق" in refused.content.decode()

    signed_in.post("/channels/templates/new", faulty | {"then": "keep"})
    draft = Template.objects.get()
    page = signed_in.get(reverse("channels:template", args=[draft.public_id]))
    assert set(page.context["faults"]) == {"body", "example.button.0"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"name": "عاصفة"}, "name"), ({"name": "taken"}, "name"), ({"language": "xx"}, "language")],
)
def test_a_name_that_cannot_be_is_refused_with_all_that_was_written(
    signed_in: StaffClient, changes: dict[str, str], field: str
) -> None:
    make_template("taken")

    refused = signed_in.post("/channels/templates/new", WRITTEN | changes)

    assert refused.status_code == 422
    assert refused.context["form"].errors[field]
    assert "ابتعدوا عن مجاري السيول" in refused.content.decode()


def test_the_preview_keeps_nothing_and_says_what_is_missing(signed_in: StaffClient) -> None:
    answer = signed_in.post(
        "/channels/templates/preview",
        WRITTEN | {"name": "", "body": "خصم خاص لكم <b>اليوم</b>"},
        headers=HTMX,
    )
    page = answer.content.decode()

    assert not Template.objects.exists()
    assert "خصم خاص لكم &lt;b&gt;اليوم&lt;/b&gt;" in page
    assert answer.context["promotional"] == ["خصم"]
    assert [field for _label, field, _text in answer.context["missing"]] == ["name"]
    assert "<html" not in page


@pytest.mark.parametrize("key", SUGGESTIONS)
@pytest.mark.parametrize("language", ["ar", "en"])
def test_each_suggestion_could_be_submitted_as_it_is(
    signed_in: StaffClient, key: str, language: str
) -> None:
    page = signed_in.get("/channels/templates/new", {"from": key, "language": language})

    assert page.context["missing"] == []
    assert page.context["promotional"] == []
    assert page.context["form"].initial["language"] == language


def test_a_copy_in_another_language_keeps_the_name(signed_in: StaffClient) -> None:
    plain, suffixed = make_template("closure"), make_template("storm_ar")

    def beginning(template: Template, **query: str) -> dict[str, Any]:
        query["copy"] = str(template.public_id)
        initial: dict[str, Any] = (
            signed_in.get("/channels/templates/new", query).context["form"].initial
        )
        return initial

    assert beginning(plain, language="en")["name"] == "closure"
    assert beginning(suffixed, language="en")["name"] == "storm_en"
    assert beginning(plain)["name"] == "closure_2"


def test_a_template_is_submitted_used_deleted_and_kept_from_its_page(
    signed_in: StaffClient,
) -> None:
    template = make_template(status=Template.Status.DRAFT)

    def press(name: str, **data: str) -> Template:
        answer = signed_in.post(reverse(f"channels:{name}", args=[template.public_id]), data)
        assert answer.status_code == 302
        template.refresh_from_db()
        return template

    assert press("submit_template").status == "SUBMITTING"
    Template.objects.update(status=Template.Status.APPROVED, external_id="9")
    assert press("adopt_purpose", purpose="reopen").purpose == "reopen"
    assert press("adopt_purpose", purpose="").purpose == ""
    assert press("forget_template").forget_at is not None
    page = signed_in.get(reverse("channels:template", args=[template.public_id]))
    assert page.context["is_leaving"]
    assert press("keep_template").forget_at is None
    page = signed_in.get(reverse("channels:template", args=[template.public_id]))
    assert len(page.context["steps"]) == 5


def test_a_refusal_is_shown_in_words(signed_in: StaffClient) -> None:
    template = make_template(
        status=Template.Status.REJECTED, error={"reason": "INCORRECT_CATEGORY"}
    )
    page = signed_in.get(reverse("channels:template", args=[template.public_id]))
    assert templates.why(template) in page.content.decode()


def test_who_may_not_manage_templates_stays_outside(
    client: StaffClient, desk_responder: Member
) -> None:
    template = make_template()
    client.force_login(desk_responder)

    for path in (LIST, "/channels/templates/new", f"{LIST}{template.public_id}/"):
        assert client.get(path).status_code == 403


def test_a_municipality_does_not_see_the_templates_of_the_authoritys_number(
    client: StaffClient, khobar: Node
) -> None:
    template = make_template()
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))

    assert client.get(LIST).context["families"] == []
    assert client.get(reverse("channels:template", args=[template.public_id])).status_code == 404
    answer = client.post(reverse("channels:forget_template", args=[template.public_id]))
    assert answer.status_code == 404
    assert "no_account" in client.get("/channels/templates/new").templates[0].name  # type: ignore[operator]


def test_a_municipality_with_a_number_of_its_own_has_templates_of_its_own(
    client: StaffClient, khobar: Node
) -> None:
    template = make_template()
    template.account.numbers.update(node=khobar)
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))

    assert [f.name for f in client.get(LIST).context["families"]] == ["case_update"]


def test_the_list_says_what_is_about_to_go(signed_in: StaffClient) -> None:
    make_template(forget_at=timezone.now() + timedelta(seconds=9))
    assert "يُحذف" in signed_in.get(LIST).content.decode()
