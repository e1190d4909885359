"""Contractors and bodies outside are written to by Bayan itself."""

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

OF_A_VISIBLE_ITEM = "EXISTS (SELECT FROM work_item i WHERE i.id = item_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0017_reach_outside"),
        ("organisation", "0004_outside_addresses"),
        ("work", "0007_declined_and_second"),
    ]

    operations = [
        migrations.AddField(
            model_name="contractor",
            name="email",
            field=models.EmailField(
                blank=True, db_default="", max_length=254, verbose_name="e-mail"
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("awaits_until"),
                condition=models.Q(
                    ("awaits_until__isnull", False), ("owner", None), ("state", "open")
                ),
                name="item_awaits_outside",
            ),
        ),
        migrations.CreateModel(
            name="OutsideNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reminder", "reminder"),
                            ("first", "first follow-up"),
                            ("second", "second follow-up"),
                            ("raised", "raised"),
                            ("last", "second deadline missed"),
                        ],
                        max_length=10,
                        verbose_name="level",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="made")),
                ("told_at", models.DateTimeField(null=True, verbose_name="told")),
                (
                    "settled_at",
                    models.DateTimeField(null=True, verbose_name="outcome looked at"),
                ),
                (
                    "clock",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="work.clock",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outside_notices",
                        to="work.item",
                    ),
                ),
                (
                    "reach",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="channels.reach",
                    ),
                ),
                (
                    "ring",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="work.ring",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("id"),
                        condition=models.Q(("told_at", None)),
                        name="outside_notice_to_tell",
                    ),
                    models.Index(
                        models.F("reach"),
                        condition=models.Q(("reach__isnull", False), ("settled_at", None)),
                        name="outside_notice_to_settle",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("clock"),
                        models.F("ring"),
                        name="outside_notice_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        protect("work_outsidenotice", visible=OF_A_VISIBLE_ITEM),
    ]
