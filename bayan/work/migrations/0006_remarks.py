from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

OF_A_VISIBLE_ITEM = "EXISTS (SELECT FROM work_item i WHERE i.id = item_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("inbox", "0011_passed_on"),
        ("people", "0011_quiet"),
        ("work", "0005_onward"),
    ]

    operations = [
        migrations.CreateModel(
            name="Remark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="remarks",
                        to="work.item",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="people.member",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inbox.message",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(models.F("item"), models.F("at"), name="remark_of_item")],
            },
        ),
        protect("work_remark", visible=OF_A_VISIBLE_ITEM),
    ]
