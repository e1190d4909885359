"""Rules by which new cases find their body and whoever handles them, and what they decided."""

import uuid

import django.contrib.postgres.fields
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

# Where the case is visible.
OF_A_CASE = "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0012_forwards"),
        ("organisation", "0002_outside_bodies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RuleBook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("stamp", models.UUIDField(default=uuid.uuid4, verbose_name="stamp")),
            ],
        ),
        migrations.CreateModel(
            name="RoutingDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                ("rule", models.UUIDField(verbose_name="rule")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("found", models.JSONField(default=dict, verbose_name="found")),
                ("body", models.CharField(max_length=60, verbose_name="body")),
                ("is_moved", models.BooleanField(verbose_name="moved")),
                (
                    "give",
                    models.CharField(
                        choices=[
                            ("nobody", "Nobody in particular"),
                            ("least", "Whoever of its responders has the fewest open cases"),
                            ("duty", "Whoever is on duty"),
                            ("member", "A member"),
                        ],
                        max_length=10,
                        verbose_name="to whom in it",
                    ),
                ),
                (
                    "loads",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(),
                        default=list,
                        verbose_name="open cases",
                    ),
                ),
                ("priority", models.CharField(blank=True, max_length=10, verbose_name="priority")),
                ("category", models.CharField(blank=True, max_length=20, verbose_name="category")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="decisions",
                        to="cases.case",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(models.F("at"), models.F("rule"), name="decision_of_rule"),
                    models.Index(
                        models.F("member"),
                        models.F("at"),
                        condition=models.Q(("member__isnull", False)),
                        name="decision_for_member",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    bayan.core.models.PublicIdField(
                        db_default=django.db.models.functions.uuid.UUID7(),
                        default=bayan.core.models.uuid7,
                        editable=False,
                        unique=True,
                    ),
                ),
                ("position", models.PositiveIntegerField(verbose_name="position")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                ("is_on", models.BooleanField(default=True, verbose_name="on")),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20),
                        default=list,
                        verbose_name="kinds",
                    ),
                ),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20),
                        default=list,
                        verbose_name="categories",
                    ),
                ),
                (
                    "priorities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10),
                        default=list,
                        verbose_name="priorities",
                    ),
                ),
                (
                    "bodies",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        default=list,
                        verbose_name="bodies",
                    ),
                ),
                (
                    "places",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80),
                        default=list,
                        verbose_name="places",
                    ),
                ),
                (
                    "accounts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        default=list,
                        verbose_name="accounts",
                    ),
                ),
                (
                    "words",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        default=list,
                        verbose_name="words",
                    ),
                ),
                (
                    "hours",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "at any time"),
                            ("working", "in working hours"),
                            ("outside", "out of working hours"),
                            ("between", "between two times of the day"),
                        ],
                        max_length=10,
                        verbose_name="time of day",
                    ),
                ),
                ("from_time", models.TimeField(null=True, verbose_name="from")),
                ("until_time", models.TimeField(null=True, verbose_name="until")),
                (
                    "weekdays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(),
                        default=list,
                        verbose_name="weekdays",
                    ),
                ),
                ("open_cases", models.PositiveIntegerField(null=True, verbose_name="open cases")),
                (
                    "to",
                    models.CharField(
                        choices=[
                            ("stays", "It stays where it is"),
                            ("pointed", "The municipality that its place points to"),
                            ("body", "A body"),
                        ],
                        default="stays",
                        max_length=10,
                        verbose_name="to which body",
                    ),
                ),
                (
                    "give",
                    models.CharField(
                        choices=[
                            ("nobody", "Nobody in particular"),
                            ("least", "Whoever of its responders has the fewest open cases"),
                            ("duty", "Whoever is on duty"),
                            ("member", "A member"),
                        ],
                        default="nobody",
                        max_length=10,
                        verbose_name="to whom in it",
                    ),
                ),
                (
                    "priority",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("emergency", "emergency"),
                            ("high", "urgent"),
                            ("normal", "normal"),
                            ("low", "not urgent"),
                        ],
                        max_length=10,
                        verbose_name="priority",
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("cleanliness", "cleanliness"),
                            ("roads", "roads and pavements"),
                            ("lighting", "lighting"),
                            ("storm_water", "rain water: ponds and drainage"),
                            ("water_sewage", "water and sewage"),
                            ("parks_beaches", "parks and beaches"),
                            ("food_health", "food safety and health control"),
                            ("pests", "public health pest control"),
                            ("stray_animals", "stray animals"),
                            ("building", "building licences and violations"),
                            ("commerce", "shop licences, markets and street vendors"),
                            ("visual_pollution", "visual pollution"),
                            ("excavation", "excavations and projects"),
                            ("public_facilities", "public facilities"),
                            ("safety_hazard", "danger to safety"),
                            ("digital_services", "digital services (Balady)"),
                            ("staff_service", "service quality and staff conduct"),
                            ("events", "events and awareness"),
                            ("other", "other"),
                        ],
                        max_length=20,
                        verbose_name="category",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("position",),
                        name="routing_rule_position",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("node__isnull", False), ("to", "body")),
                            models.Q(models.Q(("to", "body"), _negated=True), ("node", None)),
                            _connector="OR",
                        ),
                        name="routing_rule_names_its_body",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("from_time__isnull", False),
                                ("hours", "between"),
                                ("until_time__isnull", False),
                            ),
                            models.Q(
                                models.Q(("hours", "between"), _negated=True),
                                ("from_time", None),
                                ("until_time", None),
                            ),
                            _connector="OR",
                        ),
                        name="routing_rule_between_two_times",
                    ),
                ],
            },
        ),
        # Rules belong to the whole authority: settings, whose pages have a permission.
        protect("cases_routingdecision", visible=OF_A_CASE, commands=("SELECT",)),
    ]
