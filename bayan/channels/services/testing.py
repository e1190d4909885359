"""Sending a message to a phone of one's own, to see that an account works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from bayan.channels.models import Account, Number, Outgoing, Template
from bayan.channels.services import templates
from bayan.channels.services.contents import compose
from bayan.channels.services.sending import wake_dispatcher
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.phones import mobile_in
from bayan.people.models import Member

# Whoever tries something looks at the phone now; an hour later it would only puzzle.
WORTH_SENDING_FOR = timedelta(minutes=10)
SUBJECT = "test"

log = structlog.get_logger(__name__)


class NoMobileNumber(DomainError):
    pass


class NumberIsStopped(DomainError):
    pass


class TemplateOfAnotherAccount(DomainError):
    pass


def international(phone: str) -> str:
    """The digits of a mobile number as the provider wants them: 9665… for a Saudi one however written.

    :raises NoMobileNumber: these are not the digits of one
    """
    digits = mobile_in(phone)
    if digits is None:
        raise NoMobileNumber(
            _("This is no mobile number. Write it as 05… or with its country code.")
        )
    return digits


@transaction.atomic
def send_test(
    number: Number,
    phone: str,
    *,
    by: Member,
    now: datetime,
    text: str = "",
    template: Template | None = None,
    values: Mapping[str, Any] | None = None,
) -> Outgoing:
    """Queue one test message: the template filled with these values, or else the text.

    Of an e-mail account `phone` is an address that has been checked.

    :raises NoMobileNumber: the phone is none
    :raises NumberIsStopped: nothing leaves this number now
    :raises ParameterRefused: a value does not fit the template
    :raises TextTooLong: the text is empty or too long
    """
    to = phone if number.account.channel == Account.Channel.EMAIL else international(phone)
    if number.stopped_at:
        raise NumberIsStopped(_("This number is stopped. Let it go on first."))
    if template is None:
        content = compose(number, lambda channel: channel.text(text))
    elif template.account_id != number.account_id:
        raise TemplateOfAnotherAccount(_("This template belongs to another account."))
    else:
        content = templates.fill(template, values or {})
    return send_content(
        number, to, content, kind="template" if template else "text", by=by, now=now,
        template=template,
    )  # fmt: skip


def hear_test(replies: Sequence[tuple[Any, str]], *, now: datetime) -> None:
    """What is pressed under a test message is heard by nobody: it reports nothing and answers no task."""
    log.info("test.answered", count=len(replies))


def send_content(
    number: Number,
    to: str,
    content: Mapping[str, Any],
    *,
    kind: str,
    by: Member,
    now: datetime,
    template: Template | None = None,
) -> Outgoing:
    """Queue one test message that is written down already, to a mobile's digits or an address.

    :raises NumberIsStopped: nothing leaves this number now
    """
    if number.stopped_at:
        raise NumberIsStopped(_("This number is stopped. Let it go on first."))
    is_email = number.account.channel == Account.Channel.EMAIL
    row = Outgoing.objects.create(
        node_id=number.node_id,
        number=number,
        to_phone="" if is_email else to,
        to_email=to if is_email else "",
        content=dict(content),
        template=template,
        lane=Outgoing.Lane.PERSON,
        subject_type=SUBJECT,
        subject_key=str(by.public_id),
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        not_before=now,
        expires_at=now + WORTH_SENDING_FOR,
        created_at=now,
    )
    audit.record(
        audit.Entry(
            action="account.tested",
            subject_type="account",
            subject_key=number.account.key,
            by=by,
            at=now,
            node_id=number.node_id,
            details={
                "number": number.external_id,
                "outgoing": str(row.public_id),
                "kind": kind,
            },
        )
    )
    wake_dispatcher()
    return row
