"""Times of cases that are set on the page."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0027_promised"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    # Of the whole authority: a setting, whose page has a permission.
    operations = [
        migrations.CreateModel(
            name="TermsSet",
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
                ("terms", models.JSONField(default=dict, verbose_name="times")),
                (
                    "of",
                    models.CharField(blank=True, max_length=60, verbose_name="of which cases"),
                ),
                (
                    "priority",
                    models.CharField(blank=True, max_length=10, verbose_name="priority"),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "dated_to",
                    models.BigIntegerField(null=True, verbose_name="dated anew up to"),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("id"),
                        condition=models.Q(("dated_to__isnull", False)),
                        name="terms_set_to_date",
                    )
                ],
            },
        ),
    ]
