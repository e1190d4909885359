"""The tree: authority, agencies, municipalities, departments."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class NodeQuerySet(models.QuerySet["Node"]):
    def municipalities(self) -> NodeQuerySet:
        return self.filter(kind=Node.Kind.MUNICIPALITY)


class Node(models.Model):
    """One body of the tree. Every operational row belongs to one."""

    class Kind(models.TextChoices):
        AUTHORITY = "authority", _("authority")
        AGENCY = "agency", _("agency")
        MUNICIPALITY = "municipality", _("municipality")
        DEPARTMENT = "department", _("department")

    key = models.SlugField(_("key"), max_length=60, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    # Its ancestors and itself, from the root down: "is below" is one array look-up.
    lineage = ArrayField(models.BigIntegerField(), default=list)
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120)
    # The place alone, as a list shows it: «الخبر» beside «بلدية محافظة الخبر».
    short_name_ar = models.CharField(_("short name in Arabic"), max_length=80)
    short_name_en = models.CharField(_("short name in English"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = NodeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="authority", parent=None) | ~Q(kind="authority") & ~Q(parent=None),
                name="node_only_the_authority_is_a_root",
            ),
            models.UniqueConstraint(
                "kind", condition=Q(kind="authority"), name="node_one_authority"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar

    @property
    def short_name(self) -> str:
        return self.short_name_en if get_language() == "en" else self.short_name_ar

    @property
    def is_desk(self) -> bool:
        """True for the authority itself: what no body owns yet stands at its desk."""
        return self.kind == Node.Kind.AUTHORITY


class OutsideBody(models.Model):
    """A body that is none of ours, to which a matter is passed on."""

    key = models.SlugField(_("key"), max_length=60, unique=True)
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120)
    short_name_ar = models.CharField(_("short name in Arabic"), max_length=80)
    short_name_en = models.CharField(_("short name in English"), max_length=80)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar

    @property
    def short_name(self) -> str:
        return self.short_name_en if get_language() == "en" else self.short_name_ar
