"""Pages of the teams to which rules give cases."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.cases import services
from bayan.cases.models import RoutingRule
from bayan.cases.routing.views import managing
from bayan.cases.whole.models import Team
from bayan.core import notices
from bayan.core.errors import DomainError
from bayan.core.forms import Controls
from bayan.organisation import selectors as organisation
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.people.permissions import StaffRequest


class TeamForm(Controls):
    """What a team is called, and whose it is."""

    name_ar = forms.CharField(
        label=gettext_lazy("Name in Arabic"),
        max_length=80,
        widget=forms.TextInput(attrs={"dir": "rtl", "lang": "ar"}),
    )
    name_en = forms.CharField(
        label=gettext_lazy("Name in English"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "lang": "en"}),
    )
    node = forms.ChoiceField(label=gettext_lazy("Body"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        node = self.fields["node"]
        assert isinstance(node, forms.ChoiceField)  # noqa: S101  # ours, above
        node.choices = [
            (one.key, one.name)
            for one in organisation.nodes().values()
            if one.is_desk or one.is_target
        ]


class MembersForm(Controls):
    """What a team is called, and who belongs to it."""

    name_ar = TeamForm.base_fields["name_ar"]
    name_en = TeamForm.base_fields["name_en"]

    def __init__(self, *args: Any, offered: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offered = {str(member.public_id): member for member in offered}
        self.fields["members"] = forms.MultipleChoiceField(
            label=_("Who belongs to it"),
            choices=[(key, member.name) for key, member in self._offered.items()],
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )

    @property
    def members(self) -> list[Member]:
        """Who was ticked."""
        return [self._offered[key] for key in self.cleaned_data["members"]]


@require_GET
@managing
def teams(request: StaffRequest) -> HttpResponse:
    """All teams, by their bodies; those put away behind them."""
    rows = (
        Team.objects.select_related("node")
        .annotate(size=Count("rows", filter=Q(rows__member__is_active=True)))
        .order_by("node__position", "node_id", "name_ar")
    )
    used = dict(
        RoutingRule.objects.exclude(team=None).values_list("team").annotate(Count("pk")).order_by()
    )
    context = {
        "teams": [(team, used.get(team.pk, 0)) for team in rows if team.ended_at is None],
        "put_away": [team for team in rows if team.ended_at is not None],
    }
    return render(request, "cases/teams.html", context)


@require_http_methods(["GET", "POST"])
@managing
def new(request: StaffRequest) -> HttpResponse:
    """A new team; who belongs to it is ticked on its own page."""
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        node = next(n for n in organisation.nodes().values() if n.key == given["node"])
        try:
            made = services.make_team(
                node,
                name_ar=given["name_ar"],
                name_en=given["name_en"],
                by=request.user,
                now=timezone.now(),
            )
        except DomainError as refused:
            form.add_error("name_ar", str(refused))
        else:
            notices.say(request, _("The team is made. Choose who belongs to it."))
            return redirect("cases:team", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "cases/team.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@managing
def team(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """One team: its name, and who belongs to it."""
    found = get_object_or_404(
        Team.objects.select_related("node"), public_id=public_id, ended_at=None
    )
    now = timezone.now()
    initial = {
        "name_ar": found.name_ar,
        "name_en": found.name_en,
        "members": [str(key) for key in found.members.values_list("public_id", flat=True)],
    }
    form = MembersForm(
        request.POST if request.method == "POST" else None,
        offered=people.answering([found.node], now=now),
        initial=initial,
    )
    if form.is_valid():
        try:
            services.change_team(
                public_id,
                name_ar=form.cleaned_data["name_ar"],
                name_en=form.cleaned_data["name_en"],
                members=form.members,
                by=request.user,
                now=now,
            )
        except DomainError as refused:
            form.add_error(None, str(refused))
        else:
            notices.say(request, _("The team “%(name)s” was saved.") % {"name": found.name})
            return redirect("cases:teams")
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "cases/team.html", {"form": form, "team": found}, status=status)


@require_POST
@managing
def put_away(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """No rule gives it anything any more."""
    get_object_or_404(Team, public_id=public_id)
    found = services.put_team_away(public_id, by=request.user, now=timezone.now())
    notices.say(request, _("The team “%(name)s” is put away.") % {"name": found.name})
    return redirect("cases:teams")
