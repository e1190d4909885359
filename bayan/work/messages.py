"""The automatic messages about tasks (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Bubble, Part, Sample, To, Variable, Words, says

ADDRESS = Sample("https://bayan.example/work/0199…", 120)
TITLE = Sample(_("*Repair the light at King Fahd Street*"), 200)
HAND_OVER = Sample(_("The lamp by the school gate has been dark for two nights."), 450)
DUE = Words(key="work-due", msgid="Due: %(time)s")
FROM = Words(key="work-from", msgid="From: %(body)s")
LATER = Words(key="work-later", msgid="It takes longer", part=Part.BUTTON, on_pages=True)
CHOOSE = Words(key="work-choose", msgid="Choose a task", part=Part.LIST)
ONE = Sample(_("Repair of a street light"), 24, Part.ROW)
DECLINE = Words(key="work-decline", msgid="Decline", part=Part.BUTTON, on_pages=True)
BODY = Sample(_("*Khobar Municipality*"), 82)
GIVEN = Words(
    key="work-outside-given",
    msgid="A task for you: %(title)s",
    variables={
        "title": Variable(pgettext_lazy("variable", "title"), _("Repair of a street light"), 165)
    },
)
THERE = Words(key="work-outside-there", msgid="See it and answer here: %(address)s")
STOP = Words(key="press-stop", msgid="To stop these messages, write: stop")
LINES = Sample(_("• Repair of a street light (Monday, 10:00)"), 1200)


def _task(*buttons: Words) -> Bubble:
    return says(TITLE, DUE, FROM, HAND_OVER, ADDRESS, *buttons)


def _button(key: str, msgid: str, *, context: str = "", on_pages: bool = False) -> Words:
    return Words(key=key, msgid=msgid, context=context, part=Part.BUTTON, on_pages=on_pages)


def _outside(*buttons: Words) -> Bubble:
    return says(BODY, GIVEN, DUE, THERE, HAND_OVER, STOP, *buttons)


def _silence(key: str, msgid: str) -> Words:
    return Words(key=f"work-why-{key}", msgid=msgid, part=Part.ROW, on_pages=True, is_cut=True)


def _level(key: str, msgid: str) -> Words:
    return Words(key=f"work-{key}", msgid=msgid, context="level", on_pages=True)


MESSAGES = (
    Automatic(
        key="work-task",
        title=_("Task with its buttons"),
        when=_(
            "At once, when a task is given, and again with each reminder and follow-up; to whoever it is "
            "with, if their mobile is linked. What can be pressed depends on what is wanted."
        ),
        to=To.MEMBER,
        bubbles=(
            _task(_button("work-done", "Done", context="task"), LATER),
            _task(_button("work-seen", "Seen", on_pages=True), LATER),
            _task(_button("work-write", "Write the answer"), LATER),
            _task(
                _button("work-approve", "Approve", on_pages=True),
                _button("work-return", "Return for changes", on_pages=True),
                _button("work-refuse", "Do not approve", on_pages=True),
            ),
        ),
    ),
    Automatic(
        key="work-levels",
        title=_("Words over a reminder"),
        when=_("Before the title of a task or case whose time runs out, by how late it is."),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(
                Words(key="work-emergency", msgid="Emergency", on_pages=True),
                _level("reminder", "reminder"),
                _level("first", "first follow-up"),
                _level("second", "second follow-up"),
                _level("raised", "raised"),
                _level("last", "second deadline missed"),
            ),
        ),
    ),
    Automatic(
        key="work-list",
        title=_("Several tasks at once"),
        when=_(
            "When more than three things need somebody at once, and when they write “my tasks”; by a press "
            "they see one of them."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="work-count",
                    msgid="%(count)d task needs you.",
                    plural="%(count)d tasks need you.",
                ),
                Words(key="work-late", msgid="%(count)d is late.", plural="%(count)d are late."),
                LINES,
                Words(key="work-rest", msgid="The rest is on the page: %(address)s"),
                CHOOSE,
                ONE,
            ),
            says(Words(key="work-nothing", msgid="Nothing needs you now.")),
        ),
    ),
    Automatic(
        key="work-more",
        title=_("What an approved template names"),
        when=_(
            "In the template for tasks, when somebody has not written for a day and more than one thing "
            "needs them."
        ),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(
                Words(
                    key="work-more",
                    msgid="%(what)s, and %(count)d more",
                    plural="%(what)s, and %(count)d more",
                )
            ),
        ),
    ),
    Automatic(
        key="work-question",
        title=_("What is asked before a task ends"),
        when=_("At once, after a button was pressed that wants words or a picture."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="work-ask-picture",
                    msgid="Send a picture of the place as it is now, with a few words under it.",
                )
            ),
            says(
                Words(
                    key="work-ask-proof",
                    msgid=(
                        "Send a picture or a file that shows that it was done, with a few words under it."
                    ),
                )
            ),
            says(Words(key="work-ask-answer", msgid="Write the answer in one message.")),
            says(Words(key="work-ask-change", msgid="Write in one message what is to be changed.")),
            says(Words(key="work-ask-reason", msgid="Write the reason in one message.")),
        ),
    ),
    Automatic(
        key="work-thanks",
        title=_("Thanks for a task that has ended"),
        when=_("At once, when somebody ends a task from WhatsApp, or takes back that they would."),
        to=To.MEMBER,
        bubbles=(
            says(Words(key="work-thanks-done", msgid="Thank you, it is noted as done.")),
            says(
                Words(
                    key="work-thanks-seen",
                    msgid="Thank you, it is noted that you have seen it.",
                )
            ),
            says(Words(key="work-thanks-approved", msgid="Approved. Thank you.")),
            says(
                Words(key="work-thanks-returned", msgid="Returned for changes, with your reason.")
            ),
            says(Words(key="work-thanks-refused", msgid="Not approved; your reason is noted.")),
            says(Words(key="work-never-mind", msgid="All right, nothing was changed.")),
        ),
    ),
    Automatic(
        key="work-why",
        title=_("Question why it takes longer"),
        when=_(
            "At once, when somebody presses “It takes longer”; then the answer to their choice."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="work-why",
                    msgid=(
                        "Why does it take longer? Choose, and nobody chases you for a working day."
                    ),
                ),
                Words(key="work-why-choose", msgid="Choose the reason", part=Part.LIST),
                _silence("parts", "material or equipment is missing"),
                _silence("others", "another body must act first"),
                _silence("site", "the site cannot be worked at now"),
                _silence("time", "it needs more time"),
                _silence("not-ours", "it is not ours"),
            ),
            says(
                Words(
                    key="work-why-noted",
                    msgid="Noted; whoever gave the task sees the reason.",
                    on_pages=True,
                )
            ),
        ),
    ),
    Automatic(
        key="work-remark",
        title=_("Thanks for a remark"),
        when=_(
            "At once, when somebody answers in words under the message about a letter or a task whose giver "
            "takes remarks."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="work-remark",
                    msgid="Noted, and handed on to whoever sent it.",
                    on_pages=True,
                )
            ),
        ),
    ),
    Automatic(
        key="work-on-page",
        title=_("Only on the page"),
        when=_(
            "At once, when somebody presses a button of a task that ends on the page only, such as that of "
            "a classified letter."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="work-on-page",
                    msgid="This can be done on the page only, after reading it there.",
                )
            ),
        ),
    ),
    Automatic(
        key="work-too-old",
        title=_("An approval's button is too old"),
        when=_(
            "At once, when somebody presses the button of an approval more than three days after it was due."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="work-too-old",
                    msgid=(
                        "This button is too old to approve with. Read it as it is now, and decide there:\n"
                        "%(address)s"
                    ),
                )
            ),
        ),
    ),
    Automatic(
        key="work-came-back",
        title=_("A task comes back by its link"),
        when=_(
            "At once, when a contractor or an outside body declines a task by its link, or returns what they "
            "were to approve; to whoever gave it, if their mobile is linked."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                TITLE,
                Words(key="work-declined", msgid="Declined by %(name)s"),
                HAND_OVER,
                ADDRESS,
            ),
            says(Words(key="work-returned", msgid="Returned for changes by %(name)s")),
            says(Words(key="work-not-approved", msgid="Not approved by %(name)s")),
        ),
    ),
    Automatic(
        key="work-outside",
        title=_("Task for a contractor or another body"),
        when=_(
            "At once, when a task is given to somebody outside, and again with each reminder and follow-up; "
            "with a link of their own. Within their 24 hours as here, with buttons; else by the approved "
            "template for it, then by SMS and e-mail."
        ),
        to=To.OUTSIDE,
        is_headed=False,
        bubbles=(
            _outside(_button("work-done", "Done", context="task"), LATER, DECLINE),
            _outside(_button("work-write", "Write the answer"), LATER, DECLINE),
            _outside(_button("work-seen", "Seen", on_pages=True), DECLINE),
            _outside(
                _button("work-approve", "Approve", on_pages=True),
                _button("work-return", "Return for changes", on_pages=True),
                _button("work-refuse", "Do not approve", on_pages=True),
            ),
        ),
    ),
    Automatic(
        key="work-outside-declined",
        title=_("Thanks for a task that was declined"),
        when=_("At once, when somebody outside declines a task in WhatsApp and has written why."),
        to=To.OUTSIDE,
        bubbles=(
            says(
                Words(
                    key="work-thanks-declined",
                    msgid="Noted that you will not do it; whoever gave the task is told why.",
                )
            ),
        ),
    ),
    Automatic(
        key="work-outside-word",
        title=_("What becomes of a task outside"),
        when=_(
            "At once, when a contractor or another body writes about a task in WhatsApp, and when no way got "
            "to them; to whoever gave it, if their mobile is linked."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                TITLE,
                Words(key="work-writes", msgid="%(name)s writes about it"),
                HAND_OVER,
                ADDRESS,
            ),
            says(
                TITLE,
                Words(
                    key="work-unreached",
                    msgid="Could not be sent to %(name)s. Hand the link over yourself",
                ),
                ADDRESS,
            ),
        ),
    ),
)
