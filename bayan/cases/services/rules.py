"""Everything that changes the rules of routing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, F, Max
from django.utils.translation import gettext as _

from bayan.cases.models import Case, RoutingRule, RuleBook
from bayan.core import audit, undo
from bayan.core.errors import DomainError
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.models import Member

RULE_DELETED = "cases.rule_deleted"
# More than anybody keeps in mind.
MOST_RULES = 200

FIELDS: dict[str, Any] = {str(field.attname): field for field in RoutingRule._meta.concrete_fields}  # noqa: SLF001  # documented API
# What a copy does not take over.
ITS_OWN = {"id", "public_id", "position", "version", "is_on", "name"}


class TooManyRules(DomainError):
    pass


class RulesUnreadable(DomainError):
    pass


def _open_the_book() -> None:
    """Lock all rules, and let every process read them anew after the commit."""
    RuleBook.objects.get_or_create(pk=1)
    book = RuleBook.objects.select_for_update().get(pk=1)
    book.stamp = uuid4()
    book.save(update_fields=["stamp"])


def _tell(action: str, rule: RoutingRule, *, by: Member, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action, subject_type="routing_rule", subject_key=str(rule.public_id), by=by, at=now,
            node_id=organisation.desk().pk, details={"rule": rule.name},
        )
    )  # fmt: skip


@transaction.atomic
def save_rule(rule: RoutingRule, *, by: Member, now: datetime) -> RoutingRule:
    """Keep a new rule behind the others, or a changed one where it stands.

    :raises TooManyRules: nobody would see through them any more
    """
    _open_the_book()
    if rule.pk is None:
        places = RoutingRule.objects.aggregate(last=Max("position"), count=Count("pk"))
        if places["count"] >= MOST_RULES:
            raise TooManyRules(
                _("There are %(count)s rules already. Delete one that is not needed any more.")
                % {"count": places["count"]}
            )
        rule.position = (places["last"] or 0) + 1
        rule.save()
        _tell("routing.rule_written", rule, by=by, now=now)
    else:
        rule.version += 1
        rule.save()
        _tell("routing.rule_changed", rule, by=by, now=now)
    return rule


@transaction.atomic
def switch_rule(public_id: UUID, *, is_on: bool, by: Member, now: datetime) -> RoutingRule:
    """Let a rule decide from now on, or not any more."""
    _open_the_book()
    rule: RoutingRule = RoutingRule.objects.get(public_id=public_id)
    if rule.is_on != is_on:
        rule.is_on = is_on
        rule.save(update_fields=["is_on"])
        action = "routing.rule_switched_on" if is_on else "routing.rule_switched_off"
        _tell(action, rule, by=by, now=now)
    return rule


@transaction.atomic
def copy_rule(public_id: UUID, *, by: Member, now: datetime) -> RoutingRule:
    """The same rule once more, behind it and off, to be changed."""
    _open_the_book()
    rule = RoutingRule.objects.get(public_id=public_id)
    RoutingRule.objects.filter(position__gt=rule.position).update(position=F("position") + 1)
    copied = {name: getattr(rule, name) for name in FIELDS if name not in ITS_OWN}
    name = _("%(name)s (copy)") % {"name": rule.name}
    copy = RoutingRule(position=rule.position + 1, is_on=False, name=name[:80], **copied)
    copy.save()
    _tell("routing.rule_written", copy, by=by, now=now)
    return copy


@transaction.atomic
def move_rule(public_id: UUID, *, before: UUID | None, by: Member, now: datetime) -> None:
    """Let a rule be tried before another one, or (None) after all others."""
    _open_the_book()
    rows = list(RoutingRule.objects.order_by("position"))
    rule = next(row for row in rows if row.public_id == public_id)
    others = [row for row in rows if row is not rule]
    at = next((n for n, row in enumerate(others) if row.public_id == before), len(others))
    moved = [*others[:at], rule, *others[at:]] if before != public_id else rows
    changed = []
    for position, row in enumerate(moved, start=1):
        if row.position != position:
            row.position = position
            changed.append(row)
    if changed:
        RoutingRule.objects.bulk_update(changed, ["position"])
        _tell("routing.rule_moved", rule, by=by, now=now)


@transaction.atomic
def delete_rule(public_id: UUID, *, by: Member, now: datetime) -> UUID:
    """Delete a rule. What it decided stays as it is. Returns the name under which it is undone."""
    _open_the_book()
    rule = RoutingRule.objects.get(public_id=public_id)
    facts = {name: _plain(getattr(rule, name)) for name in FIELDS}
    rule.delete()
    _tell("routing.rule_deleted", rule, by=by, now=now)
    return undo.remember(RULE_DELETED, facts, member_id=by.pk, now=now)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | list) else str(value)


def undo_delete_rule(facts: Mapping[str, Any], *, by: Member, now: datetime) -> None:
    """Put a deleted rule back where it stood; those that came into its place move behind it."""
    _open_the_book()
    RoutingRule.objects.filter(position__gte=facts["position"]).update(position=F("position") + 1)
    rule = RoutingRule(**{name: FIELDS[name].to_python(facts[name]) for name in FIELDS})
    rule.save(force_insert=True)
    _tell("routing.rule_restored", rule, by=by, now=now)


# The authority pack's


@transaction.atomic
def load_rules(folder: Path) -> int:
    """Take over the rules of the authority pack's `routing.toml`, once: then they are edited on the page.

    Returns how many were taken over.

    :raises RulesUnreadable: names the file and what is wrong in it
    """
    path = folder / "routing.toml"
    if RuleBook.objects.exists() or not path.is_file():
        return 0
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")).get("rules", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RulesUnreadable(
            _("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
        ) from error
    nodes = dict(Node.objects.values_list("key", "pk"))
    RoutingRule.objects.bulk_create(
        _rule_of(row, position, nodes, path) for position, row in enumerate(given, start=1)
    )
    _open_the_book()
    return len(given)


# The choices of each field of a rule in the file; None: any text, or a list of texts.
_IN_FILE: dict[str, Any] = {
    "name": None, "on": None, "kinds": Case.Kind, "categories": Case.Category,
    "priorities": Case.Priority, "bodies": None, "places": None, "accounts": None, "words": None,
    "hours": RoutingRule.Hours, "from": None, "until": None, "weekdays": None, "open_cases": None,
    "to": RoutingRule.To, "body": None, "give": RoutingRule.Give, "priority": Case.Priority,
    "category": Case.Category,
}  # fmt: skip
_RENAMED = {"on": "is_on", "from": "from_time", "until": "until_time"}


def _rule_of(row: Any, position: int, nodes: Mapping[str, int], path: Path) -> RoutingRule:
    where = f"rules[{position}]"
    if not isinstance(row, dict) or not row.get("name"):
        raise _wrong(path, f"{where}.name")
    values: dict[str, Any] = {}
    for name, value in row.items():
        choices = _IN_FILE.get(name, ())
        if name not in _IN_FILE:
            raise _wrong(path, f"{where}.{name}")
        if choices and not set(value if isinstance(value, list) else [value]) <= set(
            choices.values
        ):
            raise _wrong(path, f"{where}.{name}")
        if name == "body":
            if value not in nodes:
                raise _wrong(path, f"{where}.{name}")
            values["node_id"] = nodes[value]
        else:
            values[str(_RENAMED.get(name, name))] = value
    rule = RoutingRule(position=position, **values)
    if rule.give in {RoutingRule.Give.MEMBER, RoutingRule.Give.TEAM} or (
        rule.to == RoutingRule.To.BODY
    ) != bool(rule.node_id):
        raise _wrong(path, f"{where}.to")
    for name in ("from_time", "until_time"):
        if not isinstance(getattr(rule, name), time | None):
            raise _wrong(path, f"{where}.{name}")
    return rule


def _wrong(path: Path, where: str) -> RulesUnreadable:
    return RulesUnreadable(
        _("%(path)s: “%(where)s” is not understood (docs/authority-pack.md).")
        % {"path": path, "where": where}
    )
