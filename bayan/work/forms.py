"""Input of the pages about work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.forms import Controls
from bayan.core.templatetags.bayan import quiet_words
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node, OutsideBody
from bayan.people import selectors as people
from bayan.people.models import Member
from bayan.work import selectors
from bayan.work.models import Contractor, Item, Project

# Working time; a task for the field is seldom given by the minute.
TERMS: dict[str, tuple[timedelta, Any]] = {
    "2": (timedelta(hours=2), _("Two working hours")),
    "7": (timedelta(hours=7), _("One working day")),
    "21": (timedelta(hours=21), _("Three working days")),
    "35": (timedelta(hours=35), _("Five working days")),
}


@dataclass(frozen=True)
class Holder:
    """Who is to do it, as the form's choice names them."""

    node: Node | None = None
    owner: Member | None = None
    contractor: Contractor | None = None
    project: Project | None = None
    outside: OutsideBody | None = None


class GiveForm(Controls):
    """A task: what, for whom, until when. Six fields, as many as a phone bears."""

    title = forms.CharField(label=_("What is to be done"), max_length=140)
    kind = forms.ChoiceField(
        label=_("What you want"),
        choices=[
            (Item.Kind.DO, pgettext_lazy("task", "That it is done")),
            (Item.Kind.ANSWER, pgettext_lazy("task", "An answer in words")),
            (Item.Kind.ACKNOWLEDGE, pgettext_lazy("task", "That it is seen")),
            (Item.Kind.APPROVE, pgettext_lazy("task", "An approval")),
        ],
    )
    to = forms.ChoiceField(label=_("For whom"))
    term = forms.ChoiceField(
        label=_("Within"), choices=[(key, label) for key, (_length, label) in TERMS.items()]
    )
    text = forms.CharField(
        label=_("What they must know"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The place, the measure, whom to ask. No name or number of the person."),
    )
    wants_proof = forms.BooleanField(label=_("With a picture of the place"), required=False)

    def __init__(self, *args: Any, node: Node, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._node = node
        self.fields["term"].initial = "7"
        to = self.fields["to"]
        assert isinstance(to, forms.ChoiceField)  # noqa: S101  # ours, above
        to.choices = self._holders(now)
        for name in ("title", "text"):
            self.fields[name].widget.attrs["dir"] = "auto"

    def _holders(self, now: datetime) -> list[Any]:
        """Nearest first: colleagues, departments and municipalities, contractors, bodies outside."""
        staff = [
            # Whoever is quiet hears of it later: whoever gives it should know.
            (
                f"member:{member.public_id}",
                " · ".join(filter(None, [member.name, quiet_words(member)])),
            )
            for member in people.staff_of(self._node, now=now)
        ]
        contracted = [
            (f"project:{project.public_id}", f"{contractor.name} · {project.name}")
            for contractor in selectors.contractors()
            for project in contractor.current  # type: ignore[attr-defined]
        ] + [
            (f"contractor:{contractor.public_id}", contractor.name)
            for contractor in selectors.contractors()
            if not contractor.current  # type: ignore[attr-defined]
        ]
        outside = [
            (f"outside:{body.key}", body.name)
            for body in OutsideBody.objects.order_by("position", "pk")
        ]
        groups: list[tuple[Any, Sequence[tuple[str, str]]]] = [
            (_("Colleagues"), staff),
            *(
                (label, [(f"node:{node.key}", node.name) for node in nodes])
                for label, nodes in organisation.nodes_in_groups()
            ),
            (_("Contractors (by a link)"), contracted),
            (_("Outside bodies (by a link)"), outside),
        ]
        return [("", "—"), *((label, rows) for label, rows in groups if rows)]

    @property
    def holder(self) -> Holder:
        """Who was chosen."""
        of, _colon, key = self.cleaned_data["to"].partition(":")
        match of:
            case "member":
                return Holder(owner=Member.objects.get(public_id=key))
            case "project":
                project = Project.objects.select_related("contractor").get(public_id=key)
                return Holder(contractor=project.contractor, project=project)
            case "contractor":
                return Holder(contractor=Contractor.objects.get(public_id=key))
            case "outside":
                return Holder(outside=OutsideBody.objects.get(key=key))
        return Holder(node=Node.objects.get(key=key))

    def due_at(self, *, now: datetime, of: int) -> datetime:
        """When it is due: so much working time of that body from now."""
        return organisation.calendar(of).add(now, TERMS[self.cleaned_data["term"]][0])


class PaperForm(GiveForm):
    """A text with a file that is to be approved: five fields."""

    file = forms.FileField(
        label=_("The file to approve"),
        help_text=_("Exactly this file in this version is approved; a new one is asked for anew."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["kind"], self.fields["wants_proof"]
        self.fields["title"].label = _("What is to be approved")
        self.fields["text"].label = _("Text, or what to look at")
        self.fields["text"].help_text = ""

    def _holders(self, now: datetime) -> list[Any]:
        """Members and bodies: under a link without account there is no file."""
        inside = ("member:", "node:")
        return [
            (label, rows)
            for label, rows in super()._holders(now)
            if not isinstance(rows, list) or not rows or str(rows[0][0]).startswith(inside)
        ]


class VersionForm(Controls):
    """A new version of what is to be approved: the file, what has changed, until when."""

    file = forms.FileField(label=_("The new file"))
    text = forms.CharField(
        label=_("What has changed"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    term = forms.ChoiceField(
        label=_("Within"), choices=[(key, label) for key, (_length, label) in TERMS.items()]
    )


class ContractorForm(Controls):
    """A contractor with one project: more projects are added by the same name."""

    name = forms.CharField(label=_("Contractor"), max_length=120)
    project = forms.CharField(label=_("Project"), max_length=160)
    department = forms.ChoiceField(label=_("Department"))
    number = forms.CharField(label=_("Contract number"), max_length=40, required=False)
    contact_name = forms.CharField(label=_("Contact person"), max_length=120, required=False)
    phone = forms.CharField(
        label=_("Mobile"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel"}),
    )
    email = forms.EmailField(
        label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"dir": "ltr"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        department = self.fields["department"]
        assert isinstance(department, forms.ChoiceField)  # noqa: S101  # ours, above
        department.choices = [
            (label, [(node.key, node.name) for node in nodes])
            for label, nodes in organisation.nodes_in_groups()
        ]


class AddressForm(Controls):
    """Who takes what we give a contractor or a body outside, and by what they are reached."""

    contact_name = forms.CharField(label=_("Contact person"), max_length=120, required=False)
    phone = forms.CharField(
        label=_("Mobile"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "inputmode": "tel"}),
        help_text=_("With WhatsApp if they have it; else text messages go there."),
    )
    email = forms.EmailField(
        label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"dir": "ltr"})
    )


class SendAgainForm(Controls):
    """What is still missing, and a new time."""

    reason = forms.CharField(label=_("What is still missing"), max_length=500)
    term = forms.ChoiceField(
        label=_("Within"), choices=[(key, label) for key, (_length, label) in TERMS.items()]
    )


def within(term: str, *, of: int) -> datetime:
    """So much working time of a body from now, by a form's choice."""
    return organisation.calendar(of).add(timezone.now(), TERMS[term][0])
