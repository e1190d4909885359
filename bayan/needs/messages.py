"""The automatic messages about needs and bookings (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Part, Sample, To, Variable, Words, says

ADDRESS = Sample("https://bayan.example/needs/0199…", 120)
BOOKING = Sample("https://bayan.example/needs/bookings/0199…", 120)
TITLE = Variable(pgettext_lazy("variable", "subject"), _("Coverage of the opening of a park"), 140)
REASON = Variable(
    pgettext_lazy("variable", "reason"), _("The team is on another event that day."), 1000
)
THING = Variable(pgettext_lazy("variable", "thing"), _("Camera of the media centre"), 80)
# What whoever grants or provides it adds (services.telling cuts it).
REMARK = Sample(_("The photographer calls you a day before."), 500)
OPEN = Sample(_("• Request 482 193 756: Coverage of the opening of a park (granted)"), 1400)
FORMS = Sample(_("• Media coverage: https://bayan.example/needs/ask/coverage/"), 2000)
FORM = Sample(_("*Media coverage*\nBest asked for three working days ahead."), 300)
OPEN_REQUESTS = Words(key="needs-open", msgid="Your open requests:")
ROW = Sample(_("Coverage and photography"), 24, Part.ROW)
CHOOSE = Sample("https://bayan.example/needs/new/", 120)
ASK = Sample("https://bayan.example/needs/new/coverage/", 120)
OF_REQUEST = {"title": TITLE, "reason": REASON}


def _step(key: str, msgid: str) -> Words:
    return Words(key=f"needs-{key}", msgid=msgid, variables=OF_REQUEST)


MESSAGES = (
    Automatic(
        key="needs-told",
        title=_("How a request of needs stands"),
        when=_(
            "Some seconds after each step of a request, to whoever asked, when the step cannot be undone any "
            "more; of several steps the last."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                _step("review", "Your request %(number)s, “%(title)s”, is being looked at."),
                ADDRESS,
            ),
            says(
                _step(
                    "granted",
                    "Good news: your request %(number)s, “%(title)s”, is granted.\nDue: %(time)s",
                ),
                REMARK,
                ADDRESS,
            ),
            says(
                _step(
                    "partly",
                    "Your request %(number)s, “%(title)s”, is granted in part: %(reason)s\n"
                    "Due: %(time)s",
                ),
                ADDRESS,
            ),
            says(
                _step(
                    "refused",
                    "We are sorry that your request %(number)s, “%(title)s”, could not be granted "
                    "this time: %(reason)s",
                ),
                ADDRESS,
            ),
            says(
                _step(
                    "provided",
                    "What you asked for with request %(number)s, “%(title)s”, is ready. Did it come?",
                ),
                REMARK,
                ADDRESS,
                Words(key="needs-confirm", msgid="Yes, it came", part=Part.BUTTON, on_pages=True),
                Words(key="needs-dispute", msgid="Not as agreed", part=Part.BUTTON),
            ),
        ),
    ),
    Automatic(
        key="needs-came",
        title=_("Answer to whether it came"),
        when=_("At once, when whoever asked presses a button under the message that it is ready."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(key="needs-came", msgid="Thank you: it is noted that it came.", on_pages=True)
            ),
            says(
                Words(
                    key="needs-missing",
                    msgid=(
                        "Write on this page what is missing; it goes to whoever provides it:\n%(page)s"
                    ),
                    variables={
                        "page": Variable(
                            pgettext_lazy("variable", "link"),
                            "https://bayan.example/needs/0199…",
                            120,
                        )
                    },
                )
            ),
            says(Words(key="needs-not-yours", msgid="This request is none of yours.")),
        ),
    ),
    Automatic(
        key="needs-asked",
        title=_("Answer to “needs”"),
        when=_(
            "At once, when a member writes “needs”: how their open requests stand, and a link for each kind "
            "of new one."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                OPEN_REQUESTS,
                OPEN,
                Words(key="needs-ask", msgid="What do you need? A minute is enough:"),
                FORMS,
            ),
            says(
                OPEN_REQUESTS,
                OPEN,
                Words(key="needs-choose", msgid="What do you need? Choose it from the list."),
                CHOOSE,
                Words(key="needs-list", msgid="Choose what you need", part=Part.LIST),
                ROW,
            ),
            says(Words(key="needs-no-role", msgid="Your role does not include requests of needs.")),
        ),
    ),
    Automatic(
        key="needs-form",
        title=_("The form of a request"),
        when=_(
            "At once, when a member chooses what they need from the list, and when the form comes back."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                FORM,
                ASK,
                Words(key="needs-fill-in", msgid="Fill in the request", part=Part.BUTTON),
            ),
            says(
                Words(
                    key="needs-asked-now",
                    msgid="It is asked, under number %(number)s. You are told at each step.",
                ),
                ADDRESS,
            ),
        ),
    ),
    Automatic(
        key="needs-cancelled",
        title=_("A booking that was cancelled"),
        when=_(
            "Some seconds after somebody else cancels a booking, to whoever booked, with the reason."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="needs-cancelled",
                    msgid=(
                        "We are sorry: your booking of %(thing)s, %(time)s, had to be cancelled. %(reason)s"
                    ),
                    variables={"thing": THING, "reason": REASON},
                ),
                BOOKING,
            ),
        ),
    ),
    Automatic(
        key="needs-cancelled-short",
        title=_("A booking that was cancelled, in a line"),
        when=_("In the approved template, when whoever booked has not written for a day."),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(
                Words(
                    key="needs-cancelled-short",
                    msgid="Booking cancelled: %(thing)s",
                    variables={"thing": THING},
                )
            ),
        ),
    ),
)
