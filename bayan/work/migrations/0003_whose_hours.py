"""The body whose working time a clock counts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0002_person"),
    ]

    operations = [
        migrations.AddField(
            model_name="clock",
            name="calendar_of",
            field=models.BigIntegerField(null=True, verbose_name="whose working time counts"),
        ),
    ]
