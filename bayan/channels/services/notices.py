"""What the provider says of accounts, numbers and templates by itself (reference 1.8): facts and alerts.

Facts are written down at once, and the provider is asked for the rest: a notice may be late, or repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from bayan.channels.adapters import ADAPTERS
from bayan.channels.adapters.base import Reaction
from bayan.channels.events import Notice
from bayan.channels.models import Account, Alert, Flow, Number, Portfolio, Quality, Template
from bayan.channels.services.accounts import want_sync
from bayan.channels.services.health import raise_alert, settle_alert
from bayan.channels.services.templates import note_state

CRITICAL, WARNING, INFORMATION = (
    Alert.Severity.CRITICAL, Alert.Severity.WARNING, Alert.Severity.INFORMATION,
)  # fmt: skip
# The provider's clock counts whole seconds and may be a little behind ours.
CLOCKS_DIFFER = timedelta(minutes=1)
# What its events make of a template; the others leave its state alone.
STATES = {
    "APPROVED": Template.Status.APPROVED,
    "REINSTATED": Template.Status.APPROVED,
    "PENDING": Template.Status.PENDING,
    "IN_APPEAL": Template.Status.PENDING,
    "REJECTED": Template.Status.REJECTED,
    "PAUSED": Template.Status.PAUSED,
    "DISABLED": Template.Status.DISABLED,
    "ARCHIVED": Template.Status.DISABLED,
    "DELETED": Template.Status.DELETED,
    "PENDING_DELETION": Template.Status.DELETED,
}
OURS = {Template.Status.DRAFT, Template.Status.SUBMITTING}
ABOUT_TEMPLATES = ("template_rejected", "template_stopped", "template_flagged", "template_full")
FASTEST = 1000
# How versions of the interface have called the messaging limit, the present one first.
LIMITS = (
    "max_daily_conversations_per_business",
    "current_limit",
    "max_daily_conversation_per_phone",
)
_TIER = re.compile(r"TIER_(\d+)(K?)")

log = structlog.get_logger(__name__)


def apply_notices(account: Account, notices: Iterable[Notice], *, now: datetime) -> None:
    """Write down what the provider says of this account, in its order; raise and settle the alerts."""
    heard = sorted(notices, key=lambda notice: notice.at)
    for notice in heard:
        log.info("account.notice", account=account.key, field=notice.field)
        react = REACTIONS.get(notice.field)
        if react:
            react(account, notice.value, notice.at, now)
    if any(notice.field != "errors" for notice in heard):
        want_sync(account, now=now)


def _template_state(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    event, template = _text(value, "event"), _template(account, value)
    if template and at < template.changed_at - CLOCKS_DIFFER:
        # Something newer is known.
        return
    rejection, other = _part(value, "rejection_info"), _part(value, "other_info")
    reason = _text(value, "reason")
    facts = _facts(
        name=_text(value, "message_template_name"),
        language=_text(value, "message_template_language"),
        reason="" if reason == "NONE" else reason,
        description=_text(rejection, "reason") or _text(other, "description"),
        recommendation=_text(rejection, "recommendation"),
        date=_text(_part(value, "disable_info"), "disable_date"),
    )
    status = STATES.get(event)
    # What we are just writing or handing in is newer than anything the provider may say of it.
    if template and status and template.status not in OURS:
        is_refused = status not in {Template.Status.APPROVED, Template.Status.PENDING}
        note_state(template, status, error=facts if is_refused else None, at=at, now=now)
    if event in {"APPROVED", "REINSTATED", "DELETED"}:
        for kind in ABOUT_TEMPLATES:
            settle_alert(account, kind, template=template, now=now)
    kind, severity = {
        "REJECTED": ("template_rejected", WARNING),
        "PAUSED": ("template_stopped", CRITICAL),
        "DISABLED": ("template_stopped", CRITICAL),
        "FLAGGED": ("template_flagged", WARNING),
        "LIMIT_EXCEEDED": ("template_full", WARNING),
    }.get(event, ("", INFORMATION))
    if kind:
        raise_alert(account, kind, severity=severity, template=template, facts=facts, now=now)


def _template_quality(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    template, quality = _template(account, value), _text(value, "new_quality_score")
    if template is None or quality not in Quality.values:
        return
    Template.objects.filter(pk=template.pk).update(quality=quality)
    if quality in {Quality.RED, Quality.YELLOW}:
        raise_alert(
            account,
            "template_quality_low",
            severity=WARNING if quality == Quality.RED else INFORMATION,
            template=template,
            facts=_facts(name=template.name, language=template.language, quality=quality),
            now=now,
        )
    elif quality == Quality.GREEN:
        settle_alert(account, "template_quality_low", template=template, now=now)


def _template_category(
    account: Account, value: dict[str, Any], at: datetime, now: datetime
) -> None:
    """Announced a day before, with the category to come; then done."""
    template, coming = _template(account, value), _text(value, "correct_category")
    new = _text(value, "new_category")
    former = new if coming else _text(value, "previous_category")
    if template and not coming and new in Template.Category.values:
        Template.objects.filter(pk=template.pk).update(category=new)
    raise_alert(
        account,
        "template_recategorised",
        severity=WARNING,
        template=template,
        facts=_facts(
            name=_text(value, "message_template_name"),
            language=_text(value, "message_template_language"),
            former=former,
            category=coming or new,
            is_coming=bool(coming),
            at=_text(value, "category_update_timestamp"),
        ),
        now=now,
    )


def _number_quality(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    event, number = _text(value, "event"), _number(account, value)
    if event == "FLAGGED":
        if number:
            Number.objects.filter(pk=number.pk).update(quality=Quality.RED)
        raise_alert(account, "quality_low", severity=WARNING, number=number, now=now)
    elif event == "UNFLAGGED":
        settle_alert(account, "quality_low", number=number, now=now)
    elif event == "THROUGHPUT_UPGRADE":
        if number:
            Number.objects.filter(pk=number.pk).update(throughput=FASTEST)
        raise_alert(account, "throughput_raised", severity=INFORMATION, number=number, now=now)
    _limit(account, value, at, now)


def _limit(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    given = next((value[name] for name in LIMITS if name in value), None)
    is_known, limit = limit_of(given)
    portfolio = Portfolio.objects.get(pk=account.portfolio_id)
    if not is_known or portfolio.daily_limit == limit:
        return
    Portfolio.objects.filter(pk=portfolio.pk).update(daily_limit=limit)
    is_less = limit is not None and (portfolio.daily_limit is None or limit < portfolio.daily_limit)
    kind, opposite = ("limit_lowered", "limit_raised")[:: 1 if is_less else -1]
    settle_alert(account, opposite, now=now)
    raise_alert(
        account,
        kind,
        severity=WARNING if is_less else INFORMATION,
        facts={"former": portfolio.daily_limit, "limit": limit},
        now=now,
    )


def limit_of(given: Any) -> tuple[bool, int | None]:
    """Whether this is a messaging limit, and how many people a day it is (None: as many as one likes)."""
    if isinstance(given, str):
        if tier := _TIER.fullmatch(given):
            return True, int(tier[1][:6]) * (1000 if tier[2] else 1)
        if given in {"TIER_UNLIMITED", "-1"}:
            return True, None
        return (True, int(given)) if given.isdecimal() and len(given) < 10 else (False, None)
    if isinstance(given, int) and not isinstance(given, bool) and -1 <= given < 2**31:
        return True, None if given == -1 else given
    return False, None


def _name(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    number, decision = _number(account, value), _text(value, "decision")
    name = _text(value, "requested_verified_name")
    if number:
        changes = {"name_status": decision[:40]}
        if decision == "APPROVED" and name:
            changes["verified_name"] = name[:120]
        Number.objects.filter(pk=number.pk).update(**changes)
    if decision == "REJECTED":
        reason = _text(value, "rejection_reason")
        raise_alert(
            account, "name_rejected", severity=WARNING, number=number,
            facts=_facts(name=name, reason=reason), now=now,
        )  # fmt: skip
    elif decision == "APPROVED":
        settle_alert(account, "name_rejected", number=number, now=now)


def _account(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    violation, ban = _part(value, "violation_info"), _part(value, "ban_info")
    restrictions = value.get("restriction_info")
    if violation:
        what = _text(violation, "violation_type")
        _alarm(account, "account_violation", now, what=what)
    if restrictions:
        parts = restrictions if isinstance(restrictions, list) else [restrictions]
        parts = [part for part in parts if isinstance(part, dict)]
        _alarm(
            account,
            "account_restricted",
            now,
            what=", ".join(filter(None, (_text(part, "restriction_type") for part in parts))),
            at=max((_text(part, "expiration") for part in parts), default=""),
        )
    if ban:
        state = _text(ban, "waba_ban_state")
        if state == "REINSTATE":
            for kind in ("account_banned", "account_restricted", "account_violation"):
                settle_alert(account, kind, now=now)
        else:
            _alarm(account, "account_banned", now, what=state, date=_text(ban, "waba_ban_date"))
    if _text(value, "event") == "ACCOUNT_DELETED":
        _alarm(account, "account_deleted", now)


def _review(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    decision = _text(value, "decision")
    if decision == "REJECTED":
        _alarm(account, "account_review_rejected", now)
    elif decision == "APPROVED":
        settle_alert(account, "account_review_rejected", now=now)


def _provider_alert(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    alert = _part(value, "alert_info")
    what = _text(alert, "alert_type")
    kind = f"provider_alert:{what}"[:60]
    if _text(alert, "alert_status") == "NONE":
        settle_alert(account, kind, now=now)
        return
    severity = {"CRITICAL": CRITICAL, "WARNING": WARNING}.get(_text(alert, "alert_severity"))
    raise_alert(
        account,
        kind,
        severity=severity or INFORMATION,
        facts=_facts(
            what=what,
            description=_text(alert, "alert_description"),
            entity=_text(value, "entity_type"),
        ),
        now=now,
    )


def _security(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    """Somebody changes the PIN of the number: whoever it is, the officer on duty must know."""
    kind = {
        "PIN_CHANGED": "pin_changed",
        "PIN_RESET_REQUEST": "pin_reset_requested",
        "PIN_REQUEST_SUCCESS": "pin_reset_done",
    }.get(_text(value, "event"), "security_notice")
    raise_alert(
        account,
        kind,
        severity=CRITICAL,
        number=_number(account, value),
        facts=_facts(
            number=_text(value, "display_phone_number"),
            what=_text(value, "event"),
            requester=_text(value, "requester"),
        ),
        now=now,
    )


def _flow(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    flow_id, status = _text(value, "flow_id")[:40], _text(value, "new_status")
    kind = f"flow_stopped:{flow_id}"[:60]
    flow = Flow.objects.filter(account=account, external_id=flow_id).first()
    if not status:
        return
    Flow.objects.filter(account=account, external_id=flow_id).update(status=status[:20])
    if status in {"BLOCKED", "THROTTLED"}:
        raise_alert(
            account, kind, severity=WARNING,
            facts=_facts(name=flow.name if flow else flow_id, what=status,
                         description=_text(value, "message")),
            now=now,
        )  # fmt: skip
    elif status in {"PUBLISHED", "DEPRECATED"}:
        settle_alert(account, kind, now=now)


def _errors(account: Account, value: dict[str, Any], at: datetime, now: datetime) -> None:
    """Errors that belong to no message."""
    number = account.numbers.filter(external_id=_text(value, "phone_number_id")).first()
    errors = value.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if not isinstance(error, dict):
            continue
        code = error.get("code")
        outcome = ADAPTERS[account.channel].outcome_of(error)
        raise_alert(
            account,
            f"provider_error:{code}"[:60],
            severity=CRITICAL if outcome.reaction is Reaction.STOP else INFORMATION,
            number=number,
            facts=_facts(
                code=code if isinstance(code, int) else None,
                title=_text(error, "title"),
                details=_text(_part(error, "error_data"), "details") or _text(error, "message"),
            ),
            now=now,
        )


# Content that was changed at the provider, and what has no alert of its own, comes with the next question.
REACTIONS: dict[str, Callable[[Account, dict[str, Any], datetime, datetime], None]] = {
    "account_alerts": _provider_alert,
    "account_review_update": _review,
    "account_update": _account,
    "business_capability_update": _limit,
    "errors": _errors,
    "flows": _flow,
    "message_template_quality_update": _template_quality,
    "message_template_status_update": _template_state,
    "phone_number_name_update": _name,
    "phone_number_quality_update": _number_quality,
    "security": _security,
    "template_category_update": _template_category,
}


def _alarm(account: Account, kind: str, now: datetime, **facts: Any) -> None:
    raise_alert(account, kind, severity=CRITICAL, facts=_facts(**facts), now=now)


def _template(account: Account, value: Mapping[str, Any]) -> Template | None:
    """The template that a notice names, by the provider's id or else by name and language."""
    templates = Template.objects.filter(account=account).select_for_update()
    external_id = _text(value, "message_template_id")
    named = templates.filter(
        name=_text(value, "message_template_name"),
        language=_text(value, "message_template_language"),
    )
    return (external_id and templates.filter(external_id=external_id).first()) or named.first()


def _number(account: Account, value: Mapping[str, Any]) -> Number | None:
    """The number that a notice names as people dial it; the only one, if there is but one."""
    numbers = list(account.numbers.all())
    digits = _digits(_text(value, "display_phone_number"))
    if len(numbers) == 1:
        return numbers[0]
    return next((number for number in numbers if _digits(number.display) == digits), None)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())


def _part(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    """The provider writes some ids and times as numbers."""
    text = value.get(key)
    if isinstance(text, int) and not isinstance(text, bool):
        return str(text)[:500]
    return text[:500] if isinstance(text, str) else ""


def _facts(**facts: Any) -> dict[str, Any]:
    """Only what is there."""
    return {key: fact for key, fact in facts.items() if fact not in ("", None)}
