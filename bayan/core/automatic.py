"""What Bayan writes by itself, as data: which messages there are, when they go to whom, and their words.

The words stand at their call sites, as gettext texts; here they are named (docs/automatic-messages.md). An
authority's own words take their place in the catalogue (`core.catalogue`), so that no call site knows of it.
Each app declares its messages in its `messages.py`; `config/subscriptions.py` registers them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override, pgettext_lazy

type Text = str | Promise

# Forms of a text that counts: Arabic has six (none, one, two, few, many, others), English two.
FORMS = {"ar": 6, "en": 2}
# In these the number may be said by the word alone («تكليفان»).
NUMBER_IN_THE_WORD = {"ar": {0, 1, 2}, "en": {0}}
# The line over every message of ours, shown with each of them.
HEADING = "inbox-heading"
_PERCENT = re.compile(r"%\((\w+)\)([sd])")
_BRACES = re.compile(r"\{(\w+)\}")
_GIVEN = re.compile(r"\{([^{}]*)\}")


class To(TextChoices):
    """Whom a message goes to."""

    PERSON = "person", pgettext_lazy("automatic message", "Beneficiaries")
    MEMBER = "member", pgettext_lazy("automatic message", "Colleagues")
    OUTSIDE = "outside", pgettext_lazy("automatic message", "Contractors and other bodies")
    JOURNALIST = "journalist", pgettext_lazy("automatic message", "Journalists")


class Part(TextChoices):
    """What a text is in its message; each has a limit of its own."""

    TEXT = "text", pgettext_lazy("automatic message", "text")
    BUTTON = "button", pgettext_lazy("automatic message", "button")
    LIST = "list", pgettext_lazy("automatic message", "button that opens the list")
    ROW = "row", pgettext_lazy("automatic message", "answer in the list")


@dataclass(frozen=True)
class Variable:
    """What is filled in: its name for whoever writes, an example, and how long it may get."""

    label: Text
    sample: Text
    longest: int


VARIABLES: Mapping[str, Variable] = {
    "address": Variable(pgettext_lazy("variable", "link"), "https://bayan.example/work/", 120),
    "body": Variable(pgettext_lazy("variable", "body"), _("Khobar Municipality"), 80),
    "code": Variable(pgettext_lazy("variable", "code"), "418 205", 10),
    "count": Variable(pgettext_lazy("variable", "count"), "12", 5),
    "date": Variable(pgettext_lazy("variable", "date"), _("23 November 2026"), 30),
    "name": Variable(pgettext_lazy("variable", "name"), _("Sara Al-Qahtani"), 120),
    "number": Variable(pgettext_lazy("variable", "number"), "482 193 756", 11),
    "place": Variable(pgettext_lazy("variable", "place"), _("Al-Ulaya, Khobar"), 200),
    "reference": Variable(pgettext_lazy("variable", "number"), "482 193 756", 11),
    "time": Variable(pgettext_lazy("variable", "time"), _("Sunday 29 November, 10:00"), 40),
    "what": Variable(pgettext_lazy("variable", "what it is"), _("Broken street light"), 200),
}


@dataclass(frozen=True, kw_only=True)
class Words:
    """One text of a message, named by its msgid at the call site; `plural` where it counts."""

    key: str
    msgid: str
    plural: str = ""
    context: str = ""
    part: Part = Part.TEXT
    # The same words stand on pages too, and change there as well.
    on_pages: bool = False
    # The call site cuts it to its place, so that the original may be longer.
    is_cut: bool = False
    # Where its place takes less than a message does, as it is written.
    longest: int = 0
    variables: Mapping[str, Variable] = field(default_factory=dict)

    @property
    def is_percent(self) -> bool:
        return "%(" in self.msgid

    @property
    def names(self) -> tuple[str, ...]:
        """What is filled in, in the order of the original."""
        pattern = _PERCENT if self.is_percent else _BRACES
        return tuple(dict.fromkeys(found[1] for found in pattern.finditer(self.msgid)))

    def variable(self, name: str) -> Variable:
        return self.variables.get(name) or VARIABLES[name]

    def label(self, name: str, language: str) -> str:
        """What a variable is called in a text of this language."""
        with override(language):
            return str(self.variable(name).label)

    def count_of_forms(self, language: str) -> int:
        return FORMS[language] if self.plural else 1

    @property
    def counted(self) -> set[str]:
        """The variables that are numbers, by which a form is chosen."""
        found = _PERCENT.findall(self.msgid + self.plural)
        return {name for name, spec in found if spec == "d" or name == "count"}

    def needed(self, form: int, language: str) -> list[str]:
        """The variables that must stand in this form."""
        spared = self.plural and form in NUMBER_IN_THE_WORD[language]
        return [name for name in self.names if not (spared and name in self.counted)]

    def lacking(self, text: str, form: int, language: str) -> list[str]:
        """The variables that must stand in this form and do not."""
        pattern = _PERCENT if self.is_percent else _BRACES
        there = {found[1] for found in pattern.finditer(text)}
        return [name for name in self.needed(form, language) if name not in there]

    def is_fillable(self, text: str) -> bool:
        """False for a text whose filling-in would fail, or leave something open."""
        if not self.is_percent:
            return {found[1] for found in _BRACES.finditer(text)} <= set(self.names)
        if "%" in _PERCENT.sub("", text).replace("%%", ""):
            return False
        return all(
            name in self.names and f"%({name}){spec}" in self.msgid + self.plural
            for name, spec in _PERCENT.findall(text)
        )

    def fits(self, forms: Sequence[str], language: str) -> bool:
        """Whether these can take the place of the original without harm."""
        return len(forms) == self.count_of_forms(language) and all(
            text and self.is_fillable(text) and not self.lacking(text, form, language)
            for form, text in enumerate(forms)
        )

    def shown(self, text: str, language: str) -> str:
        """A text as somebody writes it: «{الرقم}» for `%(number)s`."""

        def named(found: re.Match[str]) -> str:
            known = found[1] in self.names
            return f"{{{self.label(found[1], language)}}}" if known else found[0]

        if self.is_percent:
            return _PERCENT.sub(named, text).replace("%%", "%")
        return _BRACES.sub(named, text) if self.names else text

    def read(self, text: str, language: str) -> tuple[str, list[str]]:
        """What somebody wrote as it is kept, and what stands in braces and is no variable of it."""
        known = {self.label(name, language): name for name in self.names}
        unknown: list[str] = []

        def stored(found: re.Match[str]) -> str:
            given = " ".join(found[1].split())
            name = known.get(given, given if given in self.names else "")
            if not name:
                unknown.append(found[0])
                return found[0]
            if not self.is_percent:
                return f"{{{name}}}"
            spec = "d" if f"%({name})d" in self.msgid + self.plural else "s"
            return f"%({name}){spec}"

        text = " ".join(text.split()) if self.part != Part.TEXT else text
        text = text.replace("\r\n", "\n").strip()
        rest = _GIVEN.sub("", text)
        kept = _GIVEN.sub(stored, text.replace("%", "%%") if self.is_percent else text)
        unknown += [brace for brace in "{}" if brace in rest]
        return kept, unknown

    def filled(self, text: str, language: str, *, longest: bool = False) -> str:
        """A text with examples, or with the longest that may be filled in."""
        values: dict[str, Any] = {}
        with override(language):
            for name in self.names:
                variable = self.variable(name)
                values[name] = "م" * variable.longest if longest else str(variable.sample)
            values |= dict.fromkeys(self.counted, 99999 if longest else 12)
        if self.is_percent:
            return text % values
        return _BRACES.sub(lambda found: str(values.get(found[1], found[0])), text)


@dataclass(frozen=True)
class Sample:
    """What stands in a message and is no text of ours: a task's title, what a member wrote."""

    text: Text
    longest: int
    part: Part = Part.TEXT


@dataclass(frozen=True, kw_only=True)
class Bubble:
    """One message as it arrives: its parts in their order."""

    parts: tuple[Words | Sample, ...]
    join: str = "\n"
    asks_place: bool = False


def says(*parts: Words | Sample, join: str = "\n", asks_place: bool = False) -> Bubble:
    return Bubble(parts=parts, join=join, asks_place=asks_place)


@dataclass(frozen=True, kw_only=True)
class Automatic:
    """What Bayan says by itself in one situation; several bubbles are what it may say there."""

    key: str
    title: Text
    when: Text
    to: To
    bubbles: tuple[Bubble, ...]
    # Only what is also said in English has English words.
    languages: tuple[str, ...] = ("ar", "en")
    # Whether the line with body and number stands over it.
    is_headed: bool = True

    @property
    def words(self) -> list[Words]:
        """Its texts, each once, in their order."""
        found = [part for bubble in self.bubbles for part in bubble.parts]
        return list({part.key: part for part in found if isinstance(part, Words)}.values())


_messages: dict[str, Automatic] = {}
_words: dict[str, Words] = {}


def register(messages: Iterable[Automatic]) -> None:
    """Let these be listed, edited and tried on the page of automatic messages."""
    for message in messages:
        if message.key in _messages:
            raise ValueError(f"The message {message.key} is registered already.")
        _messages[message.key] = message
        for words in message.words:
            if _words.setdefault(words.key, words) != words:
                raise ValueError(f"Two texts are called {words.key}.")


def messages() -> list[Automatic]:
    """All of them, as they were registered."""
    return list(_messages.values())


def message(key: str) -> Automatic | None:
    return _messages.get(key)


def words(key: str) -> Words | None:
    return _words.get(key)


def all_words() -> list[Words]:
    return list(_words.values())


def languages() -> list[str]:
    return [code for code, _name in settings.LANGUAGES]
