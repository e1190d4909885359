"""Every kind of message as the conversation shows it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bayan.channels.models import Media, Outgoing, Template
from bayan.channels.tests.factories import incoming
from bayan.inbox import services
from bayan.inbox.models import Conversation, Message
from bayan.inbox.tests.factories import make_conversation, make_media
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def media_dir(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def conversation(db: None) -> Conversation:
    return make_conversation(now=timezone.now() - timedelta(minutes=5))


def come(conversation: Conversation, kind: str, text: str = "", **facts: Any) -> Message:
    """A message of this kind from the person; `facts` are the message's own fields."""
    quoted_id = facts.pop("quoted_id", "")
    message = incoming(
        text,
        kind=kind,
        payload=facts.pop("payload", {}),
        quoted_id=quoted_id,
        received_at=timezone.now(),
    )
    (row,) = services.store([services.Arrival(message, conversation, conversation.matter)])
    Message.objects.filter(pk=row.pk).update(**facts)
    row.refresh_from_db()
    return row


@pytest.fixture
def page(client: StaffClient, desk_responder: Member, conversation: Conversation) -> Any:
    """What the desk's responder sees of the conversation."""
    client.force_login(desk_responder)

    def seen() -> str:
        path = reverse("inbox:conversation", args=[conversation.public_id])
        return str(client.get(path).content.decode())

    return seen


@pytest.mark.parametrize(
    ("kind", "text", "payload", "words"),
    [
        ("location", "", {"latitude": 26.43, "longitude": 50.1, "name": "دوار المدينة", "address": "الدمام"},
         ["دوار المدينة", "26.430000, 50.100000", 'class="pin"']),
        ("location", "", {"latitude": 21.4, "longitude": 39.8}, ["21.400000, 39.800000"]),
        ("location", "", {"name": "بلا إحداثيات"}, ["بلا إحداثيات"]),
        ("contacts", "",
         {"contacts": [{"name": "سالم", "phones": ["+966500000777"], "organisation": "مقاول"}]},
         ["سالم", "+966500000777", "مقاول"]),
        ("button_reply", "نعم", {}, ["نعم"]),
        ("list_reply", "الإنارة", {"description": "أعمدة الإنارة"}, ["الإنارة", "أعمدة الإنارة"]),
        ("flow_reply", "",
         {"answers": {"street_name": "الأمير نايف", "photos": True, "days": ["الأحد", "الإثنين"]}},
         ["street name", "الأمير نايف", "نعم", "الأحد، الإثنين"]),
        ("order", "", {"items": [{"product": "BIN", "quantity": 2, "price": 120.5, "currency": "SAR"}]},
         ["BIN", "× 2\n", "120.50 SAR"]),
        ("order", "", {"items": [{"product": "BIN", "quantity": None, "price": None}]}, ["BIN"]),
        ("text", "متى توزّع؟", {"product": "bin-240", "group": "12036304"}, ["bin-240", "#users"]),
        ("reaction", "", {"emoji": "👍"}, ["👍"]),
        ("text", "شفتوا الإعلان؟", {"referral": {"source_url": "https://fb.me/x", "headline": "عينك"}},
         ["عينك"]),
        ("unsupported", "", {"what": "poll"}, ["data-ready-line"]),
        ("something_new", "", {"type": "something_new"}, ["data-ready-line"]),
        # Bodies that nobody foresaw.
        ("location", "", {"latitude": "north", "longitude": None}, []),
        ("contacts", "", {"contacts": "none"}, []),
        ("flow_reply", "", {"answers": ["x"]}, []),
        ("image", "بلا ملف", {}, ["بلا ملف"]),
    ],
)  # fmt: skip
def test_each_kind_is_shown(  # noqa: PLR0917
    page: Any,
    conversation: Conversation,
    kind: str,
    text: str,
    payload: dict[str, Any],
    words: list[str],
) -> None:
    come(conversation, kind, text, payload=payload)
    seen = page()
    assert f'data-kind="{kind}"' in seen
    for word in words:
        assert word in seen
    assert "None" not in seen


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("image", ["data-viewer", 'width="40"', "صغّرها واتساب", "data-ready-line"]),
        ("video", ["<video", "data-player"]),
        ("voice", ["<audio", "0:07"]),
        ("audio", ["<audio", "1447.pdf"]),
        ("document", ["1447.pdf", "download"]),
        ("sticker", ['class="sticker"']),
    ],
)
def test_each_kind_of_file_is_shown(
    page: Any, conversation: Conversation, kind: str, words: list[str]
) -> None:
    media = make_media(
        kind=kind, width=40, height=30, seconds=7.2, name="تعميم 1447.pdf", external_id="1"
    )
    come(conversation, kind, "التعليق", media=media)
    seen = page()
    assert reverse("inbox:media", args=[media.public_id]) in seen
    for word in [*words, "التعليق"]:
        assert word in seen


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("waiting", None, "يجري جلب الملف من واتساب"),
        ("refused", {"title": "too large"}, "أكبر مما نستقبله"),
        ("refused", None, "تعذّر فحص الملف"),
        ("gone", None, "لم يعد الملف لدى واتساب"),
    ],
)
def test_a_file_that_is_not_here_says_why(
    page: Any, conversation: Conversation, state: str, error: dict[str, str] | None, words: str
) -> None:
    media = make_media(state=Media.State(state), error=error)
    come(conversation, "image", media=media)
    seen = page()
    assert words in seen
    assert reverse("inbox:media", args=[media.public_id]) not in seen


def test_what_was_passed_on_many_times_is_marked(page: Any, conversation: Conversation) -> None:
    come(conversation, "text", "الطريق بيتسكر", forwarded="often")
    assert "أُعيد توجيهها مرات كثيرة" in page()


def test_a_quote_leads_to_what_it_quotes(page: Any, conversation: Conversation) -> None:
    first = Message.objects.get()
    come(conversation, "text", "وهذي بعد", quoted_id=first.external_id)
    come(conversation, "text", "وهذي بعد", quoted_id="wamid.unknown")
    seen = page()
    assert f'href="#message-{first.public_id}"' in seen
    assert "رد على رسالة غير موجودة هنا" in seen


def test_a_quote_of_a_message_to_many_shows_what_was_sent(
    page: Any, conversation: Conversation
) -> None:
    number = conversation.number
    template = Template.objects.create(
        account=number.account,
        name="closure_ar",
        language="ar",
        category="UTILITY",
        components=[{"type": "BODY", "text": "يُغلق {{1}} حتى {{2}}."}],
        changed_at=timezone.now(),
    )
    parameters = [{"type": "text", "text": text} for text in ("طريق الخليج", "الجمعة")]
    Outgoing.objects.create(
        node=conversation.node, number=number, contact=conversation.contact, to_phone="966500000001",
        template=template, lane=Outgoing.Lane.BULK, state="read", external_id="wamid.bulk",
        content={"template": {"components": [{"type": "body", "parameters": parameters}]}},
        not_before=timezone.now(), created_at=timezone.now(),
    )  # fmt: skip
    come(conversation, "button", "وصلت", quoted_id="wamid.bulk")
    assert "يُغلق طريق الخليج حتى الجمعة." in page()


def test_a_quote_does_not_show_what_another_body_wrote(
    client: StaffClient, conversation: Conversation, khobar_responder: Member
) -> None:
    secret = come(conversation, "text", "لا يخص الخبر")
    elsewhere = make_conversation(node=khobar_responder.roles.get().node, now=timezone.now())
    come(elsewhere, "text", "بخصوص هذي", quoted_id=secret.external_id)
    client.force_login(khobar_responder)
    seen = client.get(reverse("inbox:conversation", args=[elsewhere.public_id])).content.decode()
    assert "لا يخص الخبر" not in seen


def test_a_deleted_message_is_hidden_from_all_but_directors(
    client: StaffClient, page: Any, conversation: Conversation
) -> None:
    come(conversation, "text", "كلام حُذف", revoked_at=timezone.now())
    assert "كلام حُذف" not in page()
    assert "حذف المستفيد هذه الرسالة" in page()

    client.force_login(make_member(Role.Kind.DIRECTOR, conversation.node))
    path = reverse("inbox:conversation", args=[conversation.public_id])
    assert "كلام حُذف" in client.get(path).content.decode()


def test_an_edited_message_keeps_its_former_text_behind_it(
    page: Any, conversation: Conversation
) -> None:
    come(
        conversation,
        "text",
        "الحفرة أكبر",
        payload={"former": ["الحفره صغيره"]},
        edited_at=timezone.now(),
    )
    seen = page()
    assert "الحفرة أكبر" in seen
    assert "الحفره صغيره" in seen


def test_a_ready_line_speaks_the_persons_language(page: Any, conversation: Conversation) -> None:
    come(conversation, "image", "The hole this morning", media=make_media(external_id="1"))
    assert 'data-ready-line="Thank you. WhatsApp made' in page()


def test_every_file_reaction_and_quote_of_a_thread_costs_the_same_queries(
    client: StaffClient, desk_responder: Member, conversation: Conversation
) -> None:
    client.force_login(desk_responder)
    path = reverse("inbox:conversation", args=[conversation.public_id])
    first = Message.objects.get()

    def add() -> None:
        message = come(conversation, "image", media=make_media(), quoted_id=first.external_id)
        sent = services.reply(
            conversation.public_id, "نتابع", by=desk_responder, now=timezone.now()
        )
        Outgoing.objects.filter(message=sent).update(external_id=f"wamid.out.{sent.pk}")
        come(conversation, "text", "؟", quoted_id=f"wamid.out.{sent.pk}", our_reaction="👍")
        assert message

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path, headers=HTMX).status_code == 200
        return len(captured)

    add()
    few = queries()
    for _n in range(8):
        add()
    assert queries() == few <= 12
