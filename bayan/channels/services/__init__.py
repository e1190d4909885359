"""Everything that changes accounts and messages on channels; the way to the adapters."""

from bayan.channels.services import templates
from bayan.channels.services.accounts import save_account, want_sync
from bayan.channels.services.claiming import claim, forget_limits
from bayan.channels.services.contents import ContentRefused, TextTooLong, compose
from bayan.channels.services.handing import (
    deliver,
    keep_upload,
    mark_read,
    take_read_marks,
    tell_read,
    upload,
)
from bayan.channels.services.health import (
    AlertRaisedAgain,
    mark_settled,
    raise_alert,
    reopen_alert,
    settle_alert,
)
from bayan.channels.services.incoming import follow_contact, note_received, parse, verify
from bayan.channels.services.media import (
    Expected,
    FileMissing,
    FileNotAllowed,
    FileTooLarge,
    expect_files,
    keep_file,
    media_path,
    what_is_allowed,
)
from bayan.channels.services.notices import apply_notices
from bayan.channels.services.pausing import (
    AlreadyStopped,
    NotStopped,
    resume_after_token,
    resume_number,
    stop_number,
)
from bayan.channels.services.restoring import doubt_unsent
from bayan.channels.services.sending import (
    NotHeld,
    NotUncertain,
    expire_held,
    release_held,
    resend,
    send,
    withdraw,
)
from bayan.channels.services.settling import GIVE_UP_AFTER, IN_FLIGHT, release_stranded, settle
from bayan.channels.services.statuses import RANK, apply_statuses

__all__ = [
    "GIVE_UP_AFTER",
    "IN_FLIGHT",
    "RANK",
    "AlertRaisedAgain",
    "AlreadyStopped",
    "ContentRefused",
    "Expected",
    "FileMissing",
    "FileNotAllowed",
    "FileTooLarge",
    "NotHeld",
    "NotStopped",
    "NotUncertain",
    "TextTooLong",
    "apply_notices",
    "apply_statuses",
    "claim",
    "compose",
    "deliver",
    "doubt_unsent",
    "expect_files",
    "expire_held",
    "follow_contact",
    "forget_limits",
    "keep_file",
    "keep_upload",
    "mark_read",
    "mark_settled",
    "media_path",
    "note_received",
    "parse",
    "raise_alert",
    "release_held",
    "release_stranded",
    "reopen_alert",
    "resend",
    "resume_after_token",
    "resume_number",
    "save_account",
    "send",
    "settle",
    "settle_alert",
    "stop_number",
    "take_read_marks",
    "tell_read",
    "templates",
    "upload",
    "verify",
    "want_sync",
    "what_is_allowed",
    "withdraw",
]
