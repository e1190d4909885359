"""Input of cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from bayan.cases import services
from bayan.cases.models import Case, Closing
from bayan.organisation.models import Node
from bayan.work.services import Picture

# Within how much working time news may be promised.
PROMISES = {
    "7": (timedelta(hours=7), _("One working day")),
    "14": (timedelta(hours=14), _("Two working days")),
    "21": (timedelta(hours=21), _("Three working days")),
    "35": (timedelta(hours=35), _("Five working days")),
}


class AssignForm(forms.Form):
    """The body that shall take the case over."""

    to = forms.ModelChoiceField(
        label=_("Body in charge"),
        queryset=Node.objects.none(),
        to_field_name="key",
        empty_label=_("Choose a municipality"),
        error_messages={"required": _("Choose the municipality first.")},
    )
    # One of these, or other words.
    remark = forms.CharField(label=_("Remark"), max_length=200, required=False)
    remarks = (
        _("For your information"),
        _("To do what is needed"),
        _("To look into it and report"),
        _("To be put before the head"),
        _("To be filed"),
    )

    def __init__(self, *args: Any, targets: QuerySet[Node], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        to = self.fields["to"]
        assert isinstance(to, forms.ModelChoiceField)  # noqa: S101  # ours, above
        to.queryset = targets


class CloseForm(forms.Form):
    """How the case ended, and the words in which the person hears it."""

    outcome = forms.ChoiceField(
        label=_("Outcome"),
        choices=[("", _("Choose how the case ended")), *Case.Outcome.choices],
        error_messages={"required": _("Choose how the case ended.")},
    )
    words = forms.CharField(
        label=_("Closing message to the person"),
        max_length=3000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    # What is put right is shown by a picture that is there, or a new one; or why not.
    chosen = forms.UUIDField(required=False)
    picture = forms.FileField(label=_("A picture of the place as it is now"), required=False)
    excuse = forms.ChoiceField(
        label=_("Without a picture, since"),
        choices=[("", _("There is a picture")), *Closing.Excuse.choices],
        required=False,
    )
    why = forms.ChoiceField(
        label=_("Why nothing could be done"),
        choices=[("", _("What we know is not enough")), *Closing.Why.choices],
        required=False,
    )
    reason = forms.CharField(label=_("Reason in words"), max_length=300, required=False)
    place = forms.CharField(label=_("Place"), max_length=200, required=False)

    @property
    def basis(self) -> services.Basis:
        given = self.cleaned_data
        return services.Basis(
            excuse=given["excuse"],
            why=given["why"],
            words=given["reason"],
            chosen=given["chosen"],
        )

    @property
    def attached(self) -> Picture | None:
        upload = self.cleaned_data["picture"]
        if upload is None or upload.file is None:
            return None
        return Picture(upload.file, upload.name or "", upload.content_type or "")


class DescribeForm(forms.Form):
    """What a member knows of a case."""

    subject = forms.CharField(label=_("Subject"), max_length=140, required=False)
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[("", _("Not known yet")), *Case.Kind.choices], required=False
    )
    category = forms.ChoiceField(
        label=_("Category"),
        choices=[("", _("Not known yet")), *Case.Category.choices],
        required=False,
    )
    priority = forms.ChoiceField(label=_("Priority"), choices=Case.Priority.choices)
    place = forms.CharField(label=_("Place"), max_length=200, required=False)
    latitude = forms.FloatField(min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(min_value=-180, max_value=180, required=False)
    balady_number = forms.CharField(
        label=_("940 or Balady report number"), max_length=40, required=False
    )
    transaction_number = forms.CharField(
        label=_("Transaction number"), max_length=40, required=False
    )

    @classmethod
    def of(cls, case: Case) -> DescribeForm:
        """The form with what is known already."""
        return cls(initial={name: getattr(case, name) for name in cls.base_fields})

    @property
    def facts(self) -> services.Facts:
        known = dict(self.cleaned_data)
        latitude, longitude = known.pop("latitude"), known.pop("longitude")
        both = latitude is not None and longitude is not None
        return services.Facts(**known, point=(latitude, longitude) if both else None)
