"""Asking by WhatsApp: a member chooses what they need from a list, and fills in its form in the chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from bayan.cases import services as cases
from bayan.channels import services as channels
from bayan.channels.events import IncomingFile, IncomingMessage
from bayan.core.errors import DomainError
from bayan.core.references import grouped
from bayan.inbox.models import Conversation
from bayan.needs import flow, selectors
from bayan.needs.fields import MOST_FILES, AskForm
from bayan.needs.models import Form, FormVersion, Need
from bayan.needs.services.asking import FormNotOffered, ask
from bayan.needs.services.steps import path_of
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work

# What an answer to the list of forms, or to a form, is about (config/subscriptions.py).
ASKED = "needs.asked"
CHOICE = "need-form:"
# As WhatsApp shows them.
MOST_ROWS, LONGEST_ROW = 10, 24
# The same again within so long is one request: a form that is sent twice asks once.
SAME = timedelta(hours=1)


class AnswersUnfit(DomainError):
    pass


def offer(conversation: Conversation, lines: Sequence[str], *, now: datetime) -> bool:
    """Let a member who just wrote choose a form from a list; False where the account has no forms."""
    if not work.can_send_form(conversation, flow.FLOW):
        return False
    rows = [
        (f"{CHOICE}{form.key}", _version(form).name[:LONGEST_ROW])
        for form in selectors.offered()[:MOST_ROWS]
    ]
    if not rows:
        return False
    page = f"{settings.PUBLIC_URL}{reverse('needs:choose')}"
    work.ask(
        conversation,
        "\n".join([*lines, _("What do you need? Choose it from the list."), page]),
        rows,
        button=_("Choose what you need"),
        subject=(ASKED, ""),
        now=now,
    )
    return True


@transaction.atomic
def receive_asked(replies: Sequence[tuple[IncomingMessage, str]], *, now: datetime) -> None:
    """Open the form that a member chose, or take one that came back; others' messages are like any other."""

    def do(message: IncomingMessage, key: str, member: Member, conversation: Conversation) -> None:
        if message.kind == "flow_reply":
            work.say(conversation, _taken(message, key, member, now=now), now=now)
        else:
            _open(message, member, conversation, now=now)

    cases.take_in(work.hear_each(replies, do, now=now), now=now)


def _open(
    message: IncomingMessage, member: Member, conversation: Conversation, *, now: datetime
) -> None:
    key = message.choice_id.removeprefix(CHOICE)
    form = selectors.offered().filter(key=key).first()
    if form is None or not Access.of(member, now=now).may("needs.ask"):
        page = f"{settings.PUBLIC_URL}{reverse('needs:choose')}"
        work.say(conversation, page, now=now)
        return
    version = _version(form)
    text = "\n".join(part for part in (f"*{version.name}*", version.help) if part)
    if flow.fits(version) and work.send_form(
        conversation, f"{text}\n{_page(form)}", _form(form), subject=(ASKED, form.key), now=now
    ):
        return
    work.say(conversation, f"{text}\n{_page(form)}", now=now)


def _form(form: Form) -> work.Form:
    return work.Form(
        name=flow.FLOW,
        screen=flow.SCREEN,
        title=_("Fill in the request"),
        token=f"{form.key}.{form.version_id}",
        data=flow.data_of(_version(form)),
    )


def _version(form: Form) -> FormVersion:
    assert form.version is not None  # noqa: S101  # only such are offered
    return form.version


def _page(form: Form) -> str:
    return f"{settings.PUBLIC_URL}{reverse('needs:ask', args=[form.key])}"


def _taken(message: IncomingMessage, key: str, member: Member, *, now: datetime) -> str:
    """What is said of a form that came back, after it was asked for or refused."""
    form = selectors.offered().filter(key=key).first()
    try:
        # Whatever is refused leaves nothing behind, a picture neither.
        with transaction.atomic():
            need = _ask(message, form, member, now=now)
    except DomainError as refused:
        where = _page(form) if form else f"{settings.PUBLIC_URL}{reverse('needs:choose')}"
        return f"{refused}\n{where}"
    said = _("It is asked, under number %(number)s. You are told at each step.") % {
        "number": grouped(need.reference)
    }
    return f"{said}\n{settings.PUBLIC_URL}{path_of(need)}"


def _ask(message: IncomingMessage, form: Form | None, member: Member, *, now: datetime) -> Need:
    access = Access.of(member, now=now)
    node = selectors.home_of(access, "needs.ask")
    answers: Mapping[str, Any] = message.payload.get("answers") or {}
    token = message.choice_id or ""
    if node is None:
        raise AnswersUnfit(_("Your role does not include requests of needs."))
    if form is None or token != f"{form.key}.{form.version_id}":
        raise FormNotOffered(_("This form was changed meanwhile. Open it again on the page."))
    version = _version(form)
    given = AskForm(flow.given_of(version, answers), version=version)
    if not given.is_valid():
        raise AnswersUnfit(
            "\n".join(
                f"{given.fields[name].label}: {' '.join(map(str, faults))}"
                for name, faults in given.errors.items()
            )
        )
    asked = given.what()
    again = Need.objects.open().filter(
        asked_by=member, version=version, answers=asked.answers, asked_at__gt=now - SAME
    )
    if (need := again.first()) is not None:
        return need
    field = flow.file_field(version)
    pictures = _pictures(answers, message, node_id=node.pk) if field else []
    return ask(
        version, asked, node=node, by=member, now=now,
        expected=(field.key if field else "", pictures),
    )  # fmt: skip


def _pictures(
    answers: Mapping[str, Any], message: IncomingMessage, *, node_id: int
) -> list[channels.Expected]:
    """The pictures of the form, which the dispatcher fetches."""
    photos = answers.get("photos")
    return [
        channels.Expected(
            file=IncomingFile(
                external_id=str(photo["id"]),
                mime_type=str(photo.get("mime_type") or "image/jpeg"),
                name=str(photo.get("file_name") or "")[:200],
            ),
            kind="image",
            number_id=message.number_id,
            node_id=node_id,
            received_at=message.received_at,
        )
        for photo in (photos if isinstance(photos, list) else [])[:MOST_FILES]
        if isinstance(photo, dict) and photo.get("id")
    ]
