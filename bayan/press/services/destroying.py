"""A story whose period is over: destroyed by a director's decision (retention), never by itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from bayan.channels import services as channels
from bayan.core.rls import as_worker
from bayan.people.models import Member
from bayan.press.models import Copy, Release
from bayan.press.services.parts import STORY, State, locked, note, require_state
from bayan.work import services as work

# Nothing is to be done with these any more.
OVER = (State.SENT, State.PUBLISHED, State.DECLINED, State.WITHDRAWN)


@transaction.atomic
def destroy(key: UUID, *, by: Member, now: datetime) -> str:
    """Destroy a story that is over: words, files, approvals, sendings and their links.

    What is left is the trail: its number and the fingerprint of its version, which is returned. A file that
    came by WhatsApp stays as long as the conversation that it came in.

    :raises StoryMoved: something is still to be done with it
    """
    with as_worker():
        story = locked(key)
        require_state(story, *OVER)
        digest = story.version()
        subject = (STORY, str(story.public_id))
        work.withdraw_of(subject, by=by, now=now)
        media = work.forget_of(subject)
        media += story.files.values_list("media", flat=True)
        copies = Copy.objects.filter(release__story=story)
        channels.forget_words(
            {
                key
                for row in copies.values_list("outgoing", "failed")
                for key in row
                if key is not None
            }
        )
        note(
            story, "story.destroyed", by=by, now=now, number=story.reference, people=copies.count(),
            sha256=digest,
        )  # fmt: skip
        copies.delete()
        Release.objects.filter(story=story).delete()
        story.delete()
        channels.discard_media(media)
    return digest
