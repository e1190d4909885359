"""Input of the pages about needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bayan.core.forms import Controls
from bayan.needs.models import Need
from bayan.needs.services import Grant
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node, OutsideBody
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.work import selectors as work
from bayan.work.models import Contractor

# By the time at which it is needed, or so much working time from now.
BY_THEN = "then"
TERMS: dict[str, tuple[timedelta, Any]] = {
    "7": (timedelta(hours=7), _("One working day")),
    "21": (timedelta(hours=21), _("Three working days")),
    "35": (timedelta(hours=35), _("Five working days")),
    "70": (timedelta(hours=70), _("Ten working days")),
}
USUAL_TERM = "35"


def due_in(term: str, *, now: datetime) -> datetime:
    """So much working time from now."""
    return organisation.calendar().add(now, TERMS[term][0])


@dataclass(frozen=True)
class Holder:
    """Who is to provide it, as the form's choice names them."""

    node: Node | None = None
    owner: Member | None = None
    contractor: Contractor | None = None
    outside: OutsideBody | None = None


class GrantForm(Controls):
    """How many, by whom, until when, and a word: four fields."""

    granted = forms.IntegerField(
        label=_("How many are granted"),
        min_value=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "dir": "ltr"}),
    )
    to = forms.ChoiceField(label=_("Who provides it"), required=False)
    term = forms.ChoiceField(label=_("Within"))
    words = forms.CharField(
        label=_("A word to both; for less than was asked, the reason"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )

    def __init__(self, *args: Any, need: Need, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._need, self._now = need, now
        if need.quantity == 1:
            del self.fields["granted"]
        else:
            self.fields["granted"].initial = need.quantity
        to, term = self.fields["to"], self.fields["term"]
        assert isinstance(to, forms.ChoiceField)  # noqa: S101  # ours, above
        assert isinstance(term, forms.ChoiceField)  # noqa: S101  # ours, above
        to.choices = self._holders(need.provider, now)
        terms = [(key, label) for key, (_length, label) in TERMS.items()]
        is_dated = need.starts_at is not None and need.starts_at > now
        term.choices = [(BY_THEN, _("By when it is needed")), *terms] if is_dated else terms
        term.initial = BY_THEN if is_dated else USUAL_TERM

    def _holders(self, provider: Node, now: datetime) -> list[Any]:
        staff = [
            (f"member:{member.public_id}", member.name)
            for member in people.staff_of(provider, now=now)
        ]
        (label, own), _municipalities = organisation.nodes_in_groups()
        nodes = [
            (f"node:{node.key}", node.name)
            for node in own
            if not node.is_desk and node.pk != provider.pk
        ]
        contracted = [
            (f"contractor:{contractor.public_id}", contractor.name)
            for contractor in work.contractors()
        ]
        groups: list[tuple[Any, Sequence[tuple[str, str]]]] = [
            (_("Colleagues"), staff),
            (label, nodes),
            (_("Contractors (by a link)"), contracted),
        ]
        return [
            ("", _("Whoever of the department comes first")),
            *((label, rows) for label, rows in groups if rows),
        ]

    def grant(self, *, is_part: bool = False) -> Grant:
        """What was decided."""
        given = self.cleaned_data
        of, _colon, key = given["to"].partition(":")
        holder = Holder()
        match of:
            case "member":
                holder = Holder(owner=Member.objects.get(public_id=key))
            case "contractor":
                holder = Holder(contractor=Contractor.objects.get(public_id=key))
            case "node":
                holder = Holder(node=Node.objects.get(key=key))
        starts_at = self._need.starts_at
        due_at = (
            starts_at
            if given["term"] == BY_THEN and starts_at is not None
            else due_in(given["term"], now=self._now)
        )
        return Grant(
            due_at=due_at,
            granted=given.get("granted"),
            is_part=is_part,
            words=given["words"],
            owner=holder.owner,
            node=holder.node,
            contractor=holder.contractor,
        )
