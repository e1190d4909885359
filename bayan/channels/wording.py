"""Troubles with accounts in the words of who must mend them: what happened, why, what to do.

Alerts are kept as a word and facts (`Alert.kind`), errors as the provider's code; people read sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bayan.channels.models import Alert
from bayan.channels.services.pausing import BY_HAND
from bayan.core.templatetags.bayan import failure

Text = str | Promise


@dataclass(frozen=True)
class Words:
    """A trouble, said to a person."""

    title: Text  # what happened
    why: Text = ""
    todo: Text = ""


# Why nothing goes out any more, by the provider's code (class P of reference 1.14).
STOPS: dict[int, Words] = {
    0: Words(
        gettext_lazy("WhatsApp does not accept the access token"),
        gettext_lazy("The token was withdrawn, or is not one of this account."),
        gettext_lazy("Have a new access token made at the provider and enter it in the account."),
    ),
    190: Words(
        gettext_lazy("The access token has expired"),
        gettext_lazy("WhatsApp does not let us in any more. What is waiting stays in the queue."),
        gettext_lazy(
            "Have a new access token made at the provider and enter it in the account: "
            "the number goes on by itself."
        ),
    ),
    33: Words(
        gettext_lazy("WhatsApp does not know this number any more"),
        gettext_lazy("It was deleted or moved to another account at the provider."),
        gettext_lazy("Look at the number at the provider, then let it go on."),
    ),
    368: Words(
        gettext_lazy("WhatsApp has blocked the account"),
        gettext_lazy("In its opinion the messages broke its rules."),
        gettext_lazy(
            "Read the reason in the provider's account centre and ask for a review; send "
            "nothing to many until then."
        ),
    ),
    131031: Words(
        gettext_lazy("WhatsApp has locked the account"),
        gettext_lazy("Its rules were broken, or the two-step PIN does not fit."),
        gettext_lazy(
            "Read the reason in the provider's account centre, ask for a review, then let the number go on."
        ),
    ),
    131042: Words(
        gettext_lazy("The payment to WhatsApp does not work"),
        gettext_lazy("The payment method is missing, has expired or is used up."),
        gettext_lazy("Mend the payment method at the provider, then let the number go on."),
    ),
    131045: Words(
        gettext_lazy("The number is not registered at WhatsApp"),
        gettext_lazy("Its registration failed or was withdrawn."),
        gettext_lazy("Register the number at the provider again, then let it go on."),
    ),
    131048: Words(
        gettext_lazy("WhatsApp limits this number for now"),
        gettext_lazy("Too many people blocked it or reported its messages."),
        gettext_lazy(
            "Stop what goes to many, wait for a day and look at the quality; then let the number go on."
        ),
    ),
    131064: Words(
        gettext_lazy("WhatsApp limits the templates of this account"),
        gettext_lazy("Templates were filed as a service although they advertise."),
        gettext_lazy(
            "Correct the category of the templates at the provider, then let the number go on."
        ),
    ),
}
STOPS[131044] = STOPS[131042]
STOPPED = Words(
    gettext_lazy("Sending has stopped"),
    gettext_lazy("WhatsApp refused a message for a reason that only a person can mend."),
    gettext_lazy("Mend the cause at the provider, then let the number go on."),
)

ALERTS: dict[str, Words] = {
    "token_refused": STOPS[190],
    "token_expires": Words(
        gettext_lazy("The access token expires soon"),
        gettext_lazy("After that nothing can be sent and no file can be fetched."),
        gettext_lazy(
            "Have a new one made at the provider and enter it in the account; nothing is interrupted."
        ),
    ),
    "quality_low": Words(
        gettext_lazy("The number's quality is low"),
        gettext_lazy("Many people blocked it or reported its messages in the last seven days."),
        gettext_lazy(
            "Send only what people expect, to those who want it. If it stays low, WhatsApp lowers the limit."
        ),
    ),
    "webhooks_silent": Words(
        gettext_lazy("WhatsApp does not reach us"),
        gettext_lazy(
            "Messages went out, but no confirmation came back. What people write does not come in either."
        ),
        gettext_lazy(
            "Compare the callback address at the provider with the one in the account, "
            "and look at the network."
        ),
    ),
    "template_stopped": Words(
        gettext_lazy("WhatsApp has paused a template"),
        gettext_lazy("People blocked or reported the messages made with it."),
        gettext_lazy(
            "Change its text and submit it again. Broadcasts that use it stand still until then."
        ),
    ),
    "files_wait": Words(
        gettext_lazy("Files that people sent cannot be fetched"),
        gettext_lazy("WhatsApp does not let us in with the access token."),
        gettext_lazy(
            "Enter a new access token in the account within seven days: WhatsApp deletes them after that."
        ),
    ),
    "storage_failed": Words(
        gettext_lazy("Files cannot be stored"),
        gettext_lazy("The server's disk is full or cannot be written."),
        gettext_lazy("Tell who runs the server. The files are fetched again by themselves."),
    ),
}
UNKNOWN = Words(
    gettext_lazy("WhatsApp reports a problem with the account"),
    "",
    gettext_lazy("Look at the account at the provider. If it is mended, mark it as settled."),
)


def of_alert(alert: Alert) -> Words:
    """The alert in words; what the provider said beside it stays in its own."""
    if alert.kind == "sending_stopped":
        return of_stop(alert.facts)
    words = ALERTS.get(alert.kind, UNKNOWN)
    if alert.kind == "token_expires" and (at := _moment(alert.facts.get("at"))):
        day = date_format(timezone.localtime(at), "DATE_FORMAT")
        return Words(
            words.title,
            _("It is valid until %(day)s. %(why)s") % {"day": day, "why": words.why},
            words.todo,
        )
    said = alert.facts.get("description") or alert.facts.get("details")
    if words is UNKNOWN and isinstance(said, str) and said:
        return Words(words.title, said, words.todo)
    return words


def of_stop(error: Mapping[str, Any] | None) -> Words:
    """Why a number stands still."""
    error = error or {}
    if error.get("title") == BY_HAND:
        return Words(
            _("The number was stopped by hand"),
            str(error.get("reason") or ""),
            _("What is waiting goes out as soon as you let the number go on."),
        )
    code = error.get("code")
    return STOPS.get(code, STOPPED) if isinstance(code, int) else STOPPED


def of_failure(error: Mapping[str, Any]) -> str:
    """Why messages did not arrive."""
    ours = {
        "expired": _("They were too late to be of use and were not sent."),
        "opted out": _("The person does not want such messages."),
        "withdrawn": _("They were taken back before they were sent."),
    }
    return ours.get(str(error.get("title"))) or failure(dict(error))


def of_sync(error: Mapping[str, Any]) -> Words:
    """Why the provider could not be asked how the account stands."""
    if error.get("title") == "no connection":
        return Words(
            _("WhatsApp could not be asked how the account stands"),
            _("The provider did not answer."),
            _(
                "It is asked again every minute. If it lasts, look at the server's way to the internet."
            ),
        )
    if error.get("code") in (0, 190):
        return Words(
            _("WhatsApp could not be asked how the account stands"),
            _("It does not accept the access token."),
            _("Enter a new access token in the account."),
        )
    said = error.get("details") or error.get("title")
    return Words(
        _("WhatsApp did not say everything about the account"),
        _("It answered: %(words)s") % {"words": said} if said else "",
        _(
            "Check the account's ids and the rights of the access token. It is asked again every minute."
        ),
    )


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
