"""The composer: which kinds of message it offers, what each asks for, and which verb sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms as django_forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bayan.channels import selectors as channels
from bayan.channels.models import Flow, Outgoing, Template
from bayan.core import events, maps
from bayan.core.events import MatterWords
from bayan.core.queries import Prepared
from bayan.core.references import grouped
from bayan.inbox import forms, services
from bayan.inbox.models import Conversation, Message
from bayan.organisation import selectors as organisation
from bayan.people.models import Member


class Incomplete(Exception):
    """Something is missing or not as it must be; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Sending:
    """One press of the button: what came from the browser, and for whom."""

    data: QueryDict
    files: MultiValueDict[str, UploadedFile[Any]]
    conversation: Conversation
    by: Member
    now: datetime

    @property
    def who(self) -> dict[str, Any]:
        return {"by": self.by, "now": self.now}


def _valid[F: django_forms.Form](form: F) -> F:
    if not form.is_valid():
        raise Incomplete(str(next(iter(form.errors.values()))[0]))
    return form


def _reply(sending: Sending) -> None:
    files = attachments(sending.files)
    if files:
        form: forms.ReplyForm = _valid(forms.CaptionForm(sending.data))
        services.send_files(
            sending.conversation.public_id,
            files,
            caption=form.words,
            quoting=form.quoted,
            **sending.who,
        )
        return
    form = _valid(forms.ReplyForm(sending.data))
    services.reply(sending.conversation.public_id, form.words, quoting=form.quoted, **sending.who)


def _place(sending: Sending) -> None:
    form = _valid(forms.PlaceForm(sending.data))
    place = form.cleaned_data
    if form.words:
        services.reply(sending.conversation.public_id, form.words, **sending.who)
    services.send_place(
        sending.conversation.public_id,
        latitude=place["latitude"],
        longitude=place["longitude"],
        name=place["name"],
        address=place["address"],
        quoting=form.quoted,
        **sending.who,
    )


def _buttons(sending: Sending) -> None:
    form = _valid(forms.ButtonsForm(sending.data))
    services.ask_with_buttons(
        sending.conversation.public_id,
        form.words,
        titles=form.titles,
        quoting=form.quoted,
        **sending.who,
    )


def _list(sending: Sending) -> None:
    form = _valid(forms.ListForm(sending.data))
    services.ask_with_list(
        sending.conversation.public_id,
        form.words,
        button=form.cleaned_data["button"],
        rows=form.rows,
        quoting=form.quoted,
        **sending.who,
    )


def _link(sending: Sending) -> None:
    form = _valid(forms.LinkForm(sending.data))
    services.send_link(
        sending.conversation.public_id,
        form.words,
        title=form.cleaned_data["title"],
        url=form.cleaned_data["url"],
        quoting=form.quoted,
        **sending.who,
    )


def _ask_place(sending: Sending) -> None:
    form = _valid(forms.ReplyForm(sending.data))
    services.ask_place(
        sending.conversation.public_id, form.words, quoting=form.quoted, **sending.who
    )


def _ask_phone(sending: Sending) -> None:
    form = _valid(forms.ReplyForm(sending.data))
    services.ask_phone(
        sending.conversation.public_id, form.words, quoting=form.quoted, **sending.who
    )


def _form(sending: Sending) -> None:
    form = _valid(forms.FlowForm(sending.data, account_id=sending.conversation.number.account_id))
    services.send_form(
        sending.conversation.public_id,
        form.words,
        form=form.cleaned_data["form"],
        title=form.cleaned_data["title"],
        quoting=form.quoted,
        **sending.who,
    )


def _template(sending: Sending) -> None:
    form = _valid(
        forms.TemplateForm(sending.data, account_id=sending.conversation.number.account_id)
    )
    template = form.cleaned_data["template"]
    values, file = {}, None
    for parameter in channels.parameters_of(template):
        if parameter.kind in {"image", "video", "document"}:
            given = sending.files.get("header")
            if given is None:
                raise Incomplete(_("Attach the file that stands at the head of the template."))
            file = _attachment(given, kind=parameter.kind)
        elif value := str(sending.data.get(parameter.key, "")).strip():
            values[parameter.key] = value
    services.send_template(
        sending.conversation.public_id, template, values, file=file, **sending.who
    )


def _wait(sending: Sending) -> None:
    form = _valid(forms.ReplyForm(sending.data))
    services.nudge(sending.conversation.public_id, form.words, **sending.who)


# By the word that the composer's hidden field says.
KINDS: dict[str, Callable[[Sending], None]] = {
    "text": _reply,
    "place": _place,
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "ask-place": _ask_place,
    "ask-phone": _ask_phone,
    "form": _form,
    "template": _template,
    "wait": _wait,
}


def send(
    data: QueryDict,
    files: MultiValueDict[str, UploadedFile[Any]],
    conversation: Conversation,
    *,
    by: Member,
    now: datetime,
) -> None:
    """Send what the composer holds.

    :raises Incomplete: something that a person must write or choose is missing
    """
    kind = data.get("kind", "text")
    if kind not in KINDS:
        raise Incomplete(_("Choose again what you want to send."))
    KINDS[kind](Sending(data=data, files=files, conversation=conversation, by=by, now=now))


def attachments(files: MultiValueDict[str, UploadedFile[Any]]) -> list[services.Attachment]:
    """The files that were attached, and the voice message that was recorded, in their order.

    :raises Incomplete: too many
    """
    given = [_attachment(file, kind=_kind_of(file)) for file in files.getlist("files")]
    given += [_attachment(file, kind="voice") for file in files.getlist("voice")]
    if len(given) > forms.MOST_FILES:
        raise Incomplete(
            ngettext(
                "Attach one file at a time.",
                "Attach up to %(count)d files at a time.",
                forms.MOST_FILES,
            )
            % {"count": forms.MOST_FILES}
        )
    return given


def _attachment(file: UploadedFile[Any], *, kind: str) -> services.Attachment:
    return services.Attachment(
        stream=file.file,  # type: ignore[arg-type]  # an open file, whatever its storage
        kind=kind,
        name=file.name or "",
        declared=file.content_type or "",
    )


def _kind_of(file: UploadedFile[Any]) -> str:
    """As what a file is sent; its bytes decide later whether it may."""
    family = (file.content_type or "").partition("/")[0]
    return family if family in {"image", "video", "audio"} else "document"


def offer(
    conversation: Conversation,
    asked: Mapping[str, str],
    *,
    messages: Sequence[Message],
    is_writable: bool,
    now: datetime,
) -> dict[str, Any]:
    """What the composer shows: the kinds there are here and, without JavaScript, the one asked for.

    `conversation` is one that `selectors.thread_of` gave; its latest `messages` tell whether the person was
    just asked to open it.
    """
    templates = templates_for(conversation)
    opener = next(
        (t for t in templates if t.purpose == Template.Purpose.REOPEN and t.is_usable), None
    )
    can_wait = opener is not None
    kind = asked.get("compose", "")
    if not kind and templates and not is_writable and not can_wait:
        # There is nothing else to send.
        kind = "template"
    fitting = None if is_writable else proposal(conversation, templates)
    shown = {
        "opener": opener,
        "was_asked": opener is not None and _was_asked(conversation, messages, opener, now=now),
        "asks": _in_one_line(conversation, opener) if opener and not is_writable else "",
        "fitting": fitting,
        "has_templates": bool(templates),
        "can_wait": can_wait,
        "has_forms": is_writable and vars(conversation)["has_forms"],
    }
    return shown | (context(kind, conversation, asked) if kind in KINDS else {})


def _was_asked(
    conversation: Conversation, messages: Sequence[Message], opener: Template, *, now: datetime
) -> bool:
    """As `services.nudge` decides it, seen in the messages that are there already."""
    since = now - services.ASKED_AGAIN_AFTER
    if conversation.last_inbound_at:
        since = max(since, conversation.last_inbound_at)
    return any(
        message.outgoing is not None
        and message.outgoing.template_id == opener.pk
        and message.outgoing.state != Outgoing.State.FAILED
        and message.received_at > since
        for message in messages
    )


def _in_one_line(conversation: Conversation, template: Template) -> str:
    """What the person reads first, before the answer that waits for them."""
    seen = channels.preview(template, services.reopening_values(conversation, template))
    return " ".join("".join(text for _key, text in seen["body"]).split())


def context(kind: str, conversation: Conversation, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the fields of this kind need."""
    needed: dict[str, Any] = {"kind": kind}
    if kind == "place":
        needed["map"] = maps.region()
    elif kind == "form":
        needed["forms"] = Flow.objects.filter(
            account=conversation.number.account_id, status="PUBLISHED"
        ).order_by("name")
    elif kind == "buttons":
        needed["numbers"] = range(1, forms.MOST_BUTTONS + 1)
    elif kind == "list":
        needed["numbers"] = range(1, forms.MOST_ROWS + 1)
    elif kind == "template":
        templates = templates_for(conversation)
        fitting = proposal(conversation, templates)
        chosen = next((t for t in templates if str(t.public_id) == asked.get("template")), None)
        if fitting and "template" not in asked:
            chosen = fitting.template
        needed |= {"templates": templates, "template": chosen, "fitting": fitting}
        if chosen:
            needed |= channels.preview(chosen, _Known(conversation).of(chosen))
    return needed


@dataclass(frozen=True)
class Proposal:
    """The template that fits what is to be said now; `asks`: it asks the person for something."""

    template: Template
    asks: bool


# What our own suggestions are called (channels.services.suggestions); whoever took them over kept the names.
ASKS, TELLS = "details_request", "case_update"


def proposal(conversation: Conversation, templates: Sequence[Template]) -> Proposal | None:
    """The one of these that fits the conversation's matter; None where none does.

    One that speaks the person's language; that asks for details while the case waits for the person, and
    else tells news; or, where none is named so, one that says the case's number. Of several, the one that
    leaves the least to be filled in. Alerts, tasks and what only opens the conversation are none.
    """
    if not conversation.matter:
        return None
    language = conversation.contact.language
    all_known = _Known(conversation)
    words = all_known.words(language)
    asks = words is not None and words.waits_for_person
    wanted = ASKS if asks else TELLS
    ranked = []
    for template in templates:
        if template.purpose or template.name.startswith(TELLS if asks else ASKS):
            continue
        known = all_known.of(template)
        is_named = template.name.startswith(wanted)
        says_number = grouped(conversation.matter) in known.values()
        if is_named or (says_number and template.category == Template.Category.UTILITY):
            required = [p for p in channels.parameters_of(template) if p.is_required]
            missing = sum(p.key not in known for p in required)
            ranked.append(
                (not template.language.startswith(language), not is_named, missing, template)
            )
    best = min(ranked, key=lambda each: each[:3], default=None)
    return Proposal(best[3], asks) if best else None


def templates_for(conversation: Conversation) -> list[Template]:
    """The approved templates of the number's account that are sent to one person; Arabic first.

    One with a place at its head is left out: a place is sent as such.
    """
    rows = _APPROVED.rows(conversation.number.account_id)
    fitting = [
        row for row in rows if all(p.kind != "location" for p in channels.parameters_of(row))
    ]
    return sorted(fitting, key=lambda t: (not t.language.startswith("ar"), t.language, t.name))


_APPROVED = Prepared(
    lambda account: Template.objects.filter(
        account=account, status=Template.Status.APPROVED
    ).exclude(category=Template.Category.AUTHENTICATION),
    int,
)


class _Known:
    """What of templates we can fill in ourselves for one conversation; read once for all of them."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._words: dict[str, MatterWords | None] = {}

    def words(self, language: str) -> MatterWords | None:
        """What is known of the matter, in this language."""
        if language not in self._words:
            self._words[language] = events.words_of_matter(
                self._conversation.matter, language=language
            )
        return self._words[language]

    @cached_property
    def _bodies(self) -> set[str]:
        return {
            name for node in organisation.nodes().values() for name in (node.name_ar, node.name_en)
        }

    def of(self, template: Template) -> dict[str, str]:
        """By a variable's name or by what its example is.

        The number of the matter, the person's name, the body in charge, the state and the place.
        """
        known: dict[str, str] = {}
        language = "ar" if template.language.startswith("ar") else "en"
        node = self._conversation.node
        for parameter in channels.parameters_of(template):
            words = self.words(language)
            if parameter.name in {"body", "municipality"} or parameter.example in self._bodies:
                known[parameter.key] = node.name_ar if language == "ar" else node.name_en
            elif words and (
                parameter.name in {"state", "status"} or parameter.example in words.states
            ):
                known[parameter.key] = words.state
            elif words and words.place and parameter.name in {"place", "location", "district"}:
                known[parameter.key] = words.place
            elif parameter.name in {"name", "person"}:
                known[parameter.key] = self._conversation.contact.name
            elif parameter.name in {"case", "number", "reference"} or _is_reference(
                parameter.example
            ):
                known[parameter.key] = grouped(self._conversation.matter)
        return known


def _is_reference(example: str) -> bool:
    digits = example.replace(" ", "").replace("\u00a0", "")
    return digits.isdigit() and len(digits) == len("482913077")
