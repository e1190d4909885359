from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0016_one_call"),
        ("work", "0004_item_on_page"),
    ]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="reach",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="channels.reach",
            ),
        ),
    ]
