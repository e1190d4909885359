"""Periods set on the page, and removals of all that is due; what destroying many files asks of the database."""

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

# A file is destroyed once nothing names it: each is asked for it, one file after the other.
LOOKED_UP = """
CREATE INDEX outgoing_of_media ON channels_outgoing (media_id) WHERE media_id IS NOT NULL;
CREATE INDEX closing_of_media ON cases_closing (proof_id) WHERE proof_id IS NOT NULL;
CREATE INDEX media_by_hash ON channels_media (sha256);
"""
NOT_LOOKED_UP = """
DROP INDEX outgoing_of_media; DROP INDEX closing_of_media; DROP INDEX media_by_hash;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("retention", "0001_initial"),
        ("cases", "0026_second_deadlines_counted"),
        ("channels", "0016_one_call"),
        ("organisation", "0003_own_hours"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(unique=True, verbose_name="version")),
                ("rules", models.JSONField(verbose_name="rules")),
                ("made_at", models.DateTimeField(verbose_name="made")),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Removal",
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
                ("what", models.CharField(max_length=20, verbose_name="what")),
                ("as_of", models.DateTimeField(verbose_name="due at")),
                ("due", models.PositiveIntegerField(verbose_name="due")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "under way"),
                            ("stopped", "stopped"),
                            ("finished", "finished"),
                        ],
                        default="running",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("after", models.BigIntegerField(default=0, verbose_name="looked at up to")),
                ("removed", models.PositiveIntegerField(default=0, verbose_name="removed")),
                ("held", models.PositiveIntegerField(default=0, verbose_name="held")),
                (
                    "refused",
                    models.PositiveIntegerField(default=0, verbose_name="could not be removed"),
                ),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
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
                        models.OrderBy(models.F("started_at"), descending=True),
                        name="removal_latest",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("what"),
                        models.F("node"),
                        condition=models.Q(("state", "running")),
                        name="removal_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("state", "running")),
                            models.Q(
                                models.Q(("state", "running"), _negated=True),
                                ("ended_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="removal_ends_with_its_state",
                    ),
                ],
            },
        ),
        protect("retention_removal"),
        migrations.RunSQL(LOOKED_UP, NOT_LOOKED_UP),
    ]
