"""What all verbs about stories share: refusals, locking, the trail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.references import new_reference
from bayan.press.models import Story, StoryNews

# What an answer to a message about a story is about, and the subject of its tasks (config/subscriptions.py);
# also the topic under which screens hear of it.
STORY = "story"
State = Story.State


class StoryMoved(DomainError):
    """It is in another state than this step begins in: somebody was faster, or it is over."""


class TextMissing(DomainError):
    pass


class ReasonMissing(DomainError):
    pass


class EmbargoInThePast(DomainError):
    pass


def locked(story_id: UUID) -> Story:
    """The story, ours until the commit."""
    return (
        Story.objects.select_for_update(of=("self",))
        .select_related("node", "sender", "editor")
        .get(public_id=story_id)
    )


def require_state(story: Story, *states: str) -> None:
    """Refuse unless the story is in one of these states.

    :raises StoryMoved: with a sentence that says where it is
    """
    if story.state not in states:
        raise StoryMoved(
            _("This cannot be done now: the story is “%(state)s”. Reload the page.")
            % {"state": story.get_state_display()}
        )


def fresh_reference() -> str:
    """A number that no other story has."""
    while Story.objects.filter(reference=(reference := new_reference())).exists():
        pass
    return reference


def move(
    story: Story,
    state: str,
    action: str,
    *,
    by: audit.Actor,
    now: datetime,
    words: str = "",
    fields: Iterable[str] = (),
    is_told: bool = True,
    **details: Any,
) -> None:
    """Lead a locked story to its next state; the sender is told, with `words`."""
    story.state, story.changed_at = state, now
    story.save(update_fields=["state", "changed_at", *fields])
    if is_told:
        StoryNews.objects.create(story=story, step=state, words=words, at=now)
    note(story, action, by=by, now=now, **details)


def note(story: Story, action: str, *, by: audit.Actor, now: datetime, **details: Any) -> None:
    """Write a step into the story's trail and tell the screens."""
    audit.record(entry(story, action, by=by, now=now, **details))
    live.announce([(story.node_id, STORY, story.public_id)])


def entry(
    story: Story, action: str, *, by: audit.Actor, now: datetime, **details: Any
) -> audit.Entry:
    """A line of the story's trail, as yet unwritten."""
    return audit.Entry(
        action=action, subject_type=STORY, subject_key=str(story.public_id), by=by, at=now,
        node_id=story.node_id, details=details,
    )  # fmt: skip
