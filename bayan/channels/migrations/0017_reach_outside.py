"""Letters go to people outside, too: contractors and other bodies, by number or address."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0016_one_call"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="template",
            name="purpose",
            field=models.CharField(
                blank=True,
                choices=[
                    ("reopen", "opens the conversation again"),
                    ("work", "tells members of their tasks"),
                    ("outside", "brings contractors and other bodies their tasks"),
                ],
                max_length=20,
                verbose_name="used for",
            ),
        ),
        migrations.AlterField(
            model_name="reach",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveConstraint(model_name="reach", name="reach_once"),
        migrations.AddConstraint(
            model_name="reach",
            constraint=models.UniqueConstraint(
                models.F("subject_type"),
                models.F("subject_key"),
                models.F("member"),
                models.F("round"),
                name="reach_once",
                nulls_distinct=False,
            ),
        ),
    ]
