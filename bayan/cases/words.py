"""What the person of a case reads when it ends, by its outcome; ready to be sent or changed."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from bayan.cases.models import Case

CLOSING_WORDS = {
    Case.Outcome.RESOLVED: _(
        "Thank you for letting us know. What you reported has been put right."
    ),
    Case.Outcome.ANSWERED: _("Thank you for writing to us. We hope our answer served you."),
    Case.Outcome.REFERRED: _(
        "Thank you for letting us know. Your report was passed on to the body in charge, which follows it up."
    ),
    Case.Outcome.DUPLICATE: _(
        "Thank you for letting us know. This matter was reported before and is being followed up."
    ),
    Case.Outcome.NOT_ACTIONABLE: _(
        "Thank you for writing to us. We could not act on your report with what we know. "
        "Write to us again with the place and details, and a new case opens."
    ),
}


def closing_words(language: str = "ar") -> dict[str, str]:
    """The ready closing message of each outcome, in the language in which the person reads it."""
    with override(language):
        return {outcome.value: str(words) for outcome, words in CLOSING_WORDS.items()}
