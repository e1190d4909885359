"""Many cases given to a team at once: each to whoever of it has the fewest open ones."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bayan.cases.models import Case, CaseQuerySet
from bayan.cases.services.handling import GIVEN
from bayan.cases.services.parts import done, lock_all, tell
from bayan.cases.services.routing import Share
from bayan.cases.whole.models import Team
from bayan.inbox import services as inbox
from bayan.people.models import Member


@transaction.atomic
def give_to_team(rows: CaseQuerySet, *, team: Team, by: Member, now: datetime) -> inbox.Done:
    """Share these open cases out among a team, as a rule does; it is undone as giving to one member is.

    What somebody of the team has already stays theirs.

    :raises NotTheirs: nobody of the team answers for a body of one of them now
    """
    theirs = set(team.rows.values_list("member_id", flat=True))
    cases = [case for case in lock_all(rows.open()) if case.owner_id not in theirs]
    nodes = {case.node_id: case.node for case in cases}
    share = Share({(key, team.pk): node for key, node in nodes.items()}, now=now)
    facts = {"before": [[case.pk, case.owner_id] for case in cases]}
    given: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        key, _loads = share.next_of((case.node_id, team.pk))
        if key is None:
            raise inbox.NotTheirs(
                _("Nobody of “%(team)s” answers for %(body)s now.")
                % {"team": team.name, "body": case.node.name}
            )
        given[key].append(case)
    members = Member.objects.in_bulk(given)
    for key, some in given.items():
        for case in some:
            case.owner = members[key]
        tell("case.given", some, by=by, now=now, member=str(members[key].public_id))
    Case.objects.bulk_update(cases, ["owner"], batch_size=500)
    return done(cases, GIVEN, facts, by=by, now=now)
