"""The builder of forms: what can be asked for, in six fields at most."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bayan.core import notices
from bayan.core.forms import Controls
from bayan.needs import services
from bayan.needs.fields import AskForm, Field, FieldKind, fields_of
from bayan.needs.models import Form, Kind
from bayan.needs.models.asking import MOST_FIELDS
from bayan.needs.views.things import NodeField
from bayan.organisation.models import Node
from bayan.people.permissions import StaffRequest, requires

PLACES = range(1, MOST_FIELDS + 1)
LTR = {"dir": "ltr"}


class BuilderForm(Controls):
    """A form as it is built: its names, its kind, who provides, and six places for fields."""

    name_ar = forms.CharField(label=gettext_lazy("Name in Arabic"), max_length=80)
    name_en = forms.CharField(
        label=gettext_lazy("Name in English"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs=LTR),
    )
    help_ar = forms.CharField(
        label=gettext_lazy("Help line in Arabic"), max_length=200, required=False
    )
    help_en = forms.CharField(
        label=gettext_lazy("Help line in English"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=LTR),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Counted in the inventory as"), choices=Kind.choices
    )
    provider = NodeField(
        label=gettext_lazy("Who decides and provides"),
        queryset=Node.objects.none(),
        to_field_name="key",
        empty_label="—",
    )
    is_on = forms.BooleanField(
        label=gettext_lazy("Offered to those who ask"), required=False, initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        provider = self.fields["provider"]
        assert isinstance(provider, NodeField)  # noqa: S101  # ours, above
        provider.queryset = Node.objects.exclude(kind=Node.Kind.MUNICIPALITY).order_by("position")
        kinds = [("", gettext_lazy("no field")), *FieldKind.choices]
        for place in PLACES:
            own: dict[str, forms.Field] = {
                "kind": forms.ChoiceField(
                    label=gettext_lazy("It asks for"), choices=kinds, required=False
                ),
                "order": forms.IntegerField(
                    label=pgettext_lazy("form", "Place"),
                    min_value=1,
                    max_value=MOST_FIELDS,
                    initial=place,
                    required=False,
                ),
                "label_ar": forms.CharField(
                    label=gettext_lazy("Label in Arabic"), max_length=80, required=False
                ),
                "label_en": forms.CharField(
                    label=gettext_lazy("Label in English"),
                    max_length=80,
                    required=False,
                    widget=forms.TextInput(attrs=LTR),
                ),
                "help_ar": forms.CharField(
                    label=gettext_lazy("Help line in Arabic"), max_length=160, required=False
                ),
                "help_en": forms.CharField(
                    label=gettext_lazy("Help line in English"),
                    max_length=160,
                    required=False,
                    widget=forms.TextInput(attrs=LTR),
                ),
                "choices": forms.CharField(
                    label=gettext_lazy("Choices, each on a line: Arabic | English"),
                    max_length=2000,
                    required=False,
                    widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
                ),
                "is_required": forms.BooleanField(
                    label=gettext_lazy("Must be filled in"), required=False
                ),
                "is_quantity": forms.BooleanField(
                    label=gettext_lazy("This number says how many are asked for"), required=False
                ),
            }
            for name, field in own.items():
                if not isinstance(field, forms.BooleanField):
                    field.widget.attrs["class"] = "control"
                self.fields[f"f{place}_{name}"] = field

    @property
    def places(self) -> list[dict[str, Any]]:
        """The six places, each with its bound fields by name."""
        names = ("kind", "order", "label_ar", "label_en", "help_ar", "help_en", "choices",
                 "is_required", "is_quantity")  # fmt: skip
        return [
            {"number": place} | {name: self[f"f{place}_{name}"] for name in names}
            for place in PLACES
        ]

    def draft(self) -> services.Draft:
        """The form that was built; places without a kind are none of its fields."""
        given = self.cleaned_data
        used = sorted(
            (place for place in PLACES if given[f"f{place}_kind"]),
            key=lambda place: (given[f"f{place}_order"] or place, place),
        )
        return services.Draft(
            kind=given["kind"],
            name_ar=given["name_ar"],
            name_en=given["name_en"],
            help_ar=given["help_ar"],
            help_en=given["help_en"],
            provider=given["provider"],
            is_on=given["is_on"],
            fields=[self._field(place) for place in used],
        )

    def _field(self, place: int) -> Field:
        given = self.cleaned_data
        lines = [line for line in given[f"f{place}_choices"].splitlines() if line.strip()]
        pairs = [line.partition("|") for line in lines]
        return Field(
            key="",
            kind=given[f"f{place}_kind"],
            label_ar=given[f"f{place}_label_ar"],
            label_en=given[f"f{place}_label_en"],
            help_ar=given[f"f{place}_help_ar"],
            help_en=given[f"f{place}_help_en"],
            is_required=given[f"f{place}_is_required"],
            is_quantity=given[f"f{place}_is_quantity"],
            choices=tuple((ar.strip()[:60], en.strip()[:60]) for ar, _bar, en in pairs),
        )


def initial_of(form: Form) -> dict[str, Any]:
    """A form as the builder shows it."""
    version = form.version
    if version is None:
        return {}
    found: dict[str, Any] = {
        "name_ar": version.name_ar,
        "name_en": version.name_en,
        "help_ar": version.help_ar,
        "help_en": version.help_en,
        "kind": form.kind,
        "provider": form.provider.key,
        "is_on": form.is_on,
    }
    for place, field in enumerate(fields_of(version), start=1):
        for name in ("kind", "label_ar", "label_en", "help_ar", "help_en", "is_required",
                     "is_quantity"):  # fmt: skip
            found[f"f{place}_{name}"] = getattr(field, name)
        found[f"f{place}_choices"] = "\n".join(
            f"{ar} | {en}" if en else ar for ar, en in field.choices
        )
    return found


@require_GET
@requires("needs.manage", everywhere=True)
def all_forms(request: StaffRequest) -> HttpResponse:
    """What can be asked for, in the order in which it is offered."""
    rows = Form.objects.select_related("version", "provider").order_by("position", "pk")
    return render(request, "needs/forms.html", {"forms": rows})


@require_http_methods(["GET", "POST"])
@requires("needs.manage", everywhere=True)
def new_form(request: StaffRequest) -> HttpResponse:
    """Build a new form."""
    return _build(request, None)


@require_http_methods(["GET", "POST"])
@requires("needs.manage", everywhere=True)
def form(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Change a form: what was asked with it before keeps the version in which it was asked."""
    found = get_object_or_404(
        Form.objects.select_related("version", "provider"), public_id=public_id
    )
    return _build(request, found)


def _build(request: StaffRequest, found: Form | None) -> HttpResponse:
    built = BuilderForm(request.POST or None, initial=initial_of(found) if found else {})
    if request.method == "POST" and built.is_valid():
        try:
            made = services.save_form(found, built.draft(), by=request.user, now=timezone.now())
        except services.FormUnfit as unfit:
            built.add_error(None, str(unfit))
        else:
            notices.say(request, _("Saved as a new version. Requests made before keep theirs."))
            return redirect("needs:form", made.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if built.is_bound else HTTPStatus.OK
    context = {
        "built": built,
        "found": found,
        "most": MOST_FIELDS,
        "preview": AskForm(version=found.version, prefix="preview")
        if found and found.version
        else None,
        "versions": found.versions.select_related("made_by").order_by("-number")[:20]
        if found
        else [],
    }
    return render(request, "needs/form.html", context, status=status)


@require_POST
@requires("needs.manage", everywhere=True)
def move_form(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """Let a form change places with its neighbour."""
    found = get_object_or_404(Form, public_id=public_id)
    services.move_form(found, up=request.POST.get("way") == "up")
    return redirect("needs:forms")
