"""Every text that Bayan sends by itself is registered (core.automatic), or named here with the reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bayan.channels import bubbles
from bayan.channels.adapters import ADAPTERS
from bayan.config.environment import PROJECT_DIR
from bayan.core import automatic, catalogue
from bayan.core.automatic import Automatic

# Whoever looks at all modules does so in one process, which reads them once.
pytestmark = pytest.mark.xdist_group("architecture")

BAYAN = PROJECT_DIR / "bayan"
# Not the platform speaking: commands for operators, the demo's people, pages, what the machine calls things.
NOT_LOOKED_AT = {"tests", "migrations", "demo", "config", "api", "triage"}
# Through these something is written to somebody, by verbs that begin so.
DOORS = {
    "channels", "conversations", "forwards", "hearing", "inbox", "posting", "saying", "sending", "telling",
    "work",
}  # fmt: skip
VERBS = (
    "ask", "list_draft", "notify", "reach", "remind", "say", "send", "tell_each", "tell_member",
    "text_draft", "write_to",
)  # fmt: skip
# What they ask or send is none of Bayan's words: a provider, a member's own message.
NO_VERBS = {"send_back", "send_test", "send_template"}
# They send nothing, and what they say is sent by others.
SPEAK_FOR_OTHERS = {
    "inbox/services/sending.py",
    "work/services/saying.py",
    "work/services/telling.py",
}
# What stands in such a module and goes to nobody, or is a value in a text that is registered.
NOT_A_MESSAGE = {
    "Re:": "a value: before the subject of a letter that is answered",
    "a colleague": "a value: who passed it on before",
    "no words to read": "a value: what a forward is",
    "not clear": "a value: what a forward is",
    "shared location": "a value: where it is",
    "not named": "a value: where it is",
    "municipality not certain": "a value: where it is",
    "Surge mode is not on. Switch it on first.": "a refusal on the page",
    "%(count)d picture or file": "a value: what a report from the field holds",
    "a picture": "a value: what a report from the field lacks",
    "the location": "a value: what a report from the field holds",
    "the words": "a value: what a report from the field holds",
    "a few words": "a value: what a report from the field lacks",
    ", ": "what stands between values",
    "To sign: a classified letter": "a value: the title of a task",
    "To sign: %(kind)s “%(subject)s”": "a value: the title of a task",
    "This letter was recalled.": "a refusal on the page",
    "This link was sent to somebody else; it opens for them only.": "a refusal on the page",
    "This link was used already. The letter is among yours under “Letters”.": "a refusal on the page",
}

# Texts that stand in a module which sends nothing itself, for one that does.
SAID_BY_OTHERS = {"cases-forward-facts", "cases-surge-thanks", "meetings-deputy"}

type Literal = tuple[str, str, str]


@cache
def sources() -> dict[str, ast.Module]:
    return {
        path.relative_to(BAYAN).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in BAYAN.rglob("*.py")
        if not {"tests", "migrations"} & set(path.parts)
    }


def literals(tree: ast.Module) -> Iterator[tuple[Literal, int]]:
    """(context, text, plural) of each text that is translated there and no refusal, with its line."""
    lazy = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
    }
    refused = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if id(node) in refused:
            continue
        name = lazy.get(node.func.id, "")
        texts = [str(arg.value) if isinstance(arg, ast.Constant) else "" for arg in node.args]
        match name.removesuffix("_lazy"):
            case "gettext":
                yield ("", texts[0], ""), node.lineno
            case "ngettext":
                yield ("", texts[0], texts[1]), node.lineno
            case "pgettext":
                yield (texts[0], texts[1], ""), node.lineno
            case "npgettext":
                yield (texts[0], texts[1], texts[2]), node.lineno


def speaks(name: str, tree: ast.Module) -> bool:
    """Whether this module writes to somebody."""
    return name in SPEAK_FOR_OTHERS or any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr.startswith(VERBS)
        and call.func.attr not in NO_VERBS
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in DOORS
        for call in ast.walk(tree)
    )


def registered() -> dict[Literal, automatic.Words]:
    return {(w.context, w.msgid, w.plural): w for w in automatic.all_words()}


def test_every_text_that_is_sent_by_itself_is_registered() -> None:
    known = registered()
    forgotten = [
        f"{name}:{line} {text!r}"
        for name, tree in sources().items()
        if name.split("/")[0] not in NOT_LOOKED_AT and "/views" not in name
        if speaks(name, tree)
        for literal, line in literals(tree)
        for text in [literal[1]]
        if literal not in known and text not in NOT_A_MESSAGE
    ]
    assert forgotten == [], "Declare it in the app's messages.py, or name it in NOT_A_MESSAGE."


def test_nothing_is_registered_that_is_not_said() -> None:
    said = {literal for tree in sources().values() for literal, _line in literals(tree)}
    said |= {("", text, "") for text in texts_of_templates()}
    assert [words.key for literal, words in registered().items() if literal not in said] == []


def test_words_of_a_message_stand_on_no_page_unless_whoever_edits_is_told() -> None:
    of_pages: set[Literal] = {("", text, "") for text in texts_of_templates()}
    for name, tree in sources().items():
        if not speaks(name, tree):
            of_pages |= {literal for literal, _line in literals(tree)}
    shared = [
        words.key
        for literal, words in registered().items()
        if not words.on_pages and literal in of_pages and words.key not in SAID_BY_OTHERS
    ]
    assert shared == []


def texts_of_templates() -> set[str]:
    pattern = re.compile(r"""\{%\s*trans(?:late)?\s+"([^"]+)"\s*(?:as \w+\s*)?%\}""")
    return {
        found
        for path in BAYAN.rglob("templates/**/*.html")
        for found in pattern.findall(Path(path).read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("message", automatic.messages(), ids=lambda message: message.key)
def test_bayans_own_words_keep_the_providers_limits(message: Automatic) -> None:
    texts = bubbles.texts_of(message, {})

    assert bubbles.faults(message, texts) == {}
    for language in message.languages:
        for bubble in message.bubbles:
            longest = bubbles.body(message, bubble, texts, language, longest=True)
            bubbles.content_of(bubble, longest, texts, language, ADAPTERS["whatsapp"], longest=True)
    for words in message.words:
        for language in message.languages:
            for text in catalogue.original(words, language):
                shown = words.shown(text, language)
                assert words.read(shown, language) == (text, [])
