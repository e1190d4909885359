import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import IN_A_VISIBLE_NODE, protect


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0015_clocks"),
        ("organisation", "0002_outside_bodies"),
    ]

    operations = [
        migrations.CreateModel(
            name="Figure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("days", models.PositiveSmallIntegerField(verbose_name="days")),
                ("is_before", models.BooleanField(verbose_name="before them")),
                (
                    "by",
                    models.CharField(
                        blank=True,
                        choices=[("", "all"), ("category", "category"), ("hour", "hour")],
                        max_length=10,
                        verbose_name="by",
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=20, verbose_name="key")),
                ("opened", models.PositiveIntegerField(verbose_name="opened")),
                ("closed", models.PositiveIntegerField(verbose_name="closed")),
                ("closed_in_time", models.PositiveIntegerField(verbose_name="closed in time")),
                ("answered", models.PositiveIntegerField(verbose_name="answered")),
                (
                    "minutes_to_answer",
                    models.FloatField(null=True, verbose_name="minutes to the first answer"),
                ),
                ("hours_to_close", models.FloatField(null=True, verbose_name="hours to the end")),
                ("rated", models.PositiveIntegerField(verbose_name="rated")),
                ("satisfied", models.PositiveIntegerField(verbose_name="satisfied")),
                (
                    "node",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("days"),
                        models.F("is_before"),
                        models.F("by"),
                        models.F("node"),
                        models.F("key"),
                        name="case_figure_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        # The authority as a whole is what everybody may hold their own figures against.
        protect(
            "cases_figure",
            visible=f"node_id IS NULL OR {IN_A_VISIBLE_NODE}",
            commands=("SELECT",),
        ),
    ]
