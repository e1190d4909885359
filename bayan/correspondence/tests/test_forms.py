"""The form of a letter: built, opened in WhatsApp, filled in there or on the page, checked, summed up."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bayan.channels.models import Flow, Media
from bayan.channels.tests.factories import make_number
from bayan.correspondence import questions, services
from bayan.correspondence.models import Address, Filled, Letter
from bayan.correspondence.questions import AnswersFaulty, FormFaulty, Question
from bayan.correspondence.services import To
from bayan.correspondence.tests.conftest import Office
from bayan.correspondence.tests.factories import make_sent, message_to, task_of, tell
from bayan.inbox.models import Message
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.tests.factories import written_by
from conftest import StaffClient

FIELDS = [
    Question(kind="number", label="عدد المضخات"),
    Question(kind="choice", label="الجاهزية", choices=("جاهزة", "تحتاج صيانة")),
    Question(kind="yes_no", label="هل اكتمل الفحص؟"),
    Question(kind="date", label="تاريخ الفحص", is_required=False),
    Question(kind="text", label="ملاحظات", is_required=False),
]
ANSWERS = {"f1": "١٤", "f2": "0", "f3": "yes", "f4": "2026-11-20"}


def asked(office: Office, *, now: datetime, **changes: Any) -> Letter:
    """A request for facts with a form, to Khobar's mayor."""
    facts: dict[str, Any] = {
        "kind": Letter.Kind.FACTS,
        "fields": FIELDS,
        "to": [To(kind=Address.Kind.MEMBER, member=office.mayor)],
    }
    return make_sent(office.desk, office.writer, now=now, **facts | changes)


def open_chat(office: Office, *, now: datetime) -> None:
    """The mayor wrote a moment ago, and the account has our form."""
    Flow.objects.create(
        account=make_number().account, external_id="77", name=questions.FLOW, status="PUBLISHED",
        first_screen=questions.SCREEN,
    )  # fmt: skip
    message = written_by(office.mayor, "مهامي", received_at=now)
    work.hear_members([(message, office.mayor)], now=now)


def came_back(office: Office, letter: Letter, *, now: datetime, **answers: Any) -> str:
    """Let the mayor's WhatsApp send the form back; what Bayan says to it."""
    row = letter.recipients.get()
    message = written_by(
        office.mayor, kind="flow_reply", received_at=now,
        choice_id=f"{row.public_id}.{letter.form_version}", payload={"answers": answers},
    )  # fmt: skip
    services.receive([(message, str(row.public_id))], now=now)
    return Message.objects.filter(direction="out").latest("pk").text


def test_it_opens_in_whatsapp_and_what_comes_back_is_the_answer(
    office: Office, now: datetime
) -> None:
    open_chat(office, now=now)
    letter = asked(office, now=now)
    sent = message_to(letter).content["interactive"]["action"]["parameters"]
    data = sent["flow_action_payload"]["data"]
    assert (sent["flow_id"], data["label_1"], data["number_1"], data["text_1"]) == (
        "77", "عدد المضخات", True, False,
    )  # fmt: skip
    assert data["choices_2"][1] == {"id": "1", "title": "تحتاج صيانة"}
    # A word is no form: what was pressed elsewhere ends nothing.
    assert task_of(letter).on_page
    said = came_back(
        office, letter, now=now, number_1_answer=14, choice_2_answer="1", choice_3_answer="no",
        text_5_answer="ينقصنا فني", version=letter.form_version,
    )  # fmt: skip
    assert "شكرًا" in said
    item = task_of(letter)
    assert item.state == "done"
    assert item.answer.splitlines() == [
        "عدد المضخات: 14", "الجاهزية: تحتاج صيانة", "هل اكتمل الفحص؟ لا", "ملاحظات: ينقصنا فني",
    ]  # fmt: skip
    assert Filled.objects.get().values["f2"] == "تحتاج صيانة"
    # Sent once more, it changes nothing.
    assert "من قبل" in came_back(office, letter, now=now, number_1_answer=9)
    assert Filled.objects.get().values["f1"] == "14"


def test_what_comes_back_is_checked_again_and_a_changed_form_takes_no_answer(
    office: Office, now: datetime
) -> None:
    open_chat(office, now=now)
    letter = asked(office, now=now)
    said = came_back(office, letter, now=now, number_1_answer="كثير", choice_2_answer="7")
    assert "عدد المضخات" in said
    assert "الجاهزية" in said
    assert "/letters/" in said
    assert "تغي" in came_back(office, letter, now=now, version="000000000000")
    later = services.correct(letter.public_id, by=office.writer, now=now)
    services.submit(later.public_id, signer=office.writer, by=office.writer, now=now)
    tell(now=now)
    whole = {"number_1_answer": 3, "choice_2_answer": "0", "choice_3_answer": "yes"}
    assert "تغي" in came_back(office, letter, now=now, **whole)
    assert not Filled.objects.exists()
    later.refresh_from_db()
    assert later.form_version == letter.form_version
    assert "شكرًا" in came_back(office, later, now=now, **whole)


def test_a_picture_of_the_form_is_fetched_and_outside_the_window_the_link_leads_to_the_page(
    office: Office, now: datetime
) -> None:
    make_number()
    letter = asked(
        office, now=now, fields=[Question(kind="picture", label="صورة المضخة", is_required=True)]
    )
    words = letter.recipients.get().reach.words  # type: ignore[union-attr]
    assert words["content"] is None
    assert f"/letters/{letter.public_id}/" in words["text"]
    work.hear_members([(written_by(office.mayor, "مهامي", received_at=now), office.mayor)], now=now)
    assert "صورة المضخة" in came_back(office, letter, now=now)
    came_back(office, letter, now=now, photos=[{"id": "555", "mime_type": "image/jpeg"}])
    assert Filled.objects.get().picture == Media.objects.get(external_id="555")


def test_it_is_filled_in_on_the_page_and_summed_up_in_a_table(
    client: StaffClient, office: Office, now: datetime
) -> None:
    letter = asked(office, now=now)
    client.force_login(office.mayor)
    page = reverse("correspondence:letter", args=[letter.public_id])
    assert "عدد المضخات" in client.get(page).content.decode()
    address = reverse("correspondence:finish", args=[letter.public_id])
    version = {"version": letter.form_version}
    faulty = client.post(address, version | {"f1": "", "f2": "جاهزة", "f3": "yes"})
    assert faulty.status_code == 422
    assert "ينقص" in faulty.content.decode()
    assert client.post(address, ANSWERS | {"version": "x"}).status_code == 409
    assert client.post(address, ANSWERS | version).status_code == 302
    assert Filled.objects.get().values == {
        "f1": "14", "f2": "جاهزة", "f3": "yes", "f4": "2026-11-20",
    }  # fmt: skip
    client.force_login(office.writer)
    table = client.get(reverse("correspondence:recipients", args=[letter.public_id]))
    assert "عدد المضخات" in table.content.decode()
    saved = client.get(reverse("correspondence:answers_export", args=[letter.public_id]))
    lines = saved.content.decode("utf-8-sig").splitlines()
    assert "عدد المضخات" in lines[0]
    assert "جاهزة" in lines[1]
    picture = reverse("correspondence:answer_picture", args=[letter.public_id, letter.public_id])
    assert client.get(picture).status_code == 404


def test_it_is_built_with_the_letter_kept_in_its_fingerprint_and_copied_with_it(
    client: StaffClient, office: Office, now: datetime
) -> None:
    client.force_login(office.writer)
    given = {
        "subject": "جاهزية المضخات", "text": "نأمل التعبئة خلال يومين", "kind": "facts",
        "wants": "acknowledge", "term_hours": "21", "grade": "public", "urgency": "usual",
        "bodies": ["khobar"], "role": "", "q1_label": "العدد", "q1_kind": "number",
        "q2_label": "الحالة", "q2_kind": "choice", "q2_choices": "جاهزة",
    }  # fmt: skip
    refused = client.post(reverse("correspondence:new"), given)
    assert refused.status_code == 422
    assert "الحالة" in refused.content.decode()
    client.post(reverse("correspondence:new"), given | {"q2_choices": "جاهزة\nمتعطلة"})
    letter = Letter.objects.get()
    assert letter.wants == "answer"
    assert [one["label"] for one in letter.fields] == ["العدد", "الحالة"]
    before = letter.fingerprint
    letter.fields[0]["label"] = "كم؟"
    assert letter.fingerprint != before
    letter.refresh_from_db()
    copied = services.copy(letter.public_id, by=office.writer, now=now)
    assert copied.fields == letter.fields
    edit = client.get(reverse("correspondence:edit", args=[letter.public_id])).content.decode()
    assert "متعطلة" in edit


@pytest.mark.parametrize(
    "faulty",
    [
        [Question(kind="text", label=f"{number}") for number in range(7)],
        [Question(kind="text", label=" ")],
        [Question(kind="riddle", label="س")],
        [Question(kind="choice", label="س", choices=("واحد",))],
        [Question(kind="picture", label="س"), Question(kind="picture", label="ص")],
        [Question(kind="text", label="س"), Question(kind="date", label="س")],
    ],
)
def test_a_form_that_cannot_be_asked_is_refused(faulty: list[Question]) -> None:
    with pytest.raises(FormFaulty):
        questions.checked(faulty)


@pytest.mark.parametrize(
    ("key", "value"),
    [("f1", "NaN"), ("f1", "9" * 40), ("f2", "لا شيء"), ("f3", "ربما"), ("f4", "2026-13-40")],
)
def test_what_is_no_answer_is_refused_by_its_field(key: str, value: str) -> None:
    with pytest.raises(AnswersFaulty) as refused:
        questions.cleaned(FIELDS, ANSWERS | {key: value})
    assert list(refused.value.faults) == [key]


def test_the_form_at_the_provider_is_the_one_that_the_emulator_has() -> None:
    path = Path(__file__).parents[3] / "emulator" / "samples" / "flows.json"
    flows = {flow["name"]: flow["json"] for flow in json.loads(path.read_text(encoding="utf-8"))}
    assert flows[questions.FLOW] == questions.flow_json()
    known = questions.flow_json()["screens"][0]
    assert len(known["layout"]["children"]) <= 50
    assert set(questions.data_of([one.as_kept for one in FIELDS])) == set(known["data"])


def test_who_may_not_answer_for_them_cannot(office: Office, now: datetime) -> None:
    letter = asked(office, now=now)
    row = letter.recipients.select_related("letter", "item").get()
    with pytest.raises(work.NotYours):
        services.fill(
            row,
            ANSWERS,
            version=letter.form_version,
            by=Access.of(office.neighbour, now=now),
            now=now,
        )
    assert not Filled.objects.exists()
