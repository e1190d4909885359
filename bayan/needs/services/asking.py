"""Whoever needs something: asks for it, takes it back, says that it came or that it is not as agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels import services as channels
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.references import new_reference
from bayan.core.rls import as_worker
from bayan.needs.fields import Asked
from bayan.needs.models import Attachment, Booking, Form, FormVersion, Need
from bayan.needs.services.deciding import Grant, give_task
from bayan.needs.services.steps import (
    NEED,
    ReasonMissing,
    locked,
    move,
    note,
    record,
    words_in,
)
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member
from bayan.work import services as work
from bayan.work.models import Clock

# Working time in which a request is owed its decision, and in which what was not as agreed is put right.
TO_DECIDE, TO_PUT_RIGHT = timedelta(hours=21), timedelta(hours=14)
# What an answer to a message about a request is about (config/subscriptions.py).
TOLD = "needs.told"


class FormNotOffered(DomainError):
    pass


class FilesNotKept(DomainError):
    pass


@dataclass(frozen=True)
class Upload:
    """A file of a form, still open; `field` is the key of the field in which it was chosen."""

    field: str
    stream: IO[bytes]
    name: str
    declared: str


@transaction.atomic
def ask(
    version: FormVersion,
    asked: Asked,
    *,
    node: Node,
    by: Member,
    now: datetime,
    files: Sequence[Upload] = (),
    expected: tuple[str, Sequence[channels.Expected]] = ("", ()),
) -> Need:
    """Ask for something in the name of a body. Whoever decides is told, and a clock runs until they do.

    `expected`: the key of a field, and its files that came by WhatsApp and are still to be fetched.

    :raises FormNotOffered: the form was taken off, or changed, while it was filled in
    :raises FilesNotKept: there is nowhere to keep a file
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of the request is kept
    """
    form = Form.objects.select_related("provider").get(pk=version.form_id)
    if not form.is_on or form.version_id != version.pk:
        raise FormNotOffered(_("This form was changed meanwhile. Open it again; your words stay."))
    need = Need.objects.create(
        reference=new_reference(),
        node=node,
        provider=form.provider,
        version=version,
        kind=form.kind,
        title=(asked.title or version.name_ar)[:140],
        answers=asked.answers,
        quantity=asked.quantity,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        asked_by=by,
        asked_at=now,
    )
    _keep(files, need, now=now)
    field, coming = expected
    for media in channels.expect_files(coming):
        Attachment.objects.create(need=need, field=field, media=media)
    note("need.asked", need, by=by, now=now)
    due_at = organisation.calendar().add(now, TO_DECIDE)
    started = work.start(
        [
            work.Start(
                subject_type=NEED, subject_key=str(need.public_id), name=Clock.Name.ANSWER,
                since=now, due_at=due_at,
            )
        ]
    )  # fmt: skip
    work.call(started, form.provider, now=now)
    return need


def _keep(files: Sequence[Upload], need: Need, *, now: datetime) -> None:
    if not files:
        return
    number = channels.number_of_files()
    if number is None:
        raise FilesNotKept(_("Files can be attached once a WhatsApp number is connected."))
    for upload in files:
        media = channels.keep_file(
            upload.stream, kind="document", name=upload.name, declared=upload.declared,
            number=number, node=need.node, now=now,
        )  # fmt: skip
        Attachment.objects.create(need=need, field=upload.field, media=media)


@transaction.atomic
def withdraw_need(need_id: UUID, *, by: Member, now: datetime) -> Need:
    """Take a request back; whoever was to provide it need not.

    :raises StepNotPossible: it has ended, or was provided
    """
    need = locked(need_id)
    move(need, "withdraw")
    need.ended_at = now
    need.save(update_fields=["state", "ended_at"])
    note("need.withdrawn", need, by=by, now=now)
    channels.call_off(TOLD, [str(need.public_id)], now=now)
    # Its task belongs to another body, which whoever asked does not see.
    with as_worker():
        work.end(NEED, [str(need.public_id)], now=now)
        work.withdraw_of((NEED, str(need.public_id)), by=by, now=now)
    return need


@transaction.atomic
def hand_over_needs(member: Member, *, to: Member, by: Member, now: datetime) -> int:
    """Let another have a leaving member's open requests and bookings; returns how many."""
    needs = list(Need.objects.open().filter(asked_by=member).order_by("pk").select_for_update())
    for need in needs:
        need.asked_by = to
    Need.objects.bulk_update(needs, ["asked_by"])
    record("need.handed_over", needs, by=audit.Named(by.audit_key, by.audit_label), now=now)
    return len(needs) + Booking.objects.standing().filter(booked_by=member).update(booked_by=to)


@transaction.atomic
def confirm(need_id: UUID, *, by: Member, now: datetime) -> Need:
    """Say that what was provided has come.

    :raises StepNotPossible: it was not provided, or was confirmed already
    """
    need = locked(need_id)
    move(need, "confirm")
    need.ended_at = now
    need.save(update_fields=["state", "ended_at"])
    note("need.confirmed", need, by=by, now=now)
    channels.call_off(TOLD, [str(need.public_id)], now=now)
    return need


@transaction.atomic
def dispute(need_id: UUID, words: str, *, by: Member, now: datetime) -> Need:
    """Say what is not as it was granted: whoever provided it gets a new task with these words.

    :raises ReasonMissing: it says not what is missing
    :raises StepNotPossible: it was not provided, or was confirmed already
    """
    said = words_in(words)
    if not said:
        raise ReasonMissing(_("Write what is missing, or not as agreed."))
    need = locked(need_id)
    move(need, "dispute")
    if need.reason:
        need.state = Need.State.PARTLY
    need.due_at = organisation.calendar().add(now, TO_PUT_RIGHT)
    need.provided = need.provided_at = None
    before = need.item
    with as_worker():
        need.item = give_task(
            need,
            Grant(
                due_at=need.due_at,
                words=said,
                owner=before.owner if before else None,
                node=before.node if before else None,
                contractor=before.contractor if before else None,
            ),
            by=by,
            now=now,
        )
    need.save(update_fields=["state", "due_at", "provided", "provided_at", "item"])
    note("need.disputed", need, by=by, now=now, words=said)
    return need
