"""Everything that the public pages change: codes, ratings, feedback.

A visitor is nobody in particular: to them row-level security shows and permits nothing. What they may do is
decided here, step by step, and then done in the worker's role for exactly the case they were let to.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import override

from bayan.cases import services as cases
from bayan.cases.models import Case
from bayan.channels import services as channels
from bayan.channels.models import Outgoing, Template
from bayan.core import audit
from bayan.core.errors import DomainError
from bayan.core.rls import as_worker
from bayan.core.visitors import network_of
from bayan.inbox import services as inbox
from bayan.inbox.models import WINDOW, Conversation
from bayan.portal.models import Allowance, Feedback, TrackingCode

VALID_FOR = timedelta(minutes=10)
MOST_TRIES = 5
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# What one may do in a stretch of time. A case's own limits protect a phone from a stranger's requests.
CODES_OF_CASE, CODES_OF_CASE_A_DAY, CODES_OF_ADDRESS, TRIES_OF_ADDRESS = 3, 8, 10, 30
FEEDBACK_OF_ADDRESS = 20


class TooOften(DomainError):
    pass


def send_code(reference: str, *, address: str, language: str, now: datetime) -> None:
    """Send a code to whoever reported this case, if there is one and they can be written to.

    Whether that was so is told to nobody: to the caller all numbers look alike.

    :raises TooOften: too many codes were asked for, for this number or from this address
    """
    with as_worker():
        is_allowed = all(
            [
                _spend("codes of an address", network_of(address), CODES_OF_ADDRESS, HOUR, now=now),
                _spend("codes of a case", reference, CODES_OF_CASE, HOUR, now=now),
                _spend("codes of a day", reference, CODES_OF_CASE_A_DAY, DAY, now=now),
            ]
        )
        forget(now=now)
    # Refused outside, so that what was counted stays counted.
    if not is_allowed:
        raise TooOften(
            _("A code was asked for too often. Wait an hour, then try again, or write to us.")
        )
    with as_worker():
        case = (
            Case.objects.select_related(
                "contact", "conversation__node", "conversation__number__account"
            )
            .filter(reference=reference)
            .first()
        )
        if case is not None:
            _send(case, language=language, now=now)


def _send(case: Case, *, language: str, now: datetime) -> None:
    conversation = case.conversation
    if not case.contact.identities.exists():
        return
    code = f"{secrets.randbelow(10**6):06}"
    # The time to write freely counts for person and number, whichever body they wrote to.
    wrote_at = Conversation.objects.filter(
        contact=case.contact_id, number=conversation.number_id
    ).aggregate(at=Max("last_inbound_at"))["at"]
    template = None
    if wrote_at and now < wrote_at + WINDOW:
        conversation.matter = case.reference
        with override(language):
            words = _(
                "%(code)s is your code to see your case.\n"
                "It is valid for 10 minutes. Give it to nobody; we will never ask you for it."
            ) % {"code": code}
        text = f"*{inbox.heading(conversation)}*\n{words}"
        content = channels.compose(conversation.number, lambda channel: channel.text(text))
    else:
        template = _template_for_codes(conversation.number.account_id, language)
        if template is None:
            return
        keys = [p.key for p in channels.templates.parameters(template) if p.is_required]
        content = channels.templates.fill(template, dict.fromkeys(keys, code))
    outgoing = channels.send(
        number=conversation.number,
        contact=case.contact,
        content=content,
        node_id=case.node_id,
        # Somebody sits before the page and waits.
        lane=Outgoing.Lane.PERSON,
        template=template,
        window_until=wrote_at + WINDOW if wrote_at and template is None else None,
        expires_at=now + VALID_FOR,
        now=now,
    )
    salt = secrets.token_urlsafe(16)
    TrackingCode.objects.create(
        case=case,
        outgoing=outgoing,
        salt=salt,
        hash=_hash(salt, code),
        created_at=now,
        expires_at=now + VALID_FOR,
    )
    _note("case.code_sent", case, by=audit.SYSTEM, now=now)


def _template_for_codes(account_id: int, language: str) -> Template | None:
    """An approved template of the provider's kind for codes, in this language if there is one."""
    found = Template.objects.filter(
        account=account_id,
        category=Template.Category.AUTHENTICATION,
        status=Template.Status.APPROVED,
        forget_at=None,
    ).order_by("pk")
    fitting = [
        template
        for template in found
        if [p.place for p in channels.templates.parameters(template) if p.is_required].count("body")
        == 1
    ]
    # Arabic before any other where the reader's own is missing.
    fitting.sort(key=lambda t: (t.language[:2] != language, t.language[:2] != "ar"))
    return next(iter(fitting), None)


def open_case(
    reference: str, code: str, *, address: str, now: datetime
) -> tuple[UUID, UUID] | None:
    """Let a person in who holds the latest code of this case; each code opens once.

    Returns the public ids of the case and of its person, or None: the code is wrong, used or too old, was
    tried too often, or there is no such case.

    :raises TooOften: too many codes were tried from this address
    """
    with as_worker():
        is_allowed = _spend(
            "tries of an address", network_of(address), TRIES_OF_ADDRESS, HOUR, now=now
        )
    if not is_allowed:
        raise TooOften(_("Too many codes were tried. Wait an hour, then try again."))
    with as_worker():
        # Locked: five tries are five, however many come at once.
        latest = (
            TrackingCode.objects.select_for_update(of=("self",))
            .select_related("case__contact")
            .filter(case__reference=reference)
            .order_by("-pk")
            .first()
        )
        if (
            latest is None
            or latest.used_at
            or latest.expires_at <= now
            or latest.tries >= MOST_TRIES
        ):
            return None
        latest.tries += 1
        is_right = hmac.compare_digest(bytes(latest.hash), _hash(latest.salt, code))
        latest.used_at = now if is_right else None
        latest.save(update_fields=["tries", "used_at"])
        if not is_right:
            return None
        _note("case.followed", latest.case, by=latest.case.contact, now=now)
        return latest.case.public_id, latest.case.contact.public_id


def rate(case_id: UUID, satisfaction: int, *, now: datetime) -> None:
    """Keep how content the person of this case is; the caller has let them in.

    :raises StepNotPossible, NotKnown: as `cases.rate_case`
    """
    with as_worker():
        cases.rate_case(case_id, satisfaction, now=now)


def give_feedback(
    page: str, *, is_useful: bool, language: str, address: str, now: datetime
) -> None:
    """Keep what somebody thinks of a page; who says it too often is not counted any more."""
    with as_worker():
        if _spend("feedback", network_of(address), FEEDBACK_OF_ADDRESS, HOUR, now=now):
            Feedback.objects.create(
                page=page, language=language, is_useful=is_useful, created_at=now
            )


@transaction.atomic
def forget(*, now: datetime) -> None:
    """Remove what nobody can use any more: old codes with the words that carried them, old counts."""
    past = TrackingCode.objects.filter(expires_at__lte=now)
    channels.forget_words(past.exclude(outgoing=None).values_list("outgoing", flat=True))
    past.filter(expires_at__lte=now - HOUR).delete()
    Allowance.objects.filter(since_at__lt=now - 2 * DAY).delete()


def _spend(what: str, who: str, most: int, stretch: timedelta, *, now: datetime) -> bool:
    """Count one more; False when that is more than what is allowed in this stretch of time."""
    seconds = int(stretch.total_seconds())
    since = now.timestamp() // seconds * seconds
    with connection.cursor() as cursor:
        # One statement: two processes never both see the last one left.
        cursor.execute(
            "INSERT INTO portal_allowance AS a (key, since_at, count) VALUES (%s, to_timestamp(%s), 1) "
            "ON CONFLICT (key, since_at) DO UPDATE SET count = least(a.count + 1, %s) RETURNING count",
            [_hash(what, who), since, most + 1],
        )
        return bool(cursor.fetchone()[0] <= most)


def _hash(salt: str, value: str) -> bytes:
    # Keyed: a code has a million values and an address not many more, which a plain hash would not hide.
    return salted_hmac(
        f"bayan.portal {salt}", value, settings.SECRET_KEY, algorithm="sha256"
    ).digest()


def _note(action: str, case: Case, *, by: audit.Actor, now: datetime) -> None:
    audit.record(
        audit.Entry(
            action=action,
            subject_type="case",
            subject_key=case.reference,
            by=by,
            at=now,
            node_id=case.node_id,
        )
    )
