from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

OF_A_RECIPIENT = "EXISTS (SELECT FROM correspondence_recipient r WHERE r.id = recipient_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0016_one_call"),
        ("correspondence", "0004_digests"),
        ("people", "0011_quiet"),
    ]

    operations = [
        migrations.AddField(
            model_name="letter",
            name="fields",
            field=models.JSONField(
                db_default=models.Value("[]", models.JSONField()),
                default=list,
                verbose_name="form",
            ),
        ),
        migrations.CreateModel(
            name="Filled",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=12, verbose_name="version of the form")),
                ("values", models.JSONField(default=dict, verbose_name="answers")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="people.member",
                    ),
                ),
                (
                    "picture",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.media",
                    ),
                ),
                (
                    "recipient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="filled",
                        to="correspondence.recipient",
                    ),
                ),
            ],
        ),
        protect("correspondence_filled", visible=OF_A_RECIPIENT),
    ]
