"""The automatic messages about stories, to their senders and to journalists (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Part, Sample, To, Variable, Words, says

ADDRESS = Sample("https://bayan.example/press/0199…", 120)
TITLE = Variable(pgettext_lazy("variable", "title"), _("A new park opens in Khobar"), 140)
THERE = Variable(
    pgettext_lazy("variable", "what has come"), _("the text ✓ · 4 pictures · 1 clip"), 120
)
COUNT = Variable(pgettext_lazy("variable", "count"), "12", 5)
# What an editor wrote to the sender (services.saying cuts it under buttons).
WORDS = Sample(_("Please add when the park was opened."), 600)
ALL_WORDS = Sample(_("Please add when the park was opened."), 1000)

KEEP = Words(
    key="press-originals",
    msgid="So that pictures keep their quality: 📎, then “Document”, then choose them.",
)
FINISH = Words(key="press-finish", msgid="When you have finished, write: send")
SEND = Words(key="press-send", msgid="Send", part=Part.BUTTON, on_pages=True)
CANCEL = Words(key="press-cancel", msgid="Cancel the request", part=Part.BUTTON)


def _counts(key: str, one: str, many: str) -> Words:
    return Words(key=f"press-{key}", msgid=one, plural=many, variables={"n": COUNT})


def _step(key: str, msgid: str) -> Words:
    return Words(key=f"press-is-{key}", msgid=msgid, variables={"title": TITLE})


SENDERS = (
    Automatic(
        key="press-welcome",
        title=_("Welcome to who sends a story"),
        when=_(
            "At once, when an officer writes “publish”, chooses it in the menu, or goes on with a story that "
            "came back."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="press-welcome",
                    msgid="Welcome. Send us the text, the pictures and the clip, in any order.",
                ),
                KEEP,
                FINISH,
            ),
            says(
                Words(
                    key="press-goes-on",
                    msgid="We go on with your request %(number)s. Send what is still to come.",
                ),
                ALL_WORDS,
                KEEP,
                FINISH,
            ),
        ),
    ),
    Automatic(
        key="press-so-far",
        title=_("What has come of a story so far"),
        when=_(
            "Once, shortly after the last of several messages: what was counted, and what of it came smaller "
            "than it was or not at all."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="press-so-far",
                    msgid="We have from you so far: %(what)s",
                    variables={"what": THERE},
                ),
                _counts(
                    "twice",
                    "%(n)d came twice and counts once.",
                    "%(n)d came twice and count once.",
                ),
                _counts(
                    "compressed",
                    "%(n)d came compressed by WhatsApp. To print it we need the original as a file.",
                    "%(n)d came compressed by WhatsApp. To print them we need the originals as files.",
                ),
                KEEP,
                _counts(
                    "lost",
                    "%(n)d file could not be taken. Please send it again.",
                    "%(n)d files could not be taken. Please send them again.",
                ),
                Words(key="press-press-send", msgid="When you have finished, press “Send”."),
                SEND,
                CANCEL,
            ),
        ),
    ),
    Automatic(
        key="press-counts",
        title=_("Words by which a story is counted"),
        when=_("In the messages that say what has come of a story."),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(
                Words(key="press-text", msgid="the text ✓"),
                _counts("pictures", "%(n)d picture", "%(n)d pictures"),
                _counts("clips", "%(n)d clip", "%(n)d clips"),
                _counts("files", "%(n)d file", "%(n)d files"),
                join=" · ",
            ),
            says(Words(key="press-no-text", msgid="the text is still missing")),
        ),
    ),
    Automatic(
        key="press-all",
        title=_("Question whether that was all"),
        when=_("Once, when somebody who sends a story has paused for some minutes."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="press-all",
                    msgid="Was that all for your request %(number)s? We have: %(what)s",
                    variables={"what": THERE},
                ),
                SEND,
                Words(key="press-more", msgid="I will add more", part=Part.BUTTON),
                CANCEL,
            ),
        ),
    ),
    Automatic(
        key="press-missing",
        title=_("The text of a story is missing"),
        when=_("At once, when somebody hands in a story without a text."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="press-missing",
                    msgid="The text of the story is still missing: what happened, where and when.",
                ),
                Words(key="press-have", msgid="We have: %(what)s", variables={"what": THERE}),
                Words(key="press-write", msgid="Write it in one message, then write: send"),
            ),
        ),
    ),
    Automatic(
        key="press-thanks",
        title=_("Thanks for a story"),
        when=_("At once, when a story is handed in from WhatsApp."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="press-thanks",
                    msgid="Thank you. Your request for publication has arrived, no. %(number)s",
                ),
                Sample(_("«A new park opens in Khobar» · 4 pictures"), 200),
                _counts(
                    "small",
                    "%(n)d is compressed; we may ask you for the original.",
                    "%(n)d are compressed; we may ask you for the originals.",
                ),
                Words(
                    key="press-hear",
                    msgid="You hear from us at each step. To ask yourself, write: my stories",
                ),
            ),
        ),
    ),
    Automatic(
        key="press-step",
        title=_("How a story stands"),
        when=_(
            "At each step of a story, to its sender; and when they press a button of a story that is past "
            "it."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                _step(
                    "returned",
                    "Thank you for “%(title)s”. One thing is still needed (no. %(number)s):",
                ),
                WORDS,
                Words(key="press-complete", msgid="Complete it here", part=Part.BUTTON),
                CANCEL,
            ),
            says(
                _step("draft", "Your request %(number)s is a draft: it has not been sent yet."),
            ),
            says(
                _step("submitted", "Your request %(number)s has arrived and waits for an editor."),
                ADDRESS,
            ),
            says(
                _step("reviewed", "An editor is at work on your request %(number)s: “%(title)s”."),
                ADDRESS,
            ),
            says(
                _step(
                    "accepted",
                    "Good news: “%(title)s” is accepted for publication (no. %(number)s).",
                ),
                ADDRESS,
            ),
            says(
                _step("sent", "“%(title)s” has been sent to journalists (no. %(number)s)."),
                ADDRESS,
            ),
            says(
                _step("published", "“%(title)s” is published (no. %(number)s). Thank you for it."),
                ADDRESS,
            ),
            says(
                _step(
                    "declined",
                    "Thank you for “%(title)s”. We cannot publish it this time (no. %(number)s):",
                ),
                Sample(_("The opening was told of last week."), 1000),
                ADDRESS,
            ),
            says(_step("withdrawn", "Your request %(number)s was withdrawn."), ADDRESS),
        ),
    ),
    Automatic(
        key="press-over",
        title=_("A story that is over"),
        when=_(
            "At once, when its sender cancels it, or somebody presses a button of a story that is not theirs."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="press-over",
                    msgid="The request is cancelled. To begin anew, write: publish",
                )
            ),
            says(Words(key="press-not-yours", msgid="This request is not yours any more.")),
        ),
    ),
    Automatic(
        key="press-mine",
        title=_("Answer to “my stories”"),
        when=_("At once, when an officer writes “my stories”."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(key="press-mine", msgid="Your requests for publication:"),
                Sample(_("• 482 193 756 · accepted · A new park opens in Khobar"), 800),
            ),
            says(
                Words(
                    key="press-none",
                    msgid="You have no request yet. To send us a story, write: publish",
                )
            ),
        ),
    ),
)

JOURNALISTS = (
    Automatic(
        key="press-release",
        title=_("A story to journalists"),
        when=_(
            "When a story is sent to lists of journalists, to each who wrote within 24 hours; the others get "
            "an approved template. In the language of the journalist."
        ),
        to=To.JOURNALIST,
        bubbles=(
            says(
                Words(
                    key="press-release",
                    msgid="A story for you: %(title)s",
                    variables={"title": TITLE},
                ),
                Words(key="press-embargo", msgid="Embargoed until %(time)s"),
                Words(key="press-material", msgid="Text and original pictures: %(address)s"),
                Words(key="press-stop", msgid="To stop these messages, write: stop"),
            ),
        ),
    ),
    Automatic(
        key="press-release-mail",
        title=_("A story to journalists by e-mail"),
        when=_(
            "When a story is sent to lists of journalists, to those without WhatsApp; the title is the "
            "subject. Before an embargo ends it has the title alone. In the language of the journalist."
        ),
        to=To.JOURNALIST,
        bubbles=(
            says(
                Sample(_("A new park opens in Khobar"), 140),
                Words(key="press-embargo", msgid="Embargoed until %(time)s"),
                Sample(_("The municipality opened the park on the seafront today."), 3000),
                Words(key="press-material", msgid="Text and original pictures: %(address)s"),
                Words(
                    key="press-stop-mail",
                    msgid=(
                        "To ask something, answer this e-mail. To stop these messages, answer with: stop"
                    ),
                ),
            ),
        ),
    ),
)

MESSAGES = SENDERS + JOURNALISTS
