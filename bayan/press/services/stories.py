"""Stories on the page: handed in, looked through, edited, returned, declined, withdrawn, published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.press.models import Approval, Publication, Story, StoryFile
from bayan.press.services import comparing
from bayan.press.services.parts import (
    STORY,
    EmbargoInThePast,
    ReasonMissing,
    State,
    StoryMoved,
    TextMissing,
    fresh_reference,
    locked,
    move,
    note,
    require_state,
)
from bayan.work import services as work

MOST_FILES = 60
LONGEST_TEXT = 20_000


class NoNumber(DomainError):
    pass


class TooManyFiles(DomainError):
    pass


@dataclass(frozen=True)
class Upload:
    """A file that somebody attached, still open; `declared` is the browser's opinion of its type."""

    stream: IO[bytes]
    name: str
    declared: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a body wants published, as the form has it."""

    title: str
    text: str
    shows_people: str = ""
    publish_by: date | None = None
    embargo_until: datetime | None = None


@transaction.atomic
def hand_in(
    request: Request, files: Sequence[Upload], *, node: Node, by: Member, now: datetime
) -> Story:
    """Hand a story in by the page; its files are kept as they are.

    :raises TextMissing: it has no title or no text
    :raises EmbargoInThePast: it would hold nothing back
    :raises TooManyFiles: sixty are enough
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    title, text = _checked(request, now=now)
    story = Story.objects.create(
        reference=fresh_reference(), node=node, sender=by, source=Story.Source.PAGE,
        state=State.SUBMITTED, title=title, text=text, shows_people=request.shows_people,
        publish_by=request.publish_by, embargo_until=request.embargo_until,
        created_at=now, submitted_at=now, changed_at=now,
    )  # fmt: skip
    _keep(story, files, now=now)
    note(story, "story.submitted", by=by, now=now)
    comparing.compare(story.pk)
    return story


def _checked(request: Request, *, now: datetime) -> tuple[str, str]:
    title = " ".join(request.title.split())[:140]
    text = request.text.strip()[:LONGEST_TEXT]
    if not title or not text:
        raise TextMissing(_("Write a title and the text of the story."))
    if request.embargo_until is not None and request.embargo_until <= now:
        raise EmbargoInThePast(_("Choose a time for the embargo that is still to come."))
    return title, text


def _keep(story: Story, files: Sequence[Upload], *, now: datetime) -> list[StoryFile]:
    if not files:
        return []
    if story.files.count() + len(files) > MOST_FILES:
        raise TooManyFiles(_("A story may have %(most)d files.") % {"most": MOST_FILES})
    number = channels.number_of_files()
    if number is None:
        raise NoNumber(_("Files can be taken once a WhatsApp number is set up."))
    last = story.files.aggregate(last=Max("position"))["last"] or 0
    kept = []
    for place, file in enumerate(files, start=last + 1):
        media = channels.keep_original(
            file.stream, name=file.name, declared=file.declared, number=number, node=story.node,
            now=now,
        )  # fmt: skip
        kept.append(StoryFile.objects.create(story=story, media=media, position=place, sent_at=now))
    return kept


@transaction.atomic
def hand_in_again(
    story_id: UUID, request: Request, files: Sequence[Upload], *, by: Member, now: datetime
) -> Story:
    """Hand a draft or a returned story in, completed on the page.

    :raises StoryMoved: it is at the desk or over
    :raises TextMissing, EmbargoInThePast, TooManyFiles, FileNotAllowed, FileTooLarge: as `hand_in`
    """
    story = locked(story_id)
    require_state(story, State.DRAFT, State.RETURNED)
    title, text = _checked(request, now=now)
    story.title, story.text = title, text
    story.edited_title = story.edited_text = ""
    story.shows_people, story.publish_by = request.shows_people, request.publish_by
    story.embargo_until = request.embargo_until
    story.submitted_at, story.reason = now, ""
    story.gathers_until = story.asks_at = story.sums_at = story.unsaid_since = None
    _keep(story, files, now=now)
    move(
        story, State.SUBMITTED, "story.submitted", by=by, now=now, is_told=False,
        fields=[
            "title", "text", "edited_title", "edited_text", "shows_people", "publish_by",
            "embargo_until", "submitted_at", "reason", "gathers_until", "asks_at", "sums_at",
            "unsaid_since",
        ],
    )  # fmt: skip
    comparing.compare(story.pk)
    return story


@transaction.atomic
def add_files(story_id: UUID, files: Sequence[Upload], *, by: Member, now: datetime) -> Story:
    """Add files to a story that is not with journalists yet.

    :raises StoryMoved: it was sent, or is over
    :raises TooManyFiles, FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    forget_approvals(story_id, by=by, now=now)
    story = locked(story_id)
    require_state(
        story, State.DRAFT, State.SUBMITTED, State.IN_REVIEW, State.RETURNED, State.ACCEPTED
    )
    _keep(story, files, now=now)
    note(story, "story.files_added", by=by, now=now, count=len(files))
    _back_to_review(story, by=by, now=now)
    comparing.compare(story.pk)
    return story


@transaction.atomic
def take(story_id: UUID, *, editor: Member, by: Member, now: datetime) -> Story:
    """Make an editor responsible for a story; it is in review from then on.

    :raises StoryMoved: it is not at the desk
    """
    story = locked(story_id)
    require_state(story, State.SUBMITTED, State.IN_REVIEW)
    story.editor = editor
    if story.state == State.SUBMITTED:
        move(
            story, State.IN_REVIEW, "story.taken", by=by, now=now, fields=["editor"],
            member=str(editor.public_id),
        )  # fmt: skip
        return story
    story.save(update_fields=["editor"])
    note(story, "story.taken", by=by, now=now, member=str(editor.public_id))
    return story


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The editors' words and choice: what journalists are to get."""

    title: str
    text: str
    embargo_until: datetime | None = None
    is_open_early: bool = False
    # By the file's public id: its caption, its place, whether it goes out.
    files: Mapping[UUID, tuple[str, int, bool]]


@transaction.atomic
def edit(story_id: UUID, change: Edit, *, by: Member, now: datetime) -> Story:
    """Write the editors' version beside the original. Every approval of another version is worth nothing now.

    :raises StoryMoved: it is not at the desk
    :raises TextMissing: it has no title or no text
    :raises EmbargoInThePast: it would hold nothing back
    """
    # Tasks before the story, as whoever ends one has them: two orders would wait for each other.
    forget_approvals(story_id, by=by, now=now)
    story = locked(story_id)
    before = story.version()
    require_state(story, State.SUBMITTED, State.IN_REVIEW, State.ACCEPTED)
    title = " ".join(change.title.split())[:140]
    text = change.text.strip().replace("\r\n", "\n")[:LONGEST_TEXT]
    if not title or not text:
        raise TextMissing(_("Write a title and the text of the story."))
    if (
        change.embargo_until is not None
        and change.embargo_until != story.embargo_until
        and change.embargo_until <= now
    ):
        raise EmbargoInThePast(_("Choose a time for the embargo that is still to come."))
    story.edited_title = title if title != story.title else ""
    story.edited_text = text if text != story.text else ""
    story.embargo_until = change.embargo_until
    story.is_open_early = change.is_open_early
    files = list(story.files.filter(public_id__in=change.files))
    for file in files:
        file.caption, file.position, file.is_chosen = change.files[file.public_id]
    StoryFile.objects.bulk_update(files, ["caption", "position", "is_chosen"])
    fields = ["edited_title", "edited_text", "embargo_until", "is_open_early", "editor"]
    story.editor = story.editor or by
    story.save(update_fields=fields)
    if story.version() != before:
        note(story, "story.edited", by=by, now=now, version=story.version()[:12])
        _back_to_review(story, by=by, now=now)
    elif story.state == State.SUBMITTED:
        _back_to_review(story, by=by, now=now)
    return story


def forget_approvals(story_id: UUID, *, by: Member, now: datetime) -> int:
    """Withdraw what approvers were asked for; their buttons say so from then on."""
    return work.withdraw_of((STORY, str(story_id)), by=by, now=now)


def _back_to_review(story: Story, *, by: Member, now: datetime) -> None:
    """What was approved is another version: the changed one is in review again."""
    story.approvals.filter(state=Approval.State.ASKED).update(
        state=Approval.State.STALE, ended_at=now
    )
    if story.state == State.ACCEPTED or (
        story.state == State.SUBMITTED and story.editor_id is not None
    ):
        story.approved_version, story.approved_at = "", None
        move(
            story, State.IN_REVIEW, "story.reviewed_again", by=by, now=now,
            is_told=story.state == State.SUBMITTED,
            fields=["approved_version", "approved_at", "editor"],
        )  # fmt: skip


@transaction.atomic
def give_back(story_id: UUID, reason: str, *, by: Member, now: datetime) -> Story:
    """Return a story to its sender, with what is still needed.

    :raises ReasonMissing: it says not what
    :raises StoryMoved: it is not at the desk
    """
    return _answer(
        story_id, State.RETURNED, "story.returned", reason, by=by, now=now,
        missing=_("Write in one sentence what is still needed; the sender reads it."),
    )  # fmt: skip


@transaction.atomic
def decline(story_id: UUID, reason: str, *, by: Member, now: datetime) -> Story:
    """Tell the sender politely that a story is not published, and why.

    :raises ReasonMissing: it says not why
    :raises StoryMoved: it is not at the desk
    """
    return _answer(
        story_id, State.DECLINED, "story.declined", reason, by=by, now=now,
        missing=_("Write in one polite sentence why; the sender reads it."),
    )  # fmt: skip


def _answer(
    story_id: UUID,
    state: str,
    action: str,
    reason: str,
    *,
    by: Member,
    now: datetime,
    missing: str,
) -> Story:
    words = reason.strip()[:1000]
    if not words:
        raise ReasonMissing(missing)
    forget_approvals(story_id, by=by, now=now)
    story = locked(story_id)
    require_state(story, State.SUBMITTED, State.IN_REVIEW, State.ACCEPTED)
    story.reason, story.approved_version, story.approved_at = words, "", None
    move(
        story, state, action, by=by, now=now, words=words,
        fields=["reason", "approved_version", "approved_at"],
    )  # fmt: skip
    return story


@transaction.atomic
def withdraw(story_id: UUID, *, by: Member, now: datetime) -> Story:
    """Take a story back before it is with journalists.

    :raises StoryMoved: it was sent, or is over
    """
    forget_approvals(story_id, by=by, now=now)
    story = locked(story_id)
    require_state(
        story, State.DRAFT, State.SUBMITTED, State.IN_REVIEW, State.RETURNED, State.ACCEPTED
    )
    story.gathers_until = story.asks_at = story.sums_at = story.unsaid_since = None
    move(
        story, State.WITHDRAWN, "story.withdrawn", by=by, now=now,
        is_told=by.pk != story.sender_id,
        fields=["gathers_until", "asks_at", "sums_at", "unsaid_since"],
    )  # fmt: skip
    return story


@transaction.atomic
def publish(story_id: UUID, *, outlet: str, address: str, by: Member, now: datetime) -> Publication:
    """Keep where a story was published; with the first such proof it counts as published.

    :raises StoryMoved: it was never accepted
    """
    story = locked(story_id)
    require_state(story, State.ACCEPTED, State.SENT, State.PUBLISHED)
    found, is_new = Publication.objects.get_or_create(
        story=story, address=address, defaults={"outlet": outlet[:120], "added_by": by, "at": now}
    )
    if not is_new:
        raise StoryMoved(_("This address stands there already."))
    if story.state != State.PUBLISHED:
        move(
            story, State.PUBLISHED, "story.published", by=by, now=now, words=f"{outlet}: {address}"
        )
    else:
        note(story, "story.published", by=by, now=now)
    return found


def hand_over(member: Member, *, to: Member, by: Member, now: datetime) -> int:
    """Give a leaving editor's stories that are not over to another; returns how many."""
    rows = list(
        Story.objects.unfinished()
        .filter(editor=member)
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    for story in rows:
        story.editor = to
    Story.objects.bulk_update(rows, ["editor"])
    for story in rows:
        note(story, "story.taken", by=by, now=now, member=str(to.public_id))
    return len(rows)
