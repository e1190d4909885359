"""Stories by WhatsApp: a word begins one, what the member sends then belongs to it, a word hands it in.

Everything is kept in the transaction that takes the message in; what is said about it is owed by moments on
the story's row (`sums_at`, `asks_at`, `gathers_until`) that `tend` looks at, whoever was killed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import Error, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases import services as cases
from bayan.channels.events import IncomingMessage
from bayan.core.arabic import fold
from bayan.inbox.models import Conversation, Message
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.press.models import Story, StoryFile
from bayan.press.services import comparing, saying
from bayan.press.services.parts import State, fresh_reference, move, note
from bayan.work.services import hearing

# An album comes as many messages: one answer for all of them, once it is quiet, or after a while.
QUIET, LONGEST_SILENCE = timedelta(seconds=6), timedelta(seconds=45)
# Who pauses for so long is asked whether that was all; after that their messages are their own again.
PAUSE, GATHERS = timedelta(minutes=20), timedelta(hours=3)
# What was sent before the story was handed in but came after it still belongs to it.
LATE = timedelta(minutes=10)
LONGEST_WORD, LONGEST_TITLE, MOST_FILES = 24, 140, 60

log = structlog.get_logger(__name__)
_SIGNS = str.maketrans(dict.fromkeys(".!؟?،,:«»\"'*", " "))


def _words(*words: str) -> frozenset[str]:
    return frozenset(map(fold, words))


BEGIN = _words("طلب نشر", "نشر خبر", "خبر للنشر", "مادة للنشر", "publish", "publish a story")
HAND_IN = _words("إرسال", "أرسل", "ارسل الطلب", "انتهيت", "تم", "send", "done")
CALL_OFF = _words("إلغاء", "إلغاء الطلب", "cancel")
MINE = _words("طلباتي", "طلبات النشر", "حالة طلبي", "my stories")
# Buttons under our messages.
SEND, GO_ON, CANCEL = "story-send", "story-go-on", "story-cancel"
FILES = frozenset({"image", "video", "document", "audio", "voice"})


def hear(messages: Sequence[tuple[IncomingMessage, Member]], *, now: datetime) -> set[str]:
    """Take what members write for a story of theirs; returns the ids of what was taken."""
    if not messages:
        return set()
    members = {member.pk for _message, member in messages}
    gathering = set(
        Story.objects.filter(sender__in=members, gathers_until__gt=now).values_list(
            "sender", flat=True
        )
    )
    late = set(
        Story.objects.filter(
            sender__in=members, state=State.SUBMITTED, submitted_at__gt=now - LATE,
            source=Story.Source.WHATSAPP,
        ).values_list("sender", flat=True)
    )  # fmt: skip
    taken = set()
    for message, member in messages:
        if message.kind in {"edit", "revoke"} and member.pk in gathering:
            # The conversation keeps them too: they are not taken.
            _follow(message, member)
            continue
        word = _word(message)
        is_open = member.pk in gathering
        concerns = (
            word in BEGIN
            or word in MINE
            or _begins(message)
            or (is_open and _belongs(message))
            or (member.pk in late and message.kind in FILES)
        )
        if not concerns or message.choice_id:
            continue
        with override(member.language):
            if _take(message, member, word, now=now):
                taken.add(message.external_id)
        if Story.objects.filter(sender=member, gathers_until__gt=now).exists():
            gathering.add(member.pk)
        else:
            gathering.discard(member.pk)
    return taken


def _word(message: IncomingMessage) -> str:
    """A short text without what spelling and signs differ in; empty for everything else."""
    if message.kind != "text" or len(message.text) > LONGEST_WORD:
        return ""
    return " ".join(fold(message.text).translate(_SIGNS).split())


def _begins(message: IncomingMessage) -> bool:
    """The word above a text or under a picture begins a story too, and the rest is its first part."""
    return message.kind in {"text", *FILES} and _first_line(message.text) in BEGIN


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return " ".join(fold(line).translate(_SIGNS).split()) if len(line) <= LONGEST_WORD else ""


def _belongs(message: IncomingMessage) -> bool:
    return message.kind == "text" or message.kind in FILES


def _take(message: IncomingMessage, member: Member, word: str, *, now: datetime) -> bool:
    access = Access.of(member, now=now)
    body = people.body_of_member(member, now=now)
    if body is None or not access.may("press.submit"):
        return False
    is_late = not word and not _begins(message)
    if is_late and not _open_story(member, now=now) and not _late_story(member, message, now=now):
        return False
    conversation = hearing.keep(message, member, now=now)
    if conversation is None:
        return False
    if word in MINE:
        saying.tell_mine(conversation, member, now=now)
        return True
    story = _locked_open(member, now=now)
    if word in BEGIN or (story is None and _begins(message)):
        _begin(story, member, conversation, message, now=now)
    elif story is None:
        late = _late_story(member, message, now=now)
        if late is not None:
            story = Story.objects.select_for_update(of=("self",)).get(pk=late.pk)
            _add(story, message, conversation, now=now)
    elif word in HAND_IN:
        _hand_in(story, conversation, member, now=now)
    elif word in CALL_OFF:
        _call_off(story, conversation, member, now=now)
    else:
        _add(story, message, conversation, now=now)
    return True


def _open_story(member: Member, *, now: datetime) -> Story | None:
    return Story.objects.filter(sender=member, gathers_until__gt=now).first()


def _locked_open(member: Member, *, now: datetime) -> Story | None:
    return (
        Story.objects.filter(sender=member, gathers_until__gt=now)
        .select_for_update(of=("self",))
        .first()
    )


def _late_story(member: Member, message: IncomingMessage, *, now: datetime) -> Story | None:
    """The story handed in a moment ago that this file was sent for, before that."""
    if message.kind not in FILES:
        return None
    story = (
        Story.objects.filter(
            sender=member, state=State.SUBMITTED, source=Story.Source.WHATSAPP,
            submitted_at__gt=now - LATE,
        )
        .order_by("-submitted_at")
        .first()
    )  # fmt: skip
    if story is None or story.submitted_at is None or message.sent_at > story.submitted_at:
        return None
    return story


def _begin(
    story: Story | None,
    member: Member,
    conversation: Conversation,
    message: IncomingMessage,
    *,
    now: datetime,
) -> None:
    # What was left lying goes on where it stopped: nobody sends eight pictures twice.
    story = story or (
        Story.objects.filter(sender=member, state=State.DRAFT, source=Story.Source.WHATSAPP)
        .select_for_update(of=("self",))
        .order_by("-pk")
        .first()
    )
    is_new = story is None
    # One story a member gathers at a time; what another one waited for too long is over.
    others = Story.objects.filter(sender=member, gathers_until__isnull=False)
    (others.exclude(pk=story.pk) if story else others).update(gathers_until=None, asks_at=None)
    if story is None:
        body = conversation.node
        story = Story.objects.create(
            reference=fresh_reference(), node=body, sender=member, source=Story.Source.WHATSAPP,
            created_at=now, changed_at=now, gathers_until=now + GATHERS,
        )  # fmt: skip
        note(story, "story.begun", by=member, now=now)
    story.gathers_until = now + GATHERS
    story.save(update_fields=["gathers_until"])
    rest = message.text.strip().partition("\n")[2].strip()
    if rest or message.kind in FILES:
        _add(story, message, conversation, text=rest, now=now)
        return
    story.asks_at = now + PAUSE
    story.save(update_fields=["asks_at"])
    saying.greet(conversation, story, is_new=is_new, now=now)


def _add(
    story: Story,
    message: IncomingMessage,
    conversation: Conversation,
    *,
    now: datetime,
    text: str | None = None,
) -> None:
    """Make a message part of the story: words join its text, a file joins the others with its caption."""
    words = message.text.strip() if text is None else text
    if message.kind in FILES:
        stored = Message.objects.select_related("media").get(
            conversation=conversation, external_id=message.external_id, direction="in"
        )
        if stored.media is not None and story.files.count() < MOST_FILES:
            StoryFile.objects.create(
                story=story, media=stored.media, caption=words[:500], sent_at=message.sent_at,
                external_id=message.external_id, position=0,
            )  # fmt: skip
    elif words:
        if not story.parts and story.text:
            # It came by the page: what follows is added to that.
            whole = f"{story.title}\n{story.text}"
            story.parts = [[story.created_at.isoformat(), "", whole]]
        story.parts = sorted(
            [*story.parts, [message.sent_at.isoformat(), message.external_id, words]]
        )
        story.title, story.text = _title_and_text([part[2] for part in story.parts])
    if story.gathers_until is not None:
        story.gathers_until = now + GATHERS
        story.asks_at = now + PAUSE
    story.unsaid_since = story.unsaid_since or now
    story.sums_at = min(now + QUIET, story.unsaid_since + LONGEST_SILENCE)
    story.save(
        update_fields=[
            "parts", "title", "text", "gathers_until", "asks_at", "unsaid_since", "sums_at",
        ]
    )  # fmt: skip


def _follow(message: IncomingMessage, member: Member) -> None:
    """The sender changed or deleted a message of theirs: the story says what it says now."""
    story = (
        Story.objects.filter(sender=member, gathers_until__isnull=False)
        .select_for_update(of=("self",))
        .first()
    )
    if story is None:
        return
    if message.kind == "revoke":
        story.files.filter(external_id=message.target_id).delete()
        story.parts = [part for part in story.parts if part[1] != message.target_id]
    else:
        story.files.filter(external_id=message.target_id).update(caption=message.text[:500])
        story.parts = [
            [at, key, message.text.strip() if key == message.target_id else words]
            for at, key, words in story.parts
        ]
    if story.parts or not story.text or story.source == Story.Source.WHATSAPP:
        story.title, story.text = _title_and_text([part[2] for part in story.parts])
    story.save(update_fields=["parts", "title", "text"])


def _title_and_text(parts: Sequence[str]) -> tuple[str, str]:
    """A short first line is the title; where there is none, the beginning of the text serves."""
    whole = "\n\n".join(parts).strip()
    first, _break, rest = whole.partition("\n")
    first = first.strip().strip("*").strip()
    if rest.strip() and len(first) <= LONGEST_TITLE:
        return first, rest.strip()
    if len(first) <= LONGEST_TITLE:
        return first, whole
    return first[:LONGEST_TITLE].rsplit(" ", 1)[0], whole


@transaction.atomic
def receive_choice(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Do what members pressed under a message about their story; what others press is any message."""

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        _press(message.choice_id, key, member, conversation, now=now)

    cases.take_in(hearing.hear_each(replies, do, now=now), now=now)


def _press(
    choice: str, key: str, member: Member, conversation: Conversation, *, now: datetime
) -> None:
    story = (
        Story.objects.filter(public_id=UUID(key), sender=member)
        .select_for_update(of=("self",))
        .first()
    )
    if story is None:
        saying.say(conversation, _("This request is not yours any more."), now=now)
    elif story.state not in {State.DRAFT, State.RETURNED}:
        saying.say(conversation, saying.where_it_is(story), now=now)
    elif choice == SEND:
        _hand_in(story, conversation, member, now=now)
    elif choice == CANCEL:
        _call_off(story, conversation, member, now=now)
    else:
        _go_on(story, conversation, member, now=now)


def _go_on(story: Story, conversation: Conversation, member: Member, *, now: datetime) -> None:
    """Let the sender's next messages belong to this one, and to no other of theirs."""
    Story.objects.filter(sender=member, gathers_until__isnull=False).exclude(pk=story.pk).update(
        gathers_until=None, asks_at=None
    )
    story.gathers_until, story.asks_at = now + GATHERS, now + PAUSE
    story.save(update_fields=["gathers_until", "asks_at"])
    saying.greet(conversation, story, is_new=False, now=now)


def _hand_in(story: Story, conversation: Conversation, member: Member, *, now: datetime) -> None:
    if not story.text.strip():
        # Captions say something too, but not what happened, where and when.
        saying.ask_for_text(conversation, story, now=now)
        story.gathers_until, story.asks_at = now + GATHERS, now + PAUSE
        story.save(update_fields=["gathers_until", "asks_at"])
        return
    arrange(story)
    story.submitted_at = now
    story.reason = ""
    story.gathers_until = story.asks_at = story.sums_at = story.unsaid_since = None
    move(
        story, State.SUBMITTED, "story.submitted", by=member, now=now, is_told=False,
        fields=[
            "submitted_at", "reason", "gathers_until", "asks_at", "sums_at", "unsaid_since",
        ],
    )  # fmt: skip
    saying.thank(conversation, story, now=now)


def arrange(story: Story) -> None:
    """Give the files their places in the order in which they were sent."""
    files = list(story.files.order_by("sent_at", "pk"))
    for position, file in enumerate(files, start=1):
        file.position = position
    StoryFile.objects.bulk_update(files, ["position"])


def _call_off(story: Story, conversation: Conversation, member: Member, *, now: datetime) -> None:
    story.gathers_until = story.asks_at = story.sums_at = story.unsaid_since = None
    move(
        story, State.WITHDRAWN, "story.withdrawn", by=member, now=now, is_told=False,
        fields=["gathers_until", "asks_at", "sums_at", "unsaid_since"],
    )  # fmt: skip
    saying.say(
        conversation,
        _("The request is cancelled. To begin anew, write: publish"),
        now=now,
    )


# What the worker owes


def tend_gathering(*, now: datetime) -> int:
    """Tell senders what has come, ask who paused, let go who stayed away. Returns how many were looked at."""
    done = comparing.compare_files()
    for field in ("sums_at", "asks_at", "gathers_until"):
        keys = list(
            Story.objects.filter(**{f"{field}__lte": now})
            .order_by(field)
            .values_list("pk", flat=True)[:50]
        )
        for key in keys:
            try:
                done += _tend_one(key, field, now=now)
            except Error:
                raise
            except Exception:
                # One that nobody foresaw must not keep the others from their answer.
                log.exception("story.failed", story=key, owed=field)
                Story.objects.filter(pk=key).update(**{field: None})
    return done


@transaction.atomic
def _tend_one(key: int, field: str, *, now: datetime) -> int:
    sender = Story.objects.select_related("sender").get(pk=key).sender
    # The conversation first, as taking in does: two orders would wait for each other.
    conversation = saying.conversation_with(sender, now=now) if sender else None
    story = (
        Story.objects.filter(pk=key, **{f"{field}__lte": now})
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("node")
        .first()
    )
    if story is None:
        return 0
    match field:
        case "sums_at":
            story.sums_at = story.unsaid_since = None
        case "asks_at":
            story.asks_at = None
        case _:
            story.gathers_until = story.asks_at = None
    if conversation is not None and sender is not None:
        with override(sender.language):
            if field == "sums_at":
                saying.sum_up(conversation, story, now=now)
            elif field == "asks_at":
                saying.ask_whether_all(conversation, story, now=now)
    story.save(update_fields=["sums_at", "unsaid_since", "asks_at", "gathers_until"])
    return 1
