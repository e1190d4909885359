"""The automatic messages of the portal (core.automatic)."""

from django.utils.translation import gettext_lazy as _

from bayan.core.automatic import Automatic, To, Words, says

MESSAGES = (
    Automatic(
        key="portal-code",
        title=_("Code to follow a case"),
        when=_(
            "At once, when somebody asks on the page for following a case to see theirs and last wrote "
            "within 24 hours; later an approved template carries the code. In the language of the page."
        ),
        to=To.PERSON,
        bubbles=(
            says(
                Words(
                    key="portal-code",
                    msgid=(
                        "%(code)s is your code to see your case.\n"
                        "It is valid for 10 minutes. Give it to nobody; we will never ask you for it."
                    ),
                )
            ),
        ),
    ),
)
