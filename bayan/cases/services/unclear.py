"""What a member wrote freely while things wait for an answer of theirs: asked about once, by a list.

Kept as what they pass on is (`forwards`), with the pictures of the same breath; so nothing of it is lost,
whoever dies and whether they choose or not. Chosen, it is put to the task, the letter or whatever it answers;
not chosen within a day, it stays among what was passed on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from bayan.cases.models import Case, Forward
from bayan.channels.models import Outgoing
from bayan.core.arabic import bare, fold, words_of
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation, Message
from bayan.people.models import Member
from bayan.triage.reading import Reading
from bayan.work import services as work
from bayan.work.services import Thing
from bayan.work.services.saying import LONGEST_TITLE, MOST_ROWS, when

# What stands before a row's key, and the row for none of them.
ANSWER, NONE = "answer-", "answer-none"
EXPIRES = timedelta(days=1)
# Longer than that is a text of somebody else's.
LONGEST = 1_000
LONGEST_DESCRIPTION = 72
KINDS = {"text", "image", "document", "video"}
# How an answer begins.
BEGINNINGS = tuple(
    fold(word)
    for word in (
        "تم", "نعم", "لا", "بخصوص", "بالنسبة", "إشارة", "ردا", "رد", "نفيدكم", "أفيدكم", "إفادة", "الإفادة",
        "الجواب", "العدد", "جاهز", "جاهزون", "لدينا", "عندنا", "يوجد", "لا يوجد", "yes", "no", "done",
        "regarding", "we have",
    )
)  # fmt: skip
FEWEST_LETTERS = 4
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def ask(
    forward: Forward,
    conversation: Conversation,
    reading: Reading | None,
    *,
    subject_type: str,
    now: datetime,
) -> bool:
    """Ask what a member's words answer, where that is not clear; True if nothing else is to be asked now."""
    member = forward.member
    if member is None or forward.asked_at is not None or not _is_own_word(forward, reading):
        return False
    things = work.open_things(member, now=now)
    if not things or (len(things) == 1 and not reads_like_answer(forward.text, things[0].title)):
        return False
    earlier = (
        Forward.objects.select_for_update(of=("self",))
        .filter(member=member, text=forward.text, asked_at__gt=now - EXPIRES)
        .exclude(pk=forward.pk)
        .first()
    )
    if earlier is not None:
        if earlier.state == Forward.State.WAITING:
            # The question is still there: the same words once more are no second one.
            earlier.messages = [*earlier.messages, *forward.messages]
            earlier.save(update_fields=["messages"])
            forward.delete()
            return True
        return False
    conversation.matter = ""
    subject = (subject_type, str(forward.public_id))
    with suppress(inbox.WindowClosed):
        if len(things) == 1:
            [thing] = things
            inbox.send(
                conversation,
                _("Is this your answer to “%(what)s”?") % {"what": thing.title},
                by=None, now=now, subject=subject, lane=Outgoing.Lane.PERSON,
                buttons=[(_key(thing), _("Yes, it is")), (NONE, _("No, it is not"))],
            )  # fmt: skip
        else:
            inbox.send(
                conversation,
                _("Which of these does your message answer?"),
                by=None, now=now, subject=subject, lane=Outgoing.Lane.PERSON,
                rows=_rows(things, now=now), button=_("Choose one"),
            )  # fmt: skip
        forward.asked_at = now
        forward.save(update_fields=["asked_at", "answered_at"])
        return True
    return False


def decide(
    forward: Forward, choice: str, conversation: Conversation, *, by: Member, now: datetime
) -> None:
    """Do what a member chose: their words go where they belong, or are taken as passed on after all."""
    if forward.state != Forward.State.WAITING:
        _say(conversation, _("You have answered this question already."), now=now)
        return
    of, _dash, key = choice.removeprefix(ANSWER).partition("-")
    is_over = forward.asked_at is None or forward.asked_at < now - EXPIRES
    if choice != NONE and not is_over:
        conversation.matter = ""
        if work.thread((of, key), by, conversation, _messages(forward), now=now):
            forward.state, forward.decided_at = Forward.State.ANSWER, now
            forward.answers = f"{of}-{key}"
            forward.save(update_fields=["state", "decided_at", "answers"])
            return
    # A worker says what it is taken for, as of everything else.
    forward.answered_at = None
    forward.asked_at = forward.asked_at or now
    forward.save(update_fields=["answered_at", "asked_at"])


def add(forward: Forward, message: Message, *, by: Member, now: datetime) -> None:
    """Put what came in the same breath to what the rest of it answers."""
    of, _dash, key = forward.answers.partition("-")
    if of:
        work.thread_later((of, key), by, message, now=now)


def reads_like_answer(text: str, title: str) -> bool:
    """Whether these words may well answer something of this title."""
    folded = fold(text).strip()
    if any(folded == word or folded.startswith(f"{word} ") for word in BEGINNINGS):
        return True
    about = {bare(word) for word in words_of(title) if len(bare(word)) >= FEWEST_LETTERS}
    return any(bare(word) in about for word in words_of(text))


def _is_own_word(forward: Forward, reading: Reading | None) -> bool:
    """False for what is passed on from elsewhere, quotes something, or may be a danger to life."""
    text = forward.text.strip()
    if not text or len(text) > LONGEST or _LINK.search(text):
        return False
    if reading is not None and reading.urgency == Case.Priority.EMERGENCY:
        return False
    return all(
        row.kind in KINDS and not row.forwarded and not row.quoted_id for row in _messages(forward)
    )


def _messages(forward: Forward) -> Sequence[Message]:
    rows = Message.objects.filter(pk__in=forward.messages).select_related("media")
    return list(rows.order_by("pk"))


def _key(thing: Thing) -> str:
    return f"{ANSWER}{thing.of}-{thing.key}"


def _rows(things: Sequence[Thing], *, now: datetime) -> list[tuple[str, str, str]]:
    """As WhatsApp shows them: titles of 24 characters, and what did not fit with its time below."""
    rows = [
        (
            _key(thing),
            _cut(thing.title, LONGEST_TITLE),
            _cut(
                " · ".join(
                    part
                    for part in (
                        when(thing.due_at, now=now),
                        thing.title if len(thing.title) > LONGEST_TITLE else "",
                    )
                    if part
                ),
                LONGEST_DESCRIPTION,
            ),
        )
        for thing in things[: MOST_ROWS - 1]
    ]
    return [*rows, (NONE, _("It answers none of them"), "")]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _say(conversation: Conversation, text: str, *, now: datetime) -> None:
    conversation.matter = ""
    with suppress(inbox.WindowClosed):
        inbox.send(conversation, text, by=None, now=now, lane=Outgoing.Lane.PERSON)
