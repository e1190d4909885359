"""What members report from the field."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import IN_A_VISIBLE_NODE, protect

# The body of the member who sent it sees it, and the one whose case it is part of.
VISIBLE = f"{IN_A_VISIBLE_NODE} OR EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("cases", "0021_surge"),
        ("organisation", "0002_outside_bodies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FieldReport",
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
                (
                    "messages",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, verbose_name="messages"
                    ),
                ),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("latitude", models.FloatField(null=True, verbose_name="latitude")),
                ("longitude", models.FloatField(null=True, verbose_name="longitude")),
                ("place", models.CharField(blank=True, max_length=200, verbose_name="place")),
                ("files", models.PositiveSmallIntegerField(default=0, verbose_name="files")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "not finished"),
                            ("sent", "sent"),
                            ("dropped", "called off"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("begun_at", models.DateTimeField(verbose_name="begun")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "awaits_until",
                    models.DateTimeField(null=True, verbose_name="waits for parts until"),
                ),
                ("told_at", models.DateTimeField(null=True, verbose_name="told")),
                ("whole_at", models.DateTimeField(null=True, verbose_name="told that it is whole")),
                (
                    "case",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
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
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="field_report_newest",
                    ),
                    models.Index(
                        models.F("case"),
                        condition=models.Q(("case__isnull", False)),
                        name="field_report_of_case",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("member"),
                        condition=models.Q(("awaits_until__isnull", False)),
                        name="field_report_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("awaits_until", None), ("state", "draft"), _connector="OR"
                        ),
                        name="field_report_waits_as_draft",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latitude", None), ("longitude", None)),
                            models.Q(
                                ("latitude__gte", -90),
                                ("latitude__lte", 90),
                                ("longitude__gte", -180),
                                ("longitude__lte", 180),
                            ),
                            _connector="OR",
                        ),
                        name="field_report_is_on_earth",
                    ),
                ],
            },
        ),
        protect("desk_fieldreport", visible=VISIBLE, commands=("SELECT",)),
    ]
