"""Followers hear of a promise of news, too."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

OF_A_CASE = "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0026_second_deadlines_counted"),
        ("inbox", "0011_passed_on"),
    ]

    operations = [
        migrations.AddField(
            model_name="follower",
            name="promised",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="inbox.message",
            ),
        ),
        migrations.AddField(
            model_name="follower",
            name="promised_until",
            field=models.DateTimeField(null=True, verbose_name="told to expect news by"),
        ),
        migrations.CreateModel(
            name="Promised",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="cases.case",
                    ),
                ),
                ("due_at", models.DateTimeField(null=True, verbose_name="told at")),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("due_at"),
                        condition=models.Q(("due_at__isnull", False)),
                        name="promised_to_tell",
                    )
                ],
            },
        ),
        protect("cases_promised", visible=OF_A_CASE, commands=("SELECT", "INSERT", "UPDATE")),
    ]
