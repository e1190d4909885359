"""The recipients of a broadcast are listed in their order, whatever their state."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0008_fewer_indexes"),
        ("organisation", "0001_initial"),
        ("people", "0003_opt_outs"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="outgoing",
            name="outgoing_of_broadcast",
        ),
        migrations.AddIndex(
            model_name="outgoing",
            index=models.Index(
                models.F("broadcast"),
                models.F("state"),
                models.F("id"),
                condition=models.Q(("broadcast__isnull", False)),
                name="outgoing_of_broadcast",
            ),
        ),
    ]
