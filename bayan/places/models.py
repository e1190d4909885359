"""The gazetteer: governorates, cities, districts, roads and landmarks, and the body that serves each."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from bayan.core.models import PublicIdField
from bayan.organisation.models import Node, OutsideBody


class PlaceQuerySet(models.QuerySet["Place"]):
    def current(self) -> PlaceQuerySet:
        """What the authority pack names today."""
        return self.filter(is_current=True)

    def located(self) -> PlaceQuerySet:
        return self.exclude(latitude=None)


class Place(models.Model):
    """One place that people name when they write, as the authority pack knows it."""

    class Type(models.TextChoices):
        # In the order in which the pack's files are read: a place lies in one of an earlier type.
        GOVERNORATE = "governorate", _("governorate")
        CITY = "city", _("city or village")
        DISTRICT = "district", _("district")
        ROAD = "road", _("road")
        LANDMARK = "landmark", _("landmark")

    class Certainty(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        PROBABLE = "probable", _("probable")

    public_id = PublicIdField()
    key = models.SlugField(_("key"), max_length=80, unique=True)
    type = models.CharField(_("type"), max_length=20, choices=Type)
    name_ar = models.CharField(_("name in Arabic"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120)
    # Other spellings, old names, what people say.
    variants = ArrayField(models.CharField(max_length=120), verbose_name=_("other names"))
    # The centre, approximate; none where no open source gives one.
    latitude = models.FloatField(_("latitude"), null=True)
    longitude = models.FloatField(_("longitude"), null=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    # Only where it is certain: what nobody is sure of goes to the desk.
    owner = models.ForeignKey(Node, models.PROTECT, null=True, related_name="+")
    owner_since = models.DateField(_("its municipality's since"), null=True)
    # Who serves it instead, where it is no municipality of ours.
    outside = models.ForeignKey(OutsideBody, models.PROTECT, null=True, related_name="+")
    source = models.CharField(_("source"), max_length=300)
    certainty = models.CharField(_("certainty"), max_length=10, choices=Certainty)
    position = models.PositiveIntegerField(_("position"))
    is_current = models.BooleanField(_("in the pack"), default=True)
    # For searching: each name on a line of its own, folded; and the pieces of all their words.
    search = models.TextField()
    trigrams = ArrayField(models.CharField(max_length=3))

    objects = PlaceQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex("trigrams", name="place_by_trigrams")]
        constraints = [
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="place_has_a_whole_point_or_none",
            ),
            models.CheckConstraint(
                condition=Q(owner=None) | Q(outside=None), name="place_is_served_by_one_body"
            ),
            models.CheckConstraint(
                condition=Q(owner_since=None) | ~Q(owner=None), name="place_since_needs_an_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if get_language() == "en" else self.name_ar

    @property
    def served_by(self) -> Node | OutsideBody | None:
        """Its municipality or the outside body in charge; None: it goes to the desk."""
        return self.owner or self.outside


class Outline(models.Model):
    """Roughly where a municipality's places lie, for a map: rings of [longitude, latitude]."""

    municipality = models.OneToOneField(Node, models.CASCADE, related_name="+")
    rings = models.JSONField(_("rings"))

    def __str__(self) -> str:
        return str(self.municipality)
