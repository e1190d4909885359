"""The file of an approval: exactly this, in this version."""

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

OF_A_VISIBLE_ITEM = "EXISTS (SELECT FROM work_item i WHERE i.id = item_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0016_one_call"),
        ("work", "0008_outside_notices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Paper",
            fields=[
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="paper",
                        serialize=False,
                        to="work.item",
                    ),
                ),
                ("version", models.PositiveSmallIntegerField(default=1, verbose_name="version")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                (
                    "media",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="channels.media",
                    ),
                ),
                (
                    "replaces",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="newer",
                        to="work.item",
                    ),
                ),
            ],
        ),
        protect("work_paper", visible=OF_A_VISIBLE_ITEM),
    ]
