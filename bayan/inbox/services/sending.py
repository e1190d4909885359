"""What goes out of a conversation: each kind a verb, headed with the body and the number of the matter."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.channels.models import Flow, Media, Outgoing, Template
from bayan.core import audit, events, live
from bayan.core.errors import DomainError
from bayan.core.models import uuid7
from bayan.core.references import grouped
from bayan.inbox.events import PersonAnswered
from bayan.inbox.models import Conversation, Message
from bayan.inbox.services import organising
from bayan.people.models import Member

# So long words wait for a person who does not answer.
HELD_FOR = timedelta(days=7)
# Somebody who was asked to open the conversation is not asked again before.
ASKED_AGAIN_AFTER = timedelta(days=1)
LONGEST_REACTION = 16


class WindowClosed(DomainError):
    pass


class NothingOpen(DomainError):
    pass


class NothingToSend(DomainError):
    pass


class NotQuotable(DomainError):
    pass


class NotReactable(DomainError):
    pass


class TemplateNotUsable(DomainError):
    pass


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that a member attached, still open; `kind` is the kind of message it becomes."""

    stream: BinaryIO
    kind: str
    name: str
    declared: str  # the browser's opinion of its type


@dataclass(kw_only=True)
class Draft:
    """A message before it is queued: what the channel gets, and what the screens show of it."""

    kind: str
    content: dict[str, Any]
    text: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    media: Media | None = None
    template: Template | None = None
    quoted_id: str = ""
    held: bool = False


@transaction.atomic
def reply(
    conversation_id: UUID, text: str, *, by: Member, now: datetime, quoting: UUID | None = None
) -> Message:
    """Answer in the body's name; the text is headed with the body and the number of the open matter.

    :raises WindowClosed: the person last wrote more than 24 hours ago
    :raises NothingOpen: no matter is open, so there is no number to answer under
    :raises NotQuotable: the message that it answers is not known to the provider
    :raises TextTooLong: empty, or longer than the channel carries
    """
    conversation = _open(conversation_id, now=now)
    draft = text_draft(conversation, text.strip())
    return _send(conversation, _quoting(conversation, draft, quoting), by=by, now=now)


@transaction.atomic
def send_files(
    conversation_id: UUID,
    files: Sequence[Attachment],
    *,
    caption: str,
    by: Member,
    now: datetime,
    quoting: UUID | None = None,
) -> list[Message]:
    """Send files, each as a message of its own; the caption stands under the first that can carry one.

    Where none can, the caption goes before them as a text.

    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is sent
    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    if not files:
        raise NothingToSend(_("Attach a file first."))
    conversation = _open(conversation_id, now=now)
    caption = caption.strip()
    drafts = []
    carrier = next((f for f in files if f.kind in {"image", "video", "document"}), None)
    if caption and carrier is None:
        drafts.append(text_draft(conversation, caption))
    for file in files:
        media = channels.keep_file(
            file.stream,
            kind=file.kind,
            name=file.name,
            declared=file.declared,
            number=conversation.number,
            node=conversation.node,
            now=now,
        )
        drafts.append(_file_draft(conversation, media, caption if file is carrier else ""))
    drafts[0] = _quoting(conversation, drafts[0], quoting)
    return [_send(conversation, draft, by=by, now=now) for draft in drafts]


@transaction.atomic
def send_place(
    conversation_id: UUID,
    *,
    latitude: float,
    longitude: float,
    name: str = "",
    address: str = "",
    by: Member,
    now: datetime,
    quoting: UUID | None = None,
) -> Message:
    """Send a place on the map.

    :raises ContentRefused: it is no place on earth
    :raises WindowClosed, NothingOpen, NotQuotable: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    place = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
    content = channels.compose(
        conversation.number,
        lambda channel: channel.place(
            latitude=latitude, longitude=longitude, name=name, address=address
        ),
    )
    payload = {key: value for key, value in place.items() if value != ""}
    draft = Draft(kind="location", content=content, payload=payload)
    return _send(conversation, _quoting(conversation, draft, quoting), by=by, now=now)


@transaction.atomic
def ask_with_buttons(
    conversation_id: UUID,
    text: str,
    *,
    titles: Sequence[str],
    by: Member,
    now: datetime,
    quoting: UUID | None = None,
) -> Message:
    """Ask with a few answers as buttons.

    :raises ContentRefused: no button, too many, or one too long
    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    replies = [(f"answer-{place}", title) for place, title in enumerate(titles, start=1)]
    return _ask(
        conversation, "buttons", text, lambda channel, body: channel.buttons(body, replies=replies),
        payload={"rows": list(titles)}, by=by, now=now, quoting=quoting,
    )  # fmt: skip


@transaction.atomic
def ask_with_list(
    conversation_id: UUID,
    text: str,
    *,
    button: str,
    rows: Sequence[tuple[str, str]],
    by: Member,
    now: datetime,
    quoting: UUID | None = None,
) -> Message:
    """Ask with a list of answers, each a title with its explanation (which may be empty).

    :raises ContentRefused: no row, too many, or a part too long
    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    written = [
        (f"answer-{place}", title, explanation)
        for place, (title, explanation) in enumerate(rows, start=1)
    ]
    return _ask(
        conversation, "list", text,
        lambda channel, body: channel.choices(body, button=button, rows=written),
        payload={"button": button, "rows": [title for title, _explanation in rows]},
        by=by, now=now, quoting=quoting,
    )  # fmt: skip


@transaction.atomic
def send_link(
    conversation_id: UUID,
    text: str,
    *,
    title: str,
    url: str,
    by: Member,
    now: datetime,
    quoting: UUID | None = None,
) -> Message:
    """Send a text with a button that opens a page.

    :raises ContentRefused: the address is none, or the button has no words or too many
    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    return _ask(
        conversation, "link", text, lambda channel, body: channel.link(body, title=title, url=url),
        payload={"title": title, "url": url}, by=by, now=now, quoting=quoting,
    )  # fmt: skip


@transaction.atomic
def ask_place(
    conversation_id: UUID, text: str, *, by: Member, now: datetime, quoting: UUID | None = None
) -> Message:
    """Ask where the person is; the answer comes as a place.

    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    return _ask(
        conversation, "ask_location", text, lambda channel, body: channel.ask_place(body),
        by=by, now=now, quoting=quoting,
    )  # fmt: skip


@transaction.atomic
def ask_phone(
    conversation_id: UUID, text: str, *, by: Member, now: datetime, quoting: UUID | None = None
) -> Message:
    """Ask for the person's number; the answer comes as a contact card.

    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    return _ask(
        conversation, "ask_phone", text, lambda channel, body: channel.ask_phone(body),
        by=by, now=now, quoting=quoting,
    )  # fmt: skip


@transaction.atomic
def send_form(
    conversation_id: UUID,
    text: str,
    *,
    form: Flow,
    title: str,
    by: Member,
    now: datetime,
    quoting: UUID | None = None,
) -> Message:
    """Send a form of the account's, which opens in the person's WhatsApp.

    :raises ContentRefused: the button has no words, too many, or an emoji
    :raises WindowClosed, NothingOpen, NotQuotable, TextTooLong: as `reply`
    """
    conversation = _open(conversation_id, now=now)
    token = str(uuid7())
    return _ask(
        conversation, "form", text,
        lambda channel, body: channel.form(
            body, title=title, form_id=form.external_id, token=token, screen=form.first_screen or ""
        ),
        payload={"title": title, "form": form.name}, by=by, now=now, quoting=quoting,
    )  # fmt: skip


@transaction.atomic
def react(message_id: UUID, emoji: str, *, by: Member, now: datetime) -> Message:
    """Put an emoji on a person's message, or take ours back (empty). Returns that message.

    :raises NotReactable: it is ours or was deleted, or this is no emoji
    :raises WindowClosed: the person last wrote more than 24 hours ago
    """
    target = Message.objects.get(public_id=message_id)
    conversation = _locked(target.conversation.public_id)
    is_theirs = target.direction == Message.Direction.IN and not target.is_passed_on
    if not is_theirs or target.revoked_at or not target.external_id:
        raise NotReactable(_("Only a message of the person can carry a reaction of ours."))
    if not _is_emoji(emoji):
        raise NotReactable(_("Choose an emoji."))
    if target.our_reaction == emoji:
        return target
    _check_window(conversation, now=now)
    content = channels.compose(
        conversation.number, lambda channel: channel.reaction(emoji, to=target.external_id)
    )
    draft = Draft(
        kind="reaction", content=content, payload={"emoji": emoji}, quoted_id=target.external_id
    )
    _send(conversation, draft, by=by, now=now)
    target.our_reaction = emoji
    target.save(update_fields=["our_reaction"])
    return target


@transaction.atomic
def send_template(
    conversation_id: UUID,
    template: Template,
    values: Mapping[str, Any],
    *,
    by: Member,
    now: datetime,
    file: Attachment | None = None,
) -> Message:
    """Send an approved template, at any time; `file` is what stands at its head, if it has one there.

    :raises TemplateNotUsable: it is not approved, or belongs to another account
    :raises ParameterRefused: a value is missing or not as it must be
    :raises NothingOpen: no matter is open
    """
    conversation = _open(conversation_id, now=now, needs_window=False)
    return _send_template(conversation, template, values, by=by, now=now, file=file)


def send_notice(
    conversation: Conversation,
    template: Template,
    values: Mapping[str, Any],
    *,
    now: datetime,
    subject: tuple[str, str],
    lane: Outgoing.Lane,
) -> Message:
    """Send an approved template by Bayan itself; who presses its button answers `subject`.

    :raises TemplateNotUsable, ParameterRefused: as `send_template`
    """
    return _send_template(
        conversation, template, values, by=None, now=now, subject=subject, lane=lane
    )


@transaction.atomic
def nudge(conversation_id: UUID, text: str, *, by: Member, now: datetime) -> Message:
    """Keep an answer until the person writes, and ask them by template to open the conversation.

    Returns the message that waits. Somebody who was asked within the last day is not asked again.

    :raises NothingOpen: no matter is open
    :raises TemplateNotUsable: no approved template opens a conversation
    :raises TextTooLong: empty, or longer than the channel carries
    """
    conversation = _open(conversation_id, now=now, needs_window=False)
    if conversation.is_writable(now=now):
        # They wrote meanwhile: nothing needs to wait.
        return _send(conversation, text_draft(conversation, text.strip()), by=by, now=now)
    draft = text_draft(conversation, text.strip())
    draft.held = True
    template = _reopening(conversation)
    if not _was_asked(conversation, now=now):
        _send_template(
            conversation, template, reopening_values(conversation, template), by=by, now=now
        )
    return _send(conversation, draft, by=by, now=now)


def notify(conversation: Conversation, text: str, *, now: datetime) -> Message | None:
    """Tell the person something by Bayan itself: at once, or once they open the conversation.

    Outside their 24 hours the approved template asks them to open it; whoever was asked within the last day
    is not asked again. None: nothing can reach them. It answers nothing, as `send` says.

    :raises TextTooLong: empty, or longer than the channel carries
    """
    if conversation.is_writable(now=now):
        return send(conversation, text, by=None, now=now)
    template = openers([conversation.number.account_id]).get(conversation.number.account_id)
    if template is None or not channels.names_of([conversation.contact_id]):
        return None
    draft = text_draft(conversation, text)
    draft.held = True
    if not _was_asked(conversation, now=now):
        values = reopening_values(conversation, template)
        _send_template(conversation, template, values, by=None, now=now)
    return _send(conversation, draft, by=None, now=now)


def send(
    conversation: Conversation,
    text: str,
    *,
    by: Member | None,
    now: datetime,
    rows: Sequence[tuple[str, ...]] | None = None,
    button: str = "",
    asks_place: bool = False,
    buttons: Sequence[tuple[str, str]] = (),
    subject: tuple[str, str] = ("", ""),
    lane: Outgoing.Lane | None = None,
) -> Message:
    """Send a text, a question with a list of answers or buttons, or one for the person's location.

    What nobody wrote (`by` is None) answers nothing: the person goes on waiting, and their words stay on top.

    :raises WindowClosed: the person last wrote more than 24 hours ago
    :raises TextTooLong: empty, or longer than the channel carries
    """
    _check_window(conversation, now=now)
    if asks_place:
        content = channels.compose(
            conversation.number, lambda channel: channel.ask_place(_headed(conversation, text))
        )
        draft = Draft(kind="ask_location", content=content, text=text)
        return _send(conversation, draft, by=by, now=now, subject=subject, lane=lane)
    if buttons:
        draft = buttons_draft(conversation, text, buttons=buttons)
        return _send(conversation, draft, by=by, now=now, subject=subject, lane=lane)
    if rows:
        draft = list_draft(conversation, text, rows=rows, button=button)
    else:
        draft = text_draft(conversation, text)
    return _send(conversation, draft, by=by, now=now, subject=subject, lane=lane)


def heading(conversation: Conversation) -> str:
    """The line over every message of ours: the person's phone shows one chat for all bodies."""
    with override(conversation.contact.language):
        node = conversation.node.name
        if not conversation.matter:
            return node
        return _("%(body)s · case %(reference)s") % {
            "body": node,
            "reference": grouped(conversation.matter),
        }


@transaction.atomic
def resend(message_id: UUID, *, by: Member, now: datetime) -> Message:
    """Send a message again of which nobody knows whether it arrived.

    :raises NotUncertain: meanwhile a status has settled it
    """
    message = _ours(message_id)
    channels.resend(_outgoing(message), now=now)
    _note("message.resent", message, by=by, now=now)
    return message


@transaction.atomic
def withdraw(message_id: UUID, *, by: Member, now: datetime) -> Message:
    """Take back a message that waits for the person to write.

    :raises NotHeld: it is on its way already
    """
    message = _ours(message_id)
    channels.withdraw(_outgoing(message).public_id, now=now)
    _note("message.withdrawn", message, by=by, now=now)
    return message


def _send(
    conversation: Conversation,
    draft: Draft,
    *,
    by: Member | None,
    now: datetime,
    subject: tuple[str, str] = ("", ""),
    lane: Outgoing.Lane | None = None,
) -> Message:
    outgoing = channels.send(
        number=conversation.number,
        contact=conversation.contact,
        content=draft.content if conversation.has_window else _as_letter(conversation, draft),
        node_id=conversation.node_id,
        lane=lane or (Outgoing.Lane.PERSON if by else Outgoing.Lane.WORK),
        subject=subject,
        media=draft.media,
        template=draft.template,
        window_until=None if draft.held else conversation.window_closes_at,
        expires_at=now + HELD_FOR if draft.held else None,
        held=draft.held,
        now=now,
    )
    message = Message.objects.create(
        node_id=conversation.node_id,
        conversation=conversation,
        direction=Message.Direction.OUT,
        matter=conversation.matter,
        kind=draft.kind,
        text=draft.text,
        payload=draft.payload,
        media=draft.media,
        number=conversation.number,
        quoted_id=draft.quoted_id,
        outgoing=outgoing,
        author=by,
        request_id=outgoing.request_id,
        sent_at=now,
        received_at=now,
    )
    # A reaction answers nothing, nor does what Bayan sends by itself.
    if draft.kind != "reaction" and by is not None:
        conversation.last_message_at = conversation.last_outbound_at = now
        conversation.preview = draft.text[:160]
        conversation.save(update_fields=["last_message_at", "last_outbound_at", "preview"])
        organising.take(conversation, by=by, now=now)
        events.publish(PersonAnswered(matter=conversation.matter, by=by, at=now))
    _note("message.sent", message, by=by or audit.SYSTEM, now=now, kind=draft.kind)
    live.announce([(conversation.node_id, "conversation", conversation.public_id)])
    return message


def _as_letter(conversation: Conversation, draft: Draft) -> dict[str, Any]:
    """What is said, as an answer to the person's latest letter, under the subject of their first."""
    theirs = conversation.messages.filter(direction=Message.Direction.IN).exclude(external_id="")
    latest = theirs.order_by("-received_at", "-pk").values_list("external_id", flat=True).first()
    first = theirs.exclude(text="").order_by("received_at", "pk").first()
    if latest is None or first is None:
        return draft.content
    subject = first.text.split("\n", 1)[0][:120]
    # A letter's files are messages of their own, named by it. "Re:" in every language (RFC 5322, 3.6.5).
    return channels.as_answer(draft.content, to=latest.partition("#")[0], subject=f"Re: {subject}")


def _ask(
    conversation: Conversation,
    kind: str,
    text: str,
    write: Callable[[Any, str], dict[str, Any]],
    *,
    by: Member,
    now: datetime,
    quoting: UUID | None,
    payload: dict[str, Any] | None = None,
) -> Message:
    text = text.strip()
    content = channels.compose(
        conversation.number, lambda channel: write(channel, _headed(conversation, text))
    )
    draft = Draft(kind=kind, content=content, text=text, payload=payload or {})
    return _send(conversation, _quoting(conversation, draft, quoting), by=by, now=now)


def _send_template(
    conversation: Conversation,
    template: Template,
    values: Mapping[str, Any],
    *,
    by: Member | None,
    now: datetime,
    file: Attachment | None = None,
    subject: tuple[str, str] = ("", ""),
    lane: Outgoing.Lane | None = None,
) -> Message:
    if template.account_id != conversation.number.account_id or not template.is_usable:
        raise TemplateNotUsable(
            _("This template is not approved for this number now. Choose another one.")
        )
    media = None
    if file is not None:
        media = channels.keep_file(
            file.stream,
            kind=file.kind,
            name=file.name,
            declared=file.declared,
            number=conversation.number,
            node=conversation.node,
            now=now,
        )
        values = {**values, f"header.{file.kind}": {}}
    draft = template_draft(template, values)
    draft.media = media
    return _send(conversation, draft, by=by, now=now, subject=subject, lane=lane)


def template_draft(template: Template, values: Mapping[str, Any]) -> Draft:
    """A template with its values, not sent yet.

    :raises ParameterRefused: a value is missing or not as it must be
    """
    content = channels.templates.fill(template, values)
    seen = channels.templates.shown(template, values)
    payload = {
        "template": template.name,
        "header": seen.get("header", {}).get("text", ""),
        "footer": seen.get("footer", ""),
        "buttons": [button["text"] for button in seen.get("buttons", ())],
    }
    return Draft(
        kind="template",
        content=content,
        text=seen["body"],
        payload={key: value for key, value in payload.items() if value},
        template=template,
    )


def text_draft(conversation: Conversation, text: str) -> Draft:
    """A headed text, not sent yet."""
    content = channels.compose(
        conversation.number, lambda channel: channel.text(_headed(conversation, text))
    )
    return Draft(kind="text", content=content, text=text)


def buttons_draft(
    conversation: Conversation, text: str, *, buttons: Sequence[tuple[str, str]]
) -> Draft:
    """A headed text with answers as buttons, not sent yet."""
    content = channels.compose(
        conversation.number,
        lambda channel: channel.buttons(_headed(conversation, text), replies=buttons),
    )
    titles = [title for _key, title in buttons]
    return Draft(kind="buttons", content=content, text=text, payload={"rows": titles})


def form_draft(
    conversation: Conversation,
    text: str,
    *,
    form: Flow,
    title: str,
    token: str,
    data: Mapping[str, Any],
) -> Draft:
    """A headed text with a button that opens a form of the account's, not sent yet."""
    content = channels.compose(
        conversation.number,
        lambda channel: channel.form(
            _headed(conversation, text), title=title, form_id=form.external_id, token=token,
            screen=form.first_screen or "", data=data,
        ),
    )  # fmt: skip
    return Draft(
        kind="form", content=content, text=text, payload={"title": title, "form": form.name}
    )


def send_form_by_itself(
    conversation: Conversation,
    text: str,
    *,
    form: Flow,
    title: str,
    token: str,
    data: Mapping[str, Any],
    subject: tuple[str, str],
    now: datetime,
) -> Message:
    """Send a form by Bayan itself; its answer is one to `subject`.

    :raises WindowClosed: the person last wrote more than 24 hours ago
    """
    _check_window(conversation, now=now)
    draft = form_draft(conversation, text, form=form, title=title, token=token, data=data)
    return _send(conversation, draft, by=None, now=now, subject=subject, lane=Outgoing.Lane.PERSON)


def list_draft(
    conversation: Conversation, text: str, *, rows: Sequence[tuple[str, ...]], button: str
) -> Draft:
    """A headed text with a list of answers, each (key, title) or with its explanation; not sent yet."""
    content = channels.compose(
        conversation.number,
        lambda channel: channel.choices(
            _headed(conversation, text), button=button, rows=list(rows)
        ),
    )
    payload = {"button": button, "rows": [title for _key, title, *_explanation in rows]}
    return Draft(kind="list", content=content, text=text, payload=payload)


def _file_draft(conversation: Conversation, media: Media, caption: str) -> Draft:
    content = channels.compose(
        conversation.number,
        lambda channel: channel.file(
            media.kind, caption=_headed(conversation, caption), name=media.name
        ),
    )
    return Draft(kind=media.kind, content=content, text=caption, media=media)


def _headed(conversation: Conversation, text: str) -> str:
    return f"*{heading(conversation)}*\n{text}" if text else ""


def _quoting(conversation: Conversation, draft: Draft, message_id: UUID | None) -> Draft:
    if message_id is None:
        return draft
    quoted = (
        Message.objects.select_related("outgoing")
        .filter(conversation=conversation, public_id=message_id)
        .first()
    )
    known = quoted and (quoted.outgoing.external_id if quoted.outgoing else quoted.external_id)
    # What a colleague passed on stands in another chat.
    if not known or (quoted and quoted.is_passed_on):
        raise NotQuotable(
            _("The message that you answer has not arrived at WhatsApp. Answer without quoting it.")
        )
    draft.quoted_id = known
    draft.content = channels.compose(
        conversation.number, lambda channel: channel.quoting(draft.content, known)
    )
    return draft


def openers(accounts: Collection[int]) -> dict[int, Template]:
    """By account the approved template that asks a person to open the conversation again."""
    found: dict[int, Template] = {}
    rows = Template.objects.filter(
        account__in=accounts,
        purpose=Template.Purpose.REOPEN,
        status=Template.Status.APPROVED,
        forget_at=None,
    )
    # Arabic goes before every other language.
    for row in sorted(rows, key=lambda row: (not row.language.startswith("ar"), row.language)):
        found.setdefault(row.account_id, row)
    return found


def _reopening(conversation: Conversation) -> Template:
    found = openers([conversation.number.account_id]).get(conversation.number.account_id)
    if found is None:
        raise TemplateNotUsable(
            _(
                "No approved template opens a conversation again. The administrator can choose one "
                "under “Templates”."
            )
        )
    return found


def reopening_values(conversation: Conversation, template: Template) -> dict[str, str]:
    """What such a template asks for: the body's name, or the number of the matter."""
    with override(template.language[:2]):
        body = conversation.node.name
    values = {}
    for parameter in channels.templates.parameters(template):
        if parameter.kind != "text":
            continue
        wants_number = parameter.example.replace(" ", "").isdigit() or parameter.name in {
            "case", "number", "reference",
        }  # fmt: skip
        values[parameter.key] = grouped(conversation.matter) if wants_number else body
    return values


def _was_asked(conversation: Conversation, *, now: datetime) -> bool:
    """True when a question to open the conversation went out and is not answered yet."""
    asked = Message.objects.filter(
        conversation=conversation,
        outgoing__template__purpose=Template.Purpose.REOPEN,
        received_at__gt=now - ASKED_AGAIN_AFTER,
    ).exclude(outgoing__state=Outgoing.State.FAILED)
    if conversation.last_inbound_at:
        asked = asked.filter(received_at__gt=conversation.last_inbound_at)
    return asked.exists()


def _is_emoji(text: str) -> bool:
    # Symbols, and what joins and colours them: a heart is a symbol and a selector.
    return len(text) <= LONGEST_REACTION and all(
        unicodedata.category(character) in {"So", "Sk", "Mn", "Cf", "Sm"} for character in text
    )


def _open(conversation_id: UUID, *, now: datetime, needs_window: bool = True) -> Conversation:
    conversation = _locked(conversation_id)
    if not conversation.matter:
        raise NothingOpen(_("The case is closed. The person can write again to open a new one."))
    if needs_window:
        _check_window(conversation, now=now)
    return conversation


def _check_window(conversation: Conversation, *, now: datetime) -> None:
    if conversation.last_inbound_at is None:
        raise WindowClosed(
            _(
                "The person has not written by WhatsApp yet, which takes no free text until then. "
                "Send a template, or let your words wait."
            )
        )
    if not conversation.is_writable(now=now):
        raise WindowClosed(
            _(
                "More than 24 hours have passed since the person's last message: "
                "WhatsApp takes no free text now. Send a template, or let your words wait."
            )
        )


def _locked(conversation_id: UUID) -> Conversation:
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("node", "number__account", "contact")
        .get(public_id=conversation_id)
    )


def _ours(message_id: UUID) -> Message:
    return Message.objects.select_related("outgoing", "conversation").get(
        public_id=message_id, outgoing__isnull=False
    )


def _outgoing(message: Message) -> Outgoing:
    assert message.outgoing is not None  # noqa: S101  # a message of ours
    return message.outgoing


def _note(action: str, message: Message, *, by: audit.Actor, now: datetime, **details: str) -> None:
    conversation = message.conversation
    # A message is filed under its matter, so that the story of that is whole.
    subject = (
        ("case", conversation.matter)
        if conversation.matter
        else ("conversation", str(conversation.public_id))
    )
    audit.record(
        audit.Entry(
            action=action,
            subject_type=subject[0],
            subject_key=subject[1],
            by=by,
            at=now,
            node_id=message.node_id,
            details={"message": str(message.public_id), **details},
        )
    )
