"""What somebody writes in the editor of an automatic message, and its fields as the editor shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from bayan.channels import bubbles
from bayan.channels.bubbles import Texts, field_of
from bayan.core import automatic
from bayan.core.automatic import Automatic, Part, Words

LONGEST = 4096
LANGUAGE_NAMES = {"ar": "العربية", "en": "English"}
# Which numbers a form is for.
NUMBERS: Mapping[str, tuple[str | Promise, ...]] = {
    "ar": (
        pgettext_lazy("form of a number", "none"),
        pgettext_lazy("form of a number", "one"),
        pgettext_lazy("form of a number", "two"),
        pgettext_lazy("form of a number", "from 3 to 10"),
        pgettext_lazy("form of a number", "from 11 to 99"),
        pgettext_lazy("form of a number", "hundreds"),
    ),
    "en": (
        pgettext_lazy("form of a number", "one"),
        pgettext_lazy("form of a number", "any other"),
    ),
}


@dataclass(frozen=True)
class Input:
    """One field."""

    name: str
    value: str
    label: str | Promise
    error: str


@dataclass(frozen=True)
class Side:
    """A text in one language: its field, or one for each form; and what is filled in there."""

    language: str
    inputs: list[Input]
    variables: list[str]

    @property
    def language_name(self) -> str:
        return LANGUAGE_NAMES[self.language]


@dataclass(frozen=True)
class Row:
    """A text in all its languages."""

    words: Words
    sides: list[Side]
    is_own: bool
    # The titles of other messages in which it stands.
    others: list[str | Promise]

    @property
    def is_long(self) -> bool:
        return self.words.part == Part.TEXT


class WordsForm:
    """The texts of one message, as they are or as somebody has just written them."""

    def __init__(
        self, message: Automatic, own: Texts, data: Mapping[str, str] | None = None
    ) -> None:
        self.message = message
        self.own = own
        self.texts = bubbles.texts_of(message, own)
        self.given: dict[str, str] = {}
        self.unknown: dict[str, str] = {}
        if data is not None:
            self._read(data)

    def _read(self, data: Mapping[str, str]) -> None:
        for words in self.message.words:
            for language in self.message.languages:
                forms = list(self.texts[words.key, language])
                for form in range(len(forms)):
                    name = field_of(words, language, form)
                    given = data.get(name)
                    if given is None:
                        continue
                    self.given[name] = given = given[: LONGEST + 1]
                    forms[form], unknown = words.read(given, language)
                    if unknown:
                        self.unknown[name] = _("%(what)s is not filled in here.") % {
                            "what": "، ".join(unknown)
                        }
                self.texts[words.key, language] = tuple(forms)

    @property
    def faults(self) -> dict[str, str]:
        """What stands in the way, by field."""
        return self.unknown or bubbles.faults(self.message, self.texts)

    @property
    def can_be_shown(self) -> bool:
        """Whether examples can be filled in at all."""
        return all(
            words.is_fillable(text)
            for words in self.message.words
            for language in self.message.languages
            for text in self.texts[words.key, language]
        )

    def rows(self, faults: Mapping[str, str]) -> list[Row]:
        """Its fields, with these faults beside them."""
        return [self._row(words, faults) for words in self.message.words]

    def _row(self, words: Words, faults: Mapping[str, str]) -> Row:
        sides = [
            Side(
                language=language,
                inputs=[
                    self._input(words, language, form, text, faults)
                    for form, text in enumerate(self.texts[words.key, language])
                ],
                variables=[words.label(name, language) for name in words.names],
            )
            for language in self.message.languages
        ]
        return Row(
            words=words,
            sides=sides,
            is_own=any((words.key, language) in self.own for language in self.message.languages),
            others=[
                other.title
                for other in automatic.messages()
                if other.key != self.message.key and words in other.words
            ],
        )

    def _input(
        self, words: Words, language: str, form: int, text: str, faults: Mapping[str, str]
    ) -> Input:
        name = field_of(words, language, form)
        return Input(
            name=name,
            value=self.given.get(name, words.shown(text, language)),
            label=NUMBERS[language][form] if words.plural else "",
            error=faults.get(name, ""),
        )
