"""A letter on its way to its signature: handed in, reviewed, signed, returned, refused; that sends it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.correspondence.marking import CannotBeMarked, marked
from bayan.correspondence.models import Letter
from bayan.correspondence.services import reviewing, sending
from bayan.correspondence.services.addressing import check_below, reach_of
from bayan.correspondence.services.drafting import NoAddressee
from bayan.correspondence.services.parts import LETTER, NotOpen, entry, locked, locked_open, note
from bayan.organisation import selectors as organisation
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.events import ItemEnded, ItemPassedOn
from bayan.work.models import Item
from bayan.work.services import Task

# Within so many working hours a letter is signed, by how urgent it is.
TO_SIGN = {
    Letter.Urgency.USUAL: timedelta(hours=7),
    Letter.Urgency.URGENT: timedelta(hours=3),
    Letter.Urgency.VERY_URGENT: timedelta(hours=1),
    Letter.Urgency.AT_ONCE: timedelta(minutes=30),
}


class MayNotSign(DomainError):
    pass


class ChangedSince(DomainError):
    pass


@transaction.atomic
def submit(
    letter_id: UUID,
    *,
    signer: Member,
    by: Member,
    now: datetime,
    reviewers: Sequence[Member] = (),
) -> Letter:
    """Give a draft to whoever signs it, or first to whoever is to review it.

    Who signs their own letter sends it by this; with reviewers, they sign once all of those have approved.

    :raises NotOpen: it waits already, or has left
    :raises MayNotSign: the member may not sign for this body
    :raises NoAddressee: nobody would get it
    :raises NotBelow: a circular goes to bodies under its own
    :raises DayIsOver: it is due on a day that is over, or on which nobody works
    :raises CannotBeMarked: a file of a secret letter cannot bear its reader's name
    :raises MayNotReview: one of the reviewers wrote it, signs it, or does not write for this body
    """
    letter = locked_open(letter_id)
    _require_signer(letter, signer, now=now)
    reach = reach_of(letter, now=now)
    if not any(not person.is_copy for person in reach.people):
        raise NoAddressee(_("Nobody would get it: the bodies of its address have nobody here yet."))
    check_below(letter, reach)
    sending.due_of(letter, now=now)
    if letter.is_secret:
        _check_files(letter, by, now=now)
    letter.signer, letter.submitted_hash = signer, letter.fingerprint
    letter.state, letter.remark, letter.changed_at = Letter.State.REVIEW, "", now
    asked = list(dict.fromkeys(reviewers))
    if asked:
        letter.state = Letter.State.REVIEWING
        letter.reviewers = sorted({*letter.reviewers, *(one.pk for one in asked)})
        letter.save()
        reviewing.ask(letter, asked, by=by, now=now)
        return letter
    if signer.pk != by.pk:
        letter.approval = _asked(letter, signer, by=by, now=now)
    letter.save()
    note("letter.submitted", letter, by=by, now=now, fingerprint=letter.submitted_hash[:16])
    if signer.pk == by.pk:
        _sign(letter, by=by, now=now)
    return letter


def _check_files(letter: Letter, by: Member, *, now: datetime) -> None:
    for one in letter.attachments.select_related("media").order_by("pk"):
        try:
            marked(one.media, channels.media_path(one.media), reader=by, now=now)
        except CannotBeMarked as error:
            raise CannotBeMarked(
                _(
                    "“%(file)s” cannot bear its reader's name, so it cannot go with a secret letter. Attach "
                    "it as a PDF without a password, or as a picture."
                )
                % {"file": one.media.name}
            ) from error


def _asked(letter: Letter, signer: Member, *, by: Member, now: datetime) -> Item:
    with override(signer.language):
        kind = str(letter.get_kind_display())
        title = (
            _("To sign: a classified letter")
            if letter.is_secret
            else _("To sign: %(kind)s “%(subject)s”") % {"kind": kind, "subject": letter.subject}
        )
    return work.give(
        Task(
            kind=Item.Kind.APPROVE,
            title=title,
            text="" if letter.is_classified else letter.text,
            node=letter.node,
            given_from=letter.node,
            owner=signer,
            due_at=organisation.calendar().add(now, TO_SIGN[Letter.Urgency(letter.urgency)]),
            subject=(LETTER, str(letter.public_id)),
            on_page=letter.is_classified,
        ),
        by=by,
        now=now,
    )


@transaction.atomic
def take_back(letter_id: UUID, *, by: Member, now: datetime) -> Letter:
    """Take a letter back from whoever was to review or sign it, to change it; their buttons are dead.

    :raises NotOpen: it waits neither for a review nor for a signature
    """
    letter = locked(letter_id)
    if letter.state not in {Letter.State.REVIEW, Letter.State.REVIEWING}:
        raise NotOpen(_("It does not wait for a signature any more."))
    _open_again(letter, now=now)
    # The listener below finds it open already.
    work.withdraw_of((LETTER, str(letter.public_id)), by=by, now=now)
    note("letter.taken_back", letter, by=by, now=now)
    return letter


def _open_again(letter: Letter, *, now: datetime) -> None:
    letter.state, letter.approval, letter.submitted_hash = Letter.State.DRAFT, None, ""
    letter.changed_at = now
    letter.save()


@transaction.atomic
def decide(
    letter_id: UUID, *, seen: str, end: str, words: str, by: Access, now: datetime
) -> Letter:
    """Sign a letter, or approve it as its reviewer; return it for changes; refuse to sign it.

    `seen` is the fingerprint of what was read. A try that is refused stays in the trail.

    :raises NotOpen: it does not wait for a signature any more
    :raises ChangedSince: its words are not those that were read
    :raises MayNotSign: the member may not sign for this body
    """
    letter = locked(letter_id)

    def tried(why: str) -> list[audit.Entry]:
        return [entry("letter.sign_refused", letter, by=by.member, now=now, why=why)]

    review = reviewing.review_for(letter, by, now=now)
    item = review.item if review else letter.approval
    if item is None or not (review or letter.state == Letter.State.REVIEW):
        raise NotOpen(
            _("It does not wait for your signature or review any more."), entries=tried("not open")
        )
    if seen != letter.submitted_hash:
        raise ChangedSince(
            _("It has changed since you read it. Read it again, then sign."),
            entries=tried("changed"),
        )
    work.finish(item.public_id, by=by, now=now, words=words, end=end)
    return letter


def follow_passed_on(event: ItemPassedOn) -> None:
    """A signature is passed on only to somebody who may sign, a review to somebody who may review.

    :raises MayNotSign, MayNotReview: this member may not
    """
    item = event.item
    if item.subject_type != LETTER or item.kind != Item.Kind.APPROVE:
        return
    letter = locked(UUID(item.subject_key))
    if letter.state != Letter.State.REVIEWING:
        _require_signer(letter, event.to, now=event.at)
        return
    reviewing.require_reviewer(letter, event.to, now=event.at)
    letter.reviewers = sorted({*letter.reviewers, event.to.pk})
    letter.save(update_fields=["reviewers"])


def follow_approval(event: ItemEnded) -> None:
    """Whoever was to review or sign has decided: it goes on, is sent, goes back with the reason, or ends.

    :raises MayNotSign: it was passed on to somebody who may not sign
    :raises MayNotReview: whoever wrote it or signs it approves in a reviewer's place
    :raises ChangedSince: its words are not those that were submitted
    """
    item = event.item
    if item.subject_type != LETTER:
        return
    if item.kind != Item.Kind.APPROVE:
        # Somebody who got it has done what it wants: whoever looks at the letter sees that.
        live.announce([(item.given_from_id, LETTER, UUID(item.subject_key))])
        return
    letter = locked(UUID(item.subject_key))
    if letter.state == Letter.State.REVIEWING:
        _follow_review(letter, item, by=event.by, now=event.at)
        return
    if letter.state != Letter.State.REVIEW or letter.approval_id != item.pk:
        return
    match item.state:
        case Item.State.DONE:
            if event.by is None:
                raise MayNotSign(_("A letter is signed by a member."))
            _sign(letter, by=event.by, now=event.at)
        case Item.State.WITHDRAWN:
            _open_again(letter, now=event.at)
        case _:
            is_returned = item.state == Item.State.RETURNED
            state = Letter.State.RETURNED if is_returned else Letter.State.REFUSED
            _send_back(letter, state, item, by=event.by, now=event.at)


def _follow_review(letter: Letter, item: Item, *, by: Member | None, now: datetime) -> None:
    if not letter.reviews.filter(item=item, hash=letter.submitted_hash).exists():
        return
    match item.state:
        case Item.State.DONE:
            if by is None or by.pk in {letter.author_id, letter.signer_id}:
                # Whoever heads a body may act on all its tasks.
                raise reviewing.MayNotReview(
                    _("Whoever wrote a letter or signs it does not review it, too.")
                )
            _check_unchanged(letter)
            note("letter.reviewed", letter, by=by, now=now)
            if not reviewing.running(letter):
                assert letter.signer is not None  # noqa: S101  # submitted with one
                letter.state, letter.changed_at = Letter.State.REVIEW, now
                letter.approval = _asked(letter, letter.signer, by=letter.author, now=now)
                letter.save(update_fields=["state", "changed_at", "approval"])
            return
        case Item.State.WITHDRAWN:
            _open_again(letter, now=now)
        case _:
            # A reviewer refuses no signature: whatever they do not approve goes back to be changed.
            _send_back(letter, Letter.State.RETURNED, item, by=by, now=now)
    work.withdraw_of((LETTER, str(letter.public_id)), by=by, now=now)


def _send_back(
    letter: Letter, state: Letter.State, item: Item, *, by: Member | None, now: datetime
) -> None:
    letter.state, letter.remark, letter.changed_at = state, item.answer, now
    letter.save(update_fields=["state", "remark", "changed_at"])
    note(f"letter.{state}", letter, by=by or letter.author, now=now)


def _sign(letter: Letter, *, by: Member, now: datetime) -> None:
    _require_signer(letter, by, now=now)
    _check_unchanged(letter)
    letter.signer = by
    with as_worker():
        sending.send(letter, by=by, now=now)


def _check_unchanged(letter: Letter) -> None:
    if letter.fingerprint != letter.submitted_hash:
        raise ChangedSince(
            _("Its words are not those that were submitted. It has to be submitted again.")
        )


def _require_signer(letter: Letter, member: Member, *, now: datetime) -> None:
    if not Access.of(member, now=now).may("letters.sign", letter.node):
        raise MayNotSign(
            _("%(name)s may not sign for %(body)s.")
            % {"name": member.name, "body": letter.node.name}
        )
