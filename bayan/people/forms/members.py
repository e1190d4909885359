"""Finding members, and giving them roles."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from bayan.core.forms import Controls
from bayan.organisation.models import Node
from bayan.people import selectors
from bayan.people.models import Role
from bayan.people.permissions import Access


def end_of(day: date | None) -> datetime | None:
    """The last minute of this day, as people mean it who write «until Thursday»."""
    return timezone.make_aware(datetime.combine(day, time(23, 59))) if day else None


class Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def kinds_for(access: Access) -> list[tuple[str, str]]:
    """The roles that this member may give somewhere."""
    # Rights only grow downwards: where they may give anything, they may in the body of their own role.
    bodies = [role.node for role in access.roles]
    return [
        (kind, str(label))
        for kind, label in Role.Kind.choices
        if any(access.may_give(kind, body) for body in bodies)
    ]


class BodyChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable
    """One of the bodies in which somebody may do something."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", Node.objects.none())
        super().__init__(to_field_name="key", **kwargs)


class FilterForm(Controls):
    """What the list of members is narrowed to."""

    q = forms.CharField(required=False, max_length=100)
    body = BodyChoice(label=_("Body"), required=False, empty_label=_("All bodies"))
    role = forms.ChoiceField(label=_("Role"), required=False)
    state = forms.ChoiceField(required=False, choices=[("", ""), ("off", "")])

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].queryset = selectors.bodies_for(access, "people.manage")  # type: ignore[attr-defined]
        self.fields["role"].choices = [("", _("All roles")), *Role.Kind.choices]  # type: ignore[attr-defined]

    @cached_property
    def asked(self) -> selectors.MemberFilter:
        """The filter; what makes no sense in an address is left out."""
        self.is_valid()
        given = self.cleaned_data
        return selectors.MemberFilter(
            words=(given.get("q") or "").strip(),
            body=given.get("body"),
            role=given.get("role") or "",
            is_active=given.get("state") != "off",
        )


class RoleForm(Controls):
    """One more role for a member."""

    # Nobody is made a director because it stood first in the list.
    kind = forms.ChoiceField(label=_("Role"))
    node = BodyChoice(label=_("Body"), empty_label=None)
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=Day,
        help_text=_("Leave it empty for a lasting role; a temporary one ends by itself."),
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [("", _("Choose the role")), *kinds_for(access)]  # type: ignore[attr-defined]
        self.fields["node"].queryset = selectors.bodies_for(access, "people.manage")  # type: ignore[attr-defined]

    def clean_kind(self) -> Role.Kind:
        return Role.Kind(self.cleaned_data["kind"])

    def clean_until(self) -> datetime | None:
        return end_of(self.cleaned_data["until"])
