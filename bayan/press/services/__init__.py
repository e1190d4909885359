"""Everything that changes stories, the register of journalists, and what is sent to them."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from bayan.press.services.approving import (
    WANTED,
    ApproversMissing,
    CodeWanted,
    ConsentMissing,
    MayNotApprove,
    NothingAsked,
    VersionChanged,
    ask_approval,
    decide_approval,
    describe_stories,
    follow_ended,
    follow_passed_on,
    is_grave,
    may_approve,
)
from bayan.press.services.comparing import compare_files
from bayan.press.services.destroying import OVER, destroy
from bayan.press.services.gathering import hear, receive_choice, tend_gathering
from bayan.press.services.journalists import (
    Facts,
    Listed,
    ListNameTaken,
    NameMissing,
    NobodyToAdd,
    PhoneTaken,
    PhoneUnusable,
    TooManyLines,
    delete_list,
    end_journalist,
    import_list,
    lines_of,
    read_list,
    save_journalist,
    save_list,
)
from bayan.press.services.links import (
    LinkIsOver,
    LinkNotPossible,
    Opened,
    StillEmbargoed,
    copy_link,
    file_behind,
    files_behind,
    open_link,
)
from bayan.press.services.mailing import NEWS_LAST, mail_failed
from bayan.press.services.parts import (
    STORY,
    EmbargoInThePast,
    ReasonMissing,
    StoryMoved,
    TextMissing,
    note,
)
from bayan.press.services.releasing import (
    COPY,
    WORDS_LAST,
    NobodyReached,
    ReleaseOver,
    VersionNotApproved,
    deliver,
    pause_release,
    release,
    resume_release,
    withdraw_release,
    words_for,
)
from bayan.press.services.saying import tell_news
from bayan.press.services.stories import (
    Edit,
    NoNumber,
    Request,
    TooManyFiles,
    Upload,
    add_files,
    decline,
    edit,
    give_back,
    hand_in,
    hand_in_again,
    hand_over,
    publish,
    take,
    withdraw,
)
from bayan.press.services.ways import (
    Reach,
    fitting_templates,
    journalists_of,
    mail_number,
    reach,
    sending_number,
)

DUE = """
    SELECT EXISTS (SELECT FROM press_story WHERE sums_at <= %(now)s)
        OR EXISTS (SELECT FROM press_story WHERE asks_at <= %(now)s)
        OR EXISTS (SELECT FROM press_story WHERE gathers_until <= %(now)s)
        OR EXISTS (SELECT FROM press_storynews WHERE told_at IS NULL)
        OR EXISTS (SELECT FROM press_storyfile WHERE NOT is_compared)
        OR EXISTS (SELECT FROM press_release WHERE state = 'running' AND not_before <= %(now)s)
        OR EXISTS (SELECT FROM press_release WHERE forgotten_at IS NULL AND finished_at < %(long_ago)s)
        OR EXISTS (
            SELECT FROM channels_outgoing o JOIN press_copy c ON c.outgoing_id = o.id
            JOIN press_release r ON r.id = c.release_id
            WHERE o.state = 'failed' AND o.failed_at > %(lately)s AND o.subject_type = 'press.copy'
            AND c.state = 'queued' AND c.failed_id IS NULL AND NOT c.is_by_email
            AND r.state IN ('running', 'finished')
        )
"""


def _is_due(*, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"now": now, "long_ago": now - WORDS_LAST, "lately": now - NEWS_LAST})
        return bool(cursor.fetchone()[0])


def tend(*, now: datetime) -> int:
    """What the worker does for stories each second; returns how much was done.

    One statement while nothing is due.
    """
    if not _is_due(now=now):
        return 0
    return tend_gathering(now=now) + tell_news(now=now) + deliver(now=now) + mail_failed(now=now)


__all__ = [
    "COPY",
    "OVER",
    "STORY",
    "WANTED",
    "ApproversMissing",
    "CodeWanted",
    "ConsentMissing",
    "Edit",
    "EmbargoInThePast",
    "Facts",
    "LinkIsOver",
    "LinkNotPossible",
    "ListNameTaken",
    "Listed",
    "MayNotApprove",
    "NameMissing",
    "NoNumber",
    "NobodyReached",
    "NobodyToAdd",
    "NothingAsked",
    "Opened",
    "PhoneTaken",
    "PhoneUnusable",
    "Reach",
    "ReasonMissing",
    "ReleaseOver",
    "Request",
    "StillEmbargoed",
    "StoryMoved",
    "TextMissing",
    "TooManyFiles",
    "TooManyLines",
    "Upload",
    "VersionChanged",
    "VersionNotApproved",
    "add_files",
    "ask_approval",
    "compare_files",
    "copy_link",
    "decide_approval",
    "decline",
    "delete_list",
    "deliver",
    "describe_stories",
    "destroy",
    "edit",
    "end_journalist",
    "file_behind",
    "files_behind",
    "fitting_templates",
    "follow_ended",
    "follow_passed_on",
    "give_back",
    "hand_in",
    "hand_in_again",
    "hand_over",
    "hear",
    "import_list",
    "is_grave",
    "journalists_of",
    "lines_of",
    "mail_number",
    "may_approve",
    "note",
    "open_link",
    "pause_release",
    "publish",
    "reach",
    "read_list",
    "receive_choice",
    "release",
    "resume_release",
    "save_journalist",
    "save_list",
    "sending_number",
    "take",
    "tell_news",
    "tend",
    "tend_gathering",
    "withdraw",
    "withdraw_release",
    "words_for",
]
