"""Filling in the form of a letter: in WhatsApp or on its page, checked again here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.channels import services as channels
from bayan.channels.events import IncomingFile, IncomingMessage
from bayan.channels.models import Media
from bayan.core.errors import DomainError
from bayan.core.flows import NOTHING
from bayan.core.rls import as_worker
from bayan.correspondence import questions
from bayan.correspondence.models import Filled, Letter, Recipient
from bayan.correspondence.questions import AnswersFaulty, FieldKind
from bayan.correspondence.services.parts import NotSent
from bayan.inbox.models import Conversation
from bayan.people.models import Member
from bayan.people.permissions import Access
from bayan.work import services as work
from bayan.work.services import Form, Picture


class FormChanged(DomainError):
    pass


@transaction.atomic
def fill(
    row: Recipient,
    given: Mapping[str, Any],
    *,
    version: str,
    by: Access,
    now: datetime,
    pictures: Sequence[Picture] = (),
    media: Media | None = None,
) -> Filled:
    """Answer a letter's form: its task ends with that. `media` is a picture that is kept already.

    :raises FormChanged: it is the form of an earlier version
    :raises NotSent: the letter was recalled
    :raises AnswersFaulty: something is missing, or is not what its field asks for
    :raises ItemIsOver, NotYours: as `work.finish`
    :raises FileNotAllowed, FileTooLarge, FileMissing: nothing of it is kept
    """
    letter = row.letter
    if letter.state != Letter.State.SENT:
        raise NotSent(_("This letter was recalled."))
    if version != letter.form_version or letter.corrected_by.sent().exists():
        raise FormChanged(
            _("This form was changed. Open the letter on the page, and answer the new one.")
        )
    if row.item is None:
        raise NotSent(_("Nothing is asked of you here: you got a copy."))
    if not row.item.is_open:
        raise work.ItemIsOver(_("This task has ended already."))
    asked = questions.questions_of(letter.fields)
    values = questions.cleaned(asked, given)
    place = next(
        (at for at, one in enumerate(asked, start=1) if one.kind == FieldKind.PICTURE), None
    )
    if place is not None:
        if media is None and pictures:
            media = _kept(pictures[0], letter, now=now)
        if media is not None:
            values[questions.key(place)] = str(media.public_id)
        elif asked[place - 1].is_required:
            raise AnswersFaulty({questions.key(place): questions.missing(asked[place - 1])})
    with override("ar"):
        words = questions.in_words(asked, values)
    work.finish(row.item.public_id, by=by, now=now, words=words or NOTHING)
    filled: Filled = Filled.objects.create(
        recipient=row, version=version, values=values, picture=media, by=by.member, at=now
    )
    return filled


def _kept(picture: Picture, letter: Letter, *, now: datetime) -> Media | None:
    number = channels.number_of_files()
    if number is None:
        return None
    # Whoever fills it in may not see the files of the body that asks.
    with as_worker():
        return channels.keep_file(
            picture.stream, kind="image", name=picture.name, declared=picture.declared,
            number=number, node=letter.node, now=now,
        )  # fmt: skip


def form_of(letter: Letter, row: Recipient) -> Form | None:
    """The letter's form for WhatsApp, in the language that is set; None where none may leave."""
    if not letter.fields or letter.is_classified or row.is_copy:
        return None
    return Form(
        name=questions.FLOW,
        screen=questions.SCREEN,
        title=_("Fill in the form"),
        token=f"{row.public_id}.{letter.form_version}",
        data=questions.data_of(letter.fields),
    )


def hear(
    message: IncomingMessage,
    row: Recipient,
    member: Member,
    conversation: Conversation,
    *,
    now: datetime,
) -> None:
    """Take a form that came back by WhatsApp, and say what became of it, in the language that is set."""
    answers = dict(message.payload.get("answers") or {})
    _row, _dot, version = message.choice_id.partition(".")
    version = str(answers.get("version") or version) or row.letter.form_version
    try:
        # Whatever is refused leaves nothing behind, a picture neither.
        with transaction.atomic():
            fill(
                row,
                questions.given_of(answers),
                version=version,
                by=Access.of(member, now=now),
                now=now,
                media=_expected(answers, message, row),
            )
    except DomainError as refused:
        path = reverse("correspondence:letter", args=[row.letter.public_id])
        work.say(conversation, f"{refused}\n{settings.PUBLIC_URL}{path}", now=now)
        return
    work.say(conversation, _("Thank you, it is noted as done."), now=now)


def _expected(answers: Mapping[str, Any], message: IncomingMessage, row: Recipient) -> Media | None:
    """The picture of the form, which the dispatcher fetches."""
    photos = answers.get("photos")
    first = photos[0] if isinstance(photos, list) and photos else None
    if not isinstance(first, dict) or not first.get("id"):
        return None
    file = IncomingFile(
        external_id=str(first["id"]),
        mime_type=str(first.get("mime_type") or "image/jpeg"),
        name=str(first.get("file_name") or "")[:200],
    )
    [media] = channels.expect_files(
        [
            channels.Expected(
                file=file,
                kind="image",
                number_id=message.number_id,
                node_id=row.letter.node_id,
                received_at=message.received_at,
            )
        ]
    )
    return media
