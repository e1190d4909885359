"""مصفوفة صلاحيات التصريح والنشر: who may speak of what at which level, who approves it, who is informed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bayan.people.models import Member

# The row that counts for every topic without one of its own.
OTHER = "other"
# The topic that is grave at every level.
CRISIS = "crisis"


class Level(models.TextChoices):
    """Whose matter it is."""

    MUNICIPALITY = "municipality", pgettext_lazy("mandate", "municipality")
    AGENCY = "agency", pgettext_lazy("mandate", "agency or department")
    AUTHORITY = "authority", pgettext_lazy("mandate", "authority")
    # Whatever the body, as long as its surge is on.
    CRISIS = "crisis", pgettext_lazy("mandate", "crisis")


class Act(models.TextChoices):
    SPEAK = "speak", pgettext_lazy("mandate", "speaks")
    APPROVE = "approve", pgettext_lazy("mandate", "approves")
    INFORM = "inform", pgettext_lazy("mandate", "is informed")


class Who(models.TextChoices):
    """A role and where it is held: in the body itself, or in the authority."""

    HEAD = "executive.body", pgettext_lazy("mandate", "head of the body")
    DIRECTOR = "director.body", pgettext_lazy("mandate", "media director of the body")
    PRESS_OFFICER = "press_officer.body", pgettext_lazy("mandate", "press officer of the body")
    MAYOR = "executive.authority", pgettext_lazy("mandate", "head of the authority")
    SPOKESPERSON = "spokesperson.authority", pgettext_lazy("mandate", "spokesperson")
    MEDIA_DIRECTOR = (
        "director.authority",
        pgettext_lazy("mandate", "media director of the authority"),
    )
    EDITOR = "editor.authority", pgettext_lazy("mandate", "editor at the authority")
    OFFICER = "press_officer.authority", pgettext_lazy("mandate", "press officer at the authority")


class Version(models.Model):
    """The table as it was from one moment on; the latest counts, none is ever changed."""

    number = models.PositiveIntegerField(_("version"), unique=True)
    # {topic: {level: {act: [who, …]}}}
    cells = models.JSONField(_("table"))
    made_at = models.DateTimeField(_("made"))
    # None: as the authority pack has it.
    made_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return str(self.number)
