"""Cases: what a municipality owes an answer to."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Here Django finds the tables of surge mode and of whole cases.
from bayan.cases.surge import models as _surge  # noqa: F401
from bayan.cases.whole.models import Team
from bayan.channels.models import Media, Template
from bayan.core.models import PlainJSON, PublicIdField
from bayan.core.references import LENGTH
from bayan.inbox.models import Conversation, Message
from bayan.organisation.models import Node
from bayan.people.models import Contact, Member
from bayan.work.models import Item


class CaseQuerySet(models.QuerySet["Case"]):
    def open(self) -> CaseQuerySet:
        return self.filter(closed_at=None)

    def closed(self) -> CaseQuerySet:
        return self.exclude(closed_at=None)

    def late(self, *, now: datetime) -> CaseQuerySet:
        # While it waits for its person, nobody is late (cases.services.clocks).
        return self.open().filter(due_at__lt=now).exclude(stage=Case.Stage.WAITS_FOR_PERSON)

    def past_second(self, *, now: datetime) -> CaseQuerySet:
        """Late, and so long that the second deadline has passed too."""
        return self.late(now=now).filter(second_due_at__lt=now)


class Case(models.Model):
    """One matter of one person, from their first message to its outcome.

    Which stage follows which stands in `cases.stages`. An outcome ends it; an unhappy answer, or a member who
    sees that it was not the end, opens it again.
    """

    class Kind(models.TextChoices):
        """Labels of the taxonomy, as triage gives them."""

        COMPLAINT = "complaint", _("complaint")
        OBSERVATION = "observation", _("observation")
        SUGGESTION = "suggestion", _("suggestion")
        ENQUIRY = "enquiry", _("enquiry")
        PRAISE = "praise", _("thanks and praise")
        RUMOUR_CLAIM = "rumour_claim", _("unconfirmed claim")
        SPAM = "spam", _("advertising or irrelevant")
        OTHER = "other", _("other")

    class Category(models.TextChoices):
        CLEANLINESS = "cleanliness", _("cleanliness")
        ROADS = "roads", _("roads and pavements")
        LIGHTING = "lighting", _("lighting")
        STORM_WATER = "storm_water", _("rain water: ponds and drainage")
        WATER_SEWAGE = "water_sewage", _("water and sewage")
        PARKS_BEACHES = "parks_beaches", _("parks and beaches")
        FOOD_HEALTH = "food_health", _("food safety and health control")
        PESTS = "pests", _("public health pest control")
        STRAY_ANIMALS = "stray_animals", _("stray animals")
        BUILDING = "building", _("building licences and violations")
        COMMERCE = "commerce", _("shop licences, markets and street vendors")
        VISUAL_POLLUTION = "visual_pollution", _("visual pollution")
        EXCAVATION = "excavation", _("excavations and projects")
        PUBLIC_FACILITIES = "public_facilities", _("public facilities")
        SAFETY_HAZARD = "safety_hazard", _("danger to safety")
        DIGITAL_SERVICES = "digital_services", _("digital services (Balady)")
        STAFF_SERVICE = "staff_service", _("service quality and staff conduct")
        EVENTS = "events", _("events and awareness")
        OTHER = "other", _("other")

    class Priority(models.TextChoices):
        EMERGENCY = "emergency", _("emergency")
        HIGH = "high", _("urgent")
        NORMAL = "normal", pgettext_lazy("priority", "normal")
        LOW = "low", _("not urgent")

    class Stage(models.TextChoices):
        NEW = "new", pgettext_lazy("stage", "new")
        IN_PROGRESS = "in_progress", pgettext_lazy("stage", "in progress")
        WAITS_FOR_PERSON = "waits_for_person", pgettext_lazy("stage", "waits for the person")
        WAITS_FOR_BODY = "waits_for_body", pgettext_lazy("stage", "waits for another body")
        CLOSED = "closed", pgettext_lazy("stage", "closed")

    class Outcome(models.TextChoices):
        RESOLVED = "resolved", _("put right")
        ANSWERED = "answered", _("answered")
        REFERRED = "referred", _("referred to another body")
        DUPLICATE = "duplicate", _("duplicate")
        NOT_ACTIONABLE = "not_actionable", _("could not be acted on")

    class Satisfaction(models.IntegerChoices):
        VERY_SATISFIED = 5, _("very satisfied")
        SATISFIED = 4, _("satisfied")
        NEUTRAL = 3, _("neutral")
        DISSATISFIED = 2, _("dissatisfied")
        VERY_DISSATISFIED = 1, _("very dissatisfied")

    class Source(models.TextChoices):
        """How it came, where it did not come by a message."""

        MESSAGE = "", pgettext_lazy("how a case came", "by a message")
        CALL = "call", pgettext_lazy("how a case came", "by hand: a call")
        COUNTER = "counter", pgettext_lazy("how a case came", "by hand: at the counter")
        OTHER = "other", pgettext_lazy("how a case came", "by hand: another way")
        SPLIT = "split", pgettext_lazy("how a case came", "split from another case")

    class PointedBy(models.TextChoices):
        """What says which body the place of a case points to."""

        WORDS = "words", _("the words of the message")
        # The weakest: anything else that the person says outweighs it.
        EARLIER = "earlier", _("where they wrote from before")
        PIN = "pin", _("their location")
        ANSWER = "answer", _("their answer")

    public_id = PublicIdField()
    reference = models.CharField(_("reference"), max_length=20, unique=True)
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="cases")
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="cases")
    stage = models.CharField(_("stage"), max_length=20, choices=Stage, default=Stage.NEW)
    # What it is about in one line: the person's first words until a member writes better ones.
    subject = models.CharField(_("subject"), max_length=140, blank=True)
    source = models.CharField(
        _("how it came"), max_length=10, choices=Source, blank=True, db_default=Source.MESSAGE
    )
    # Given by triage or by hand; empty until then.
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, blank=True)
    category = models.CharField(_("category"), max_length=20, choices=Category, blank=True)
    priority = models.CharField(
        _("priority"), max_length=10, choices=Priority, default=Priority.NORMAL
    )
    owner = models.ForeignKey(
        Member, models.SET_NULL, null=True, related_name="+", verbose_name=_("who handles it")
    )
    # By when the person is owed its end; follows kind and priority (cases.due).
    due_at = models.DateTimeField(_("due"))
    # Once that is missed, when the second term is over; empty before, and where there is none (cases.due).
    second_due_at = models.DateTimeField(_("second deadline"), null=True)
    # The first case about the same matter, where this one reports it once more; that one has no parent.
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", db_index=False)
    # Where it is: a point, words, or both.
    latitude = models.FloatField(_("latitude"), null=True)
    longitude = models.FloatField(_("longitude"), null=True)
    place = models.CharField(_("place"), max_length=200, blank=True)
    # The body whose place it is, a key of the tree or of an outside body: proposed, the desk decides.
    points_to = models.CharField(_("points to"), max_length=60, blank=True)
    points_by = models.CharField(_("points by"), max_length=10, choices=PointedBy, blank=True)
    # The matter's numbers in the systems beside which Bayan stands.
    balady_number = models.CharField(_("940 or Balady report number"), max_length=40, blank=True)
    transaction_number = models.CharField(_("transaction number"), max_length=40, blank=True)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome, blank=True)
    satisfaction = models.PositiveSmallIntegerField(
        _("satisfaction"), choices=Satisfaction, null=True
    )
    satisfaction_at = models.DateTimeField(_("satisfaction given"), null=True)
    reopened_at = models.DateTimeField(_("opened again"), null=True)
    times_reopened = models.PositiveSmallIntegerField(_("times opened again"), default=0)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")),
                name="case_closes_after_it_opens",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, outcome="")
                | Q(closed_at__isnull=False) & ~Q(outcome=""),
                name="case_closes_with_an_outcome",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) & ~Q(stage="closed")
                | Q(closed_at__isnull=False, stage="closed"),
                name="case_stage_says_whether_it_is_closed",
            ),
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="case_place_is_on_earth",
            ),
            models.CheckConstraint(
                condition=Q(parent=None) | ~Q(parent=F("id")), name="case_is_not_its_own_parent"
            ),
            models.CheckConstraint(
                condition=Q(reference__regex=rf"^[1-9][0-9]{{{LENGTH - 1}}}$"),
                name="case_reference_is_digits",
            ),
        ]
        indexes = [
            models.Index(F("opened_at").desc(), F("id").desc(), name="case_newest"),
            models.Index(
                "node",
                F("opened_at").desc(),
                F("id").desc(),
                name="case_open_of_node",
                condition=Q(closed_at=None),
            ),
            models.Index("conversation", name="case_of_conversation"),
            models.Index("contact", name="case_of_contact"),
            models.Index("parent", name="case_of_parent", condition=Q(parent__isnull=False)),
            # The work list: what is about to be late comes first.
            models.Index(
                "due_at",
                "id",
                include=["node", "stage", "priority"],
                name="case_due",
                condition=Q(closed_at=None),
            ),
            models.Index(
                "owner",
                "due_at",
                "id",
                name="case_of_owner",
                condition=Q(closed_at=None, owner__isnull=False),
            ),
            models.Index("stage", "due_at", "id", name="case_stage", condition=Q(closed_at=None)),
            # The few that a director asks after first; and the figures, which count those that have ended.
            models.Index(
                "second_due_at",
                "node",
                name="case_second_due",
                condition=Q(second_due_at__isnull=False),
            ),
            models.Index(
                F("closed_at").desc(),
                F("id").desc(),
                include=["node"],
                name="case_closed",
                condition=Q(closed_at__isnull=False),
            ),
            models.Index(
                "balady_number", name="case_balady_number", condition=~Q(balady_number="")
            ),
            models.Index(
                "transaction_number",
                name="case_transaction_number",
                condition=~Q(transaction_number=""),
            ),
            models.Index(
                "latitude",
                "longitude",
                include=["node"],
                name="case_on_map",
                condition=Q(closed_at=None, latitude__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None

    @property
    def state(self) -> str:
        return "closed" if self.is_closed else "open"


class Week(models.Model):
    """What one body did in one week, counted anew each hour (cases.services.count_weeks).

    A week without a body is that of all of them together: every member may hold their own against it.
    """

    node = models.ForeignKey(Node, models.CASCADE, null=True, related_name="+")
    # Its Sunday, by the authority's clock.
    begins = models.DateField(_("week from"))
    opened = models.PositiveIntegerField(_("opened"))
    closed = models.PositiveIntegerField(_("closed"))
    closed_in_time = models.PositiveIntegerField(_("closed in time"))
    # Of the cases opened in it: how many a member answered, and the median time to that, in minutes.
    answered = models.PositiveIntegerField(_("answered"))
    minutes_to_answer = models.FloatField(_("minutes to the first answer"), null=True)
    # Of the cases closed in it, the median time from beginning to end.
    hours_to_close = models.FloatField(_("hours to the end"), null=True)
    rated = models.PositiveIntegerField(_("rated"))
    satisfied = models.PositiveIntegerField(_("satisfied"))
    # Cases whose second deadline passed in it while they were open.
    past_second = models.PositiveIntegerField(_("past the second deadline"), db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "begins", "node", name="case_week_once_a_body", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.begins}"


class Figure(models.Model):
    """What one body did in the last so many days, or in as many before them, by service or by hour.

    Counted anew each hour (cases.services.count_figures). Medians cannot be added, so each sum that a page
    shows stands in a row of its own. One without a body is that of all of them together: every member may
    hold their own against it.
    """

    class By(models.TextChoices):
        ALL = "", _("all")
        CATEGORY = "category", _("category")
        # Of the week, from Sunday's first one; when people wrote.
        HOUR = "hour", _("hour")

    node = models.ForeignKey(Node, models.CASCADE, null=True, related_name="+", db_index=False)
    days = models.PositiveSmallIntegerField(_("days"))
    is_before = models.BooleanField(_("before them"))
    by = models.CharField(_("by"), max_length=10, choices=By, blank=True)
    # The category, or the number of the hour from 0 to 167.
    key = models.CharField(_("key"), max_length=20, blank=True)
    opened = models.PositiveIntegerField(_("opened"))
    closed = models.PositiveIntegerField(_("closed"))
    closed_in_time = models.PositiveIntegerField(_("closed in time"))
    answered = models.PositiveIntegerField(_("answered"))
    minutes_to_answer = models.FloatField(_("minutes to the first answer"), null=True)
    hours_to_close = models.FloatField(_("hours to the end"), null=True)
    rated = models.PositiveIntegerField(_("rated"))
    satisfied = models.PositiveIntegerField(_("satisfied"))
    # Cases whose second deadline passed in it while they were open.
    past_second = models.PositiveIntegerField(_("past the second deadline"), db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "days", "is_before", "by", "node", "key",
                name="case_figure_once", nulls_distinct=False,
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.node_id} {self.days} {self.by} {self.key}"


class Reading(models.Model):
    """What triage said of the message that opened a case; a member's corrections stand beside it.

    `said` holds for each of kind, category, sentiment and priority `[label, how sure, words that weighed,
    [other labels, each with how likely]]`, and `language`, `body` (a key of the tree or of an outside body,
    or `ambiguous`), `places` (as typed) and `signs` (what else holds, with how sure). Another model than
    Bayan's own does not say how sure it is: null.
    """

    case = models.OneToOneField(Case, models.CASCADE, primary_key=True, related_name="reading")
    said = models.JSONField(_("said by triage"), encoder=PlainJSON)
    # The model that said it, last: of `bayan train`, or the one that was asked.
    version = models.CharField(_("version"), max_length=40)
    # When its case was held against others (services.matters); empty until then.
    matched_at = models.DateTimeField(_("compared"), null=True)
    # From when on another model is to be asked (services.second), and how often that was tried; empty: not,
    # or not any more.
    asks_at = models.DateTimeField(_("to be asked"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    class Meta:
        indexes = [
            models.Index("case", name="reading_to_match", condition=Q(matched_at=None)),
            models.Index("asks_at", name="reading_to_ask", condition=Q(asks_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}"


class SecondReader(models.Model):
    """How the other model does that is asked for a second opinion (services.second); one row a model."""

    model = models.CharField(_("model"), max_length=100, primary_key=True)
    answered = models.PositiveBigIntegerField(_("answered"), default=0)
    answered_at = models.DateTimeField(_("last answer"), null=True)
    # In a row, of those that a later answer may mend.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    failed_at = models.DateTimeField(_("last failure"), null=True)
    failure = models.CharField(_("reason"), max_length=60, blank=True)
    # Nobody asks it before.
    rests_until = models.DateTimeField(_("rests until"), null=True)

    def __str__(self) -> str:
        return self.model


class Reminded(models.Model):
    """A person for whose words a case waits was reminded, once in each way each time that it waits."""

    class Way(models.TextChoices):
        WORDS = "words", _("in words")
        # Outside their 24 hours: the words wait behind the template that asks them to open the conversation.
        TEMPLATE = "template", _("by a template")

    case = models.ForeignKey(Case, models.CASCADE, related_name="+")
    # Since when it waits.
    since = models.DateTimeField(_("since"))
    at = models.DateTimeField(_("at"))
    way = models.CharField(
        _("way"), max_length=10, choices=Way, default=Way.WORDS, db_default=Way.WORDS
    )

    class Meta:
        constraints = [models.UniqueConstraint("case", "since", "way", name="reminded_once")]

    def __str__(self) -> str:
        return f"{self.case_id}"


class Asked(models.Model):
    """The person was asked where it is: by Bayan itself, once a case at the most."""

    class Answer(models.TextChoices):
        CHOSEN = "chosen", _("chosen from the list")
        ELSEWHERE = "elsewhere", _("another place")
        PIN = "pin", _("their location")
        WORDS = "words", _("in words")

    case = models.OneToOneField(Case, models.CASCADE, primary_key=True, related_name="asked")
    at = models.DateTimeField(_("asked"), db_index=True)
    # In which it was asked, and the answer is thanked for.
    language = models.CharField(_("language"), max_length=2)
    # Pairs of keys of places, each with the town to tell it by; empty: their location was asked for.
    offered = models.JSONField(_("offered"), default=list)
    # What the case says of its place by these means; what a member wrote instead stays.
    place = models.CharField(_("place"), max_length=200, blank=True)
    answer = models.CharField(_("answer"), max_length=10, choices=Answer, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)

    def __str__(self) -> str:
        return f"{self.case_id}"


class Picture(models.Model):
    """A picture of a case, to be found by what it looks like (services.pictures)."""

    media = models.OneToOneField(Media, models.CASCADE, primary_key=True, related_name="+")
    case = models.ForeignKey(Case, models.CASCADE, related_name="+")
    # What it looks like, in four pieces by which copies are looked up (triage.images); empty until it was
    # held against others.
    band_1 = models.PositiveIntegerField(_("band"), null=True)
    band_2 = models.PositiveIntegerField(_("band"), null=True)
    band_3 = models.PositiveIntegerField(_("band"), null=True)
    band_4 = models.PositiveIntegerField(_("band"), null=True)

    class Meta:
        indexes = [
            models.Index("media", name="picture_to_match", condition=Q(band_1=None)),
            *(
                models.Index(f"band_{number}", name=f"picture_band_{number}")
                for number in range(1, 5)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}"


class Alike(models.Model):
    """Two cases that may be about the same matter, as triage says, and what a member says of it."""

    class Reason(models.TextChoices):
        WORDS = "words", _("similar words")
        PICTURE = "picture", _("the same picture")
        # The person is asked (services.near).
        NEAR = "near", _("near by, of the same kind")
        # What many pass on shows no matter: nothing is joined by it.
        CIRCULATES = "circulates", _("the same picture, which is going round")

    case = models.ForeignKey(Case, models.CASCADE, related_name="alike")
    # The case that came first.
    other = models.ForeignKey(Case, models.CASCADE, related_name="+")
    # From 0 to 1.
    likeness = models.FloatField(_("likeness"))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason, default=Reason.WORDS)
    is_same = models.BooleanField(_("is the same"), null=True)
    # Empty where triage was sure by itself.
    decided_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint("case", "other", name="alike_once")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.other_id}"


class Correction(models.Model):
    """A member knew better than triage.

    What it said of a case, and what is right. New versions learn from it.
    """

    case = models.ForeignKey(Case, models.CASCADE, related_name="corrections")
    field = models.CharField(_("field"), max_length=20)
    said = models.CharField(_("said by triage"), max_length=40)
    confidence = models.FloatField(_("how sure"))
    right = models.CharField(_("corrected to"), max_length=40)
    version = models.CharField(_("version"), max_length=40)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(_("at"))

    class Meta:
        constraints = [
            models.UniqueConstraint("case", "field", name="correction_once_a_field"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.field}"


class Closing(models.Model):
    """What a closing rests on: a picture of the place, or why there is none (services.proof)."""

    class Excuse(models.TextChoices):
        INSIDE = "inside", _("the work is inside a building")
        CONFIRMED = "confirmed", _("the person confirmed it themselves")
        GONE = "gone", _("the hazard went away by itself")
        OTHER = "other", _("another reason, in words")

    class Why(models.TextChoices):
        """Why nothing could be done."""

        NOT_REACHABLE = "not_reachable", _("the person could not be reached")

    case = models.OneToOneField(Case, models.CASCADE, primary_key=True, related_name="closing")
    proof = models.ForeignKey(Media, models.PROTECT, null=True, related_name="+", db_index=False)
    excuse = models.CharField(
        _("why there is no picture"), max_length=10, choices=Excuse, blank=True
    )
    why = models.CharField(_("why nothing could be done"), max_length=20, choices=Why, blank=True)
    words = models.CharField(_("reason in words"), max_length=300, blank=True)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)

    def __str__(self) -> str:
        return f"{self.case_id}"


class Attempt(models.Model):
    """That a member tried to reach the person of a case: one unanswered call never closes it."""

    class Way(models.TextChoices):
        PHONE = "phone", _("by phone")
        WHATSAPP = "whatsapp", _("by WhatsApp")

    case = models.ForeignKey(Case, models.CASCADE, related_name="attempts")
    way = models.CharField(_("way"), max_length=10, choices=Way)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    note = models.CharField(_("note"), max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.case_id} {self.at:%Y-%m-%d}"


class Related(models.Model):
    """That two cases have to do with each other, though each is a matter of its own."""

    class Kind(models.TextChoices):
        RELATED = "related", pgettext_lazy("cases", "related to")
        CAUSED_BY = "caused_by", pgettext_lazy("cases", "caused by")
        PART_OF = "part_of", pgettext_lazy("cases", "part of the incident")

    case = models.ForeignKey(Case, models.CASCADE, related_name="+")
    other = models.ForeignKey(Case, models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    at = models.DateTimeField(_("at"))

    class Meta:
        constraints = [
            models.UniqueConstraint("case", "other", name="related_once"),
            models.CheckConstraint(condition=~Q(case=F("other")), name="related_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.kind} {self.other_id}"


class Draw(models.Model):
    """That a month's sample of closed cases was drawn for a body: by which seed, of how many."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="+", db_index=False)
    # Its first day.
    month = models.DateField(_("month"))
    seed = models.CharField(_("seed"), max_length=100)
    closed = models.PositiveIntegerField(_("closed cases"))
    # By the worker once the month is over; before, a member may begin with what is closed already.
    is_whole = models.BooleanField(_("of the whole month"))
    at = models.DateTimeField(_("at"))

    class Meta:
        constraints = [models.UniqueConstraint("month", "node", name="draw_once")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.node_id}"


class Sampled(models.Model):
    """A closed case that a month's sample holds, and how a director judges its closing."""

    class Verdict(models.TextChoices):
        GOOD = "good", pgettext_lazy("quality", "good")
        TO_IMPROVE = "to_improve", pgettext_lazy("quality", "to improve")
        REOPENED = "reopened", pgettext_lazy("quality", "opened again")

    public_id = PublicIdField()
    node = models.ForeignKey(Node, models.CASCADE, related_name="+", db_index=False)
    month = models.DateField(_("month"))
    case = models.ForeignKey(Case, models.CASCADE, related_name="+")
    # Closed without a picture where one is wanted.
    is_excused = models.BooleanField(_("without a picture"))
    # Where it comes in the order of judging.
    position = models.PositiveIntegerField(_("position"))
    outcome_true = models.BooleanField(_("the outcome is true"), null=True)
    proof_shows = models.BooleanField(_("the picture shows it"), null=True)
    words_kind = models.BooleanField(_("the words are kind and correct"), null=True)
    place_right = models.BooleanField(_("the place is right"), null=True)
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    judged_at = models.DateTimeField(_("judged"), null=True)
    judged_by = models.ForeignKey(
        Member, models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint("month", "case", name="sampled_once"),
            models.CheckConstraint(
                condition=Q(verdict="", judged_at=None)
                | ~Q(verdict="") & Q(judged_at__isnull=False),
                name="sampled_judged_with_a_verdict",
            ),
        ]
        indexes = [models.Index("month", "node", "position", name="sampled_of_month")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.case_id}"


class Directive(models.Model):
    """An instruction from above or a complaint of standing: seen by few, and each look is in the trail."""

    public_id = PublicIdField()
    # The body whose register it stands in.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    number = models.PositiveIntegerField(_("number"))
    # Who gave it, as they are called; and the member, where it is one.
    giver = models.CharField(_("given by"), max_length=120)
    given_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    given_on = models.DateField(_("given on"))
    subject = models.CharField(_("subject"), max_length=140)
    text = models.TextField(_("text"), blank=True)
    case = models.ForeignKey(Case, models.SET_NULL, null=True, related_name="+")
    # Who does it until when, and whether it is done.
    item = models.OneToOneField(Item, models.PROTECT, related_name="+")
    registered_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    registered_at = models.DateTimeField(_("registered"))

    class Meta:
        constraints = [models.UniqueConstraint("node", "number", name="directive_number")]

    def __str__(self) -> str:
        return f"{self.number}"


class Heard(models.Model):
    """What a message of the public adds to the counts in which bursts are looked for; kept for two months.

    Its words are kept for hours (`services.bursts`).
    """

    # The provider's id of the message.
    external_id = models.CharField(_("provider's id"), max_length=160)
    at = models.DateTimeField(_("at"), db_index=True)
    # Whose counts it belongs to: pairs of a kind (category, municipality, place) and its key.
    about = models.JSONField(_("about"), encoder=PlainJSON)
    # Its telling words, plain spelling to how they are written; empty once no burst can need them.
    terms = models.JSONField(_("words"), default=dict, encoder=PlainJSON)

    class Meta:
        indexes = [
            # The few whose words are to be forgotten, among millions.
            models.Index("at", name="heard_with_words", condition=~Q(terms={})),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Burst(models.Model):
    """Far more messages than usual, for a body, a service, a place or all."""

    public_id = PublicIdField()
    # Whom it concerns: the municipality, or the authority's desk.
    node = models.ForeignKey(Node, models.CASCADE, related_name="+")
    detected_at = models.DateTimeField(_("noticed"))
    started_at = models.DateTimeField(_("began"))
    about = models.JSONField(_("about"))
    volume = models.PositiveIntegerField(_("messages"))
    baseline = models.FloatField(_("usual"))
    score = models.FloatField(_("score"))
    terms = models.JSONField(_("words"), default=list)
    # The provider's ids of its first messages.
    examples = models.JSONField(_("first messages"), default=list)
    # When it came before people; in a rehearsal the stream's own times are others.
    told_at = models.DateTimeField(_("told"))
    seen_by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    seen_at = models.DateTimeField(_("seen"), null=True)

    class Meta:
        indexes = [models.Index(F("told_at").desc(), "node", name="burst_latest")]

    def __str__(self) -> str:
        return f"{self.node_id} {self.started_at:%Y-%m-%d %H:%M}"


class Forward(models.Model):
    """What a member passed on from elsewhere to the authority's number, and what was made of it."""

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("forward", "waits for a decision")
        CREATED = "created", pgettext_lazy("forward", "case created")
        JOINED = "joined", pgettext_lazy("forward", "joined to a case")
        NOTED = "noted", pgettext_lazy("forward", "for information")
        # It was no report: it answers a task or a letter (services.unclear).
        ANSWER = "answer", pgettext_lazy("forward", "taken as an answer")

    public_id = PublicIdField()
    # The member's body: what they passed on is its business, and that of those above it.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    # Keys of its messages: few, shown with every row. They may stand in a case's conversation by now.
    messages = ArrayField(models.BigIntegerField(), default=list, verbose_name=_("messages"))
    # All its words; a link is a text like any other and is never fetched.
    text = models.TextField(_("text"), blank=True)
    # Hashes of its words, plainly spelt, and of its files: who passes on the same is told so.
    digests = ArrayField(models.CharField(max_length=64), default=list, verbose_name=_("hashes"))
    # As in `Reading`; empty where there was nothing to read.
    said = models.JSONField(_("said by triage"), default=dict)
    # The open case that it was most like when it was answered, how many reports that matter had then, and who
    # had passed on the same before.
    likeliest = models.ForeignKey(
        Case, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    matches = models.PositiveIntegerField(_("matches"), default=0)
    before = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", db_index=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    # The one that was made of it, or that it was joined to.
    case = models.ForeignKey(
        Case, models.PROTECT, null=True, related_name="forwards", db_index=False
    )
    received_at = models.DateTimeField(_("received"))
    # When the member was told what it was taken for; until then a worker owes them that.
    answered_at = models.DateTimeField(_("answered"), null=True)
    decided_at = models.DateTimeField(_("decided"), null=True)
    # When the member was asked what it answers, and what they chose: item-018f…
    asked_at = models.DateTimeField(_("asked what it answers"), null=True)
    answers = models.CharField(_("answers"), max_length=100, blank=True, db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                # One by one: of a list PostgreSQL's dump makes another text each time it is restored.
                condition=(Q(state="created") | Q(state="joined")) & Q(case__isnull=False)
                | (Q(state="waiting") | Q(state="noted") | Q(state="answer")) & Q(case=None),
                name="forward_state_says_whether_it_has_a_case",
            )
        ]
        indexes = [
            models.Index(F("received_at").desc(), F("id").desc(), name="forward_newest"),
            models.Index("member", F("received_at").desc(), name="forward_of_member"),
            models.Index("id", name="forward_unanswered", condition=Q(answered_at=None)),
            models.Index("case", name="forward_of_case", condition=Q(case__isnull=False)),
            GinIndex("digests", name="forward_again"),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def is_decided(self) -> bool:
        """True once it belongs to a case; what was kept for information may still become one."""
        return self.case_id is not None


class RuleBook(models.Model):
    """The rules of routing as a whole, in one row: whoever changes one locks it and gives it another stamp.

    Processes remember the rules by it.
    """

    stamp = models.UUIDField(_("stamp"), default=uuid4)

    def __str__(self) -> str:
        return str(self.stamp)


class RoutingRule(models.Model):
    """What becomes of a new case that fits; of several rules the first one by position decides.

    An empty condition holds for every case.
    """

    class Hours(models.TextChoices):
        ANY = "", _("at any time")
        WORKING = "working", _("in working hours")
        OUTSIDE = "outside", _("out of working hours")
        BETWEEN = "between", _("between two times of the day")

    class To(models.TextChoices):
        STAYS = "stays", _("It stays where it is")
        POINTED = "pointed", _("The municipality that its place points to")
        BODY = "body", _("A body")

    class Give(models.TextChoices):
        NOBODY = "nobody", _("Nobody in particular")
        LEAST = "least", _("Whoever of its responders has the fewest open cases")
        DUTY = "duty", _("Whoever is on duty")
        MEMBER = "member", _("A member")
        TEAM = "team", _("Whoever of a team has the fewest open cases")

    public_id = PublicIdField()
    position = models.PositiveIntegerField(_("position"))
    name = models.CharField(_("name"), max_length=80)
    # Counts its changes: a decision names the one by which it was made.
    version = models.PositiveIntegerField(_("version"), default=1)
    is_on = models.BooleanField(_("on"), default=True)
    kinds = ArrayField(models.CharField(max_length=20), default=list, verbose_name=_("kinds"))
    categories = ArrayField(
        models.CharField(max_length=20), default=list, verbose_name=_("categories")
    )
    priorities = ArrayField(
        models.CharField(max_length=10), default=list, verbose_name=_("priorities")
    )
    # Keys of the bodies that the place points to, and of places of the gazetteer that are named.
    bodies = ArrayField(models.CharField(max_length=60), default=list, verbose_name=_("bodies"))
    places = ArrayField(models.CharField(max_length=80), default=list, verbose_name=_("places"))
    # Keys of channel accounts.
    accounts = ArrayField(models.CharField(max_length=60), default=list, verbose_name=_("accounts"))
    # Any of these, whole words.
    words = ArrayField(models.CharField(max_length=60), default=list, verbose_name=_("words"))
    hours = models.CharField(_("time of day"), max_length=10, choices=Hours, blank=True)
    # Until before from: over midnight.
    from_time = models.TimeField(_("from"), null=True)
    until_time = models.TimeField(_("until"), null=True)
    # Monday is 0.
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(), default=list, verbose_name=_("weekdays")
    )
    # So many open cases, or more, of the body to which it would go.
    open_cases = models.PositiveIntegerField(_("open cases"), null=True)
    to = models.CharField(_("to which body"), max_length=10, choices=To, default=To.STAYS)
    node = models.ForeignKey(Node, models.PROTECT, null=True, related_name="+", db_index=False)
    give = models.CharField(_("to whom in it"), max_length=10, choices=Give, default=Give.NOBODY)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+", db_index=False)
    # At least as urgent as this; a category in place of triage's.
    priority = models.CharField(_("priority"), max_length=10, choices=Case.Priority, blank=True)
    category = models.CharField(_("category"), max_length=20, choices=Case.Category, blank=True)

    class Meta:
        constraints = [
            # Checked at the commit: two rules change places in two statements.
            models.UniqueConstraint(
                fields=["position"],
                name="routing_rule_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=Q(to="body", node__isnull=False) | ~Q(to="body") & Q(node=None),
                name="routing_rule_names_its_body",
            ),
            models.CheckConstraint(
                condition=Q(give="team", team__isnull=False) | ~Q(give="team") & Q(team=None),
                name="routing_rule_names_its_team",
            ),
            models.CheckConstraint(
                condition=Q(hours="between", from_time__isnull=False, until_time__isnull=False)
                | ~Q(hours="between") & Q(from_time=None, until_time=None),
                name="routing_rule_between_two_times",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RoutingDecision(models.Model):
    """Where a rule led a case, and why: in the words of that time, whatever becomes of the rule."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="decisions")
    at = models.DateTimeField(_("at"))
    # The rule's public id; it may be deleted by now.
    rule = models.UUIDField(_("rule"))
    name = models.CharField(_("name"), max_length=80)
    version = models.PositiveIntegerField(_("version"))
    # What of the rule's conditions was there (routing.matching.found).
    found = models.JSONField(_("found"), default=dict)
    # The key of the body that it went to, or stayed with.
    body = models.CharField(_("body"), max_length=60)
    is_moved = models.BooleanField(_("moved"))
    give = models.CharField(_("to whom in it"), max_length=10, choices=RoutingRule.Give)
    # None: nobody in particular, or nobody was there.
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    # Of which they are, where it was given to one.
    team = models.ForeignKey(Team, models.PROTECT, null=True, related_name="+", db_index=False)
    # How many open cases the member had, and then the others; only where that decided.
    loads = ArrayField(models.PositiveIntegerField(), default=list, verbose_name=_("open cases"))
    # What the rule made of them; empty where they stayed.
    priority = models.CharField(_("priority"), max_length=10, blank=True)
    category = models.CharField(_("category"), max_length=20, blank=True)

    class Meta:
        indexes = [
            models.Index("at", "rule", name="decision_of_rule"),
            models.Index(
                "member", "at", name="decision_for_member", condition=Q(member__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.name}"


class Answer(models.Model):
    """One answer to everybody who reported a matter, to each in their own conversation."""

    class State(models.TextChoices):
        DRAFT = "draft", pgettext_lazy("answer", "draft")
        RUNNING = "running", pgettext_lazy("answer", "is being sent")
        PAUSED = "paused", pgettext_lazy("answer", "paused")
        TAKEN_BACK = "taken_back", pgettext_lazy("answer", "taken back")
        DONE = "done", pgettext_lazy("answer", "sent")

    class Outside(models.TextChoices):
        """What becomes of those who last wrote more than 24 hours ago."""

        TEMPLATE = "template", _("An approved template")
        NUDGE = "nudge", _("Ask them to open the conversation; the answer waits until they do")
        LEAVE = "leave", _("They get nothing, and their cases stay as they are")

    public_id = PublicIdField()
    # The body of the matter's first case.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+")
    # The case that began the matter.
    matter = models.ForeignKey(Case, models.PROTECT, related_name="answers")
    text = models.TextField(_("answer"), blank=True)
    # With it the cases are closed; empty: they stay open.
    outcome = models.CharField(_("outcome"), max_length=20, choices=Case.Outcome, blank=True)
    # What the closing rests on, for all of them (services.proof).
    excuse = models.CharField(
        _("why there is no picture"), max_length=10, choices=Closing.Excuse, blank=True
    )
    excuse_words = models.CharField(_("reason in words"), max_length=300, blank=True)
    proof = models.ForeignKey(Media, models.PROTECT, null=True, related_name="+", db_index=False)
    outside = models.CharField(
        _("outside the 24 hours"), max_length=10, choices=Outside, default=Outside.LEAVE
    )
    template = models.ForeignKey(
        Template, models.PROTECT, null=True, related_name="+", db_index=False
    )
    # Of the template, by the parameters' keys; placeholders are put in for each person.
    values = models.JSONField(_("values"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    # Who wrote it last, and then started it: the messages are theirs.
    by = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(_("made"))
    started_at = models.DateTimeField(_("started"), null=True)
    # All of it handed over, or taken back.
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft", started_at=None)
                | ~Q(state="draft") & Q(started_at__isnull=False),
                name="answer_starts_once",
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="answer_newest"),
            # The few that a worker looks at.
            models.Index(
                "id", name="answer_under_way", condition=Q(state="running") | Q(state="paused")
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    @property
    def is_over(self) -> bool:
        return self.state in {self.State.DONE, self.State.TAKEN_BACK}


class AnswerRecipient(models.Model):
    """One case of the matter, and what the answer does with it.

    Whether its message arrived stands in the outgoing row and nowhere else.
    """

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("answer", "waiting")
        # Handed to the dispatcher, whatever became of it since.
        QUEUED = "queued", pgettext_lazy("answer", "handed over")
        # Kept until the person opens the conversation.
        HELD = "held", pgettext_lazy("answer", "waits for the person")
        EXCEPTED = "excepted", pgettext_lazy("answer", "left out")
        SKIPPED = "skipped", pgettext_lazy("answer", "could not be sent")
        TAKEN_BACK = "taken_back", pgettext_lazy("answer", "taken back")

    class Reason(models.TextChoices):
        """Why somebody was passed over."""

        SAME_PERSON = "same_person", _("gets it under another case of theirs")
        CLOSED = "closed", _("the case was closed already")
        MOVED = "moved", _("the case went to another body")
        WINDOW = "window", _("last wrote more than 24 hours ago")
        TEMPLATE = "template", _("no approved template fits their number")
        UNREACHABLE = "unreachable", _("no number of theirs is known")
        TOO_LONG = "too_long", _("the text is too long for their channel")

    answer = models.ForeignKey(Answer, models.CASCADE, related_name="recipients", db_index=False)
    # The body of the case when the answer was written: another one's cases are that one's to answer.
    node = models.ForeignKey(Node, models.PROTECT, related_name="+", db_index=False)
    case = models.ForeignKey(Case, models.PROTECT, related_name="answered_by")
    message = models.OneToOneField(Message, models.PROTECT, null=True, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, blank=True)
    # When it was handed over, and what the case was in before: taking back goes back to that.
    at = models.DateTimeField(_("handed over"), null=True)
    stage_before = models.CharField(_("stage before"), max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("answer", "case", name="answer_once_a_case"),
            models.CheckConstraint(
                condition=Q(state="skipped") & ~Q(reason="") | ~Q(state="skipped") & Q(reason=""),
                name="answer_recipient_skipped_for_a_reason",
            ),
            models.CheckConstraint(
                condition=(Q(state="queued") | Q(state="held")) & Q(message__isnull=False)
                | Q(state="taken_back")
                | (Q(state="waiting") | Q(state="excepted") | Q(state="skipped")) & Q(message=None),
                name="answer_recipient_handed_over_has_a_message",
            ),
        ]
        indexes = [
            models.Index("answer", "id", name="answer_to_deliver", condition=Q(state="waiting")),
            models.Index("id", name="answer_held", condition=Q(state="held")),
        ]

    def __str__(self) -> str:
        return f"{self.answer_id} {self.case_id}"
