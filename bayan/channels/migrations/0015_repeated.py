import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("channels", "0014_reaching")]

    operations = [
        migrations.CreateModel(
            name="Repeated",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("messages", models.PositiveIntegerField(default=0, verbose_name="messages")),
                ("statuses", models.PositiveIntegerField(default=0, verbose_name="statuses")),
                ("late", models.PositiveIntegerField(default=0, verbose_name="late")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="channels.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"), models.F("hour"), name="repeated_once_an_hour"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            "media",
            models.Index(
                "number", "created_at", name="media_gone", condition=models.Q(state="gone")
            ),
        ),
    ]
