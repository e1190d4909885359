"""Input of cases."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from bayan.cases.models import Case
from bayan.organisation.models import Node


class AssignForm(forms.Form):
    """The body that shall take the case over."""

    to = forms.ModelChoiceField(
        label=_("Body in charge"),
        queryset=Node.objects.municipalities().order_by("position"),
        to_field_name="key",
        empty_label=_("Choose a municipality"),
        error_messages={"required": _("Choose the municipality first.")},
    )


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


# Ready to be sent or changed; which one is offered follows the outcome.
CLOSING_WORDS = {
    Case.Outcome.RESOLVED: _(
        "Thank you for letting us know. What you reported has been put right."
    ),
    Case.Outcome.ANSWERED: _("Thank you for writing to us. We hope our answer served you."),
    Case.Outcome.REFERRED: _(
        "Thank you for letting us know. Your report was passed on to the body in charge, which follows it up."
    ),
    Case.Outcome.DUPLICATE: _(
        "Thank you for letting us know. This matter was reported before and is being followed up."
    ),
    Case.Outcome.NOT_ACTIONABLE: _(
        "Thank you for writing to us. We could not act on your report with what we know. "
        "Write to us again with the place and details, and a new case opens."
    ),
}


def closing_words() -> dict[str, str]:
    """The ready closing message of each outcome, in the language in which the person reads it."""
    with override("ar"):
        return {outcome.value: str(words) for outcome, words in CLOSING_WORDS.items()}
