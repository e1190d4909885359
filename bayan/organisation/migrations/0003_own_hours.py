"""Bodies with working hours and days of their own."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

# Whoever works out when something is due must know them: when a body works is no secret.
READING = ";\n".join(
    f"CREATE POLICY everybody ON {table} FOR SELECT USING (true)"
    for table in ("organisation_bodyhours", "organisation_ownday")
)


class Migration(migrations.Migration):
    dependencies = [
        ("organisation", "0002_outside_bodies"),
    ]

    operations = [
        migrations.CreateModel(
            name="BodyHours",
            fields=[
                (
                    "node",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="hours",
                        serialize=False,
                        to="organisation.node",
                    ),
                ),
                ("week", models.JSONField(null=True, verbose_name="week")),
                ("ramadan", models.JSONField(null=True, verbose_name="hours in Ramadan")),
            ],
        ),
        migrations.CreateModel(
            name="OwnDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first", models.DateField(verbose_name="from")),
                ("last", models.DateField(verbose_name="until")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                (
                    "hours",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=11),
                        default=list,
                        verbose_name="hours",
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="own_days",
                        to="organisation.node",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(models.F("node"), models.F("first"), name="own_day_of_node")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last__gte", models.F("first"))),
                        name="own_day_ends_after_it_begins",
                    )
                ],
            },
        ),
        protect("organisation_bodyhours"),
        protect("organisation_ownday"),
        migrations.RunSQL(READING, migrations.RunSQL.noop),
    ]
