"""The automatic messages that answer what members ask in WhatsApp (core.automatic)."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.core.automatic import Automatic, Part, Sample, To, Variable, Words, says

ADDRESS = Sample("https://bayan.example/field/0199…", 120)
CALL_OFF = Words(key="desk-call-off", msgid="Call it off", part=Part.BUTTON)
# The same text as that of stories, by the same key.
SEND = Words(key="press-send", msgid="Send", part=Part.BUTTON, on_pages=True)
BODY = Sample(_("Khobar"), 24, Part.ROW)
SPAN = Sample(_("For two hours"), 24, Part.ROW)
CHOOSE = Words(key="desk-quiet-choose", msgid="Choose", part=Part.LIST, on_pages=True)
PARTS = Variable(pgettext_lazy("variable", "parts"), _("2 pictures and files, the location"), 260)


def _entry(key: str, msgid: str, *, context: str = "menu", on_pages: bool = False) -> Words:
    return Words(
        key=f"desk-menu-{key}", msgid=msgid, context=context, part=Part.ROW, on_pages=on_pages
    )


def _figure(key: str, msgid: str, *, context: str = "") -> Words:
    # What has no context stands on the page of the situation too.
    return Words(key=f"desk-{key}", msgid=msgid, context=context, on_pages=not context)


def _line(key: str, msgid: str) -> Words:
    return Words(key=f"desk-help-{key}", msgid=msgid)


MESSAGES = (
    Automatic(
        key="desk-menu",
        title=_("Menu"),
        when=_("At once, when a member writes “menu”; they see what there is for them."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(key="desk-menu", msgid="What do you need? Choose, or write it."),
                Words(key="desk-menu-open", msgid="Open the menu", part=Part.LIST),
                _entry("tasks", "My tasks", context="", on_pages=True),
                _entry("situation", "The situation now", on_pages=True),
                _entry("field", "Report from the field", context="", on_pages=True),
                _entry("duty", "Who is on duty"),
                _entry("letters", "My letters"),
                _entry("quiet", "Silence"),
                _entry("help", "Help"),
            ),
            says(
                Words(key="desk-letters", msgid="Your letters are here:"),
                Sample("https://bayan.example/letters/", 120),
            ),
        ),
    ),
    Automatic(
        key="desk-help",
        title=_("What can be written here"),
        when=_("At once, when a member writes “help”."),
        to=To.MEMBER,
        bubbles=(
            says(
                _line("heading", "What you can write here:"),
                _line("menu", "• *menu*: what there is"),
                _line("tasks", "• *tasks*: what needs you"),
                _line("status", "• *status khobar*: how a body stands"),
                _line("field", "• *field report*: pictures, place and words from where you are"),
                _line("duty", "• *on duty*: who is, and their number"),
                _line("quiet", "• *quiet until 7*: only emergencies until then"),
                _line(
                    "forward",
                    "Whatever you forward is read, placed and matched with what is known.",
                ),
            ),
        ),
    ),
    Automatic(
        key="desk-situation",
        title=_("Words of the situation"),
        when=_(
            "At once, when a member writes “status”, before each figure of the five lines; where there is "
            "none, what stands instead."
        ),
        to=To.MEMBER,
        is_headed=False,
        bubbles=(
            says(
                _figure("open", "Open", context="situation"),
                _figure("late", "Late", context="situation"),
                _figure("circulating", "Circulating within a day"),
                _figure("statement", "Last statement"),
                _figure("duty", "On duty now"),
            ),
            says(
                _figure("none", "none", context="situation"),
                _figure("nobody", "nobody", context="situation"),
                _figure("no-mobile", "no mobile is known"),
            ),
        ),
    ),
    Automatic(
        key="desk-which",
        title=_("Question which body is meant"),
        when=_("At once, when a member asks for the situation of a body that is not recognised."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="desk-which",
                    msgid="“%(words)s” is no body whose situation you see. Which one do you mean?",
                    variables={
                        "words": Variable(
                            pgettext_lazy("variable", "what they wrote"), _("Khobr"), 60
                        )
                    },
                ),
                Words(key="desk-which-choose", msgid="Choose the body", part=Part.LIST),
                BODY,
                Words(key="desk-which-all", msgid="All my bodies", part=Part.ROW, on_pages=True),
            ),
            says(
                Words(
                    key="desk-no-role", msgid="Your role does not include this page.", on_pages=True
                )
            ),
        ),
    ),
    Automatic(
        key="desk-duty",
        title=_("Who is on duty"),
        when=_("At once, when a member writes “on duty”."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="desk-on-duty",
                    msgid="On duty for %(body)s: *%(name)s*, %(phone)s, until %(time)s",
                    variables={
                        "phone": Variable(
                            pgettext_lazy("variable", "mobile"), "+966 55 000 0000", 30
                        )
                    },
                ),
                Sample("https://bayan.example/duty/?body=khobar", 160),
            ),
            says(
                Words(
                    key="desk-no-duty", msgid="Nobody is on duty now, here or above.", on_pages=True
                )
            ),
        ),
    ),
    Automatic(
        key="desk-quiet",
        title=_("Silence"),
        when=_(
            "At once, when a member writes “quiet”, with or without until when, or wants to hear everything "
            "again."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="desk-quiet",
                    msgid=(
                        "Until when do you want only emergencies here? Choose, or write “quiet until 7”."
                    ),
                ),
                CHOOSE,
                SPAN,
            ),
            says(
                Words(key="desk-quiet-until", msgid="Only emergencies come until %(time)s."),
                CHOOSE,
                SPAN,
                Words(key="desk-quiet-end", msgid="End the silence", part=Part.ROW),
            ),
            says(
                Words(
                    key="desk-quiet-begun",
                    msgid=(
                        "Until %(time)s only emergencies come here. The rest waits and comes together. "
                        "Write “quiet off” to end it."
                    ),
                )
            ),
            says(Words(key="desk-quiet-over", msgid="Welcome back: everything comes here again.")),
            says(Words(key="desk-quiet-none", msgid="There was no silence.")),
        ),
    ),
    Automatic(
        key="desk-field",
        title=_("Report from the field"),
        when=_(
            "At once, when a member begins one by “field report”, and after each part: what is there and "
            "what is missing."
        ),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(
                    key="desk-field",
                    msgid=(
                        "Send pictures, the location and a few words, in any order. Write “send” at the end."
                    ),
                ),
                CALL_OFF,
            ),
            says(
                Words(
                    key="desk-field-there",
                    msgid="There is: %(parts)s.",
                    variables={"parts": PARTS},
                ),
                Words(
                    key="desk-field-missing",
                    msgid="Still missing: %(parts)s.",
                    variables={"parts": PARTS},
                ),
                Words(key="desk-field-press", msgid="Press “Send” when that is all."),
                SEND,
                CALL_OFF,
                join=" ",
            ),
            says(
                Words(
                    key="desk-field-missing",
                    msgid="Still missing: %(parts)s.",
                    variables={"parts": PARTS},
                ),
                Words(key="desk-field-order", msgid="Send them in any order."),
                CALL_OFF,
                join=" ",
            ),
        ),
    ),
    Automatic(
        key="desk-field-sent",
        title=_("A report from the field has ended"),
        when=_("At once, when a report from the field is sent or called off."),
        to=To.MEMBER,
        bubbles=(
            says(
                Words(key="desk-field-sent", msgid="Thank you, your report has been sent."), ADDRESS
            ),
            says(Words(key="desk-field-off", msgid="The report was called off.")),
            says(Words(key="desk-field-off-before", msgid="This report was called off.")),
            says(Words(key="desk-field-gone", msgid="There is no such report.")),
        ),
    ),
)
