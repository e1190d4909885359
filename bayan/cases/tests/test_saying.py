"""Outside the 24 hours the composer proposes the template that fits the case, filled in as far as known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bayan.cases.models import Case
from bayan.cases.tests.factories import make_case
from bayan.channels.models import Template
from bayan.channels.services.suggestions import SUGGESTIONS
from bayan.channels.tests.factories import make_number, make_template
from bayan.core.references import grouped
from bayan.inbox.models import Conversation
from bayan.people.models import Contact, Member
from conftest import StaffClient


@pytest.fixture
def case(desk: Any) -> Case:
    """A case whose person has not written for two days."""
    case = make_case("حفرة في شارعنا من أمس", now=timezone.now() - timedelta(days=2))
    for name in ("case_update", "details_request", "conversation_reopening", "storm_warning"):
        suggestion = SUGGESTIONS[name]
        for language, wording in suggestion.wordings.items():
            make_template(
                f"{name}_{language}", language=language, components=wording.components,
                purpose=suggestion.purpose, category=suggestion.category,
            )  # fmt: skip
    return case


def composer(client: StaffClient, case: Case, query: str = "") -> Any:
    path = reverse("inbox:compose", args=[case.conversation.public_id, "template"])
    return client.get(path + query)


def test_news_are_told_while_we_work_and_details_asked_for_while_the_case_waits(
    client: StaffClient, desk_responder: Member, case: Case
) -> None:
    client.force_login(desk_responder)
    seen = composer(client, case)
    assert seen.context["template"].name == "case_update_ar"
    # The number and the body stand there; the news is for whoever writes.
    fields = {parameter.key: value for parameter, value in seen.context["fields"]}
    assert fields["header.1"] == grouped(case.reference)
    assert fields["body.2"] == ""

    Case.objects.filter(pk=case.pk).update(stage="waits_for_person")
    seen = composer(client, case)
    assert seen.context["template"].name == "details_request_ar"
    assert "مقترح" in seen.content.decode() or "proposed" in seen.content.decode()
    # The conversation itself leads there, beside asking and waiting.
    page = client.get(reverse("inbox:conversation", args=[case.conversation.public_id]))
    assert page.context["fitting"].template.name == "details_request_ar"
    # Whoever chooses another one, or none, has it.
    assert composer(client, case, "?template=").context["template"] is None


def test_who_writes_english_is_answered_in_english(
    client: StaffClient, desk_responder: Member, case: Case
) -> None:
    Contact.objects.update(language="en")
    client.force_login(desk_responder)
    assert composer(client, case).context["template"].name == "case_update_en"


def test_where_none_is_named_so_one_that_says_the_number_fits_and_is_filled_in(
    client: StaffClient, desk_responder: Member, case: Case
) -> None:
    Template.objects.exclude(purpose="reopen").delete()
    client.force_login(desk_responder)
    assert composer(client, case).context["fitting"] is None
    body = {
        "type": "BODY",
        "text": "بلاغكم {{1}} لدى {{2}}: {{3}}.",
        "example": {"body_text": [["482 913 077", "بلدية محافظة الخبر", "قيد المعالجة"]]},
    }
    make_template("eastern_status", components=[body])
    # What only sells, or says no number, fits nothing.
    make_template("offer", components=[body], category="MARKETING")
    Case.objects.filter(pk=case.pk).update(stage="in_progress")
    seen = composer(client, case)
    assert seen.context["template"].name == "eastern_status"
    known = [value for _parameter, value in seen.context["fields"]]
    assert known == [grouped(case.reference), case.node.name_ar, "قيد المعالجة"]


def test_nothing_is_proposed_while_the_window_is_open_or_no_case_is(
    client: StaffClient, desk_responder: Member, case: Case
) -> None:
    client.force_login(desk_responder)
    path = reverse("inbox:conversation", args=[case.conversation.public_id])
    Conversation.objects.update(last_inbound_at=timezone.now())
    assert client.get(path).context["fitting"] is None
    assert make_number().pk == case.conversation.number_id
