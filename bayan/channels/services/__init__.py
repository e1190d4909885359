"""Everything that changes accounts and messages on channels; the way to the adapters."""

from bayan.channels.services.accounts import save_account
from bayan.channels.services.health import raise_alert, settle_alert
from bayan.channels.services.incoming import parse, verify
from bayan.channels.services.sending import (
    GIVE_UP_AFTER,
    IN_FLIGHT,
    NotUncertain,
    TextTooLong,
    choices_content,
    claim,
    deliver,
    release_stranded,
    resend,
    send,
    settle,
    text_content,
)
from bayan.channels.services.statuses import RANK, apply_statuses

__all__ = [
    "GIVE_UP_AFTER",
    "IN_FLIGHT",
    "RANK",
    "NotUncertain",
    "TextTooLong",
    "apply_statuses",
    "choices_content",
    "claim",
    "deliver",
    "parse",
    "raise_alert",
    "release_stranded",
    "resend",
    "save_account",
    "send",
    "settle",
    "settle_alert",
    "text_content",
    "verify",
]
