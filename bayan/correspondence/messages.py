"""The automatic messages about letters (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Part, Sample, To, Variable, Words, says

ADDRESS = Sample("https://bayan.example/letters/0199…", 120)
TITLE = Sample(_("*Circular 1448/12: Working hours in Ramadan*"), 210)
NUMBER = Sample(_("*Classified letter 1448/13*"), 80)
# It is cut to what the rest leaves of a message with buttons (services.sending).
TEXT = Sample(_("Offices are open from 10 to 15 during the month of Ramadan."), 300)
LONG = Sample(_("Offices are open from 10 to 15 during the month of Ramadan."), 640)
LETTER = Variable(pgettext_lazy("variable", "letter"), _("Circular 1448/12"), 80)
WANTED = Words(
    key="letters-wanted",
    msgid="Wanted: %(what)s, by %(time)s",
    variables={"what": Variable(pgettext_lazy("variable", "what is wanted"), _("an answer"), 30)},
)
DIGEST = Words(
    key="letters-digest",
    msgid="Summary of answers: %(letter)s",
    variables={"letter": LETTER},
)
FILL_IN = Words(key="letters-fill-in", msgid="Fill in the form", part=Part.BUTTON)
FILES = Words(
    key="letters-files",
    msgid="%(count)d attachment, on the page.",
    plural="%(count)d attachments, on the page.",
)
# The same texts as those of tasks, by the same keys.
FROM = Words(key="work-from", msgid="From: %(body)s")
SEEN = Words(key="work-seen", msgid="Seen", part=Part.BUTTON, on_pages=True)
LATER = Words(key="work-later", msgid="It takes longer", part=Part.BUTTON, on_pages=True)

MESSAGES = (
    Automatic(
        key="letters-came",
        title=_("A letter that came"),
        when=_(
            "Within seconds after a circular or letter is signed, to each person it goes to; if WhatsApp is "
            "not there, by SMS or e-mail. What can be pressed depends on what is wanted."
        ),
        to=To.MEMBER,
        bubbles=(
            says(TITLE, FROM, WANTED, TEXT, FILES, ADDRESS, SEEN, LATER),
            says(TITLE, FROM, WANTED, TEXT, FILES, ADDRESS, FILL_IN),
            says(
                TITLE,
                Words(key="letters-copy", msgid="A copy for you."),
                FROM,
                LONG,
                FILES,
                ADDRESS,
            ),
        ),
    ),
    Automatic(
        key="letters-classified",
        title=_("A classified letter that came"),
        when=_(
            "As for every letter. Of a restricted one only the title leaves the house, of a secret one only "
            "its number."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                TITLE,
                FROM,
                WANTED,
                Words(
                    key="letters-once",
                    msgid="The link opens once, after signing in; it is yours alone.",
                ),
                ADDRESS,
                LATER,
            ),
            says(
                NUMBER,
                FROM,
                WANTED,
                Words(key="letters-platform", msgid="It may be read on the platform only."),
                ADDRESS,
                LATER,
            ),
        ),
    ),
    Automatic(
        key="letters-digest",
        title=_("Summary of the answers to a letter"),
        when=_(
            "When whoever wrote a letter presses “Send the summary”, to those who got it. Of what is "
            "classified only that there is one."
        ),
        to=To.MEMBER,
        bubbles=(
            says(DIGEST, LONG, ADDRESS),
            says(
                DIGEST,
                Words(key="letters-platform", msgid="It may be read on the platform only."),
                ADDRESS,
            ),
        ),
    ),
    Automatic(
        key="letters-recalled",
        title=_("A letter that was recalled"),
        when=_("Within seconds after a letter is recalled, to everybody who was told of it."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="letters-recalled",
                    msgid=(
                        "%(letter)s was recalled. Please do not act on it, and do not pass it on."
                    ),
                    variables={"letter": LETTER},
                )
            ),
        ),
    ),
    Automatic(
        key="letters-recalled-short",
        title=_("A letter that was recalled, in a line"),
        when=_(
            "In the approved template, when somebody has not written for a day, and over an e-mail."
        ),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(
                Words(
                    key="letters-recalled-short",
                    msgid="Recalled: %(letter)s",
                    variables={"letter": LETTER},
                )
            ),
        ),
    ),
)
