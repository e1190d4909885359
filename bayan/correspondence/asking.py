"""The short way to a letter: a request for facts, an instruction or an assignment in six fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from bayan.cases.models import Case, Forward
from bayan.core.forms import Controls
from bayan.core.references import grouped
from bayan.correspondence import selectors
from bayan.correspondence.forms import TERMS
from bayan.correspondence.models import Address, Letter
from bayan.correspondence.services import To, Words
from bayan.correspondence.services.facts import FORM, LONGEST
from bayan.organisation import selectors as organisation
from bayan.organisation.models import Node
from bayan.people.permissions import Access

# What is wanted of whoever gets it, and what its first lines are called.
KINDS: dict[str, tuple[str, str | Promise]] = {
    Letter.Kind.FACTS: (Letter.Wants.ANSWER, gettext_lazy("What is asked")),
    Letter.Kind.DIRECTION: (Letter.Wants.DO, gettext_lazy("What is to be observed")),
    Letter.Kind.ASSIGNMENT: (Letter.Wants.DO, gettext_lazy("What is to be done")),
}
# Letters are written in Arabic, whatever language their writer reads the pages in.
SALAM = "السلام عليكم ورحمة الله وبركاته، وبعد:\n"
END = "\nوالسلام عليكم ورحمة الله وبركاته"


class AskForm(Controls):
    """Whom, about what, the words, until when, how secret; files are the sixth."""

    to = forms.ChoiceField(label=gettext_lazy("To whom"))
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=140)
    text = forms.CharField(max_length=6_000, widget=forms.Textarea(attrs={"rows": 6}))
    term_hours = forms.TypedChoiceField(
        label=gettext_lazy("Within"), choices=list(TERMS.items()), coerce=int, initial=7
    )
    grade = forms.ChoiceField(
        label=gettext_lazy("Grade"), choices=Letter.Grade, initial=Letter.Grade.PUBLIC
    )

    def __init__(self, *args: Any, kind: str, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind = kind
        self.fields["text"].label = str(KINDS[kind][1])
        to = self.fields["to"]
        assert isinstance(to, forms.ChoiceField)  # noqa: S101  # ours, above
        lists = [(f"list:{one.public_id}", one.name) for one in selectors.lists_of(access)]
        groups: list[tuple[Any, Any]] = [
            *(
                (label, [(f"body:{node.key}", node.name) for node in nodes])
                for label, nodes in organisation.nodes_in_groups()
            ),
            (_("Lists"), lists),
        ]
        to.choices = [
            ("", "—"),
            ("municipalities", _("All municipalities")),
            *((label, rows) for label, rows in groups if rows),
        ]
        for name in ("subject", "text"):
            self.fields[name].widget.attrs["dir"] = "auto"

    def words(self, access: Access) -> Words:
        """The letter as `services` takes it, greeting and end put around the words; the form is valid."""
        given = self.cleaned_data
        text = given["text"].strip()
        if not text.startswith(SALAM.split("،", maxsplit=1)[0]):
            text = f"{SALAM}{text}{END}"
        return Words(
            kind=self._kind, subject=given["subject"], text=text, grade=given["grade"],
            wants=KINDS[self._kind][0], term_hours=given["term_hours"], to=[self._to(access)],
        )  # fmt: skip

    def _to(self, access: Access) -> To:
        of, _colon, key = self.cleaned_data["to"].partition(":")
        match of:
            case "municipalities":
                return To(kind=Address.Kind.MUNICIPALITIES)
            case "list":
                return To(
                    kind=Address.Kind.LIST, list=selectors.lists_of(access).get(public_id=key)
                )
        return To(kind=Address.Kind.BODY, node=Node.objects.get(key=key))


@dataclass(frozen=True)
class About:
    """What the form begins with, where it is opened from something."""

    subject: str = ""
    text: str = ""
    to: str = ""

    @property
    def initial(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


def about_case(reference: str) -> About:
    """About a case that the reader sees: its number and what it is about, no person and no word of theirs."""
    found = Case.objects.select_related("node").filter(reference=reference).first()
    if found is None:
        return About()
    with override("ar"):
        what = _("Case %(number)s") % {"number": grouped(found.reference)}
        kind = found.get_category_display() if found.category else ""
        place = found.place
        text = _("Concerning case %(number)s%(what)s, we ask for the facts and what was done.") % {
            "number": grouped(found.reference),
            "what": f" ({'، '.join(part for part in (kind, place) if part)})"
            if kind or place
            else "",
        }
    return About(subject=what, text=text, to=f"body:{found.node.key}")


def about_forward(public_id: UUID) -> About:
    """About what a member passed on, in its words, to the municipality where triage found it to be."""
    found = Forward.objects.select_related("node").filter(public_id=public_id).first()
    if found is None:
        return About()
    key = str(found.said.get("municipality") or "") or found.node.key
    with override("ar"):
        subject = _("Facts about what circulates")
    return About(subject, FORM % {"text": found.text.strip()[:LONGEST] or "—"}, f"body:{key}")
