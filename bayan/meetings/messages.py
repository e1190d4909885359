"""The automatic messages about polls and meetings (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Part, Sample, To, Variable, Words, says

POLL_PAGE = Sample("https://bayan.example/meetings/polls/0199…", 120)
MEETING_PAGE = Sample("https://bayan.example/meetings/0199…", 120)
QUESTION = Sample(_("*Poll: On which day shall the directors meet?*"), 310)
ANSWERS = Sample(_("1. Sunday\n2. Monday\n3. Tuesday"), 1040)
FEW_ANSWERS = Sample(_("1. Sunday\n2. Monday\n3. Tuesday"), 80)
ROW = Sample(pgettext_lazy("sample", "Sunday"), 24, Part.ROW)
INVITED_TO = Sample(_("*Invitation to a meeting: Periodic meeting of directors*"), 180)
AGENDA = Sample(_("1. Follow-up of the decisions of the last meeting\n2. Rainy season"), 90)
MOVED = Words(key="meetings-moved", msgid="Meeting moved")
QUESTION_OF = Variable(
    pgettext_lazy("variable", "question"), _("On which day shall the directors meet?"), 300
)
TITLE = Variable(pgettext_lazy("variable", "title"), _("Periodic meeting of directors"), 140)
REASON = Variable(pgettext_lazy("variable", "reason"), _("The chair is on a journey."), 500)
ANSWER = Variable(pgettext_lazy("variable", "answer"), _("Sunday"), 100)
ANSWERED = Variable(pgettext_lazy("variable", "answers"), _("Sunday, Monday"), 400)
PLACE = Variable(pgettext_lazy("variable", "place"), _("Great hall, third floor"), 120)
LINK = Variable(pgettext_lazy("variable", "link"), "https://meet.example/directors", 200)
CALENDAR = Variable(
    pgettext_lazy("variable", "link"), "https://bayan.example/meetings/0199…/calendar.ics", 120
)
VOTED = Variable(pgettext_lazy("variable", "how many voted"), "9", 5)
ASKED = Variable(pgettext_lazy("variable", "how many are asked"), "12", 5)
SHARE = Variable(pgettext_lazy("variable", "percent"), "75", 3)
NEEDED = Variable(pgettext_lazy("variable", "how many are needed"), "7", 5)
# The same text as that of tasks and letters, by the same key.
FROM = Words(key="work-from", msgid="From: %(body)s")
NEVER_MIND = Words(key="work-never-mind", msgid="All right, nothing was changed.")


def _w(
    key: str,
    msgid: str,
    part: Part = Part.TEXT,
    *,
    on_pages: bool = False,
    **variables: Variable,
) -> Words:
    return Words(
        key=f"meetings-{key}", msgid=msgid, part=part, on_pages=on_pages, variables=variables
    )


UNTIL = _w("until", "Until: %(time)s")
CHOOSE = _w("choose", "Choose an answer", Part.LIST)
SECRET = _w("secret", "It is secret: vote on its page, where nobody sees who chose what.")
BEGINS = _w("begins", "Begins: %(time)s")
WHERE = (
    _w("place", "Place: %(place)s", place=PLACE),
    _w("link", "Link: %(address)s", address=LINK),
)
BUTTONS = (
    _w("comes", "I come", Part.BUTTON, on_pages=True),
    _w("excused", "I cannot come", Part.BUTTON, on_pages=True),
    _w("sends", "Somebody for me", Part.BUTTON, on_pages=True),
)

MESSAGES = (
    Automatic(
        key="meetings-deputy",
        title=_("To a deputy, of polls and meetings"),
        when=_(
            "Over the question of a poll, its reminder, an invitation and its reminder, when they go to "
            "whoever stands in for somebody."
        ),
        to=To.MEMBER,
        bubbles=(says(_w("deputy", "In place of %(name)s, for whom you stand in:")),),
    ),
    Automatic(
        key="meetings-poll",
        title=_("A poll"),
        when=_(
            "Some seconds after a poll is sent, to everybody who is asked; and again when one of them "
            "presses a template's button. Up to three short answers are buttons, others a list; a secret "
            "poll is voted on its page only."
        ),
        to=To.MEMBER,
        bubbles=(
            says(QUESTION, FROM, UNTIL, FEW_ANSWERS, POLL_PAGE),
            says(QUESTION, FROM, UNTIL, ANSWERS, POLL_PAGE, CHOOSE, ROW),
            says(QUESTION, FROM, UNTIL, ANSWERS, SECRET, POLL_PAGE),
        ),
    ),
    Automatic(
        key="meetings-poll-reminder",
        title=_("Reminder of a poll"),
        when=_("Once, when two thirds of its time are over, to whoever has not voted."),
        to=To.MEMBER,
        bubbles=(
            says(
                _w("reminder", "A reminder: your vote is still missing."),
                QUESTION,
                FROM,
                UNTIL,
                FEW_ANSWERS,
                POLL_PAGE,
            ),
        ),
    ),
    Automatic(
        key="meetings-poll-answer",
        title=_("Answer to a vote"),
        when=_("At once, when somebody votes in WhatsApp, by a button, the list or a word."),
        to=To.MEMBER,
        bubbles=(
            says(
                _w("noted", "Noted: %(answer)s. You may choose anew until %(time)s.", answer=ANSWER)
            ),
            says(
                _w(
                    "noted-all",
                    "Noted: %(answer)s. Thank you; everybody has voted now.",
                    answer=ANSWER,
                )
            ),
            says(_w("secret-page", "This poll is secret: please vote on its page.\n%(address)s")),
            says(
                _w(
                    "secret-not-here",
                    "This poll is secret: what is written here would bear your name, so it was not counted. "
                    "Please vote on its page.\n%(address)s",
                )
            ),
            says(_w("not-yours", "This question was sent to somebody else.")),
        ),
    ),
    Automatic(
        key="meetings-poll-result",
        title=_("Result of a poll"),
        when=_(
            "When it closes, by its time, by hand or because everybody has voted: to whoever asked and, if "
            "so chosen, to everybody who was asked."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Sample(_("*Result of the poll: On which day shall the directors meet?*"), 330),
                _w(
                    "voted",
                    "%(voted)d of %(asked)d voted (%(share)d%%).",
                    on_pages=True,
                    voted=VOTED,
                    asked=ASKED,
                    share=SHARE,
                ),
                _w(
                    "quorum",
                    "The quorum is reached: %(needed)d were needed.",
                    on_pages=True,
                    needed=NEEDED,
                ),
                Words(
                    key="meetings-most",
                    msgid="Most chose: %(answer)s (%(count)d vote).",
                    plural="Most chose: %(answer)s (%(count)d votes).",
                    on_pages=True,
                    variables={"answer": ANSWER},
                ),
                Sample(_("• Sunday: 6\n• Monday: 3"), 1100),
                POLL_PAGE,
            ),
            says(
                _w(
                    "no-quorum",
                    "The quorum was not reached: %(needed)d were needed. The poll decides nothing.",
                    on_pages=True,
                    needed=NEEDED,
                ),
                _w(
                    "level",
                    "Level with the most votes: %(answers)s.",
                    on_pages=True,
                    answers=ANSWERED,
                ),
            ),
            says(_w("nobody", "Nobody voted.", on_pages=True)),
            says(
                _w(
                    "too-few",
                    "Too few voted to show a secret vote without showing who chose what.",
                    on_pages=True,
                )
            ),
        ),
    ),
    Automatic(
        key="meetings-poll-cancelled",
        title=_("A poll that was cancelled"),
        when=_("Within seconds, to everybody who was asked."),
        to=To.MEMBER,
        bubbles=(
            says(
                _w(
                    "poll-cancelled",
                    "The poll “%(question)s” was cancelled: %(reason)s",
                    question=QUESTION_OF,
                    reason=REASON,
                )
            ),
        ),
    ),
    Automatic(
        key="meetings-poll-short",
        title=_("Polls, in a line"),
        when=_(
            "In the approved template, when somebody has not written for a day, and over an e-mail."
        ),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(_w("poll-short", "Poll: %(question)s", question=QUESTION_OF)),
            says(_w("reminder-short", "Reminder of the poll: %(question)s", question=QUESTION_OF)),
            says(_w("result-short", "Result of the poll: %(question)s", question=QUESTION_OF)),
            says(_w("cancelled-short", "Poll cancelled: %(question)s", question=QUESTION_OF)),
        ),
    ),
    Automatic(
        key="meetings-invitation",
        title=_("The invitation to a meeting"),
        when=_(
            "Some seconds after people are invited, to each of them; and anew when time or place change, "
            "under another heading."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                INVITED_TO,
                BEGINS,
                *WHERE,
                AGENDA,
                _w("calendar", "For your calendar: %(address)s", address=CALENDAR),
                MEETING_PAGE,
                *BUTTONS,
            ),
            says(_w("invitation", "Invitation to a meeting")),
            says(MOVED),
        ),
    ),
    Automatic(
        key="meetings-reminder",
        title=_("Reminder of a meeting"),
        when=_("A day and an hour before it begins, to everybody invited who has not declined."),
        to=To.MEMBER,
        bubbles=(
            says(
                _w("meeting-reminder", "Reminder of the meeting: %(title)s", title=TITLE),
                BEGINS,
                *WHERE,
                MEETING_PAGE,
            ),
        ),
    ),
    Automatic(
        key="meetings-answer",
        title=_("Answer to whether one comes"),
        when=_("At once, when somebody presses a button under an invitation."),
        to=To.MEMBER,
        bubbles=(
            says(_w("you-come", "Noted: you come. You get a reminder a day and an hour before.")),
            says(_w("you-excused", "Noted: you cannot come. Whoever called the meeting sees it.")),
            says(_w("who", "Write in one message the name of whoever comes in your place.")),
            says(_w("who-comes", "Noted: %(name)s comes in your place.")),
            says(NEVER_MIND),
            says(_w("invitation-not-yours", "This invitation was sent to somebody else.")),
            says(_w("over", "This meeting is over, or was cancelled.")),
        ),
    ),
    Automatic(
        key="meetings-cancelled",
        title=_("A meeting that was cancelled"),
        when=_("Within seconds, to everybody who was invited."),
        to=To.MEMBER,
        bubbles=(
            says(
                _w(
                    "cancelled",
                    "The meeting “%(title)s” on %(time)s is cancelled: %(reason)s",
                    title=TITLE,
                    reason=REASON,
                )
            ),
        ),
    ),
    Automatic(
        key="meetings-minutes",
        title=_("Minutes of a meeting"),
        when=_("Within seconds after the chair has approved them, to everybody who was invited."),
        to=To.MEMBER,
        bubbles=(
            says(
                _w(
                    "minutes",
                    "The minutes of the meeting “%(title)s” are approved:\n%(address)s",
                    title=TITLE,
                )
            ),
        ),
    ),
    Automatic(
        key="meetings-short",
        title=_("Meetings, in a line"),
        when=_(
            "In the approved template, when somebody has not written for a day, and over an e-mail."
        ),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(_w("meeting-cancelled-short", "Meeting cancelled: %(title)s", title=TITLE)),
            says(_w("minutes-short", "Minutes of the meeting: %(title)s", title=TITLE)),
        ),
    ),
)
