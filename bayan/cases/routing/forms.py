"""Input of rules."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from bayan.cases.models import Case, RoutingRule
from bayan.cases.routing.matching import Give, Hours, To, phrase_of
from bayan.cases.whole.models import Team
from bayan.channels.models import Account
from bayan.core.arabic import fold
from bayan.core.forms import Controls
from bayan.organisation.models import Node, OutsideBody
from bayan.people.models import Member
from bayan.places import selectors as places
from bayan.places.models import Place

# The week as it is lived here.
WEEK = (6, 0, 1, 2, 3, 4, 5)
_COMMA = re.compile(r"[,،؛;\n]")
MOST_WORDS, LONGEST_WORD = 40, 60


def _several(label: Any, choices: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label,
        choices=[(value, capfirst(words)) for value, words in choices],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class RuleForm(Controls):
    """One rule: its conditions, each of which may be left out, and what becomes of the case."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("It is named where somebody asks why a case went there."),
    )
    categories = _several(gettext_lazy("Category"), Case.Category.choices)
    kinds = _several(gettext_lazy("Kind"), Case.Kind.choices)
    priorities = _several(gettext_lazy("Priority"), Case.Priority.choices)
    bodies = _several(gettext_lazy("Whose place it is"), [])
    places = forms.CharField(
        label=gettext_lazy("In one of these places"),
        max_length=400,
        required=False,
        help_text=gettext_lazy("Names of towns, districts or landmarks, with commas between."),
    )
    words = forms.CharField(
        label=gettext_lazy("One of these words is mentioned"),
        max_length=800,
        required=False,
        help_text=gettext_lazy(
            "Whole words, with commas between; ال, و and ب before them count as well."
        ),
    )
    accounts = _several(gettext_lazy("Channel"), [])
    weekdays = _several(gettext_lazy("Days"), [(str(day), WEEKDAYS[day]) for day in WEEK])
    hours = forms.ChoiceField(
        label=gettext_lazy("Time of day"), choices=RoutingRule.Hours.choices, required=False
    )
    from_time = forms.TimeField(
        label=pgettext_lazy("time", "From"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    until_time = forms.TimeField(
        label=pgettext_lazy("time", "Until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    open_cases = forms.IntegerField(
        label=gettext_lazy("The body has so many open cases, or more"),
        min_value=1,
        max_value=100_000,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "dir": "ltr"}),
    )
    to = forms.ChoiceField(label=gettext_lazy("The case goes"))
    give = forms.ChoiceField(label=gettext_lazy("Who handles it"))
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority, at least"),
        choices=[
            ("", gettext_lazy("As it was read")),
            *((value, capfirst(words)) for value, words in Case.Priority.choices if value != "low"),
        ],
        required=False,
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Its category"),
        choices=[
            ("", gettext_lazy("As it was read")),
            *((value, capfirst(words)) for value, words in Case.Category.choices),
        ],
        required=False,
    )

    SEVERAL = ("categories", "kinds", "priorities", "bodies", "accounts", "weekdays")

    def __init__(self, *args: Any, members: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        targets = list(Node.objects.targets().select_related("parent").order_by("kind", "position"))
        nodes = [node for node in targets if node.kind == Node.Kind.MUNICIPALITY]
        departments = [node for node in targets if node.kind == Node.Kind.DEPARTMENT]
        outside = list(OutsideBody.objects.order_by("position"))
        self._nodes = {node.key: node for node in targets}
        self._members = {str(member.public_id): member for member in members}
        teams = (
            Team.objects.filter(ended_at=None).select_related("node").order_by("node", "name_ar")
        )
        self._teams = {str(team.public_id): team for team in teams}
        fields: dict[str, Any] = self.fields
        bodies: list[Node | OutsideBody] = [*nodes, *outside]
        fields["bodies"].choices = [(body.key, body.short_name) for body in bodies]
        accounts = (
            Account.objects.filter(channel="whatsapp").order_by("pk").values_list("key", "name")
        )
        fields["accounts"].choices = list(accounts)
        fields["to"].choices = [
            (To.STAYS.value, _("Nowhere: it stays where it is")),
            (To.POINTED.value, _("To the municipality that its place points to")),
            *((f"body:{node.key}", node.name) for node in nodes),
            # Many a municipality has a department of this name.
            *(
                (f"body:{node.key}", f"{node.name} · {node.parent.short_name}")
                for node in departments
                if node.parent
            ),
        ]
        fields["give"].choices = [
            *((give.value, give.label) for give in Give if give not in {Give.MEMBER, Give.TEAM}),
            *(
                (f"team:{key}", f"{team.name} · {team.node.short_name}")
                for key, team in self._teams.items()
            ),
            *((f"member:{key}", member.name) for key, member in self._members.items()),
        ]

    @classmethod
    def values_of(cls, rule: RoutingRule) -> dict[str, Any]:
        """A rule as the form shows it."""
        named = {place.key: place.name for place in places.of_keys(rule.places)}
        return {
            "name": rule.name,
            "categories": rule.categories,
            "kinds": rule.kinds,
            "priorities": rule.priorities,
            "bodies": rule.bodies,
            "accounts": rule.accounts,
            "weekdays": [str(day) for day in rule.weekdays],
            "places": "، ".join(named.get(key, key) for key in rule.places),
            "words": "، ".join(rule.words),
            "hours": rule.hours,
            "from_time": rule.from_time,
            "until_time": rule.until_time,
            "open_cases": rule.open_cases,
            "to": f"body:{rule.node.key}" if rule.node else rule.to,
            "give": _giving(rule),
            "priority": rule.priority,
            "category": rule.category,
        }

    def clean_words(self) -> list[str]:
        words = [" ".join(part.split()) for part in _COMMA.split(self.cleaned_data["words"])]
        found = list(dict.fromkeys(filter(None, words)))
        if len(found) > MOST_WORDS:
            raise ValidationError(_("Write %(most)s words at most.") % {"most": MOST_WORDS})
        for word in found:
            if len(word) > LONGEST_WORD or not phrase_of(word):
                raise ValidationError(_("“%(word)s” is no word to look for.") % {"word": word[:60]})
        return found

    def clean_places(self) -> list[str]:
        names = [" ".join(part.split()) for part in _COMMA.split(self.cleaned_data["places"])]
        return [place_named(name).key for name in dict.fromkeys(filter(None, names))]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("hours") == Hours.BETWEEN and not (
            given.get("from_time") and given.get("until_time")
        ):
            self.add_error("hours", _("Say from when until when."))
        if given.get("hours") == Hours.BETWEEN and given.get("from_time") == given.get(
            "until_time"
        ):
            self.add_error("hours", _("From and until are the same time."))
        self._check_team(given)
        return given

    def _check_team(self, given: dict[str, Any]) -> None:
        """A team is of one body: what goes to another one nobody of it may answer."""
        team = self._teams.get(str(given.get("give", "")).removeprefix("team:"))
        body = self._nodes.get(str(given.get("to", "")).removeprefix("body:"))
        if team and body and team.node_id not in body.lineage:
            self.add_error(
                "give",
                _(
                    "The team “%(team)s” belongs to %(body)s. Lead the case there, or choose another."
                )
                % {"team": team.name, "body": team.node.name},
            )

    def rule(self, known: RoutingRule | None = None) -> RoutingRule:
        """The rule that the form describes, not saved: another one, or a known one changed."""
        rule = known or RoutingRule()
        given = self.cleaned_data
        is_between = given["hours"] == Hours.BETWEEN
        for name in ("categories", "kinds", "priorities", "bodies", "accounts", "places", "words",
                     "hours", "open_cases", "priority", "category"):  # fmt: skip
            setattr(rule, name, given[name])
        rule.weekdays = [int(day) for day in given["weekdays"]]
        rule.from_time = given["from_time"] if is_between else None
        rule.until_time = given["until_time"] if is_between else None
        to, _colon, key = given["to"].partition(":")
        rule.to, rule.node = to, self._nodes.get(key)
        give, _colon, key = given["give"].partition(":")
        rule.give, rule.member, rule.team = give, self._members.get(key), self._teams.get(key)
        rule.name = " ".join(given["name"].split())
        return rule

    def chosen(self) -> dict[str, list[str]]:
        """What is ticked in each list, in words."""
        found = {}
        for name in self.SEVERAL:
            ticked = {str(value) for value in self[name].value() or []}
            fields: dict[str, Any] = self.fields
            found[name] = [str(words) for value, words in fields[name].choices if value in ticked]
        return found


def _giving(rule: RoutingRule) -> str:
    if rule.member:
        return f"member:{rule.member.public_id}"
    return f"team:{rule.team.public_id}" if rule.team else rule.give


def place_named(name: str) -> Place:
    """The place of the gazetteer with this name.

    :raises ValidationError: there is none, or only one that is called nearly so
    """
    found = places.find(name, 5)
    wanted = fold(name)
    for place in found:
        if wanted in map(fold, (place.name_ar, place.name_en, *place.variants)):
            return place
    if found:
        raise ValidationError(
            _("“%(name)s” is not known. Did you mean “%(like)s”?")
            % {"name": name, "like": found[0].name}
        )
    raise ValidationError(_("“%(name)s” is not known as a place.") % {"name": name})
