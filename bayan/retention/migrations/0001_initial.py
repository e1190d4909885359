"""Legal holds, and what was decided of what is due."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from bayan.core.rls import protect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("organisation", "0003_own_hours"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("what", models.CharField(max_length=20, verbose_name="what")),
                ("key", models.UUIDField(verbose_name="key")),
                ("number", models.CharField(max_length=40, verbose_name="number")),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("keep", "kept longer"),
                            ("hand_over", "handed over"),
                            ("destroy", "destroyed"),
                        ],
                        max_length=10,
                        verbose_name="decision",
                    ),
                ),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("until", models.DateTimeField(null=True, verbose_name="kept until")),
                ("digest", models.CharField(blank=True, max_length=64, verbose_name="fingerprint")),
                ("at", models.DateTimeField(verbose_name="decided")),
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
                    models.Index(models.F("what"), models.F("key"), name="decision_of_thing"),
                    models.Index(
                        models.OrderBy(models.F("at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="decision_latest",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("verdict", "destroy"), _negated=True),
                            models.Q(("digest", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="decision_destroyed_has_a_fingerprint",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("what", models.CharField(max_length=20, verbose_name="what")),
                ("key", models.UUIDField(verbose_name="key")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("placed_at", models.DateTimeField(verbose_name="placed")),
                ("lifted_at", models.DateTimeField(null=True, verbose_name="lifted")),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
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
                (
                    "placed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("what"),
                        models.F("key"),
                        condition=models.Q(("lifted_at", None)),
                        name="hold_one_stands",
                    )
                ],
            },
        ),
        protect("retention_hold"),
        protect("retention_decision"),
    ]
