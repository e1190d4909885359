"""Deleting templates with time to think again; what became of a broadcast's list, and how far it is."""

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0005_row_level_security"),
    ]

    operations = [
        migrations.AddField(
            model_name="broadcast",
            name="bad_lines",
            field=models.PositiveIntegerField(
                default=0, verbose_name="lines that could not be used"
            ),
        ),
        migrations.AddField(
            model_name="broadcast",
            name="counted_at",
            field=models.DateTimeField(null=True, verbose_name="counted"),
        ),
        migrations.AddField(
            model_name="broadcast",
            name="counts",
            field=models.JSONField(default=dict, verbose_name="messages by state"),
        ),
        migrations.AddField(
            model_name="broadcast",
            name="duplicates",
            field=models.PositiveIntegerField(default=0, verbose_name="listed more than once"),
        ),
        migrations.AddField(
            model_name="broadcast",
            name="opted_out",
            field=models.PositiveIntegerField(default=0, verbose_name="opted out"),
        ),
        migrations.AddField(
            model_name="broadcast",
            name="rate",
            field=models.FloatField(null=True, verbose_name="messages per second"),
        ),
        migrations.AddField(
            model_name="template",
            name="forget_at",
            field=models.DateTimeField(null=True, verbose_name="to be deleted at"),
        ),
        migrations.CreateModel(
            name="BadLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line", models.PositiveIntegerField(verbose_name="line")),
                ("reason", models.CharField(max_length=40, verbose_name="reason")),
                ("text", models.CharField(max_length=200, verbose_name="as it was written")),
                (
                    "broadcast",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="channels.broadcast",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("broadcast"), models.F("line"), name="bad_line_once"
                    )
                ],
            },
        ),
        # Lines are seen with their broadcast.
        protect(
            "channels_badline",
            visible="EXISTS (SELECT FROM channels_broadcast b WHERE b.id = broadcast_id)",
        ),
    ]
