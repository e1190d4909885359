"""The team that helps in a surge: members of other bodies who come by a link, for hours, and go again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case
from bayan.cases.services.parts import entry, lock_all
from bayan.cases.services.surge_parts import locked_surge, note
from bayan.cases.surge.models import Helper, Surge, TeamLink
from bayan.core import audit, live
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.inbox import services as inbox
from bayan.inbox.models import Conversation
from bayan.people import selectors as people_selectors
from bayan.people import services as people
from bayan.people.models import Member, Role
from bayan.people.permissions import Access

LONGEST_HELP = timedelta(hours=72)
MOST_PEOPLE = 100


class LinkIsOver(DomainError):
    pass


class LinkUnusable(DomainError):
    pass


class AnswersAlready(DomainError):
    pass


class HelperIsGone(DomainError):
    pass


@transaction.atomic
def make_link(
    surge_id: UUID,
    *,
    most: int,
    good_for: timedelta,
    help_for: timedelta,
    by: Access,
    now: datetime,
) -> tuple[TeamLink, str]:
    """A link by which so many members come to help. Returns also its secret, which is shown this once.

    :raises SurgeIsOver: the surge has ended
    :raises PermissionDenied: a responder's role there is not theirs to give
    :raises LinkUnusable: too long, or for nobody
    """
    surge = locked_surge(surge_id)
    if not by.may_give(Role.Kind.RESPONDER, surge.node):
        raise PermissionDenied(
            _("Your role in %(body)s does not allow this.") % {"body": surge.node.name}
        )
    if not timedelta() < good_for <= help_for <= LONGEST_HELP or not 0 < most <= MOST_PEOPLE:
        raise LinkUnusable(_("Help lasts 72 hours at the most, and the link no longer than that."))
    secret = secrets.token_urlsafe(32)
    link = TeamLink.objects.create(
        surge=surge,
        hash=people_selectors.hash_of(secret),
        made_by=by.member,
        made_at=now,
        expires_at=now + good_for,
        help_until=now + help_for,
        most=most,
    )
    note("surge.link_made", surge, by=by.member, now=now, people=most)
    return link, secret


@transaction.atomic
def withdraw_link(link_id: UUID, *, by: Member, now: datetime) -> None:
    """Let a link lead nowhere; who came by it stays."""
    link = TeamLink.objects.select_for_update(of=("self",)).get(public_id=link_id)
    if link.withdrawn_at is None:
        link.withdrawn_at = now
        link.save(update_fields=["withdrawn_at"])
        note("surge.link_withdrawn", link.surge, by=by, now=now)


@transaction.atomic
def open_link(secret: str, *, by: Member, now: datetime) -> TeamLink:
    """What a link leads to; that it was opened stands in the trail.

    :raises LinkIsOver: it is used up, withdrawn, too old, or the surge has ended
    """
    with as_worker():
        link = _link_behind(secret, now=now)
        note("surge.link_opened", link.surge, by=by, now=now)
    return link


@transaction.atomic
def join_team(secret: str, *, by: Member, now: datetime) -> Helper:
    """Let a member who holds the link answer in the surge's body, until the time that it names.

    :raises LinkIsOver: it is used up, withdrawn, too old, or the surge has ended
    :raises AnswersAlready: they may answer there without it
    """
    # The link itself is their permission, for this one role.
    with as_worker():
        link = _link_behind(secret, now=now, is_locked=True)
        surge = link.surge
        if Access.of(by, now=now).may("conversations.reply", surge.node):
            raise AnswersAlready(
                _("You answer for %(body)s already. Begin at once.") % {"body": surge.node.name}
            )
        try:
            role = people.give_role(
                by,
                kind=Role.Kind.RESPONDER,
                node=surge.node,
                ends_at=link.help_until,
                by=Access.of(link.made_by, now=now),
                now=now,
            )
        except PermissionDenied as denied:
            # Whoever made the link may give this role no more.
            raise _over() from denied
        link.used += 1
        link.save(update_fields=["used"])
        helper = Helper.objects.create(
            surge=surge, member=by, link=link, role=role, joined_at=now, ends_at=link.help_until
        )
        note("surge.helper_came", surge, by=by, now=now, member=str(by.public_id))
    return helper


def _link_behind(secret: str, *, now: datetime, is_locked: bool = False) -> TeamLink:
    rows = TeamLink.objects.select_related("surge__node", "made_by")
    if is_locked:
        rows = rows.select_for_update(of=("self",))
    link = rows.filter(
        hash=people_selectors.hash_of(secret),
        withdrawn_at=None,
        expires_at__gt=now,
        surge__ended_at=None,
        made_by__is_active=True,
    ).first()
    if link is None or link.used >= link.most:
        raise _over()
    return link


def _over() -> LinkIsOver:
    return LinkIsOver(
        _("This link is not good any more. Ask whoever sent it to you for a new one.")
    )


@transaction.atomic
def withdraw_helper(helper_id: UUID, *, by: Access, now: datetime) -> Helper:
    """End a helper's time now; what they hold goes back to everybody.

    :raises HelperIsGone: they have left already
    """
    helper = (
        Helper.objects.select_for_update(of=("self",))
        .select_related("surge__node", "member", "role")
        .get(public_id=helper_id)
    )
    if helper.left_at is not None:
        raise HelperIsGone(_("They have left already."))
    _go([helper], why=Helper.End.WITHDRAWN, by=by.member, now=now)
    return helper


def dismiss(surge: Surge, *, by: Member, now: datetime) -> None:
    """With a surge ends the help for it, and its links lead nowhere."""
    TeamLink.objects.filter(surge=surge, withdrawn_at=None).update(withdrawn_at=now)
    _go(_present(surge=surge), why=Helper.End.SURGE, by=by, now=now)


@transaction.atomic
def let_helpers_go(*, now: datetime) -> int:
    """Take back what those hold whose time is over. Returns how many have left."""
    helpers = _present(ends_at__lte=now)
    _go(helpers, why=Helper.End.TIME, by=audit.SYSTEM, now=now)
    return len(helpers)


def _present(**conditions: object) -> list[Helper]:
    return list(
        Helper.objects.filter(left_at=None, **conditions)
        .select_related("surge__node", "member", "role")
        .order_by("pk")
        .select_for_update(of=("self",))
    )


def _go(helpers: Sequence[Helper], *, why: Helper.End, by: audit.Actor, now: datetime) -> None:
    for helper in helpers:
        # They were let in by the link; ending that needs no more rights than making it did.
        with as_worker():
            if helper.role and (helper.role.ends_at is None or helper.role.ends_at > now):
                people.cut_role(helper.role, by=by, now=now)
            helper.given_back = _take_back(helper, by=by, now=now)
            helper.left_at, helper.left_by = now, why
            helper.save(update_fields=["left_at", "left_by", "given_back"])
            note(
                "surge.helper_left", helper.surge, by=by, now=now,
                member=str(helper.member.public_id), why=str(why), given_back=helper.given_back,
            )  # fmt: skip


def _take_back(helper: Helper, *, by: audit.Actor, now: datetime) -> int:
    """Let nobody in particular have what they hold where they do not answer any more."""
    access = Access.of(helper.member, now=now)
    gone = [node.pk for node in helper.surge.bodies if not access.may("conversations.reply", node)]
    held = Conversation.objects.filter(assignee=helper.member, node__in=gone)
    inbox.release(list(held.values_list("pk", flat=True)))
    cases = lock_all(Case.objects.open().filter(owner=helper.member, node__in=gone))
    for case in cases:
        case.owner = None
    Case.objects.bulk_update(cases, ["owner"], batch_size=500)
    label = audit.Named(by.audit_key, by.audit_label)
    audit.record_all(entry("case.given", case, by=label, now=now, member="") for case in cases)
    live.announce((case.node_id, "case", case.public_id) for case in cases)
    return len(cases)
