"""How a case stands, in the words of the person who reported it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.cases.models import Case

Stage, Outcome = Case.Stage, Case.Outcome

# (tone of the badge, its word, one sentence); the sentence may name the body.
STAGES: dict[str, tuple[str, str | Promise, str | Promise]] = {
    Stage.NEW: (
        "is-info",
        pgettext_lazy("tracking", "Received"),
        _("Your report has arrived at %(body)s and will be taken up."),
    ),
    Stage.IN_PROGRESS: ("is-info", _("In progress"), _("%(body)s is working on your report.")),
    Stage.WAITS_FOR_PERSON: (
        "is-warn",
        _("Waits for you"),
        _("%(body)s has asked you something. Your answer on WhatsApp is all it takes to go on."),
    ),
    Stage.WAITS_FOR_BODY: (
        "is-info",
        _("With another body"),
        _("%(body)s has asked another body and follows it up for you."),
    ),
    Stage.CLOSED: ("is-ok", _("Closed"), ""),
}
OUTCOMES: dict[str, str | Promise] = {
    Outcome.RESOLVED: _("What you reported has been put right."),
    Outcome.ANSWERED: _("Your question has been answered on WhatsApp."),
    Outcome.REFERRED: _("Your report was passed on to the body in charge, which follows it up."),
    Outcome.DUPLICATE: _("This matter was reported before and is being followed up there."),
    Outcome.NOT_ACTIONABLE: _(
        "We could not act on it with what we knew. Write to us with the place and details."
    ),
}
STEPS: dict[str, str | Promise] = {
    "received": _("We received your report"),
    "assigned": _("Passed to %(body)s"),
    "in_progress": _("Work on it began"),
    "waits_for_person": _("We asked you for something"),
    "waits_for_body": _("We asked another body"),
    "resumed": _("You answered, work goes on"),
    "closed": _("Closed"),
    "rated": _("You rated our service"),
    "reopened": _("Opened again"),
}
# What is still to come, while it is open.
AHEAD: dict[str, tuple[str | Promise, ...]] = {
    Stage.NEW: (_("Work on it begins"), _("Closing, and your opinion")),
    Stage.WAITS_FOR_PERSON: (_("Your answer"), _("Closing, and your opinion")),
    Stage.IN_PROGRESS: (_("Closing, and your opinion"),),
    Stage.WAITS_FOR_BODY: (_("Closing, and your opinion"),),
    Stage.CLOSED: (),
}
