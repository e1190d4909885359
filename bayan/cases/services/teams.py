"""Teams to which rules give cases: made, changed, put away."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import RoutingRule
from bayan.cases.whole.models import Team, TeamMember
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member


class TeamNameMissing(DomainError):
    pass


class TeamKnown(DomainError):
    pass


class NotOfTheBody(DomainError):
    pass


class TeamInUse(DomainError):
    pass


@transaction.atomic
def make_team(node: Node, *, name_ar: str, name_en: str, by: Member, now: datetime) -> Team:
    """A team of this body, without anybody yet.

    :raises TeamNameMissing: it has no name in Arabic
    :raises TeamKnown: the body has one of this name
    """
    team = Team(node=node, name_ar=_name(name_ar), name_en=_name(name_en) or _name(name_ar))
    _check(team)
    team.save()
    _tell("team.made", team, by=by, now=now)
    return team


@transaction.atomic
def change_team(
    public_id: UUID,
    *,
    name_ar: str,
    name_en: str,
    members: Collection[Member],
    by: Member,
    now: datetime,
) -> Team:
    """Give a team another name, and these members. What they were given before stays theirs.

    :raises TeamNameMissing, TeamKnown: as `make_team`
    :raises NotOfTheBody: one of them does not answer for the team's body
    """
    team = (
        Team.objects.select_for_update(of=("self",)).select_related("node").get(public_id=public_id)
    )
    team.name_ar, team.name_en = _name(name_ar), _name(name_en) or _name(name_ar)
    _check(team)
    may = people.who_may(
        "conversations.reply", [(member.pk, team.node) for member in members], now=now
    )
    for member in members:
        if (member.pk, team.node_id) not in may:
            raise NotOfTheBody(
                _("%(name)s does not answer for %(body)s.")
                % {"name": member.name, "body": team.node.name}
            )
    team.save(update_fields=["name_ar", "name_en"])
    kept = {member.pk for member in members}
    TeamMember.objects.filter(team=team).exclude(member__in=kept).delete()
    TeamMember.objects.bulk_create(
        [TeamMember(team=team, member_id=key) for key in sorted(kept)], ignore_conflicts=True
    )
    _tell("team.changed", team, by=by, now=now, count=len(kept))
    return team


@transaction.atomic
def put_team_away(public_id: UUID, *, by: Member, now: datetime) -> Team:
    """No rule gives it anything from now on; what it was given stays explained.

    :raises TeamInUse: a rule gives to it
    """
    team = (
        Team.objects.select_for_update(of=("self",)).select_related("node").get(public_id=public_id)
    )
    rule = RoutingRule.objects.filter(team=team).order_by("position").first()
    if rule is not None:
        raise TeamInUse(
            _("The rule “%(rule)s” gives to this team. Change it first.") % {"rule": rule.name}
        )
    if team.ended_at is None:
        team.ended_at = now
        team.save(update_fields=["ended_at"])
        _tell("team.put_away", team, by=by, now=now)
    return team


def _name(text: str) -> str:
    return " ".join(text.split())[:80]


def _check(team: Team) -> None:
    if not team.name_ar:
        raise TeamNameMissing(_("Write the name of the team in Arabic."))
    others = Team.objects.filter(node=team.node, name_ar=team.name_ar, ended_at=None)
    if others.exclude(pk=team.pk).exists():
        raise TeamKnown(
            _("%(body)s has a team “%(team)s” already.")
            % {"body": team.node.name, "team": team.name_ar}
        )


def _tell(action: str, team: Team, *, by: Member, now: datetime, **details: Any) -> None:
    audit.record(
        audit.Entry(
            action=action, subject_type="team", subject_key=str(team.public_id), by=by, at=now,
            node_id=team.node_id, details={"team": team.name_ar, **details},
        )
    )  # fmt: skip
