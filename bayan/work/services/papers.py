"""A text with a file that is to be approved: whoever approves it approves exactly these, in this version."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.channels.models import Media
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.organisation import selectors as organisation
from bayan.people.permissions import Access
from bayan.work.models import Item, Paper
from bayan.work.services import items
from bayan.work.services.items import Picture, Task

State = Item.State


class NoPlaceForFiles(DomainError):
    pass


class VersionOver(DomainError):
    """There is a newer version, or what was read is another one."""


def ask_approval(task: Task, file: Picture, *, by: Access, now: datetime) -> Item:
    """Ask for the approval of a text with a file; whoever is asked is told its name and version.

    :raises NoPlaceForFiles: nothing here can keep one
    :raises FileNotAllowed, FileTooLarge: nothing of it is kept
    :raises NotYours: the member may not give work in that body
    :raises TitleMissing, DueInThePast, NotTheirWork: as `give`
    """
    return _ask(task, file, version=1, replaces=None, by=by, now=now)


@transaction.atomic
def send_version(
    item_id: UUID, file: Picture, *, text: str, within: timedelta, by: Access, now: datetime
) -> Item:
    """Ask for the approval of a new version; what was asked before counts no longer, nor do its buttons.

    :raises VersionOver: there is a newer one already, or it was approved
    :raises NoPlaceForFiles, FileNotAllowed, FileTooLarge, NotYours: as `ask_approval`
    """
    item = items.find(item_id)
    paper = Paper.objects.filter(item=item).first() if item else None
    if item is None or paper is None or item.state == State.DONE:
        raise VersionOver(_("This was approved, or is no text with a file."))
    if Paper.objects.filter(replaces=item).exists():
        raise VersionOver(_("There is a newer version already."))
    if item.is_open:
        items.withdraw(item_id, by=by, now=now)
    task = Task(
        kind=Item.Kind.APPROVE, title=item.title, text=text.strip(), node=item.node,
        given_from=item.given_from, owner=item.owner,
        due_at=organisation.calendar(item.node_id).add(now, within),
        subject=(item.subject_type, item.subject_key),
    )  # fmt: skip
    return _ask(task, file, version=paper.version + 1, replaces=item, by=by, now=now)


@transaction.atomic
def _ask(
    task: Task, file: Picture, *, version: int, replaces: Item | None, by: Access, now: datetime
) -> Item:
    if not by.may("work.give", task.given_from):
        raise items.NotYours(_("Only whoever may give work there asks for its approval."))
    media = _keep(task, file, now=now)
    language = task.owner.language if task.owner else settings.LANGUAGE_CODE
    with override(language):
        line = _("File: %(name)s · version %(version)d · %(print)s") % {
            "name": media.name, "version": version, "print": media.sha256[:8],
        }  # fmt: skip
    task = replace(
        task, kind=Item.Kind.APPROVE, text="\n".join(part for part in (task.text.strip(), line) if part)
    )  # fmt: skip
    item = items.give(task, by=by.member, now=now)
    Paper.objects.create(
        item=item, media=media, version=version, replaces=replaces,
        fingerprint=fingerprint_of(item, media),
    )  # fmt: skip
    items.note("item.version", item, by=by.member, now=now, version=version, sha256=media.sha256)
    return item


def _keep(task: Task, file: Picture, *, now: datetime) -> Media:
    number = channels.number_of_files()
    if number is None:
        raise NoPlaceForFiles(_("Files cannot be kept yet: no number is set up."))
    kind = "image" if file.declared.startswith("image/") else "document"
    return channels.keep_file(
        file.stream, kind=kind, name=file.name, declared=file.declared, number=number,
        node=task.given_from, now=now,
    )  # fmt: skip


def fingerprint_of(item: Item, media: Media) -> str:
    """SHA-256, hexadecimal, of everything that whoever approves answers for."""
    parts = [item.title, item.text, media.sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def paper_of(item: Item) -> Paper | None:
    """The file that is approved with it, if it has one; it may be of another body than the reader's."""
    with as_worker():
        return Paper.objects.filter(item=item).select_related("media", "replaces").first()


def require_version(item: Item, seen: str | None = None) -> None:
    """Refuse unless text and file are those that were submitted; `seen` is the fingerprint that was read.

    :raises VersionOver: they are others
    """
    paper = paper_of(item) if item.kind == Item.Kind.APPROVE else None
    if paper is None:
        return
    if paper.fingerprint != fingerprint_of(item, paper.media) or seen not in {
        None, paper.fingerprint,
    }:  # fmt: skip
        raise VersionOver(_("It has changed since you read it. Read it again, then decide."))
