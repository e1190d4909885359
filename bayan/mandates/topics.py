"""What can be spoken of: what every authority speaks of, and the categories of cases."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from bayan.cases.models import Case
from bayan.mandates.models import CRISIS, OTHER

GENERAL: dict[str, str | Promise] = {
    OTHER: pgettext_lazy("topic", "everything else"),
    CRISIS: pgettext_lazy("topic", "crises and emergencies"),
    "budget": pgettext_lazy("topic", "budget and contracts"),
    "projects": pgettext_lazy("topic", "projects and their dates"),
    "condolences": pgettext_lazy("topic", "condolences and congratulations"),
    "staff": pgettext_lazy("topic", "staff and appointments"),
}
TOPICS: dict[str, str | Promise] = GENERAL | {
    value: label for value, label in Case.Category.choices if value != Case.Category.OTHER
}
