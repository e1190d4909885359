"""Sending a story to journalists: a copy each, by WhatsApp, with a link of their own to the originals.

What is to go out stands as rows; the worker hands them over in batches, each batch one transaction, so that
whoever is killed leaves the next one to do exactly what was left. The secrets of the links are made when the
message is: only their hashes are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import Error, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.channels.models import Number, Outgoing, Template
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.mandates import services as mandates
from bayan.mandates.models import Act
from bayan.organisation import selectors as organisation
from bayan.people import services as people
from bayan.people.models import Contact, Member
from bayan.press.models import Approval, Copy, CopyLink, Journalist, PressList, Release, Story
from bayan.press.services.links import new_link
from bayan.press.services.parts import STORY, State, locked, move, note, require_state
from bayan.press.services.ways import (
    journalists_of,
    keys_of,
    mail_number,
    sender_of,
    sending_number,
    unwilling,
    why_not,
    windows,
)

COPY = "press.copy"
BATCH = 50
LINKS_LAST = timedelta(days=30)
# As long as a provider may still tell of a message, its words stay: an uncertain one may be sent again.
WORDS_LAST = timedelta(days=2)
# Characters of the text in an e-mail; the page behind the link has all of it.
LONGEST_LETTER = 3_000
log = structlog.get_logger(__name__)
To, Reason = Copy.State, Copy.Reason


class NobodyReached(DomainError):
    pass


class VersionNotApproved(DomainError):
    pass


class ReleaseOver(DomainError):
    pass


class NoNumber(DomainError):
    pass


@transaction.atomic
def release(
    story_id: UUID,
    *,
    lists: Collection[UUID],
    excepted: Collection[UUID],
    template: Template | None,
    version: str,
    not_before: datetime | None,
    by: Member,
    now: datetime,
) -> Release:
    """Send an approved story to the journalists of these lists, a copy each.

    :raises StoryMoved: it is not accepted, or over
    :raises VersionNotApproved: what was approved is another version
    :raises NotTheirs: nobody who may speak about it stands behind it (mandates)
    :raises NobodyReached: nobody of them can be written to
    """
    story = locked(story_id)
    require_state(story, State.ACCEPTED, State.SENT, State.PUBLISHED)
    if story.approved_version != version or story.version() != version:
        raise VersionNotApproved(
            _("This version is not the one that was approved. Reload the page and look again.")
        )
    _require_speaker(story, version, by=by, now=now)
    people_asked = journalists_of(lists)
    had = set(
        Copy.objects.filter(release__story=story, release__withdrawn_at=None)
        .exclude(state=To.LEFT_OUT)
        .values_list("journalist", flat=True)
    )
    wanted = [one for one in people_asked if one.pk not in had]
    silent, has_mail = unwilling(wanted), mail_number() is not None
    found = Release.objects.create(
        story=story, node=organisation.desk(), template=template, version=version,
        lists=list(PressList.objects.filter(public_id__in=lists).values_list("name", flat=True)),
        not_before=max(now, not_before) if not_before else now,
        links_until=max(now, not_before or now, story.embargo_until or now) + LINKS_LAST,
        sent_by=by, started_at=now,
    )  # fmt: skip
    copies = []
    addresses = set()
    for one in wanted:
        # Two with one address are one reader.
        if not one.phone and one.email:
            if one.email.lower() in addresses:
                continue
            addresses.add(one.email.lower())
        # Why it cannot be comes first: nobody leaves out by hand whom nothing reaches.
        reason = why_not(one, silent, has_mail=has_mail)
        if not reason and one.public_id in excepted:
            reason = str(Reason.EXCEPTED)
        copies.append(
            Copy(
                release=found, journalist=one, reason=reason, is_by_email=not one.phone,
                state=To.LEFT_OUT if reason else To.WAITING,
            )
        )  # fmt: skip
    if not any(copy.state == To.WAITING for copy in copies):
        raise NobodyReached(
            _("Nobody of these lists can be written to who does not have it already.")
        )
    Copy.objects.bulk_create(copies)
    if story.state == State.ACCEPTED:
        move(story, State.SENT, "story.sent", by=by, now=now, count=len(copies))
    else:
        note(story, "story.sent", by=by, now=now, count=len(copies))
    return found


def _require_speaker(story: Story, version: str, *, by: Member, now: datetime) -> None:
    """Whoever may speak about it sends it, or has approved exactly this."""
    given = story.approvals.filter(version=version, state=Approval.State.GIVEN)
    approvers = Member.objects.filter(pk__in=given.values("approver"), is_active=True)
    mandates.require(
        Act.SPEAK, story.topic, story.node, [by, *approvers], by=by, now=now,
        subject=(STORY, str(story.public_id)),
    )  # fmt: skip


def _locked(public_id: UUID) -> Release:
    return (
        Release.objects.select_for_update(of=("self",))
        .select_related("story__node", "template")
        .get(public_id=public_id)
    )


@transaction.atomic
def pause_release(public_id: UUID, *, by: Member, now: datetime) -> Release:
    """Hold back what has not left yet.

    :raises ReleaseOver: everything has left, or it was withdrawn
    """
    found = _locked(public_id)
    if found.state != Release.State.RUNNING:
        raise ReleaseOver(_("Nothing of it is on its way any more."))
    # Whoever sends need not see how fast the numbers go.
    with as_worker():
        channels.put_off_each(_outgoing_of(found))
    _lead(found, Release.State.PAUSED, "release.paused", by=by, now=now)
    return found


@transaction.atomic
def resume_release(public_id: UUID, *, by: Member, now: datetime) -> Release:
    """Let what was held back leave.

    :raises ReleaseOver: it is not paused
    """
    found = _locked(public_id)
    if found.state != Release.State.PAUSED:
        raise ReleaseOver(_("It is not paused."))
    with as_worker():
        channels.let_go_each(_outgoing_of(found), now=now)
    _lead(found, Release.State.RUNNING, "release.resumed", by=by, now=now)
    return found


@transaction.atomic
def withdraw_release(public_id: UUID, *, by: Member, now: datetime) -> Release:
    """Take a sending back: all its links are dead, and what has not left stays here.

    :raises ReleaseOver: it was withdrawn before
    """
    found = _locked(public_id)
    if found.withdrawn_at is not None:
        raise ReleaseOver(_("It was withdrawn before."))
    CopyLink.objects.filter(copy__release=found, withdrawn_at=None).update(withdrawn_at=now)
    with as_worker():
        gone = channels.withdraw_each(_outgoing_of(found), now=now)
    found.copies.filter(outgoing__in=gone).update(state=To.LEFT_OUT, reason=Reason.WITHDRAWN)
    found.copies.filter(state=To.WAITING).update(state=To.LEFT_OUT, reason=Reason.WITHDRAWN)
    found.withdrawn_at = now
    found.finished_at = found.finished_at or now
    _lead(found, Release.State.WITHDRAWN, "release.withdrawn", by=by, now=now)
    story = locked(found.story.public_id)
    others = story.releases.filter(withdrawn_at=None).exists()
    if story.state == State.SENT and not others:
        move(story, State.ACCEPTED, "story.recalled", by=by, now=now, is_told=False)
    return found


def _outgoing_of(found: Release) -> list[int]:
    """Its messages, those by WhatsApp included after which it went by e-mail."""
    rows = found.copies.values_list("outgoing", "failed")
    return sorted({key for row in rows for key in row if key is not None})


def _lead(found: Release, state: str, action: str, *, by: audit.Actor, now: datetime) -> None:
    found.state = state
    found.save(update_fields=["state", "withdrawn_at", "finished_at"])
    _record(found, action, by=by, now=now)


def _record(found: Release, action: str, *, by: audit.Actor, now: datetime, **details: Any) -> None:
    note(found.story, action, by=by, now=now, release=str(found.public_id), **details)
    live.announce([(found.node_id, "release", found.public_id)])


# The worker's part


def deliver(*, now: datetime) -> int:
    """Hand over what is to go out now; returns to how many journalists."""
    handed = 0
    running = Release.objects.filter(state=Release.State.RUNNING, not_before__lte=now)
    for key in list(running.order_by("pk").values_list("pk", flat=True)):
        try:
            while some := deliver_some(key, now=now):
                handed += some
        except Error:
            raise
        except Exception:
            # One that cannot be handed over must not hold up the others; somebody looks at it.
            log.exception("release.failed", release=key)
            Release.objects.filter(pk=key).update(state=Release.State.PAUSED)
    _forget_words(now=now)
    return handed


@transaction.atomic
def deliver_some(key: int, *, now: datetime) -> int:
    """Hand a story over to the next journalists of a release; returns how many were dealt with."""
    found = (
        Release.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("story__node", "template", "node", "sent_by")
        .filter(pk=key, state=Release.State.RUNNING, not_before__lte=now)
        .first()
    )
    if found is None:
        return 0
    numbers = Numbers(sending_number(), mail_number())
    waiting = found.copies.filter(state=To.WAITING)
    # What has no way now waits for it; the others do not wait for them.
    ready = waiting
    if numbers.whatsapp is None:
        ready = ready.filter(is_by_email=True)
    if numbers.mail is None:
        ready = ready.filter(is_by_email=False)
    copies = list(
        ready.select_related("journalist__outlet")
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)[:BATCH]
    )
    if not copies:
        if not waiting.exists():
            _finish(found, now=now)
        return 0
    _hand_over(found, copies, numbers, now=now)
    live.announce([(found.node_id, "release", found.public_id)])
    return len(copies)


@dataclass(frozen=True)
class Numbers:
    """What stories leave by now."""

    whatsapp: Number | None
    mail: Number | None

    def of(self, journalist: Journalist) -> Number | None:
        return self.whatsapp if journalist.phone else self.mail


def _hand_over(found: Release, copies: Sequence[Copy], numbers: Numbers, *, now: datetime) -> None:
    people_meant = [copy.journalist for copy in copies]
    open_windows, silent = windows(people_meant, now=now), unwilling(people_meant)
    contacts = _contacts(people_meant, now=now)
    rows: list[tuple[Copy, Outgoing]] = []
    links = []
    for copy in copies:
        journalist = copy.journalist
        # Who was taken off the register or stopped meanwhile gets nothing.
        copy.reason = why_not(journalist, silent, has_mail=numbers.mail is not None)
        until = open_windows.get(journalist.phone)
        if not copy.reason and journalist.phone and until is None and found.template is None:
            copy.reason = Reason.NO_TEMPLATE
        number = numbers.of(journalist)
        if copy.reason or number is None:
            copy.reason = copy.reason or Reason.NO_MAIL
            copy.state = To.LEFT_OUT
            continue
        link, address = new_link(copy, until=found.links_until, made_by=None, now=now)
        links.append(link)
        copy.contact, copy.state = contacts[sender_of(journalist)], To.QUEUED
        copy.is_by_email = not journalist.phone
        copy.is_by_template = until is None and not copy.is_by_email
        rows.append((copy, message_for(found, copy, number, until, address, now=now)))
    CopyLink.objects.bulk_create(links)
    sent = channels.send_each([row for _copy, row in rows], now=now)
    for (copy, _row), row in zip(rows, sent, strict=True):
        copy.outgoing = row
    Copy.objects.bulk_update(
        copies, ["state", "reason", "contact", "outgoing", "is_by_template", "is_by_email"]
    )
    Journalist.objects.filter(pk__in=[copy.journalist_id for copy, _row in rows]).update(
        last_contacted_at=now
    )


def _contacts(journalists: Sequence[Journalist], *, now: datetime) -> dict[people.Sender, Contact]:
    senders = [sender_of(one) for one in journalists if one.phone or one.email]
    people.lock_senders(senders)
    return people.contacts_of(senders, now=now)


def message_for(
    found: Release,
    copy: Copy,
    number: Number,
    until: datetime | None,
    address: str,
    *,
    now: datetime,
) -> Outgoing:
    """A copy as it leaves: as a template outside the window, as a letter by e-mail, else freely."""
    row = Outgoing(
        node=found.node, number=number, contact=copy.contact, lane=Outgoing.Lane.BULK,
        subject_type=COPY, subject_key=str(copy.public_id), window_until=until,
    )  # fmt: skip
    if copy.is_by_template and found.template is not None:
        said = [found.story.shown_title, address]
        keys = keys_of(found.template)
        row.template = found.template
        row.content = channels.templates.fill(found.template, dict(zip(keys, said, strict=False)))
        return row
    with override(copy.journalist.language):
        text = (
            letter_for(found.story, address, body=found.node.name, now=now)
            if copy.is_by_email
            else words_for(found.story, address, body=found.node.name)
        )
    row.content = channels.compose(number, lambda channel: channel.text(text))
    if copy.is_by_email:
        row.content["email"]["subject"] = found.story.shown_title
    return row


def letter_for(story: Story, address: str, *, body: str, now: datetime) -> str:
    """The e-mail to a journalist without WhatsApp: title, text, link, and how to stop them."""
    lines = [body, "", story.shown_title]
    if story.embargo_until is not None:
        lines.append(_("Embargoed until %(time)s") % {"time": shown_time(story.embargo_until)})
    # As on the page behind the link: before its time, the title alone.
    if not story.is_embargoed(now=now) or story.is_open_early:
        words = story.shown_text
        cut = len(words) > LONGEST_LETTER
        lines += ["", f"{words[:LONGEST_LETTER].rsplit(maxsplit=1)[0]} …" if cut else words]
    lines += [
        "",
        _("Text and original pictures: %(address)s") % {"address": address},
        "",
        _("To ask something, answer this e-mail. To stop these messages, answer with: stop"),
    ]
    return "\n".join(lines)


def words_for(story: Story, address: str, *, body: str) -> str:
    """The message as a journalist gets it within the window, in the present language."""
    lines = [f"*{body}*", _("A story for you: %(title)s") % {"title": story.shown_title}]
    if story.embargo_until is not None:
        lines.append(_("Embargoed until %(time)s") % {"time": shown_time(story.embargo_until)})
    lines.append(_("Text and original pictures: %(address)s") % {"address": address})
    lines.append(_("To stop these messages, write: stop"))
    return "\n".join(lines)


def shown_time(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j F Y، H:i")


def _finish(found: Release, *, now: datetime) -> None:
    """Once nothing of it waits any more: whatever the messages do from then on is their own state."""
    waiting = [Outgoing.State.QUEUED, Outgoing.State.SENDING]
    if found.copies.filter(outgoing__state__in=waiting).exists():
        return
    found.finished_at = now
    _lead(found, Release.State.FINISHED, "release.finished", by=audit.SYSTEM, now=now)


def _forget_words(*, now: datetime) -> None:
    """Take the links' secrets out of messages that have arrived long since."""
    due = Release.objects.filter(forgotten_at=None, finished_at__lt=now - WORDS_LAST)
    for found in list(due.order_by("pk")[:5]):
        with transaction.atomic():
            channels.forget_words(_outgoing_of(found))
            Release.objects.filter(pk=found.pk).update(forgotten_at=now)
