"""Input of the pages about letters."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from bayan.core.forms import Controls
from bayan.core.templatetags.bayan import hijri_words
from bayan.correspondence import selectors
from bayan.correspondence.models import Address, AddressList, Letter
from bayan.correspondence.questions import (
    LONGEST_LABEL,
    MOST_FIELDS,
    FieldKind,
    Question,
    key,
    questions_of,
)
from bayan.correspondence.services import To, Words
from bayan.organisation.models import Node
from bayan.people import selectors as people
from bayan.people.models import Member, Role
from bayan.people.permissions import Access

TERMS: dict[int, str | Promise] = {
    2: gettext_lazy("Two working hours"),
    7: gettext_lazy("One working day"),
    21: gettext_lazy("Three working days"),
    35: gettext_lazy("Five working days"),
    70: gettext_lazy("Ten working days"),
}
# Of a body: whoever heads it and its media, or those of one role.
WHO = [
    ("", gettext_lazy("Whoever heads the body, and its media")),
    (Role.Kind.EXECUTIVE, gettext_lazy("Mayors and executives")),
    (Role.Kind.DIRECTOR, gettext_lazy("Directors of media")),
    (Role.Kind.PRESS_OFFICER, gettext_lazy("Press officers")),
    (Role.Kind.RESPONDER, gettext_lazy("Those who answer the public")),
]


class Several(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Rows to tick, by name."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class LetterForm(Controls):
    """A letter: what, to whom, what is wanted until when; the rest lies folded."""

    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=140)
    text = forms.CharField(
        label=gettext_lazy("Text"), max_length=12_000, widget=forms.Textarea(attrs={"rows": 14})
    )
    kind = forms.ChoiceField(
        label=pgettext_lazy("of a letter", "Kind"),
        choices=Letter.Kind,
        initial=Letter.Kind.CIRCULAR,
    )
    wants = forms.ChoiceField(
        label=gettext_lazy("What is wanted"),
        choices=Letter.Wants,
        initial=Letter.Wants.ACKNOWLEDGE,
    )
    term_hours = forms.TypedChoiceField(
        label=gettext_lazy("Within"), choices=list(TERMS.items()), coerce=int, initial=21
    )
    due_on = forms.DateField(
        label=gettext_lazy("or by the end of a day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    wants_proof = forms.BooleanField(
        label=gettext_lazy("A picture or a file is to show that it was done"), required=False
    )
    grade = forms.ChoiceField(
        label=gettext_lazy("Grade"),
        choices=Letter.Grade,
        initial=Letter.Grade.PUBLIC,
        help_text=gettext_lazy(
            "Public: the text goes out in WhatsApp. Restricted: only its title, with a link that opens once. "
            "Secret: only that there is something to read here."
        ),
    )
    urgency = forms.ChoiceField(
        label=pgettext_lazy("letter", "Urgency"),
        choices=Letter.Urgency,
        initial=Letter.Urgency.USUAL,
    )
    municipalities = forms.BooleanField(label=gettext_lazy("All municipalities"), required=False)
    bodies = Several(
        label=gettext_lazy("Bodies"),
        queryset=Node.objects.none(),
        to_field_name="key",
        required=False,
    )
    role = forms.ChoiceField(label=gettext_lazy("Who of these bodies"), choices=WHO, required=False)
    members = Several(
        label=gettext_lazy("Members"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
        required=False,
    )
    lists = Several(
        label=gettext_lazy("Lists"),
        queryset=AddressList.objects.none(),
        to_field_name="public_id",
        required=False,
    )
    copies = Several(
        label=gettext_lazy("Copy to bodies"),
        queryset=Node.objects.none(),
        to_field_name="key",
        required=False,
    )
    copy_members = Several(
        label=gettext_lazy("Copy to members"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
        required=False,
    )
    copy_lists = Several(
        label=gettext_lazy("Copy to lists"),
        queryset=AddressList.objects.none(),
        to_field_name="public_id",
        required=False,
    )
    official_number = forms.CharField(
        label=gettext_lazy("Number in official correspondence"),
        max_length=40,
        required=False,
        help_text=gettext_lazy(
            "If it has one there; Bayan gives its own follow-up number besides."
        ),
    )
    official_date = forms.CharField(label=gettext_lazy("Its date"), max_length=40, required=False)
    transaction_number = forms.CharField(
        label=gettext_lazy("Transaction number"), max_length=40, required=False
    )
    signer_title = forms.CharField(
        label=gettext_lazy("Post of whoever signs, as it stands under the letter"),
        max_length=120,
        required=False,
    )
    refers_to = forms.CharField(
        label=gettext_lazy("Follows our letter number"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("As 1448/12."),
        widget=forms.TextInput(attrs={"dir": "ltr"}),
    )

    # What lies folded until somebody wants it.
    MORE = (
        "official_number", "official_date", "transaction_number", "signer_title", "refers_to",
    )  # fmt: skip

    def __init__(
        self, *args: Any, node: Node, access: Access, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._node = node
        choices: dict[str, Any] = {
            "bodies": selectors.addressable(),
            "copies": selectors.addressable(),
            "members": people.colleagues_of(access.member, now=now),
            "lists": selectors.lists_of(access),
            "copy_members": people.colleagues_of(access.member, now=now),
            "copy_lists": selectors.lists_of(access),
        }
        for name, rows in choices.items():
            field = self.fields[name]
            assert isinstance(field, Several)  # noqa: S101  # ours, above
            field.queryset = rows
            field.widget.attrs.pop("class", None)
        day = self.initial.get("due_on")
        # Letters are dated in both calendars; a browser's calendar knows one.
        self.fields["due_on"].help_text = hijri_words(day) if day else ""
        for place in range(1, MOST_FIELDS + 1):
            self._add_question(place)
        for name in ("subject", "text", "signer_title"):
            self.fields[name].widget.attrs["dir"] = "auto"

    def _add_question(self, place: int) -> None:
        """The inputs of one field of the letter's form."""
        control = {"class": "control", "dir": "auto"}
        self.fields[f"q{place}_label"] = forms.CharField(
            label=_("Field %(place)d") % {"place": place}, max_length=LONGEST_LABEL,
            required=False, widget=forms.TextInput(attrs=control),
        )  # fmt: skip
        self.fields[f"q{place}_kind"] = forms.ChoiceField(
            label=pgettext("field", "Asks for"), choices=FieldKind, required=False,
            widget=forms.Select(attrs={"class": "control"}),
        )  # fmt: skip
        self.fields[f"q{place}_choices"] = forms.CharField(
            label=_("Choices, a line each"), max_length=400, required=False,
            widget=forms.Textarea(attrs=control | {"rows": 2}),
        )  # fmt: skip
        # A field is wanted unless somebody says that it may stay empty.
        self.fields[f"q{place}_may_be_empty"] = forms.BooleanField(
            label=_("may stay empty"), required=False
        )

    @property
    def question_rows(self) -> list[list[Any]]:
        """The inputs of each field of the letter's form, for the page."""
        parts = ("label", "kind", "choices", "may_be_empty")
        return [[self[f"q{place}_{part}"] for part in parts] for place in range(1, MOST_FIELDS + 1)]

    @property
    def has_questions(self) -> bool:
        return any(row[0].value() for row in self.question_rows)

    def _questions(self) -> Iterable[Question]:
        given = self.cleaned_data
        for place in range(1, MOST_FIELDS + 1):
            if given.get(f"q{place}_label", "").strip():
                yield Question(
                    kind=given[f"q{place}_kind"] or FieldKind.TEXT,
                    label=given[f"q{place}_label"],
                    is_required=not given[f"q{place}_may_be_empty"],
                    choices=tuple(given[f"q{place}_choices"].splitlines()),
                )

    def clean_refers_to(self) -> Letter | None:
        year, _slash, number = self.cleaned_data["refers_to"].strip().partition("/")
        if not year:
            return None
        if not (year.isdecimal() and number.isdecimal()):
            raise forms.ValidationError(_("Write the number as 1448/12."))
        found = Letter.objects.filter(node=self._node, year=int(year), number=int(number)).first()
        if found is None:
            raise forms.ValidationError(_("We have no letter of this number."))
        return found

    def words(self) -> Words:
        """The letter as `services` takes it; the form is valid."""
        given = self.cleaned_data
        return Words(
            kind=given["kind"], subject=given["subject"], text=given["text"], to=list(self._to()),
            urgency=given["urgency"], grade=given["grade"], wants=given["wants"],
            term_hours=given["term_hours"], due_on=given["due_on"], wants_proof=given["wants_proof"],
            signer_title=given["signer_title"],
            official_number=given["official_number"], official_date=given["official_date"],
            transaction_number=given["transaction_number"], refers_to=given["refers_to"],
            fields=list(self._questions()),
        )  # fmt: skip

    def _to(self) -> Iterable[To]:
        given = self.cleaned_data
        if given["municipalities"]:
            yield To(kind=Address.Kind.MUNICIPALITIES, role=given["role"])
        for node in given["bodies"]:
            yield To(kind=Address.Kind.BODY, node=node, role=given["role"])
        for member in given["members"]:
            yield To(kind=Address.Kind.MEMBER, member=member)
        for one in given["lists"]:
            yield To(kind=Address.Kind.LIST, list=one)
        for node in given["copies"]:
            yield To(kind=Address.Kind.BODY, node=node, is_copy=True)
        for member in given["copy_members"]:
            yield To(kind=Address.Kind.MEMBER, member=member, is_copy=True)
        for one in given["copy_lists"]:
            yield To(kind=Address.Kind.LIST, list=one, is_copy=True)


def initial_of(letter: Letter) -> dict[str, Any]:
    """What the form shows of a draft."""
    lines = list(letter.addresses.select_related("node", "member", "list"))
    fields = (
        "subject", "text", "kind", "wants", "term_hours", "due_on", "wants_proof", "grade",
        "urgency", "official_number", "official_date", "transaction_number", "signer_title",
    )  # fmt: skip
    asked = {
        f"q{place}_{part}": value
        for place, one in enumerate(questions_of(letter.fields), start=1)
        for part, value in (
            ("label", one.label),
            ("kind", one.kind),
            ("choices", "\n".join(one.choices)),
            ("may_be_empty", not one.is_required),
        )
    }
    return (
        asked
        | {name: getattr(letter, name) for name in fields}
        | {
            "municipalities": any(line.kind == Address.Kind.MUNICIPALITIES for line in lines),
            "bodies": [line.node.key for line in lines if line.node and not line.is_copy],
            "copies": [line.node.key for line in lines if line.node and line.is_copy],
            "role": next((line.role for line in lines if line.role), ""),
            "members": [
                str(line.member.public_id) for line in lines if line.member and not line.is_copy
            ],
            "lists": [str(line.list.public_id) for line in lines if line.list and not line.is_copy],
            "copy_members": [
                str(line.member.public_id) for line in lines if line.member and line.is_copy
            ],
            "copy_lists": [
                str(line.list.public_id) for line in lines if line.list and line.is_copy
            ],
            "refers_to": letter.refers_to.reference if letter.refers_to else "",
        }
    )


class AnswerForm(Controls):
    """The form of a letter, to be filled in on its page; what was filled in is checked by `services.fill`."""

    def __init__(self, *args: Any, letter: Letter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place, one in enumerate(questions_of(letter.fields), start=1):
            self.fields[key(place)] = _input_of(one)

    def given(self) -> dict[str, str]:
        """What was written into it, as it came."""
        return {name: self.data.get(name, "") for name in self.fields}


def _input_of(one: Question) -> forms.Field:
    attrs: dict[str, Any] = {"class": "control"}
    widget: forms.Widget
    match one.kind:
        case FieldKind.NUMBER:
            widget = forms.TextInput(attrs=attrs | {"inputmode": "decimal", "dir": "ltr"})
        case FieldKind.DATE:
            widget = forms.DateInput(attrs=attrs | {"type": "date"}, format="%Y-%m-%d")
        case FieldKind.CHOICE:
            rows = [("", "—"), *((words, words) for words in one.choices)]
            widget = forms.Select(attrs=attrs, choices=rows)
        case FieldKind.YES_NO:
            rows = [("", "—"), ("yes", _("yes")), ("no", _("no"))]
            widget = forms.Select(attrs=attrs, choices=rows)
        case FieldKind.PICTURE:
            widget = forms.ClearableFileInput(attrs=attrs | {"accept": "image/jpeg,image/png"})
        case _:
            widget = forms.TextInput(attrs=attrs | {"dir": "auto", "maxlength": 300})
    return forms.CharField(label=one.label, required=one.is_required, widget=widget)


class ListForm(Controls):
    """A list of addressees."""

    name = forms.CharField(label=gettext_lazy("Name of the list"), max_length=80)
    members = Several(
        label=gettext_lazy("Who is on it"),
        queryset=Member.objects.none(),
        to_field_name="public_id",
    )

    def __init__(self, *args: Any, access: Access, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["members"]
        assert isinstance(field, Several)  # noqa: S101  # ours, above
        field.queryset = people.colleagues_of(access.member, now=now)
        field.widget.attrs.pop("class", None)
