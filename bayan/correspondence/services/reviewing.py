"""Reading a letter before it is signed: who is asked to, and who has not said anything yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.core.errors import DomainError
from bayan.correspondence.models import Letter, Review
from bayan.correspondence.services.parts import LETTER, note
from bayan.organisation import selectors as organisation
from bayan.people.models import Deputyship, Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.models import Item
from bayan.work.services import Task

# Who may be asked: whoever writes or signs for the body.
MAY = ("letters.write", "letters.sign")
# Within so many working hours, by how urgent it is; they are asked side by side.
TO_REVIEW = {
    Letter.Urgency.USUAL: timedelta(hours=7),
    Letter.Urgency.URGENT: timedelta(hours=2),
    Letter.Urgency.VERY_URGENT: timedelta(hours=1),
    Letter.Urgency.AT_ONCE: timedelta(minutes=20),
}


class MayNotReview(DomainError):
    pass


def require_reviewer(letter: Letter, member: Member, *, now: datetime) -> None:
    """Refuse whoever wrote or signs it, and whoever neither writes nor signs for its body.

    :raises MayNotReview: this member may not
    """
    if member.pk in {letter.author_id, letter.signer_id}:
        raise MayNotReview(_("Whoever wrote a letter or signs it does not review it, too."))
    access = Access.of(member, now=now)
    if not any(access.may(permission, letter.node) for permission in MAY):
        raise MayNotReview(
            _("%(name)s does not write letters for %(body)s.")
            % {"name": member.name, "body": letter.node.name}
        )


def ask(letter: Letter, reviewers: Sequence[Member], *, by: Member, now: datetime) -> None:
    """Let each of these read what was submitted; the letter's state and fingerprint say so already.

    :raises MayNotReview: one of them may not
    """
    for member in reviewers:
        require_reviewer(letter, member, now=now)
    hours = TO_REVIEW[Letter.Urgency(letter.urgency)]
    items = work.give_each(
        [
            Task(
                kind=Item.Kind.APPROVE,
                title=_title(letter, member),
                text="" if letter.is_classified else letter.text,
                node=letter.node,
                given_from=letter.node,
                owner=member,
                due_at=organisation.calendar().add(now, hours),
                subject=(LETTER, str(letter.public_id)),
                on_page=letter.is_classified,
            )
            for member in reviewers
        ],
        by=by,
        now=now,
    )
    Review.objects.bulk_create(
        Review(letter=letter, reviewer=member, item=item, hash=letter.submitted_hash, asked_at=now)
        for member, item in zip(reviewers, items, strict=True)
    )
    note("letter.sent_to_review", letter, by=by, now=now, reviewers=len(items))


def _title(letter: Letter, reader: Member) -> str:
    with override(reader.language):
        if letter.is_secret:
            return _("To review: a classified letter")
        return _("To review: %(kind)s “%(subject)s”") % {
            "kind": str(letter.get_kind_display()),
            "subject": letter.subject,
        }


def running(letter: Letter) -> list[Review]:
    """Those who have not said anything of what was submitted, in the order in which they were asked."""
    if letter.state != Letter.State.REVIEWING:
        return []
    rows = letter.reviews.filter(hash=letter.submitted_hash, item__state=Item.State.OPEN)
    return list(rows.select_related("item__node", "reviewer").order_by("pk"))


def review_for(letter: Letter, access: Access, *, now: datetime) -> Review | None:
    """The review that this member gives: their own before one for which they stand in."""
    waiting, me = running(letter), access.member.pk
    if not waiting or me == letter.author_id:
        return None
    lenders = set(
        Deputyship.objects.current(now=now)
        .filter(deputy=access.member, member__is_active=True)
        .values_list("member", flat=True)
    )
    theirs = [one for one in waiting if one.item and one.item.owner_id in {me, *lenders}]
    return min(theirs, key=lambda one: bool(one.item and one.item.owner_id != me), default=None)
