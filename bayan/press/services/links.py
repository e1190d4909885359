"""The way to a story for one journalist: made, opened and counted, dead when it was withdrawn."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _

from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.people.models import Member
from bayan.press.models import Copy, CopyLink, Story, StoryFile
from bayan.press.services.parts import note


class LinkIsOver(DomainError):
    pass


class StillEmbargoed(DomainError):
    pass


class LinkNotPossible(DomainError):
    pass


@dataclass(frozen=True)
class Opened:
    """What stands behind a link."""

    copy: Copy
    story: Story
    files: list[StoryFile]
    until: datetime
    # Nothing but the title is shown before the embargo ends.
    is_held: bool


def hash_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def new_link(
    copy: Copy, *, until: datetime, made_by: Member | None, now: datetime
) -> tuple[CopyLink, str]:
    """A link that is not saved yet, and its address, which nobody can read again."""
    secret = secrets.token_urlsafe(24)
    link = CopyLink(copy=copy, hash=hash_of(secret), made_by=made_by, made_at=now, expires_at=until)
    return link, f"{settings.PUBLIC_URL}{reverse('press:link', args=[secret])}"


@transaction.atomic
def copy_link(copy_id: UUID, *, by: Member, now: datetime) -> str:
    """An address for a journalist to whom it is passed on by hand; shown once, kept as a hash.

    :raises LinkNotPossible: the sending was withdrawn
    """
    copy = (
        Copy.objects.select_for_update(of=("self",))
        .select_related("release__story", "journalist")
        .get(public_id=copy_id)
    )
    if copy.release.withdrawn_at is not None:
        raise LinkNotPossible(_("This sending was withdrawn; its links are dead."))
    link, address = new_link(copy, until=copy.release.links_until, made_by=by, now=now)
    link.save()
    note(copy.release.story, "release.link_made", by=by, now=now, copy=str(copy.public_id))
    return address


def open_link(secret: str, *, now: datetime, is_counted: bool = False) -> Opened:
    """What a journalist may have by this link; that it was opened is counted where asked.

    :raises LinkIsOver: it is none of ours, has expired, or was withdrawn
    """
    with as_worker():
        link = (
            CopyLink.objects.select_related("copy__release__story__node", "copy__journalist")
            .filter(
                hash=hash_of(secret), withdrawn_at=None, expires_at__gt=now,
                copy__release__withdrawn_at=None,
            )
            .first()
        )  # fmt: skip
        if link is None:
            raise LinkIsOver(
                _("This link leads nowhere any more. Ask the media department for a new one.")
            )
        story = link.copy.release.story
        is_held = story.is_embargoed(now=now) and not story.is_open_early
        if is_counted:
            Copy.objects.filter(pk=link.copy_id).update(
                opens=F("opens") + 1, opened_at=Coalesce(F("opened_at"), Value(now))
            )
        files = [] if is_held else story.chosen_files()
        return Opened(link.copy, story, files, link.expires_at, is_held)


def file_behind(secret: str, file_id: UUID, *, is_counted: bool, now: datetime) -> StoryFile:
    """One file of the story behind a link; that it was fetched is counted where asked.

    :raises LinkIsOver: as `open_link`, or there is no such file
    :raises StillEmbargoed: not before its time
    """
    found = files_behind(secret, is_counted=False, now=now)
    file = next((one for one in found.files if one.public_id == file_id), None)
    if file is None:
        raise LinkIsOver(_("This file does not belong to the story any more."))
    if is_counted:
        _count(found.copy, 1)
    return file


def files_behind(secret: str, *, is_counted: bool, now: datetime) -> Opened:
    """All files of the story behind a link.

    :raises LinkIsOver: as `open_link`
    :raises StillEmbargoed: not before its time
    """
    found = open_link(secret, now=now)
    if found.is_held:
        raise StillEmbargoed(_("The material is held until the embargo ends."))
    if is_counted:
        _count(found.copy, len(found.files))
    return found


def _count(copy: Copy, files: int) -> None:
    with as_worker():
        Copy.objects.filter(pk=copy.pk).update(downloads=F("downloads") + files)
