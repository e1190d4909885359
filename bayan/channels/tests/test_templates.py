"""Templates: checked before anybody is asked, filled in exactly, in step with the provider's list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bayan.channels.adapters.base import ProviderRefused
from bayan.channels.adapters.whatsapp import management
from bayan.channels.adapters.whatsapp import templates as grammar
from bayan.channels.adapters.whatsapp.management import ProviderTemplate
from bayan.channels.models import Account, Template
from bayan.channels.services import facts, templates
from bayan.channels.tests.factories import EVERY_PART, body_part, make_account, make_template
from bayan.channels.tests.provider import Provider, running_provider
from bayan.core import audit
from bayan.core.models import AuditEntry
from bayan.people.models import Member

VALUES = {
    "header.1": "482 193 756",
    "body.1": "سارة",
    "body.2": "الراكة",
    "button.0": "follow",
    "button.2": "482193756",
}


def faults_of(components: Any, **changes: Any) -> dict[str, str]:
    facts = {"name": "case_update", "language": "ar", "category": "UTILITY"} | changes
    return grammar.faults(components=components, **facts)


# Filling in


def test_values_go_exactly_where_the_provider_wants_them() -> None:
    template = Template(name="case_update", language="ar", components=EVERY_PART)

    assert templates.fill(template, VALUES) == {
        "type": "template",
        "template": {
            "name": "case_update",
            "language": {"code": "ar"},
            "components": [
                {"type": "header", "parameters": [{"type": "text", "text": "482 193 756"}]},
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "سارة"},
                        {"type": "text", "text": "الراكة"},
                    ],
                },
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "0",
                    "parameters": [{"type": "payload", "payload": "follow"}],
                },
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "2",
                    "parameters": [{"type": "text", "text": "482193756"}],
                },
            ],
        },
    }


def test_the_message_is_shown_as_the_person_sees_it() -> None:
    template = Template(name="case_update", language="ar", components=EVERY_PART)

    assert templates.shown(template, VALUES) == {
        "header": {"type": "text", "text": "بلاغ 482 193 756"},
        "body": "أهلًا سارة، بلاغك في الراكة قيد المعالجة.",
        "footer": "أمانة المنطقة الشرقية",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "متابعة", "payload": "follow"},
            {"type": "QUICK_REPLY", "text": "شكرًا"},
            {"type": "URL", "text": "صفحة البلاغ", "url": "https://example.org/c/482193756"},
            {"type": "PHONE_NUMBER", "text": "اتصل بنا", "phone_number": "+966112345678"},
        ],
    }
    assert templates.shown(template, {})["body"] == "أهلًا نورة، بلاغك في حي النخيل قيد المعالجة."


def test_named_variables_carry_their_names() -> None:
    body = {
        "type": "BODY",
        "text": "تنبيه لسكان {{district}} من الأمطار حتى {{until}} اليوم.",
        "example": {
            "body_text_named_params": [
                {"param_name": "district", "example": "حي النخيل"},
                {"param_name": "until", "example": "9 مساءً"},
            ]
        },
    }
    template = Template(name="storm", language="ar", components=[body], is_named=True)

    assert [(p.key, p.example) for p in templates.parameters(template)] == [
        ("body.district", "حي النخيل"),
        ("body.until", "9 مساءً"),
    ]
    content = templates.fill(template, {"body.district": "الراكة", "body.until": "8"})
    assert content["template"]["components"][0]["parameters"] == [
        {"type": "text", "parameter_name": "district", "text": "الراكة"},
        {"type": "text", "parameter_name": "until", "text": "8"},
    ]
    assert faults_of([body]) == {}


def test_a_template_without_variables_is_sent_without_parts() -> None:
    template = Template(name="hello", language="ar", components=[body_part("تم إصلاح العطل")])

    assert templates.fill(template, {})["template"] == {"name": "hello", "language": {"code": "ar"}}


@pytest.mark.parametrize(
    ("changes", "refusal", "field"),
    [
        ({"body.2": ""}, templates.ParameterMissing, "body.2"),
        ({"body.2": None}, templates.ParameterMissing, "body.2"),
        ({"body.1": "  "}, templates.ParameterMissing, "body.1"),
        ({"button.2": ""}, templates.ParameterMissing, "button.2"),
        ({"body.3": "زائد"}, templates.ParameterUnknown, "body.3"),
        ({"body.1": 7}, templates.ParameterOfWrongType, "body.1"),
        ({"body.1": "سطر\nآخر"}, templates.ParameterBreaksTheLine, "body.1"),
        ({"header.1": "سطر\tآخر"}, templates.ParameterBreaksTheLine, "header.1"),
        ({"body.1": "بعيد    جدًا"}, templates.ParameterBreaksTheLine, "body.1"),
        ({"body.1": "\ud800"}, templates.ParameterBreaksTheLine, "body.1"),
        ({"button.2": "a b"}, templates.ParameterBreaksTheLine, "button.2"),
        ({"body.1": "ن" * 1025}, templates.ParameterTooLong, "body.1"),
        ({"body.1": "ن" * 1000}, templates.ParameterTooLong, "body.1"),
        ({"body.1": "🌧" * 500}, templates.ParameterTooLong, "body.1"),
        ({"header.1": "ن" * 56}, templates.ParameterTooLong, "header.1"),
        ({"button.2": "x" * 1990}, templates.ParameterTooLong, "button.2"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(
    changes: dict[str, Any], refusal: type[templates.ParameterRefused], field: str
) -> None:
    template = Template(name="case_update", language="ar", components=EVERY_PART)

    with pytest.raises(refusal) as refused:
        templates.fill(template, VALUES | changes)
    assert refused.value.field == field


@pytest.mark.parametrize("kind", ["image", "video", "document"])
def test_a_file_at_the_head_must_be_given(kind: str) -> None:
    head = {"type": "HEADER", "format": kind.upper(), "example": {"header_handle": ["4::x"]}}
    template = Template(name="n", language="ar", components=[head, body_part("انظر الصورة أعلاه")])

    with pytest.raises(templates.ParameterMissing):
        templates.fill(template, {})
    content = templates.fill(template, {f"header.{kind}": {"id": "77"}})
    assert content["template"]["components"] == [
        {"type": "header", "parameters": [{"type": kind, kind: {"id": "77"}}]}
    ]


@pytest.mark.parametrize("place", [{}, {"latitude": 91, "longitude": 50}, {"latitude": "26"}])
def test_a_place_at_the_head_is_a_place_on_earth(place: dict[str, Any]) -> None:
    head = {"type": "HEADER", "format": "LOCATION"}
    template = Template(name="n", language="ar", components=[head, body_part("انظر الموقع أعلاه")])

    with pytest.raises(templates.ParameterMissing):
        templates.fill(template, {"header.location": place})
    templates.fill(template, {"header.location": {"latitude": 26.4, "longitude": 50.1}})


texts = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.dictionaries(st.sampled_from([*VALUES, "body.3", "footer", ""]), texts))
def test_whatever_is_given_is_sent_as_it_is_or_refused_by_name(values: dict[str, str]) -> None:
    template = Template(name="case_update", language="ar", components=EVERY_PART)
    refused: templates.ParameterRefused | None = None
    try:
        content = templates.fill(template, values)
    except templates.ParameterRefused as refusal:
        refused = refusal
    if refused:
        assert refused.field in values.keys() | VALUES.keys()
        assert str(refused)
        return
    sent = [
        next(text for key, text in parameter.items() if key != "type")
        for component in content["template"]["components"]
        for parameter in component["parameters"]
    ]
    assert sent == [values[key] for key in VALUES if values.get(key)]
    assert not any("\n" in text or "\t" in text or "    " in text for text in sent)
    seen = templates.shown(template, values)
    assert grammar.units(seen["header"]["text"]) <= 60
    assert grammar.units(seen["body"]) <= 1024
    json.dumps(content, ensure_ascii=False).encode()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "format", "buttons", "example", "body_text", "url", "x"]
            ),
            inner | st.sampled_from(["BODY", "HEADER", "TEXT", "BUTTONS", "URL", "{{1}}", "{{x}}"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(anything)
def test_parts_of_any_shape_are_read_without_a_crash(components: Any) -> None:
    assert isinstance(faults_of(components), dict)
    assert isinstance(grammar.shown(components, {}), dict)
    assert all(p.key and p.label for p in grammar.parameters(components))


# Rules


def test_a_template_that_keeps_the_rules_has_no_faults() -> None:
    assert faults_of(EVERY_PART) == {}


def button(kind: str, text: str = "زر", **more: Any) -> dict[str, Any]:
    return {"type": kind, "text": text, **more}


def with_buttons(*buttons: dict[str, Any]) -> list[dict[str, Any]]:
    return [body_part("تم إصلاح العطل"), {"type": "BUTTONS", "buttons": list(buttons)}]


def with_header(text: str, *examples: str) -> list[dict[str, Any]]:
    return [
        {"type": "HEADER", "format": "TEXT", "text": text, "example": {"header_text": [*examples]}},
        body_part("تم إصلاح العطل"),
    ]


LINK = {"url": "https://example.org"}


@pytest.mark.parametrize(
    ("components", "field"),
    [
        ([body_part("")], "body"),
        ([body_part("ن" * 1025)], "body"),
        ([body_part("🌧" * 513)], "body"),
        ([body_part("{{1}} تم إصلاح العطل في الحي", "نورة")], "body"),
        ([body_part("تم إصلاح العطل في حي {{1}}", "النخيل")], "body"),
        ([body_part("تم إصلاح {{1}}{{2}} في حي النخيل", "أ", "ب")], "body"),
        ([body_part("حي {{1}} ثم {{2}} تم", "أ", "ب")], "body"),
        ([body_part("تم إصلاح العطل في حي {{2}} قبل قليل", "أ", "ب")], "body"),
        ([body_part("تم إصلاح {{1}} في حي {{x}} قبل قليل", "أ")], "body"),
        ([body_part("تم إصلاح العطل في {{حي}} قبل قليل", "أ")], "body"),
        ([body_part("سطر\n\n\nسطر")], "body"),
        ([body_part("سطر    سطر")], "body"),
        ([body_part("تم إصلاح العطل في حي {{1}} اليوم", "")], "example.body.1"),
        ([body_part("تم إصلاح العطل في حي {{1}} اليوم", "أ\nب")], "example.body.1"),
        (with_header("ن" * 61), "header"),
        (with_header("سطر\nسطر"), "header"),
        (with_header("{{1}} {{2}}", "أ", "ب"), "header"),
        (with_header("بلاغ {{1}}"), "example.header.1"),
        (with_header(" "), "header"),
        ([{"type": "HEADER", "format": "IMAGE"}, body_part("تم إصلاح العطل")], "header"),
        ([{"type": "HEADER", "format": "GIF"}, body_part("تم إصلاح العطل")], "header"),
        ([body_part("تم"), {"type": "FOOTER", "text": "ن" * 61}], "footer"),
        ([body_part("تم"), {"type": "FOOTER", "text": "{{1}}"}], "footer"),
        (with_buttons(*[button("QUICK_REPLY", f"زر {n}") for n in range(11)]), "buttons"),
        (with_buttons(*[button("URL", f"زر {n}", **LINK) for n in range(3)]), "buttons"),
        (
            with_buttons(
                *[button("PHONE_NUMBER", f"{n}", phone_number="+966112345678") for n in "12"]
            ),
            "buttons",
        ),
        (
            with_buttons(
                button("QUICK_REPLY", "أ"), button("URL", "ب", **LINK), button("QUICK_REPLY")
            ),
            "buttons",
        ),
        (with_buttons(button("QUICK_REPLY", "ن" * 26)), "button.0"),
        (with_buttons(button("QUICK_REPLY", "")), "button.0"),
        (with_buttons(button("QUICK_REPLY", "أ"), button("QUICK_REPLY", "أ ")), "button.1"),
        (with_buttons(button("QUICK_REPLY", "زر {{1}}")), "button.0"),
        (with_buttons(button("URL", url="example.org")), "button.0"),
        (with_buttons(button("URL", url="javascript:alert(1)")), "button.0"),
        (with_buttons(button("URL", url="https://[x")), "button.0"),
        (with_buttons(button("URL", url="https://example.org/" + "x" * 2000)), "button.0"),
        (with_buttons(button("URL", url="https://example.org/{{1}}/x", example=["1"])), "button.0"),
        (with_buttons(button("URL", url="https://example.org/{{1}}")), "example.button.0"),
        (with_buttons(button("PHONE_NUMBER", phone_number="940")), "button.0"),
        (with_buttons({"type": "COPY_CODE", "example": "1" * 16}), "example.button.0"),
        (with_buttons(button("FLOW")), "button.0"),
        (with_buttons(button("WHATEVER")), "button.0"),
    ],
)
def test_what_the_provider_would_refuse_is_refused_here(
    components: list[dict[str, Any]], field: str
) -> None:
    assert list(faults_of(components)) == [field]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Storm"}, "name"),
        ({"name": "storm-1"}, "name"),
        ({"name": "عاصفة"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 513}, "name"),
        ({"language": "ar_sa"}, "language"),
        ({"language": ""}, "language"),
        ({"category": "SERVICE"}, "category"),
    ],
)
def test_a_name_a_language_and_a_category_are_the_providers(
    changes: dict[str, str], field: str
) -> None:
    assert list(faults_of(EVERY_PART, **changes)) == [field]


# Writing and submitting


def test_a_draft_is_submitted_once_and_only_without_faults(
    desk_responder: Member, db: None, now: datetime
) -> None:
    account = make_account()
    facts: dict[str, Any] = {
        "name": "case_update", "language": "ar", "category": "UTILITY",
        "by": desk_responder, "now": now,
    }  # fmt: skip
    draft = templates.create_draft(account, components=[body_part("")], **facts)
    assert draft.status == "DRAFT"
    with pytest.raises(templates.TemplateFaulty) as refused:
        templates.submit(draft.public_id, by=desk_responder, now=now)
    assert list(refused.value.faults) == ["body"]
    with pytest.raises(templates.TemplateNameTaken):
        templates.create_draft(account, components=EVERY_PART, **facts)

    templates.change(
        draft.public_id, category="UTILITY", components=EVERY_PART, by=desk_responder, now=now
    )
    submitted = templates.submit(draft.public_id, by=desk_responder, now=now)

    assert submitted.status == "SUBMITTING"
    account.refresh_from_db()
    assert account.sync_wanted_at == now
    with pytest.raises(templates.TemplateUnderReview):
        templates.submit(draft.public_id, by=desk_responder, now=now)
    with pytest.raises(templates.TemplateUnderReview):
        templates.change(
            draft.public_id, category="UTILITY", components=[], by=desk_responder, now=now
        )
    trail = AuditEntry.objects.filter(subject_key=str(draft.public_id)).order_by("pk")
    assert [line.action for line in trail] == [
        "template.created",
        "template.changed",
        "template.submitted",
    ]


def test_without_the_accounts_id_nothing_can_be_submitted(
    desk_responder: Member, db: None, now: datetime
) -> None:
    template = make_template(status=Template.Status.DRAFT)
    Account.objects.update(business_id="")

    with pytest.raises(templates.AccountIncomplete):
        templates.submit(template.public_id, by=desk_responder, now=now)


def test_one_template_of_a_language_opens_conversations_again(
    desk_responder: Member, db: None, now: datetime
) -> None:
    first, second = make_template("one"), make_template("two")
    english = make_template("one", language="en")
    for template in (first, english, second):
        templates.adopt_purpose(
            template.public_id, Template.Purpose.REOPEN, by=desk_responder, now=now
        )

    used = Template.objects.filter(purpose="reopen").values_list("name", "language")
    assert set(used) == {("two", "ar"), ("one", "en")}


def test_a_deletion_can_be_taken_back_for_a_while(
    desk_responder: Member, db: None, now: datetime
) -> None:
    template = make_template()
    Account.objects.update(synced_at=now, sync_wanted_at=None)
    templates.forget(template.public_id, by=desk_responder, now=now)
    assert not Template.objects.get().is_usable
    assert template.account not in facts.accounts_to_sync(now=now)
    assert template.account in facts.accounts_to_sync(now=now + timedelta(seconds=11))

    templates.keep(template.public_id, by=desk_responder, now=now)
    assert Template.objects.get().is_usable
    assert not Template.objects.filter(forget_at__isnull=False).exists()


# The provider's list


def theirs(name: str, **changes: Any) -> ProviderTemplate:
    facts: dict[str, Any] = {
        "external_id": f"id-{name}", "name": name, "language": "ar", "category": "UTILITY",
        "status": Template.Status.APPROVED, "components": EVERY_PART,
    }  # fmt: skip
    return ProviderTemplate(**facts | changes)


def test_the_list_brings_new_ones_changes_and_deletions(db: None, now: datetime) -> None:
    account = make_account()
    kept = make_template("kept", external_id="id-kept")
    make_template("gone", external_id="id-gone")
    make_template("fresh", external_id="id-fresh", changed_at=now)
    make_template("draft", status=Template.Status.DRAFT)

    found = templates.apply_provider_list(
        account,
        [
            theirs("kept", quality="YELLOW", status=Template.Status.PAUSED),
            theirs("new", status=Template.Status.REJECTED, reason="INCORRECT_CATEGORY"),
        ],
        listed_at=now,
        now=now,
    )

    assert (found.new, found.changed, found.deleted) == (1, 1, 1)
    states = dict(Template.objects.values_list("name", "status"))
    assert states == {
        "kept": "PAUSED", "gone": "DELETED", "fresh": "APPROVED", "draft": "DRAFT", "new": "REJECTED",
    }  # fmt: skip
    new = Template.objects.get(name="new")
    assert templates.why(new) == str(grammar.REFUSALS["INCORRECT_CATEGORY"])
    kept.refresh_from_db()
    assert kept.quality == "YELLOW"
    lines = AuditEntry.objects.filter(action="template.state_changed")
    assert {line.details["template"] for line in lines} == {"kept (ar)", "gone (ar)", "new (ar)"}


def test_the_same_list_again_changes_nothing(db: None, now: datetime) -> None:
    account = make_account()
    listed = [theirs("one"), theirs("two", language="en")]
    templates.apply_provider_list(account, listed, listed_at=now, now=now)

    again = templates.apply_provider_list(
        account, listed, listed_at=now + timedelta(hours=1), now=now + timedelta(hours=1)
    )

    assert again == templates.Differences()
    assert AuditEntry.objects.filter(action="template.state_changed").count() == 2


def test_a_change_on_its_way_is_not_overwritten_by_what_the_provider_still_has(
    db: None, now: datetime
) -> None:
    waiting = make_template("kept", external_id="id-kept", status=Template.Status.SUBMITTING)

    templates.apply_provider_list(
        waiting.account, [replace(theirs("kept"), components=[])], listed_at=now, now=now
    )

    waiting.refresh_from_db()
    assert (waiting.status, waiting.components) == ("SUBMITTING", EVERY_PART)


def test_a_new_id_under_an_old_name_is_the_same_template(db: None, now: datetime) -> None:
    old = make_template("kept", external_id="id-old", status=Template.Status.DELETED)

    templates.apply_provider_list(old.account, [theirs("kept")], listed_at=now, now=now)

    old.refresh_from_db()
    assert (old.external_id, old.status) == ("id-kept", "APPROVED")


def test_what_comes_in_the_providers_list_is_read_whatever_its_shape() -> None:
    answer = {
        "data": [
            {"id": "1", "name": "a", "language": "ar", "status": "APPROVED", "category": "UTILITY",
             "components": EVERY_PART, "quality_score": {"score": "GREEN"}, "parameter_format": "NAMED",
             "rejected_reason": "NONE", "message_send_ttl_seconds": 600},
            {"id": "2", "name": "b", "language": "ar", "status": "SOMETHING_NEW"},
            {"id": "", "name": "c", "language": "ar"},
            {"id": "3", "name": "d", "language": "a language of many letters"},
            7,
        ]
    }  # fmt: skip
    first, second = management._templates(answer)

    assert (first.status, first.quality, first.is_named, first.reason, first.ttl_seconds) == (
        "APPROVED", "GREEN", True, "", 600,
    )  # fmt: skip
    assert (second.status, second.quality, second.components) == ("DISABLED", "UNKNOWN", [])


# Against a provider


@pytest.fixture
def provider(committed_db: None) -> Iterator[Provider]:
    with running_provider() as running:
        make_account(base_url=running.url)
        yield running


def sync() -> templates.Differences:
    async def once() -> templates.Differences:
        account = await sync_to_async(Account.objects.get)()
        async with aiohttp.ClientSession() as session:
            return await templates.sync_templates(session, account)

    return asyncio.run(once())


def listing(*rows: dict[str, Any], after: str = "") -> dict[str, Any]:
    paging = {"cursors": {"after": after}, "next": "https://elsewhere.example"} if after else {}
    return {"data": list(rows), "paging": paging}


def row_of(name: str, external_id: str, status: str = "PENDING") -> dict[str, Any]:
    return {
        "id": external_id, "name": name, "language": "ar", "status": status, "category": "UTILITY",
        "components": EVERY_PART, "parameter_format": "POSITIONAL",
    }  # fmt: skip


def submitted(name: str = "case_update", **changes: Any) -> Template:
    return make_template(name, status=Template.Status.SUBMITTING, **changes)


def test_a_submitted_template_is_handed_in_and_its_state_followed(provider: Provider) -> None:
    template = submitted(ttl_seconds=600)
    provider.say({"id": "901", "status": "PENDING", "category": "MARKETING"})
    provider.say(listing(row_of("case_update", "901", "APPROVED"), after="next page"))
    provider.say(listing(row_of("other", "902")))

    found = sync()

    assert provider.methods == ["POST", "GET", "GET"]
    assert provider.received[0] == {
        "name": "case_update", "language": "ar", "category": "UTILITY", "components": EVERY_PART,
        "parameter_format": "POSITIONAL", "message_send_ttl_seconds": 600,
    }  # fmt: skip
    assert provider.paths[0].endswith("/104857600000001/message_templates")
    assert "after=next+page" in provider.paths[2]
    assert (found.new, found.changed) == (1, 1)
    template.refresh_from_db()
    assert (template.status, template.external_id) == ("APPROVED", "901")


def test_a_review_is_asked_about_again_ever_more_rarely(provider: Provider) -> None:
    template = submitted()
    provider.say({"id": "901", "status": "PENDING", "category": "UTILITY"})
    provider.say(listing(row_of("case_update", "901")))
    before = timezone.now()
    sync()

    wanted = Account.objects.get().sync_wanted_at
    assert wanted is not None
    assert timedelta(seconds=4) < wanted - before < timedelta(seconds=20)

    Template.objects.filter(pk=template.pk).update(changed_at=before - timedelta(hours=5))
    provider.say(listing(row_of("case_update", "901")))
    sync()
    later = Account.objects.get().sync_wanted_at
    assert later is not None
    assert later - timezone.now() > timedelta(minutes=9)


def test_a_refused_creation_comes_back_in_words(provider: Provider) -> None:
    template = submitted()
    provider.refuse(100, subcode=2388299)
    provider.say(listing())

    sync()

    template.refresh_from_db()
    assert template.status == "DRAFT"
    assert templates.why(template) == str(grammar.REFUSALS[2388299])


@pytest.mark.parametrize(("code", "status"), [(80007, 400), (2, 503)])
def test_what_may_be_tried_again_stays_submitted(
    provider: Provider, code: int, status: int
) -> None:
    template = submitted()
    provider.refuse(code, status)
    provider.say(listing())
    sync()
    template.refresh_from_db()
    assert (template.status, template.error["code"]) == ("SUBMITTING", code)  # type: ignore[index]

    provider.say({"id": "901", "status": "PENDING", "category": "UTILITY"})
    provider.say(listing(row_of("case_update", "901")))
    sync()
    template.refresh_from_db()
    assert (template.status, template.error) == ("PENDING", None)


def test_a_template_made_before_we_could_write_it_down_is_recognised(provider: Provider) -> None:
    template = submitted()
    provider.refuse(100, subcode=2388024)
    provider.say(listing(row_of("case_update", "901", "APPROVED")))

    sync()

    template.refresh_from_db()
    assert (template.status, template.external_id, template.error) == ("APPROVED", "901", None)


def test_another_template_of_the_same_name_does_not_swallow_the_draft(provider: Provider) -> None:
    mine = [body_part("نص آخر تمامًا")]
    template = submitted(components=mine)
    provider.refuse(100, subcode=2388024)
    provider.say(listing(row_of("case_update", "901", "APPROVED")))

    sync()

    template.refresh_from_db()
    assert (template.status, template.components, template.external_id) == ("DRAFT", mine, "")
    assert templates.why(template) == str(grammar.REFUSALS[2388024])


def test_a_refused_change_keeps_its_reason_and_what_the_provider_has(provider: Provider) -> None:
    template = submitted(external_id="901", components=[body_part("نص آخر تمامًا")])
    provider.refuse(100, subcode=2388072)
    provider.say(listing(row_of("case_update", "901", "APPROVED")))

    sync()

    assert provider.paths[0].endswith("/901")
    template.refresh_from_db()
    assert (template.status, template.components) == ("APPROVED", EVERY_PART)
    assert templates.why(template) == str(grammar.REFUSALS[2388072])


def test_a_deletion_reaches_the_provider_and_a_draft_vanishes(
    provider: Provider, now: datetime
) -> None:
    past = now - timedelta(days=365)
    make_template("one", external_id="901", forget_at=past)
    make_template("two", status=Template.Status.DRAFT, forget_at=past)
    provider.say({"success": True})
    provider.say(listing())

    sync()

    assert provider.methods == ["DELETE", "GET"]
    assert "name=one" in provider.paths[0]
    assert "hsm_id=901" in provider.paths[0]
    assert dict(Template.objects.values_list("name", "status")) == {"one": "DELETED"}


def test_a_deletion_that_fails_for_now_is_tried_again(provider: Provider, now: datetime) -> None:
    make_template("one", external_id="901", forget_at=now - timedelta(days=365))
    provider.refuse(2, 503)
    provider.say(listing(row_of("one", "901", "APPROVED")))

    sync()

    assert Template.objects.get().forget_at is not None


def test_a_list_that_cannot_be_read_deletes_nothing(provider: Provider) -> None:
    make_template("one", external_id="901")
    provider.refuse(190, 401)

    with pytest.raises(ProviderRefused):
        sync()
    assert Template.objects.get().status == "APPROVED"


def test_the_trail_names_who_acted(desk_responder: Member, db: None, now: datetime) -> None:
    template = make_template(status=Template.Status.DRAFT)
    templates.submit(template.public_id, by=desk_responder, now=now)

    line = AuditEntry.objects.latest("pk")
    assert (line.actor, line.details) == (desk_responder.audit_key, {"template": str(template)})
    assert line.actor != audit.SYSTEM.audit_key


@given(st.dictionaries(st.sampled_from(list(VALUES)), st.text("ab ن", min_size=1, max_size=9)))
def test_what_was_filled_in_can_be_read_back(values: dict[str, str]) -> None:
    template = Template(name="case_update", language="ar", components=EVERY_PART)
    given_values = VALUES | {key: f"x{value}".replace(" ", "_") for key, value in values.items()}

    content = templates.fill(template, given_values)

    assert grammar.values_in(template.components, content) == given_values
