"""Every kind of message that goes out of a conversation: from the composer's fields to the queue."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from bayan.channels import services as channels
from bayan.channels.models import Flow, Media, Outgoing, ReadMark, Template
from bayan.channels.tests.factories import incoming
from bayan.core.models import AuditEntry
from bayan.core.references import grouped
from bayan.inbox import services
from bayan.inbox.models import Conversation, Message
from bayan.inbox.tests.factories import make_conversation
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from conftest import StaffClient

HTMX = {"HX-Request": "true"}
PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02\x08\x02\0\0\0\xfd\xd4\x9as"
    b"\0\0\0\x10IDATx\x9cc\xfc\xcf\xc0\xc0\xc0\xc0\xc4\x00\x06\0\r\x0e\x01\x03\x8b\xd7\xa8\x87\0\0\0\0IEND\xaeB`\x82"
)
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"


@pytest.fixture(autouse=True)
def media_dir(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def conversation(db: None) -> Conversation:
    return make_conversation(now=timezone.now() - timedelta(minutes=5))


@pytest.fixture
def silent(db: None) -> Conversation:
    """A conversation whose person last wrote two days ago."""
    return make_conversation(now=timezone.now() - timedelta(days=2))


@pytest.fixture
def press(client: StaffClient, desk_responder: Member) -> Any:
    """Presses the composer's button with these fields."""
    client.force_login(desk_responder)

    def pressed(conversation: Conversation, **fields: Any) -> Any:
        path = reverse("inbox:reply", args=[conversation.public_id])
        return client.post(
            path, {key.replace("__", "."): v for key, v in fields.items()}, headers=HTMX
        )

    return pressed


def make_template(conversation: Conversation, **facts: Any) -> Template:
    """An approved Arabic template with one variable, which opens conversations unless told otherwise."""
    known: dict[str, Any] = {
        "account": conversation.number.account,
        "name": "reply_waiting",
        "language": "ar",
        "category": "UTILITY",
        "status": "APPROVED",
        "purpose": "reopen",
        "components": [
            {"type": "BODY", "text": "لدينا رد على رسالتكم رقم {{1}}.",
             "example": {"body_text": [["482 913 077"]]}},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "عرض الرد"}]},
        ],
        "changed_at": timezone.now(),
    }  # fmt: skip
    return Template.objects.create(**known | facts)


def interactive(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["interactive"]
    return found


@pytest.mark.parametrize(
    ("fields", "kind", "sent"),
    [
        ({"kind": "buttons", "text": "هل عادت؟", "button_1": "نعم", "button_3": "لا"}, "buttons",
         lambda c: [b["reply"]["title"] for b in interactive(c)["action"]["buttons"]] == ["نعم", "لا"]),
        ({"kind": "list", "text": "أين؟", "button": "اختر", "row_1": "الحديقة", "explanation_1": "قرب الجامع",
          "row_4": "الممشى"}, "list",
         lambda c: [r.get("description") for r in interactive(c)["action"]["sections"][0]["rows"]]
         == ["قرب الجامع", None]),
        ({"kind": "link", "text": "تابعوا", "title": "متابعة", "url": "https://example.org/"}, "link",
         lambda c: interactive(c)["action"]["parameters"]["url"] == "https://example.org/"),
        ({"kind": "ask-place", "text": "أين؟"}, "ask_location",
         lambda c: interactive(c)["type"] == "location_request_message"),
        ({"kind": "ask-phone", "text": "رقمكم؟"}, "ask_phone",
         lambda c: interactive(c)["type"] == "contact_request"),
        ({"kind": "place", "latitude": "26.4344", "longitude": "50.1033", "name": "المكتب"}, "location",
         lambda c: c["location"] == {"latitude": 26.4344, "longitude": 50.1033, "name": "المكتب"}),
        ({"kind": "place", "latitude": "26.4344, 50.1033"}, "location",
         lambda c: c["location"] == {"latitude": 26.4344, "longitude": 50.1033}),
        ({"kind": "place", "latitude": "٢٦٫٤", "longitude": "٥٠٫١"}, "location",
         lambda c: c["location"] == {"latitude": 26.4, "longitude": 50.1}),
        ({"text": "مرحبًا"}, "text", lambda c: "مرحبًا" in c["text"]["body"]),
    ],
)  # fmt: skip
def test_each_kind_goes_from_the_composer_to_the_queue(
    press: Any, conversation: Conversation, fields: dict[str, str], kind: str, sent: Any
) -> None:
    assert press(conversation, **fields).status_code == 200
    row = Outgoing.objects.get()
    message = Message.objects.latest("pk")
    assert (message.kind, message.outgoing) == (kind, row)
    assert sent(row.content)
    assert row.window_until == conversation.window_closes_at
    assert AuditEntry.objects.get(action="message.sent").details["kind"] == kind
    if fields.get("text"):
        assert grouped(conversation.matter) in json.dumps(row.content, ensure_ascii=False)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "unheard"},
        {"kind": "text", "text": " "},
        {"kind": "place", "latitude": "هنا"},
        {"kind": "place", "latitude": "126", "longitude": "50"},
        {"kind": "buttons", "text": "؟"},
        {"kind": "buttons", "text": "", "button_1": "نعم"},
        {"kind": "buttons", "text": "؟", "button_1": "ن" * 21},
        {"kind": "list", "text": "؟", "button": "اختر"},
        {"kind": "list", "text": "؟", "row_1": "نعم"},
        {"kind": "link", "text": "؟", "title": "افتح", "url": "javascript:alert(1)"},
        {"kind": "form", "text": "؟", "title": "املأ", "form": "none"},
        {"kind": "template"},
        {"text": "؟", "quoting": "not-an-id"},
    ],
)
def test_what_is_incomplete_is_refused_in_words_and_nothing_is_queued(
    press: Any, conversation: Conversation, fields: dict[str, str]
) -> None:
    answer = press(conversation, **fields)
    assert answer.status_code in {409, 422}
    assert "data-notice" in answer.content.decode()
    assert not Outgoing.objects.exists()


def test_files_go_out_as_messages_of_their_own_with_one_caption(
    press: Any, conversation: Conversation
) -> None:
    files = [
        SimpleUploadedFile("قبل.png", PNG, "image/png"),
        SimpleUploadedFile("محضر.pdf", PDF, "application/pdf"),
    ]
    assert press(conversation, text="قبل الإصلاح", files=files).status_code == 200

    first, second = Message.objects.filter(direction="out").order_by("pk")
    assert (first.kind, first.text, second.kind, second.text) == (
        "image", "قبل الإصلاح", "document", "",
    )  # fmt: skip
    rows = [message.outgoing for message in (first, second)]
    assert rows[0] is not None
    assert rows[1] is not None
    assert rows[0].media == first.media
    assert rows[0].content["image"]["caption"].endswith("\nقبل الإصلاح")
    assert rows[1].content == {"type": "document", "document": {"filename": "محضر.pdf"}}
    assert channels.media_path(Media.objects.get(kind="image")).read_bytes() == PNG


def test_a_file_that_the_channel_does_not_take_stops_all_of_them(
    press: Any, conversation: Conversation
) -> None:
    files = [
        SimpleUploadedFile("a.png", PNG, "image/png"),
        SimpleUploadedFile("b.exe", b"MZ\x90\0", "application/octet-stream"),
    ]
    answer = press(conversation, text="", files=files)
    assert answer.status_code == 409
    assert "PDF" in answer.content.decode()
    assert not Outgoing.objects.exists()
    assert not Media.objects.exists()


def test_too_many_files_at_once_are_refused(press: Any, conversation: Conversation) -> None:
    files = [SimpleUploadedFile(f"{n}.png", PNG, "image/png") for n in range(11)]
    assert press(conversation, files=files).status_code == 422


def test_a_reply_quotes_what_it_answers(press: Any, conversation: Conversation) -> None:
    theirs = Message.objects.get()
    press(conversation, text="بخصوص هذي", quoting=str(theirs.public_id))
    row = Outgoing.objects.get()
    assert row.content["context"] == {"message_id": theirs.external_id}
    assert Message.objects.latest("pk").quoted_id == theirs.external_id


def test_what_the_provider_does_not_know_cannot_be_quoted(
    press: Any, conversation: Conversation
) -> None:
    press(conversation, text="ما زالت هنا")
    waiting, elsewhere = Message.objects.latest("pk"), make_conversation()
    for message in (waiting, elsewhere.messages.get()):
        answer = press(conversation, text="رد", quoting=str(message.public_id))
        assert answer.status_code == 409
    assert Outgoing.objects.count() == 1


def test_a_reaction_stands_on_its_message_and_answers_nothing(
    client: StaffClient, desk_responder: Member, conversation: Conversation
) -> None:
    client.force_login(desk_responder)
    theirs = Message.objects.get()
    path = reverse("inbox:react", args=[theirs.public_id])

    shown = client.post(path, {"emoji": "❤️"}, headers=HTMX).content.decode()

    assert "❤️" in shown
    row = Outgoing.objects.get()
    assert row.content["reaction"] == {"message_id": theirs.external_id, "emoji": "❤️"}
    assert f"outgoing:{row.public_id}" in shown
    assert Conversation.objects.waiting().exists()
    thread = client.get(reverse("inbox:conversation", args=[conversation.public_id]))
    assert len(thread.context["entries"]) == 1

    # The same again sends nothing; an empty one takes it back.
    client.post(path, {"emoji": "❤️"}, headers=HTMX)
    assert Outgoing.objects.count() == 1
    client.post(path, {"emoji": ""}, headers=HTMX)
    theirs.refresh_from_db()
    assert theirs.our_reaction == ""
    assert Outgoing.objects.latest("pk").content["reaction"]["emoji"] == ""


def test_a_reaction_that_did_not_arrive_says_so_where_it_stands(
    client: StaffClient, desk_responder: Member, conversation: Conversation
) -> None:
    client.force_login(desk_responder)
    theirs = Message.objects.get()
    client.post(reverse("inbox:react", args=[theirs.public_id]), {"emoji": "👍"}, headers=HTMX)
    row = Outgoing.objects.get()
    Outgoing.objects.update(state="failed", error={"code": 131047})
    shown = client.get(reverse("inbox:message", args=[row.public_id]), headers=HTMX)
    assert f'id="message-{theirs.public_id}"' in shown.content.decode()
    assert "لم يصل تفاعلنا" in shown.content.decode()


@pytest.mark.parametrize("emoji", ["نعم", "x", "👍" * 20, "<b>"])
def test_only_an_emoji_is_a_reaction(
    conversation: Conversation, desk_responder: Member, emoji: str
) -> None:
    with pytest.raises(services.NotReactable):
        services.react(
            Message.objects.get().public_id, emoji, by=desk_responder, now=timezone.now()
        )


def test_a_form_of_the_account_is_sent_with_a_token_of_its_own(
    press: Any, conversation: Conversation
) -> None:
    Flow.objects.create(
        account=conversation.number.account, external_id="77", name="بلاغ حفرة", status="PUBLISHED",
        first_screen="A",
    )  # fmt: skip
    for _time in range(2):
        press(conversation, kind="form", text="املأ", title="ابدأ", form="77")
    tokens = {
        interactive(row.content)["action"]["parameters"]["flow_token"]
        for row in Outgoing.objects.all()
    }
    assert len(tokens) == 2


def test_a_template_is_filled_in_and_shown_as_the_person_sees_it(
    press: Any, silent: Conversation
) -> None:
    template = make_template(silent, purpose="")
    press(silent, kind="template", template=str(template.public_id), body__1="482 913 077")

    row = Outgoing.objects.get()
    assert row.template == template
    assert row.content["template"]["components"][0]["parameters"][0]["text"] == "482 913 077"
    message = Message.objects.latest("pk")
    assert message.text == "لدينا رد على رسالتكم رقم 482 913 077."
    assert message.payload == {"template": "reply_waiting", "buttons": ["عرض الرد"]}


def test_a_template_without_its_values_is_refused(press: Any, silent: Conversation) -> None:
    template = make_template(silent, purpose="")
    answer = press(silent, kind="template", template=str(template.public_id))
    assert answer.status_code == 409
    assert not Outgoing.objects.exists()


@pytest.mark.parametrize("facts", [{"status": "PAUSED"}, {"status": "PENDING"}])
def test_a_template_that_is_not_approved_is_not_offered_nor_sent(
    press: Any, silent: Conversation, facts: dict[str, str]
) -> None:
    template = make_template(silent, **facts)
    answer = press(silent, kind="template", template=str(template.public_id), body__1="1")
    assert answer.status_code == 422
    assert not Outgoing.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [{"text": "مرحبًا"}, {"kind": "place", "latitude": "26,50"}, {"kind": "ask-place", "text": "؟"}],
)
def test_after_24_hours_only_templates_leave_the_composer(
    press: Any, silent: Conversation, fields: dict[str, str]
) -> None:
    answer = press(silent, **fields)
    assert answer.status_code == 409
    assert "24" in answer.content.decode()
    assert not Outgoing.objects.exists()


def test_words_wait_until_the_person_taps(press: Any, silent: Conversation) -> None:
    make_template(silent)

    assert press(silent, kind="wait", text="أُصلح العمود.").status_code == 200

    question, answer = Outgoing.objects.order_by("pk")
    assert (question.state, answer.state) == ("queued", "held")
    assert question.template is not None
    assert grouped(silent.matter) in json.dumps(question.content, ensure_ascii=False)
    assert answer.expires_at is not None
    assert timedelta(days=6) < answer.expires_at - timezone.now() <= timedelta(days=7)

    # A second thought waits too, and nobody is asked twice.
    press(silent, kind="wait", text="شكرًا لصبركم.")
    assert Outgoing.objects.filter(template=question.template).count() == 1
    assert Outgoing.objects.filter(state="held").count() == 2

    channels.release_held({(silent.contact_id, silent.number_id): timezone.now()})
    assert not Outgoing.objects.filter(state="held").exists()


def test_without_a_template_that_opens_it_nothing_waits(press: Any, silent: Conversation) -> None:
    make_template(silent, purpose="")
    answer = press(silent, kind="wait", text="أُصلح العمود.")
    assert answer.status_code == 409
    assert not Outgoing.objects.exists()


def test_words_do_not_wait_when_the_window_is_open(press: Any, conversation: Conversation) -> None:
    make_template(conversation)
    press(conversation, kind="wait", text="أُصلح العمود.")
    assert Outgoing.objects.get().state == "queued"


def test_the_composer_says_what_is_possible_after_the_window(
    client: StaffClient, desk_responder: Member, silent: Conversation
) -> None:
    client.force_login(desk_responder)
    path = reverse("inbox:conversation", args=[silent.public_id])

    def seen() -> str:
        return str(client.get(path).content.decode())

    assert "ولا يوجد قالب معتمد" in seen()
    template = make_template(silent, purpose="")
    assert "إلا القوالب المعتمدة" in seen()
    Template.objects.filter(pk=template.pk).update(purpose="reopen")
    assert 'value="wait"' in seen()
    # Arabic comes first, whatever the alphabet of the names.
    make_template(silent, name="a_first", language="en", purpose="")
    # A place is sent as such: no field of the composer would fill this one.
    head = {"type": "HEADER", "format": "LOCATION"}
    make_template(silent, name="z_where", components=[head, {"type": "BODY", "text": "الموقع"}])
    options = client.get(f"{path}compose/template").context["templates"]
    assert [t.language for t in options] == ["ar", "en"]


def test_the_fields_of_each_kind_come_with_and_without_javascript(
    client: StaffClient, desk_responder: Member, conversation: Conversation
) -> None:
    client.force_login(desk_responder)
    template = make_template(conversation)
    path = reverse("inbox:conversation", args=[conversation.public_id])
    for kind in ("place", "buttons", "list", "link", "ask-place", "ask-phone", "form", "template"):
        field = f'name="kind" value="{kind}"'
        assert field in client.get(f"{path}compose/{kind}", headers=HTMX).content.decode()
        assert field in client.get(f"{path}?compose={kind}").content.decode()
    shown = client.get(f"{path}compose/template?template={template.public_id}").content.decode()
    # The number of the matter is filled in already.
    assert f'value="{grouped(conversation.matter)}"' in shown
    assert client.get(f"{path}compose/unheard").status_code == 404


def test_a_viewer_can_neither_send_react_nor_mark(
    client: StaffClient, conversation: Conversation
) -> None:
    client.force_login(make_member(Role.Kind.VIEWER, conversation.node))
    message = Message.objects.get()
    for name, key in (
        ("inbox:reply", conversation), ("inbox:looked", conversation), ("inbox:typing", conversation),
        ("inbox:react", message), ("inbox:withdraw", message),
    ):  # fmt: skip
        assert client.post(reverse(name, args=[key.public_id])).status_code == 403
    assert not ReadMark.objects.exists()
    assert not Outgoing.objects.exists()


def test_what_a_member_really_looks_at_is_marked_read_once(
    client: StaffClient, desk_responder: Member, conversation: Conversation
) -> None:
    client.force_login(desk_responder)
    client.get(reverse("inbox:conversation", args=[conversation.public_id]))
    assert not ReadMark.objects.exists()

    path = reverse("inbox:looked", args=[conversation.public_id])
    for _time in range(3):
        assert client.post(path).status_code == 204
    mark = ReadMark.objects.get()
    assert (mark.external_id, mark.is_typing) == (Message.objects.get().external_id, False)

    ReadMark.objects.all().delete()
    client.post(path)
    assert not ReadMark.objects.exists()
    later = incoming("وبعد؟", received_at=timezone.now() + timedelta(seconds=1))
    services.store([services.Arrival(later, conversation, conversation.matter)])
    client.post(path)
    assert ReadMark.objects.get().external_id == later.external_id


def test_typing_is_told_of_the_latest_message_while_the_window_is_open(
    conversation: Conversation, silent: Conversation
) -> None:
    for _time in range(2):
        services.say_typing(conversation.public_id, now=timezone.now())
        services.say_typing(silent.public_id, now=timezone.now())
    mark = ReadMark.objects.get()
    assert mark.is_typing
    assert mark.external_id == conversation.messages.get().external_id


def test_a_voice_message_carries_no_words_so_they_go_before_it(
    conversation: Conversation, desk_responder: Member
) -> None:
    voice = services.Attachment(
        stream=io.BytesIO(OGG_OPUS), kind="voice", name="voice.ogg", declared="audio/ogg"
    )
    sent = services.send_files(
        conversation.public_id,
        [voice],
        caption="اسمعوا هذا",
        by=desk_responder,
        now=timezone.now(),
    )
    assert [message.kind for message in sent] == ["text", "voice"]
    assert Outgoing.objects.latest("pk").content == {"type": "audio", "audio": {}}


def _page(flags: int, sequence: int, packet: bytes) -> bytes:
    return (
        b"OggS\0" + bytes([flags]) + bytes(8) + b"\1\0\0\0" + sequence.to_bytes(4, "little")
        + bytes(4) + bytes([1, len(packet)]) + packet
    )  # fmt: skip


OGG_OPUS = _page(2, 0, b"OpusHead\1\1\x38\1\x80\xbb\0\0\0\0\0") + _page(
    0, 1, b"OpusTags\4\0\0\0test\0\0\0\0"
)
