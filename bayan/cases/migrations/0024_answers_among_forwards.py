from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("cases", "0023_plain_json")]

    operations = [
        migrations.AlterField(
            model_name="forward",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "waits for a decision"),
                    ("created", "case created"),
                    ("joined", "joined to a case"),
                    ("noted", "for information"),
                    ("answer", "taken as an answer"),
                ],
                default="waiting",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="forward",
            name="asked_at",
            field=models.DateTimeField(null=True, verbose_name="asked what it answers"),
        ),
        migrations.AddField(
            model_name="forward",
            name="answers",
            field=models.CharField(
                blank=True, db_default="", max_length=100, verbose_name="answers"
            ),
        ),
        migrations.RemoveConstraint(
            model_name="forward", name="forward_state_says_whether_it_has_a_case"
        ),
        migrations.AddConstraint(
            model_name="forward",
            constraint=models.CheckConstraint(
                condition=(Q(state="created") | Q(state="joined")) & Q(case__isnull=False)
                | (Q(state="waiting") | Q(state="noted") | Q(state="answer")) & Q(case=None),
                name="forward_state_says_whether_it_has_a_case",
            ),
        ),
    ]
