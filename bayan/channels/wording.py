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

from bayan.channels.models import BY_HAND, Account, Alert
from bayan.core.templatetags.bayan import failure, left_to_right

Text = str | Promise


@dataclass(frozen=True)
class Words:
    """A trouble, said to a person."""

    title: Text  # what happened
    why: Text = ""
    todo: Text = ""


TOKEN_REMEDY = gettext_lazy(
    "Have a new access token made at the provider and enter it in the account: "
    "the number goes on by itself."
)
# Why nothing goes out any more, by the provider's code (class P of reference 1.14).
STOPS: dict[int, Words] = {
    0: Words(
        gettext_lazy("WhatsApp does not accept the access token"),
        gettext_lazy("It has expired, was withdrawn, or is not one of this account."),
        TOKEN_REMEDY,
    ),
    190: Words(
        gettext_lazy("The access token has expired"),
        gettext_lazy("WhatsApp does not let us in any more. What is waiting stays in the queue."),
        TOKEN_REMEDY,
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
# Those of the gateways of text messages, and of a mail server (535).
STOPS[401] = Words(
    gettext_lazy("The provider does not accept the account's key"),
    gettext_lazy("It has expired, was withdrawn, or is not one of this account."),
    gettext_lazy("Have a new key made at the provider and enter it in the account."),
)
STOPS[402] = STOPS[401]
STOPS[535] = Words(
    gettext_lazy("The mail server does not let us in"),
    gettext_lazy("The user name or the password is not right any more."),
    gettext_lazy("Enter the right password in the account."),
)
STOPS[403] = Words(
    gettext_lazy("The provider does not let this server in"),
    gettext_lazy("It takes messages only from addresses that it was told of."),
    gettext_lazy("Tell the provider this server's address, then let the sender go on."),
)
STOPS[901] = Words(
    gettext_lazy("The account's balance is used up"),
    gettext_lazy("The provider sends nothing more until it is charged."),
    gettext_lazy("Charge the account at the provider, then let the sender go on."),
)
STOPS[480] = Words(
    gettext_lazy("The sender's name is not permitted"),
    gettext_lazy("It is not registered with the operators, or no longer."),
    gettext_lazy("Have the name registered at the provider, then let the sender go on."),
)
STOPS[908] = STOPS[480]
STOPPED = Words(
    gettext_lazy("Sending has stopped"),
    gettext_lazy("WhatsApp refused a message for a reason that only a person can mend."),
    gettext_lazy("Mend the cause at the provider, then let the number go on."),
)

ALERTS: dict[str, Words] = {
    "token_refused": STOPS[0],
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
    "template_rejected": Words(
        gettext_lazy("WhatsApp has rejected a template"),
        gettext_lazy("It does not fit its rules, or its category is another one."),
        gettext_lazy("Read the reason at the template, change the text and submit it again."),
    ),
    "template_flagged": Words(
        gettext_lazy("A template is about to be paused"),
        gettext_lazy("Many people blocked or reported the messages made with it."),
        gettext_lazy("Use it less, and only for people who expect it; or change its text."),
    ),
    "template_full": Words(
        gettext_lazy("The account has as many templates as WhatsApp permits"),
        gettext_lazy("No further template is taken."),
        gettext_lazy("Delete templates that nobody uses any more."),
    ),
    "template_quality_low": Words(
        gettext_lazy("A template's quality is falling"),
        gettext_lazy("Some people blocked or reported the messages made with it."),
        gettext_lazy("Look at whom it goes to; if it falls further, WhatsApp pauses it."),
    ),
    "template_recategorised": Words(
        gettext_lazy("WhatsApp puts a template into another category"),
        gettext_lazy("Awareness and news cost more, and may be stopped by each person."),
        gettext_lazy("If the category is wrong, ask for a review at the provider."),
    ),
    "limit_lowered": Words(
        gettext_lazy("Fewer people may be reached each day"),
        gettext_lazy("WhatsApp has lowered the messaging limit."),
        gettext_lazy("Look at the quality of the numbers, and send less to many for some days."),
    ),
    "limit_raised": Words(
        gettext_lazy("More people may be reached each day"),
        gettext_lazy("WhatsApp has raised the messaging limit."),
    ),
    "throughput_raised": Words(
        gettext_lazy("The number sends faster now"),
        gettext_lazy("WhatsApp permits it 1,000 messages a second."),
    ),
    "name_rejected": Words(
        gettext_lazy("WhatsApp has rejected the name that people see"),
        gettext_lazy("It does not fit its rules for names."),
        gettext_lazy("Choose another name at the provider and submit it."),
    ),
    "account_violation": Words(
        gettext_lazy("WhatsApp reports that the account broke its rules"),
        gettext_lazy("If it happens again, it is restricted and then closed."),
        gettext_lazy(
            "Read the reason in the provider's account centre, stop what caused it, or ask for a review."
        ),
    ),
    "account_restricted": Words(
        gettext_lazy("WhatsApp has restricted the account"),
        gettext_lazy("Some messages are not taken for a time."),
        gettext_lazy("Read what is restricted in the provider's account centre; ask for a review."),
    ),
    "account_banned": Words(
        gettext_lazy("WhatsApp closes the account, or has closed it"),
        gettext_lazy("Nothing can be sent or received then."),
        gettext_lazy("Ask for a review in the provider's account centre at once."),
    ),
    "account_deleted": Words(
        gettext_lazy("The account was deleted at WhatsApp"),
        gettext_lazy("Nothing can be sent or received through it any more."),
        gettext_lazy("Find out who deleted it, and whether it can be had back."),
    ),
    "account_review_rejected": Words(
        gettext_lazy("WhatsApp did not approve the account"),
        gettext_lazy("Its review found something that does not fit."),
        gettext_lazy("Correct the details in the provider's account centre and ask again."),
    ),
    "pin_changed": Words(
        gettext_lazy("The number's PIN was changed"),
        gettext_lazy("Whoever knows it can register the number elsewhere."),
        gettext_lazy("If nobody of yours did it, tell the security officer at once."),
    ),
    "pin_reset_requested": Words(
        gettext_lazy("Somebody asks to reset the number's PIN"),
        gettext_lazy("Whoever gets it can register the number elsewhere."),
        gettext_lazy("If nobody of yours did it, tell the security officer at once."),
    ),
    "pin_reset_done": Words(
        gettext_lazy("The number's PIN was reset"),
        gettext_lazy("Whoever knows it can register the number elsewhere."),
        gettext_lazy("If nobody of yours did it, tell the security officer at once."),
    ),
    "flow_stopped": Words(
        gettext_lazy("WhatsApp has stopped or slowed down a form"),
        gettext_lazy("People cannot open it, or only a few can."),
        gettext_lazy("Look at the form at the provider; ask in words until it is mended."),
    ),
    "files_wait": Words(
        gettext_lazy("Files that people sent cannot be fetched"),
        gettext_lazy("WhatsApp does not let us in with the access token."),
        gettext_lazy(
            "Enter a new access token in the account within seven days: WhatsApp deletes them after that."
        ),
    ),
    "mailbox_unreachable": Words(
        gettext_lazy("The mailbox cannot be read"),
        gettext_lazy("What comes back as undeliverable is not seen meanwhile."),
        gettext_lazy("Look at the mailbox's address, the user name and the password."),
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
    # Some kinds say after a colon which one it is.
    words = ALERTS.get(alert.kind.partition(":")[0], UNKNOWN)
    if alert.kind == "token_refused" and not alert.account.is_whatsapp:
        return STOPS[535 if alert.account.channel == Account.Channel.EMAIL else 401]
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
        "bounced": _("The mail server could not deliver it."),
    }
    return ours.get(str(error.get("title"))) or failure(dict(error))


def of_delay(error: Mapping[str, Any]) -> str:
    """Why messages wait that were tried already."""
    match error.get("code"):
        case None:
            return _("WhatsApp did not answer, or not in time.")
        case 4 | 80007 | 130429:
            return _("WhatsApp asks us to send more slowly.")
        case 131056:
            return _("Too many messages to the same person in a short time.")
        case 131049:
            return _("In WhatsApp's opinion the person gets enough messages already.")
        case 1 | 2 | 131000 | 131016 | 131057 | 133004:
            return _("WhatsApp has a fault of its own for the moment.")
        case _:
            return _("WhatsApp asks us to wait: %(words)s") % {"words": failure(dict(error))}


# What a file is called where its name is nobody's business.
FILES: Mapping[str, Text] = {
    "image": gettext_lazy("picture"),
    "video": gettext_lazy("video"),
    "audio": gettext_lazy("sound file"),
    "voice": gettext_lazy("voice message"),
    "document": gettext_lazy("document"),
    "sticker": gettext_lazy("sticker"),
}


def of_new_token(error: Mapping[str, Any]) -> Words:
    """Why an access token was not taken; the old one is in use as before."""
    title = _("The new access token was not taken")
    todo = _("The old one is in use as before. Have another token made and enter it.")
    if error.get("code") in (0, 190):
        return Words(title, _("WhatsApp does not know it, or it has expired."), todo)
    if number := error.get("number"):
        return Words(
            title,
            _(
                "It does not open the number %(number)s: it lacks the right, "
                "or is another account's."
            )
            % {"number": left_to_right(number)},
            todo,
        )
    return Words(title, _("It answered: %(words)s") % {"words": error.get("title") or ""}, todo)


def of_sync(error: Mapping[str, Any], account: Account) -> Words:
    """Why the provider could not be asked how the account stands."""
    if not account.is_whatsapp:
        return Words(
            _("The provider could not be asked how the account stands"),
            _("It did not answer, or not as expected: %(words)s")
            % {"words": error.get("details") or error.get("title") or "—"},
            _("It is asked again every minute. If it lasts, look at the account's address."),
        )
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
