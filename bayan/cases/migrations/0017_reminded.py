import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import reserve_for_worker


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0016_figures"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reminded",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.DateTimeField(verbose_name="since")),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cases.case",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("case"), models.F("since"), name="reminded_once"
                    )
                ],
            },
        ),
        reserve_for_worker("cases_reminded"),
    ]
