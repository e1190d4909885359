from django.db import migrations, models

from bayan.core.rls import reserve_for_worker


class Migration(migrations.Migration):
    dependencies = [("cases", "0008_words_of_hours")]

    operations = [
        migrations.AddField(
            model_name="reading",
            name="asks_at",
            field=models.DateTimeField(null=True, verbose_name="to be asked"),
        ),
        migrations.AddField(
            model_name="reading",
            name="tries",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="tries"),
        ),
        migrations.AddIndex(
            model_name="reading",
            index=models.Index(
                "asks_at",
                name="reading_to_ask",
                condition=models.Q(("asks_at__isnull", False)),
            ),
        ),
        migrations.CreateModel(
            name="SecondReader",
            fields=[
                (
                    "model",
                    models.CharField(
                        max_length=100, primary_key=True, serialize=False, verbose_name="model"
                    ),
                ),
                ("answered", models.PositiveBigIntegerField(default=0, verbose_name="answered")),
                ("answered_at", models.DateTimeField(null=True, verbose_name="last answer")),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures")),
                ("failed_at", models.DateTimeField(null=True, verbose_name="last failure")),
                (
                    "failure",
                    models.CharField(blank=True, max_length=60, verbose_name="reason"),
                ),
                ("rests_until", models.DateTimeField(null=True, verbose_name="rests until")),
            ],
        ),
        reserve_for_worker("cases_secondreader"),
    ]
