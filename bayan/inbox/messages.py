"""The automatic messages of the inbox (core.automatic)."""

from django.utils.translation import gettext_lazy as _

from bayan.core.automatic import HEADING, Automatic, To, Words, says

MESSAGES = (
    Automatic(
        key=HEADING,
        title=_("Line over every message"),
        when=_(
            "Over everything that goes out of a case, so that the person knows who writes and about which "
            "number. In the language in which they write."
        ),
        to=To.PERSON,
        is_headed=False,
        bubbles=(says(Words(key=HEADING, msgid="%(body)s · case %(reference)s")),),
    ),
)
