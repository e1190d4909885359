"""The page of automatic messages: what it lists, what can be written, tried, taken back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import gettext, override

from bayan.channels import bubbles, services
from bayan.channels.bubbles import field_of
from bayan.channels.models import Outgoing
from bayan.channels.tests.factories import make_account
from bayan.core import automatic, catalogue, events, undo
from bayan.core.automatic import Automatic
from bayan.core.models import AuditEntry, UndoStep, Wording
from bayan.organisation.models import Node
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

LIST = "/channels/messages/"


@pytest.fixture(autouse=True)
def bayans_own_words() -> Iterator[None]:
    yield
    catalogue.put([])


@pytest.fixture
def director(desk: Node) -> Member:
    return make_member(Role.Kind.DIRECTOR, desk)


@pytest.fixture
def signed_in(client: StaffClient, director: Member) -> StaffClient:
    make_account()
    client.force_login(director)
    client.cookies["bayan_language"] = "en"
    return client


def message(key: str) -> Automatic:
    found = automatic.message(key)
    assert found is not None
    return found


def written(key: str, **changes: str) -> dict[str, str]:
    """The editor's fields as they stand, with these changed: `text__language__form`."""
    said = message(key)
    texts = bubbles.texts_of(said, bubbles.own_words())
    fields = {
        field_of(words, language, form): words.shown(text, language)
        for words in said.words
        for language in said.languages
        for form, text in enumerate(texts[words.key, language])
    }
    return fields | {name.replace("__", ".").replace("_", "-"): v for name, v in changes.items()}


def test_every_message_is_listed_in_both_languages_at_the_same_cost(signed_in: StaffClient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page = signed_in.get(LIST)
        content = page.content.decode()
        assert all(f"/channels/messages/{m.key}/" in content for m in automatic.messages())
        return len(captured)

    queries()
    few = queries()
    for said in automatic.messages():
        for words in said.words:
            Wording.objects.update_or_create(
                key=words.key,
                language="ar",
                defaults={"forms": ["?"], "changed_at": timezone.now()},
            )
    assert queries() == few


def test_messages_are_found_by_words_audience_and_whether_they_are_the_authoritys_own(
    signed_in: StaffClient,
) -> None:
    def keys(**query: str) -> set[str]:
        groups = signed_in.get(LIST, query).context["groups"]
        return {one.message.key for _label, rows in groups for one in rows}

    assert keys(q="twenty hours") == {"cases-reminder"}
    assert {one.to for one in map(message, keys(to="member"))} == {"member"}
    assert keys(view="own") == set()
    Wording.objects.create(
        key="cases-reminder", language="ar", forms=["نذكّركم"], changed_at=timezone.now()
    )
    assert keys(view="own") == {"cases-reminder"} == keys(q="نذكركم")
    assert "Nothing found" in signed_in.get(LIST, {"q": "zzz"}).content.decode()


def test_what_is_written_is_said_from_then_on_until_it_is_undone(
    signed_in: StaffClient, director: Member, now: datetime
) -> None:
    said = "Thank you. We noted the place: %(place)s"
    data = written(
        "cases-where-thanks", cases_where_thanks_noted__ar__0="سجّلنا {المكان} عندنا، شكرًا 100%"
    )
    with override("ar"):
        label = str(automatic.VARIABLES["place"].label)
    name = "cases-where-thanks-noted.ar.0"
    data[name] = data[name].replace("المكان", label)

    assert signed_in.post(f"{LIST}cases-where-thanks/", data).status_code == 302

    # What was not changed stays Bayan's own.
    assert [(w.key, w.language) for w in Wording.objects.all()] == [
        ("cases-where-thanks-noted", "ar")
    ]
    catalogue.take_up()
    with override("ar"):
        assert gettext(said) % {"place": "الخبر"} == "سجّلنا الخبر عندنا، شكرًا 100%"
    entry = AuditEntry.objects.get(action="wording.changed")
    assert entry.details == {"texts": ["cases-where-thanks-noted:ar"]}
    assert (
        "Automatic message worded" in signed_in.get(f"{LIST}cases-where-thanks/").content.decode()
    )

    undo.undo(UndoStep.objects.latest("pk").public_id, by=director, now=timezone.now())
    assert not Wording.objects.exists()


def test_bayans_own_words_come_back_and_that_can_be_undone(
    signed_in: StaffClient, director: Member
) -> None:
    signed_in.post(
        f"{LIST}cases-reminder/", written("cases-reminder", cases_reminder__ar__0="نذكّركم.")
    )

    signed_in.post(f"{LIST}cases-reminder/reset")

    assert not Wording.objects.exists()
    undo.undo(UndoStep.objects.latest("pk").public_id, by=director, now=timezone.now())
    assert Wording.objects.get().forms == ["نذكّركم."]


@pytest.mark.parametrize(
    ("key", "field", "text", "problem"),
    [
        ("cases-near", "cases_near__ar__0", "بلاغ مثله", "This must stand in it too"),
        ("cases-near", "cases_near_same__ar__0", "نعم، إنه هو نفسه تمامًا", "WhatsApp takes 20"),
        # An emoji is two.
        ("cases-near", "cases_near_same__ar__0", "نعم هو نفسه كما كان🙂", "WhatsApp takes 20"),
        ("cases-near", "cases_near_same__ar__0", "لا، أمر آخر", "cannot read the same"),
        ("cases-near", "cases_near_question__ar__0", "س" * 900, "WhatsApp takes 1024"),
        ("cases-reminder", "cases_reminder__ar__0", "نذكّركم {بالموعد}", "is not filled in here"),
        ("cases-reminder", "cases_reminder__ar__0", "  ", "Write what is said here"),
        ("work-list", "work_count__ar__4", "مهام كثيرة", "This must stand in it too"),
        ("cases-surge-thanks", "cases_surge_thanks__ar__0", "س" * 1000, "must stand"),
    ],
)
def test_what_would_not_arrive_is_refused_beside_its_field(
    signed_in: StaffClient, key: str, field: str, text: str, problem: str
) -> None:
    answer = signed_in.post(f"{LIST}{key}/", written(key, **{field: text}))

    assert answer.status_code == 422
    errors = {
        given.name: given.error
        for row in answer.context["rows"]
        for side in row.sides
        for given in side.inputs
        if given.error
    }
    assert problem in errors[field.replace("__", ".").replace("_", "-")]
    assert not Wording.objects.exists()


def test_words_that_say_one_and_two_need_no_number(signed_in: StaffClient) -> None:
    data = written("work-list", work_count__ar__1="لديك تكليف.", work_count__ar__2="لديك تكليفان.")
    assert signed_in.post(f"{LIST}work-list/", data).status_code == 302
    assert Wording.objects.get().forms[1:3] == ["لديك تكليف.", "لديك تكليفان."]


def test_the_preview_shows_what_is_being_written_and_keeps_nothing(signed_in: StaffClient) -> None:
    data = written("cases-reminder", cases_reminder__ar__0="نذكّركم *بلطف*.")
    content = signed_in.post(f"{LIST}cases-reminder/preview", data).content.decode()
    assert "نذكّركم <strong>بلطف</strong>." in content or "نذكّركم <b>بلطف</b>." in content
    data["cases-reminder.ar.0"] = "{شيء}"
    assert signed_in.post(f"{LIST}cases-reminder/preview", data).status_code == 200
    assert not Wording.objects.exists()


def test_a_test_goes_to_ones_own_phone_alone(
    signed_in: StaffClient, director: Member, now: datetime
) -> None:
    data: dict[str, Any] = {**written("cases-near"), "try": "ar"}
    refused = signed_in.post(f"{LIST}cases-near/try", data)
    assert (refused.status_code, Outgoing.objects.count()) == (409, 0)

    director.phone, director.phone_linked_at = "966501234567", now
    director.save()
    assert signed_in.post(f"{LIST}cases-near/try", data).status_code == 200

    rows = list(Outgoing.objects.order_by("pk"))
    assert {row.to_phone for row in rows} == {"966501234567"}
    assert [row.content["type"] for row in rows] == ["interactive", "text", "text", "text"]
    # What is pressed under it opens no case.
    assert events.receiver_of(rows[0].subject_type) is not None
    assert not Wording.objects.exists()


def test_the_file_holds_every_text(signed_in: StaffClient) -> None:
    content = signed_in.get(f"{LIST}messages.csv").content.decode("utf-8-sig")
    lines = list(csv.reader(content.splitlines(keepends=True)))
    with override("en"):
        titles = [line[1] for line in lines]
        assert all(
            titles.count(str(said.title)) == len(said.words) for said in automatic.messages()
        )


def test_words_of_the_whole_platform_are_not_a_municipalitys(
    client: StaffClient, khobar: Node
) -> None:
    client.force_login(make_member(Role.Kind.DIRECTOR, khobar))
    assert client.get(LIST).status_code == 403


def test_two_texts_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="registered already"):
        automatic.register([message("cases-reminder")])


def test_nothing_faulty_is_kept_by_whatever_way(director: Member, now: datetime) -> None:
    said = message("cases-near")
    texts = bubbles.texts_of(said, {}) | {("cases-near", "ar"): ("لا رقم هنا",)}
    with pytest.raises(services.WordingFaulty):
        services.word(said, texts, by=director, now=now)
