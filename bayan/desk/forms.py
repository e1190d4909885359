"""Input of the staff's own pages."""

from __future__ import annotations

from django import forms


class NameForm(forms.Form):
    """What we call a contact; empty: as the channel does."""

    name = forms.CharField(max_length=200, required=False)


class NoteForm(forms.Form):
    """Something written down of a person."""

    text = forms.CharField(max_length=2000, required=False)


class WishForm(forms.Form):
    """Whether a person wants what goes to many."""

    wants = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])


class SplitForm(forms.Form):
    """Which identities are another person's."""

    identities = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, data: object, *, choices: list[int]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["identities"].choices = [(key, key) for key in choices]  # type: ignore[attr-defined]
