"""«طلب نشر»: a story sent in by WhatsApp, in any number of messages, is kept whole and answered politely."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import OperationalError

from bayan.cases import services as cases
from bayan.cases.models import Case, Forward
from bayan.channels.events import IncomingMessage
from bayan.channels.models import Outgoing
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people import services as people
from bayan.people.models import Member, Role
from bayan.people.tests.factories import make_member
from bayan.press import services
from bayan.press.models import Story, StoryNews
from bayan.press.services import saying, stories
from bayan.press.tests.factories import TEXT, a_picture, a_story, arrive, sent_file
from bayan.work.tests.factories import link_mobile, written_by


@pytest.fixture
def officer(khobar: Node, now: datetime) -> Member:
    return link_mobile(make_member(Role.Kind.RESPONDER, khobar), "966500004411", now=now)


@pytest.fixture
def editor(desk: Node) -> Member:
    return make_member(Role.Kind.EDITOR, desk)


def say(*messages: IncomingMessage) -> None:
    for message in messages:
        cases.take_in([message], now=message.received_at)


def said(member: Member, text: str, at: datetime) -> None:
    say(written_by(member, text, received_at=at))


def answers() -> list[str]:
    return list(
        Message.objects.filter(direction="out").order_by("pk").values_list("text", flat=True)
    )


def press(member: Member, story: Story, choice: str, at: datetime) -> None:
    tap = written_by(member, "…", kind="button_reply", choice_id=choice, received_at=at)
    services.receive_choice([(tap, str(story.public_id))], now=at)


def test_eight_pictures_a_clip_and_a_text_are_answered_once_and_handed_in_by_a_word(
    officer: Member, khobar: Node, now: datetime
) -> None:
    said(officer, "طلب نشر", now)
    contents = [a_picture() for _ in range(8)]
    for number, content in enumerate(contents):
        say(
            sent_file(
                officer,
                content,
                at=now + timedelta(seconds=10 + number),
                text="الممشى" if not number else "",
            )
        )
    say(sent_file(officer, b"clip", kind="video", at=now + timedelta(seconds=19)))
    said(officer, f"افتتاح ممشى الواجهة\n{TEXT}", now + timedelta(seconds=20))
    assert len(answers()) == 1

    services.tend(now=now + timedelta(seconds=21))
    assert len(answers()) == 1
    services.tend(now=now + timedelta(seconds=27))
    services.tend(now=now + timedelta(seconds=40))
    _greeting, summary = answers()
    # Nothing but the clip came compressed.
    assert "8" in summary
    assert Outgoing.objects.latest("pk").content["interactive"]["type"] == "button"

    said(officer, "إرسال", now + timedelta(seconds=60))

    story = Story.objects.get()
    assert (story.state, story.node, story.sender) == ("submitted", khobar, officer)
    assert (story.title, story.text) == ("افتتاح ممشى الواجهة", TEXT)
    assert [file.caption for file in story.files.order_by("position")][:2] == ["الممشى", ""]
    assert story.files.filter(media__kind="document").count() == 8
    assert story.reference[:3] in answers()[-1]
    # Neither a report of a citizen nor something passed on.
    assert not Case.objects.exists()
    assert not Forward.objects.exists()


def test_without_a_text_nothing_is_handed_in_and_without_a_story_words_are_what_they_were(
    officer: Member, now: datetime
) -> None:
    said(officer, "إرسال", now)
    assert Forward.objects.count() == 1

    said(officer, "طلب نشر", now + timedelta(minutes=1))
    said(officer, "إرسال", now + timedelta(minutes=2))
    story = Story.objects.get()
    assert story.state == "draft"

    said(officer, "إلغاء", now + timedelta(minutes=3))
    story.refresh_from_db()
    assert story.state == "withdrawn"
    said(officer, "حفرة كبيرة في شارع الأمير تركي بالخبر", now + timedelta(minutes=4))
    assert Forward.objects.count() == 2
    assert Story.objects.get().text == ""


def test_the_same_file_counts_once_and_an_original_takes_the_place_of_its_small_copy(
    officer: Member, now: datetime
) -> None:
    said(officer, "طلب نشر", now)
    original, small = a_picture(), a_picture(size=(320, 240))
    for number, (content, kind) in enumerate(
        ((small, "image"), (original, "document"), (original, "document")), start=1
    ):
        say(sent_file(officer, content, kind=kind, at=now + timedelta(seconds=number)))
    for file, content in zip(
        Story.objects.get().files.order_by("pk"), (small, original, original), strict=True
    ):
        arrive(file, content, likeness=0b1011 if content is small else 0b1111)

    services.tend(now=now + timedelta(seconds=12))

    counting = Story.objects.get().files.filter(twin=None)
    assert [file.media.kind for file in counting] == ["document"]
    assert "1" in answers()[-1].splitlines()[0] or "صورة" in answers()[-1]


def test_a_compressed_picture_is_told_and_whoever_pauses_is_asked_once(
    officer: Member, now: datetime
) -> None:
    say(sent_file(officer, a_picture(), kind="image", at=now, text="طلب نشر\nالممشى الجديد"))
    services.tend(now=now + timedelta(seconds=7))
    assert "📎" in answers()[-1]
    story = Story.objects.get()
    assert story.files.get().caption == "الممشى الجديد"

    before = len(answers())
    for minutes in (25, 26, 60):
        services.tend(now=now + timedelta(minutes=minutes))
    assert len(answers()) == before + 1
    # After hours their messages are their own again; the draft stays and goes on with the word.
    services.tend(now=now + timedelta(hours=4))
    said(officer, "حفرة في الراكة", now + timedelta(hours=5))
    assert Forward.objects.count() == 1
    said(officer, "طلب نشر", now + timedelta(hours=6))
    assert Story.objects.get() == story


def test_who_dies_while_telling_leaves_it_to_the_next_and_what_fails_holds_up_nobody(
    officer: Member, khobar: Node, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = link_mobile(make_member(Role.Kind.RESPONDER, khobar), "966500004412", now=now)
    for member in (officer, another):
        said(member, f"طلب نشر\nالممشى\n{TEXT}", now)
    before = len(answers())

    def dies(*_given: object, **_more: object) -> None:
        raise OperationalError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(saying, "sum_up", dies)
        with pytest.raises(OperationalError):
            services.tend(now=now + timedelta(seconds=7))
    assert Story.objects.filter(sums_at__isnull=False).count() == 2

    whole = saying.sum_up

    def fails_for_one(conversation: Conversation, story: Story, *, now: datetime) -> None:
        if story.sender == officer:
            raise ValueError("nobody foresaw this")
        whole(conversation, story, now=now)

    with monkeypatch.context() as broken:
        broken.setattr(saying, "sum_up", fails_for_one)
        services.tend(now=now + timedelta(seconds=8))
    services.tend(now=now + timedelta(seconds=9))
    assert len(answers()) == before + 1
    assert not Story.objects.filter(sums_at__isnull=False).exists()


def test_what_the_sender_changes_or_deletes_is_changed_and_gone_in_the_story(
    officer: Member, now: datetime
) -> None:
    said(officer, "طلب نشر", now)
    wrong = written_by(officer, "ممشى بطول ثلاثة كيلومترات", received_at=now + timedelta(seconds=1))
    picture = sent_file(officer, a_picture(), at=now + timedelta(seconds=2))
    say(wrong, picture)
    for number, (kind, target, text) in enumerate(
        (("edit", wrong, "ممشى بطول أربعة كيلومترات"), ("revoke", picture, "")), start=3
    ):
        say(
            written_by(
                officer, text, kind=kind, target_id=target.external_id,
                received_at=now + timedelta(seconds=number),
            )
        )  # fmt: skip
    story = Story.objects.get()
    assert (story.text, story.files.count()) == ("ممشى بطول أربعة كيلومترات", 0)


def test_a_picture_that_was_on_its_way_when_the_story_was_handed_in_belongs_to_it(
    officer: Member, now: datetime
) -> None:
    said(officer, f"طلب نشر\nالممشى\n{TEXT}", now)
    said(officer, "إرسال", now + timedelta(seconds=30))
    late = sent_file(
        officer, a_picture(), at=now + timedelta(seconds=50), sent_at=now + timedelta(seconds=20)
    )
    another = sent_file(officer, a_picture(), at=now + timedelta(seconds=52))
    say(late, another)

    story = Story.objects.get()
    assert story.files.count() == 1
    assert Forward.objects.count() == 1


def test_the_sender_hears_of_each_step_and_completes_what_was_returned_in_whatsapp(
    officer: Member, editor: Member, now: datetime
) -> None:
    said(officer, f"طلب نشر\nالممشى\n{TEXT}", now)
    said(officer, "إرسال", now + timedelta(minutes=1))
    story = Story.objects.get()
    stories.take(story.public_id, editor=editor, by=editor, now=now + timedelta(minutes=2))
    stories.give_back(
        story.public_id, "نحتاج صورة للمدخل", by=editor, now=now + timedelta(minutes=3)
    )
    services.tend(now=now + timedelta(minutes=4))
    assert "نحتاج صورة للمدخل" in answers()[-1]
    assert set(StoryNews.objects.values_list("way", flat=True)) == {"whatsapp"}

    press(officer, story, "story-go-on", now + timedelta(minutes=5))
    say(sent_file(officer, a_picture(), at=now + timedelta(minutes=6)))
    press(officer, story, "story-send", now + timedelta(minutes=7))

    story.refresh_from_db()
    assert (story.state, story.files.count(), story.reason) == ("submitted", 1, "")
    said(officer, "طلباتي", now + timedelta(minutes=8))
    assert story.title in answers()[-1]
    # A button of an earlier message says where it is, and changes nothing.
    press(officer, story, "story-cancel", now + timedelta(minutes=9))
    story.refresh_from_db()
    assert story.state == "submitted"


def test_nobody_is_told_twice_and_who_has_no_mobile_reads_it_on_the_page(
    khobar: Node, editor: Member, now: datetime
) -> None:
    sender = make_member(Role.Kind.RESPONDER, khobar)
    story = a_story(khobar, by=sender, now=now)
    stories.decline(story.public_id, "نُشر مثله أمس", by=editor, now=now)
    # Who asked for silence hears of it when that is over.
    people.be_quiet(sender, now + timedelta(hours=1), now=now)
    assert services.tell_news(now=now) == 0
    assert services.tell_news(now=now + timedelta(hours=1)) == 1
    assert services.tell_news(now=now + timedelta(hours=1)) == 0
    assert StoryNews.objects.get().way == "page"
