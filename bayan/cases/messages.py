"""The automatic messages about cases (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Part, Sample, To, Variable, Words, says

TOWN = Sample(_("Khobar"), 24, Part.ROW)
CHOOSE_TOWN = Words(key="cases-where-choose", msgid="Choose the town", part=Part.LIST)
ELSEWHERE = Words(key="cases-where-elsewhere", msgid="Another place", part=Part.ROW)
NAME_OF_PLACE = Variable(pgettext_lazy("variable", "name of the place"), _("Al-Nakheel"), 60)
ADDRESS = Sample("https://bayan.example/inbox/0199…", 120)
CREATE = Words(key="cases-forward-create", msgid="Create a case", part=Part.BUTTON)
JOIN = Words(key="cases-forward-join", msgid="Join %(number)s", part=Part.BUTTON)
FACTS = Words(key="cases-forward-facts", msgid="Ask for facts", part=Part.BUTTON)
NOTE = Words(key="cases-forward-note", msgid="For information", part=Part.BUTTON)
UNDERSTOOD = Words(key="cases-forward-what", msgid="Understood as: %(what)s")
WHERE = Words(key="cases-forward-where", msgid="Place: %(place)s")


def _answer(key: str, msgid: str) -> Words:
    return Words(key=f"cases-content-{key}", msgid=msgid, part=Part.ROW, on_pages=True)


PERSONS = (
    Automatic(
        key="cases-where",
        title=_("Question where it is"),
        when=_(
            "Once a case, at once, when a new report leaves open where it is; not in an emergency nor in a "
            "surge, and only where the account asks. In the language of the report."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-where-pin",
                    msgid=(
                        "Thank you for writing to us. Where is it? Send us the location with the button, or "
                        "write the town and the district."
                    ),
                ),
                asks_place=True,
            ),
            says(
                Words(
                    key="cases-where-named",
                    msgid=(
                        "Thank you for writing to us. There is more than one “%(name)s”. In which town is it?"
                    ),
                    variables={"name": NAME_OF_PLACE},
                ),
                CHOOSE_TOWN,
                TOWN,
                ELSEWHERE,
            ),
            says(
                Words(
                    key="cases-where-towns",
                    msgid="Thank you for writing to us. In which of these towns is it?",
                ),
                CHOOSE_TOWN,
                TOWN,
                ELSEWHERE,
            ),
        ),
    ),
    Automatic(
        key="cases-where-thanks",
        title=_("Thanks for the place"),
        when=_("At once, when the person answers where it is, once a case."),
        to=To.PERSON,
        bubbles=(
            says(Words(key="cases-where-thanks-pin", msgid="Thank you, we have your location.")),
            says(
                Words(
                    key="cases-where-thanks-noted",
                    msgid="Thank you. We noted the place: %(place)s",
                )
            ),
            says(
                Words(
                    key="cases-where-thanks-elsewhere",
                    msgid=(
                        "Thank you. Our colleagues will see to it; you may also write here where it is."
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-near",
        title=_("Question whether it is reported already"),
        when=_(
            "Once a case, when somebody reports what is followed up already within 100 metres; then by what "
            "they answer. In the language in which they write."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-near",
                    msgid=(
                        "Somebody reported this near this place on %(date)s. It is being followed up under "
                        "number %(number)s."
                    ),
                ),
                Words(key="cases-near-question", msgid="Is yours the same?"),
                Words(key="cases-near-same", msgid="It is the same", part=Part.BUTTON),
                Words(key="cases-near-another", msgid="It is another", part=Part.BUTTON),
                join=" ",
            ),
            says(
                Words(
                    key="cases-near-joined",
                    msgid=(
                        "Thank you. You follow it too: you hear here what comes of it. To hear no more of "
                        "it, write: unfollow"
                    ),
                )
            ),
            says(Words(key="cases-near-apart", msgid="Thank you. Yours is followed up by itself.")),
            says(
                Words(
                    key="cases-near-closed",
                    msgid="That one was closed meanwhile. Yours is followed up by itself.",
                )
            ),
        ),
    ),
    Automatic(
        key="cases-follow-promised",
        title=_("When news is expected, to those who follow"),
        when=_(
            "A few minutes after a member has promised news by a time, or by another one, once each time, to "
            "those who follow the report. After 24 hours it waits behind the template that asks them to "
            "write. In the language in which they write."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-follow-promised",
                    msgid=(
                        "On the report that you follow, news is expected by %(time)s. To hear no more of it, "
                        "write: unfollow"
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-reminder",
        title=_("Reminder to who was asked"),
        when=_(
            "Once, twenty hours after somebody was asked for something and did not answer, within their 24 "
            "hours. In the language in which they write."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-reminder",
                    msgid=(
                        "A reminder: we are waiting for your answer, so that we can go on with your report. "
                        "Write to us here, or send a photo or your location."
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-content",
        title=_("Question of satisfaction"),
        when=_(
            "When a case is closed, under the words of whoever closes it, if the person wrote within 24 "
            "hours. The question is in the language in which they write."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Sample(_("The light has been repaired. Thank you for telling us."), 3000),
                Words(key="cases-content", msgid="How was our service?", on_pages=True),
                Words(
                    key="cases-content-rate",
                    msgid="Rate our service",
                    part=Part.LIST,
                    on_pages=True,
                ),
                _answer("5", "very satisfied"),
                _answer("4", "satisfied"),
                _answer("3", "neutral"),
                _answer("2", "dissatisfied"),
                _answer("1", "very dissatisfied"),
                join="\n\n",
            ),
        ),
    ),
    Automatic(
        key="cases-reopened",
        title=_("Sorry that it did not satisfy you"),
        when=_(
            "At once, when the person is dissatisfied with a closed case, which opens again. In the language "
            "in which they write."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-reopened",
                    msgid=(
                        "We are sorry that this did not satisfy you. Your report is open again and is being "
                        "followed up. If you wish, write to us what is still missing."
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-opened-again",
        title=_("Report opened again by us"),
        when=_(
            "At once, when a member opens a closed case again. After 24 hours it waits behind the template "
            "that asks the person to write. In the language in which they write."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-opened-again",
                    msgid=(
                        "We have opened your report again, to look into it once more. You hear here what "
                        "comes of it. Thank you for your patience."
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-unfollowed",
        title=_("No more of what was followed"),
        when=_(
            "At once, when somebody who follows the report of others writes “unfollow”, in the language of "
            "that word."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-unfollowed",
                    msgid=(
                        "You will hear no more of what you followed. What you write to us is answered as "
                        "before."
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-wish",
        title=_("No more messages to many, or again"),
        when=_(
            "At once, when somebody writes “stop” or “subscribe”, in the language of that word."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-wish-none",
                    msgid=(
                        "You will get no more awareness messages and news from us. What you write to us is "
                        "answered as before. To get them again, write: subscribe"
                    ),
                )
            ),
            says(
                Words(
                    key="cases-wish-again",
                    msgid=(
                        "You will get our awareness messages and news again. To stop them, write: stop"
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="cases-surge-thanks",
        title=_("We have your message (surge mode)"),
        when=_(
            "Once in twelve hours to each who writes while surge mode is on. The Arabic is what a new surge "
            "begins with: whoever switches it on may write it otherwise there."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-surge-thanks",
                    longest=900,
                    msgid=(
                        "Thank you for writing to us. We have your message; its number is {reference}.\n"
                        "Many messages are coming in now. We read all of them, and expect to answer you "
                        "{wait}.\n"
                        "This is what we published about it:\n{statement}"
                    ),
                    variables={
                        "wait": Variable(
                            pgettext_lazy("variable", "expected wait"),
                            _("within about two hours"),
                            60,
                        ),
                        "statement": Variable(
                            pgettext_lazy("variable", "statement"),
                            _("The street is closed until Monday; use King Saud Street."),
                            1202,
                        ),
                    },
                )
            ),
        ),
    ),
    Automatic(
        key="cases-surge-statement",
        title=_("Statement in a surge"),
        when=_(
            "When somebody points many to the statement, ten seconds later, to each of them once. In the "
            "language of their report."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="cases-surge-statement",
                    msgid=(
                        "%(statement)s\n\nIf this does not answer what you wrote, write here again and a "
                        "colleague will read it."
                    ),
                    variables={
                        "statement": Variable(
                            pgettext_lazy("variable", "statement"),
                            _("The street is closed until Monday; use King Saud Street."),
                            1202,
                        )
                    },
                )
            ),
        ),
    ),
)

MEMBERS = (
    Automatic(
        key="cases-linked",
        title=_("Mobile linked"),
        when=_("At once, when a member sends their code from their mobile."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="cases-linked",
                    msgid="This mobile is linked to your account in Bayan now.",
                )
            ),
        ),
    ),
    Automatic(
        key="cases-forward",
        title=_("What was passed on is taken for"),
        when=_(
            "Within seconds, when a member passes something on to the authority's number; one of these, by "
            "whether an open case matches."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                UNDERSTOOD,
                Words(
                    key="cases-forward-danger",
                    msgid="It may be a danger to life. Look at it now.",
                ),
                WHERE,
                Words(
                    key="cases-forward-matches",
                    msgid="It matches %(count)s report. Likeliest case: %(number)s",
                    plural="It matches %(count)s reports. Likeliest case: %(number)s",
                ),
                Words(key="cases-forward-before", msgid="Passed on before: %(name)s, %(time)s"),
                CREATE,
                JOIN,
                NOTE,
            ),
            says(
                UNDERSTOOD,
                WHERE,
                Words(key="cases-forward-alone", msgid="It matches no open case."),
                CREATE,
                FACTS,
                NOTE,
            ),
        ),
    ),
    Automatic(
        key="cases-unclear",
        title=_("Question what a member's words answer"),
        when=_(
            "Within seconds, when a member writes freely while tasks or letters wait for an answer of "
            "theirs: a list of them, or two buttons where it is one; once for the same words."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(key="cases-unclear-which", msgid="Which of these does your message answer?"),
                Words(key="cases-unclear-choose", msgid="Choose one", part=Part.LIST),
                Sample(_("Circular 1448/12: rain"), 24, Part.ROW),
                Words(key="cases-unclear-none", msgid="It answers none of them", part=Part.ROW),
            ),
            says(
                Words(key="cases-unclear-one", msgid="Is this your answer to “%(what)s”?"),
                Words(key="cases-unclear-yes", msgid="Yes, it is", part=Part.BUTTON),
                Words(key="cases-unclear-no", msgid="No, it is not", part=Part.BUTTON),
            ),
            says(
                Words(key="cases-unclear-again", msgid="You have answered this question already.")
            ),
        ),
    ),
    Automatic(
        key="cases-forward-done",
        title=_("What became of what was passed on"),
        when=_("At once, when a member presses a button under what they passed on."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="cases-forward-created",
                    msgid="Case %(number)s was created of what you passed on.",
                ),
                ADDRESS,
            ),
            says(
                Words(
                    key="cases-forward-joined",
                    msgid="What you passed on is part of case %(number)s now.",
                ),
                ADDRESS,
            ),
            says(
                Words(
                    key="cases-forward-noted",
                    msgid="Kept for information. Nothing else is needed.",
                )
            ),
            says(
                Words(
                    key="cases-forward-created-before",
                    msgid="Case %(number)s was made of it already.",
                ),
                ADDRESS,
            ),
            says(
                Words(
                    key="cases-forward-joined-before",
                    msgid="It is part of case %(number)s already.",
                ),
                ADDRESS,
            ),
            says(
                Words(
                    key="cases-forward-gone",
                    msgid=(
                        "That case is closed or with another body by now. What is to become of it?"
                    ),
                ),
                CREATE,
                NOTE,
            ),
            says(
                Words(
                    key="cases-forward-theirs",
                    msgid="A colleague passed this on; what becomes of it is theirs to decide.",
                )
            ),
        ),
    ),
)

MESSAGES = PERSONS + MEMBERS
