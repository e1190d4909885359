"""Rules and what they decided, each in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bayan.cases.models import Case, Reading, RoutingDecision, RoutingRule
from bayan.cases.routing.matching import Give, Hours, To
from bayan.cases.whole.models import Team
from bayan.channels.models import Account
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Member
from bayan.places import selectors as places

KINDS, CATEGORIES, PRIORITIES = (
    dict(choices) for choices in (Case.Kind.choices, Case.Category.choices, Case.Priority.choices)
)
LABELS: dict[str, tuple[Mapping[str, Any], str | Promise]] = {
    "category": (CATEGORIES, gettext_lazy("the category is %(labels)s")),
    "kind": (KINDS, gettext_lazy("the kind is %(labels)s")),
    "priority": (PRIORITIES, gettext_lazy("the priority is %(labels)s")),
}
# Isolated, so that a name of the other direction leaves the sentence as it is.
_ISOLATED = "\u2068%s\u2069"


@dataclass
class Names:
    """What things are called to which rules point by their keys; read for all of them together."""

    bodies: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[int, str] = field(default_factory=dict)
    teams: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[RoutingRule]) -> Names:
        rules = list(rules)
        nodes: dict[str, str] = {}
        if rules:
            nodes = {body.key: body.short_name for body in OutsideBody.objects.all()}
            nodes |= {node.key: node.short_name for node in Node.objects.all()}
        keys = {key for rule in rules for key in rule.places}
        accounts = {key for rule in rules for key in rule.accounts}
        members = {rule.member_id for rule in rules if rule.member_id}
        teams = {rule.team_id for rule in rules if rule.team_id}
        return cls(
            nodes,
            {place.key: place.name for place in places.of_keys(keys)} if keys else {},
            dict(Account.objects.filter(key__in=accounts).values_list("key", "name"))
            if accounts
            else {},
            {m.pk: m.name for m in Member.objects.filter(pk__in=members)} if members else {},
            {t.pk: t.name for t in Team.objects.filter(pk__in=teams)} if teams else {},
        )


def in_words(rule: RoutingRule, names: Names) -> str:
    """A rule as its author would say it: if …, then …"""
    conditions = _conditions(rule, names)
    consequence = _consequence(rule, names)
    if not conditions:
        return _("Always: %(consequence)s.") % {"consequence": consequence}
    return _("If %(conditions)s: %(consequence)s.") % {
        "conditions": _and(conditions),
        "consequence": consequence,
    }


def _and(parts: Sequence[str]) -> str:
    return _(" and ").join(parts)


def _or(parts: Iterable[str]) -> str:
    return _(" or ").join(parts)


def _quoted(words: Iterable[str]) -> str:
    return _or(_("“%(words)s”") % {"words": _ISOLATED % word} for word in words)


def _conditions(rule: RoutingRule, names: Names) -> list[str]:
    found = []
    for name, chosen in (
        ("category", rule.categories), ("kind", rule.kinds), ("priority", rule.priorities),
    ):  # fmt: skip
        if chosen:
            words_of, say = LABELS[name]
            said = _or(str(words_of.get(key, key)) for key in chosen)
            found.append(str(say) % {"labels": said})
    if rule.bodies:
        bodies = _or(names.bodies.get(key, key) for key in rule.bodies)
        found.append(_("the place belongs to %(bodies)s") % {"bodies": bodies})
    if rule.places:
        named = _or(names.places.get(key, key) for key in rule.places)
        found.append(_("the place is in %(places)s") % {"places": named})
    if rule.words:
        found.append(_("people mention %(words)s") % {"words": _quoted(rule.words)})
    if rule.accounts:
        accounts = _or(names.accounts.get(key, key) for key in rule.accounts)
        found.append(_("it comes by %(accounts)s") % {"accounts": accounts})
    found += _hours(rule)
    if rule.open_cases is not None:
        found.append(
            ngettext(
                "the body has %(count)s open case or more",
                "the body has %(count)s open cases or more",
                rule.open_cases,
            )
            % {"count": rule.open_cases}
        )
    return found


def _hours(rule: RoutingRule) -> list[str]:
    found = []
    if rule.hours == Hours.WORKING:
        found.append(_("it comes in working hours"))
    elif rule.hours == Hours.OUTSIDE:
        found.append(_("it comes out of working hours"))
    elif rule.hours == Hours.BETWEEN:
        found.append(
            _("it comes between %(since)s and %(until)s")
            % {"since": f"{rule.from_time:%H:%M}", "until": f"{rule.until_time:%H:%M}"}
        )
    if rule.weekdays:
        days = _or(str(WEEKDAYS[day]) for day in rule.weekdays)
        found.append(_("it comes on %(days)s") % {"days": days})
    return found


def _consequence(rule: RoutingRule, names: Names) -> str:
    if rule.to == To.STAYS:
        parts = [_("it stays where it is")]
    elif rule.to == To.POINTED:
        parts = [_("it goes to the municipality of its place")]
    else:
        name = rule.node.short_name if rule.node else ""
        parts = [_("it goes to %(body)s") % {"body": name}]
    if rule.give == Give.LEAST:
        parts.append(_("to whoever has the fewest open cases"))
    elif rule.give == Give.DUTY:
        parts.append(_("to whoever is on duty"))
    elif rule.give == Give.TEAM:
        team = _ISOLATED % names.teams.get(rule.team_id or 0, "")
        parts.append(
            _("to whoever of the team “%(team)s” has the fewest open cases") % {"team": team}
        )
    elif rule.give == Give.MEMBER:
        name = names.members.get(rule.member_id or 0, "")
        parts.append(
            _("to %(name)s") % {"name": _ISOLATED % name}
            if name
            else _("to somebody who is not here any more")
        )
    if rule.priority:
        parts.append(
            _("at least with the priority %(priority)s") % {"priority": PRIORITIES[rule.priority]}
        )
    if rule.category:
        parts.append(_("with the category %(category)s") % {"category": CATEGORIES[rule.category]})
    return _(", ").join(parts)


# What was decided


def explained(decision: RoutingDecision, reading: Reading | None = None) -> str:
    """Why a case is where it is: the rule, what it saw in the case, and who got it.

    `reading`: how its message was read, which knows the words behind a label.
    """
    body = Node.objects.filter(key=decision.body).first()
    name = _ISOLATED % (body.short_name if body else decision.body)
    rule = _ISOLATED % decision.name
    reasons = _reasons(decision.found, reading.said if reading else {})
    if decision.is_moved:
        said = _("The rule “%(rule)s” led it to %(body)s") % {"rule": rule, "body": name}
    else:
        said = _("By the rule “%(rule)s” it stays with %(body)s") % {"rule": rule, "body": name}
    outcomes = "".join(_(", %(outcome)s") % {"outcome": part} for part in _outcomes(decision))
    if not reasons:
        return _("%(decision)s.") % {"decision": f"{said}{outcomes}"}
    # Some languages say the reason first: what was decided hangs on the rule, not on who got it.
    return _("%(led)s%(outcomes)s, because %(reasons)s.") % {
        "led": said,
        "outcomes": outcomes,
        "reasons": _and(reasons),
    }


def _outcomes(decision: RoutingDecision) -> list[str]:
    parts = []
    name = _ISOLATED % decision.member.name if decision.member else ""
    if decision.give == Give.TEAM and decision.team is not None:
        parts.append(_of_team(decision, name, _ISOLATED % decision.team.name))
    elif decision.give in {Give.LEAST, Give.TEAM}:
        if name and len(decision.loads) > 1:
            others = _(", ").join(map(str, _few(decision.loads[1:])))
            parts.append(
                _("to %(name)s, who had the fewest open cases (%(own)s; the others %(others)s)")
                % {"name": name, "own": decision.loads[0], "others": others}
            )
        elif name:
            parts.append(_("to %(name)s, the only one who answers there") % {"name": name})
        else:
            parts.append(_("to nobody in particular, since nobody answers there"))
    elif decision.give == Give.DUTY:
        parts.append(
            _("to %(name)s, who was on duty") % {"name": name}
            if name
            else _("to nobody in particular, since nobody who may answer was on duty")
        )
    elif decision.give == Give.MEMBER:
        parts.append(
            _("to %(name)s") % {"name": name}
            if name
            else _("to nobody in particular, since the one whom it names does not answer there")
        )
    if decision.priority:
        parts.append(
            _("with the priority %(priority)s") % {"priority": PRIORITIES[decision.priority]}
        )
    if decision.category:
        parts.append(
            _("with the category %(category)s") % {"category": CATEGORIES[decision.category]}
        )
    return parts


def _of_team(decision: RoutingDecision, name: str, team: str) -> str:
    if not name:
        return _("to nobody in particular, since nobody of the team “%(team)s” is there") % {
            "team": team
        }
    if len(decision.loads) < 2:
        return _("to %(name)s, the only one of the team “%(team)s” who is there") % {
            "name": name,
            "team": team,
        }
    others = _(", ").join(map(str, _few(decision.loads[1:])))
    return _(
        "to %(name)s of the team “%(team)s”, who had the fewest open cases (%(own)s; the others %(others)s)"
    ) % {"name": name, "team": team, "own": decision.loads[0], "others": others}


# A sentence names so many of the others' loads.
FEW = 5


def _few(loads: Sequence[int]) -> list[int | str]:
    return [*loads[:FEW], *(["…"] if len(loads) > FEW else [])]


POINTED_BY: dict[str, str | Promise] = {
    Case.PointedBy.WORDS: gettext_lazy("its words point to %(body)s"),
    Case.PointedBy.PIN: gettext_lazy("its location points to %(body)s"),
    Case.PointedBy.ANSWER: gettext_lazy("the person's answer points to %(body)s"),
}


# As many of the words behind a label are named.
FEW_WORDS = 3


def _words_behind(said_by: Mapping[str, Any], name: str, label: str) -> str:
    """The words by which triage gave this label; nothing where it gave another one."""
    known, _sure, words, *_others = said_by.get(name, ("", None, []))
    if known != label or not words:
        return ""
    return _and([_("“%(words)s”") % {"words": _ISOLATED % word} for word in words[:FEW_WORDS]])


def _reasons(found: Mapping[str, Any], said_by: Mapping[str, Any]) -> list[str]:
    reasons = []
    for name, (words_of, say) in LABELS.items():
        if name in found:
            label, sure = found[name]
            said = str(words_of.get(label, label))
            words = _words_behind(said_by, name, label)
            if sure is not None and words:
                said = _("%(label)s (%(sure)s%%, by %(words)s)") % {
                    "label": said,
                    "sure": round(100 * sure),
                    "words": words,
                }
            elif sure is not None:
                said = _("%(label)s (%(sure)s%%)") % {"label": said, "sure": round(100 * sure)}
            reasons.append(str(say) % {"labels": said})
    if found.get("words"):
        reasons.append(
            _("the person mentions %(words)s")
            % {
                "words": _and(
                    [_("“%(words)s”") % {"words": _ISOLATED % word} for word in found["words"]]
                )
            }
        )
    key, by = found.get("pointed", ("", ""))
    if key:
        body = Node.objects.filter(key=key).first() or OutsideBody.objects.filter(key=key).first()
        name = body.short_name if body else key
        pointed = str(POINTED_BY[by]) % {"body": _ISOLATED % name}
        is_told = by == Case.PointedBy.WORDS and found.get("place")
        reasons.append(f"{pointed} ({_ISOLATED % found['place']})" if is_told else pointed)
    if "account" in found:
        account = Account.objects.filter(key=found["account"]).first()
        known = account.name if account else found["account"]
        reasons.append(_("it came by %(account)s") % {"account": _ISOLATED % known})
    if "at" in found:
        at = datetime.fromisoformat(found["at"])
        reasons.append(
            {
                Hours.WORKING: _("it came in working hours (%(moment)s)"),
                Hours.OUTSIDE: _("it came out of working hours (%(moment)s)"),
            }.get(found["hours"], _("it came at %(moment)s"))
            % {"moment": f"{WEEKDAYS[at.weekday()]} {at:%H:%M}"}
        )
    if "open_cases" in found:
        reasons.append(
            ngettext(
                "the body had %(count)s open case",
                "the body had %(count)s open cases",
                found["open_cases"],
            )
            % {"count": found["open_cases"]}
        )
    return reasons
