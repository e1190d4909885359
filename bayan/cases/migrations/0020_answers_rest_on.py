import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0019_answers"),
        ("channels", "0013_work_templates"),
    ]

    operations = [
        migrations.AddField(
            model_name="answer",
            name="excuse",
            field=models.CharField(
                blank=True,
                choices=[
                    ("inside", "the work is inside a building"),
                    ("confirmed", "the person confirmed it themselves"),
                    ("gone", "the hazard went away by itself"),
                    ("other", "another reason, in words"),
                ],
                max_length=10,
                verbose_name="why there is no picture",
            ),
        ),
        migrations.AddField(
            model_name="answer",
            name="excuse_words",
            field=models.CharField(blank=True, max_length=300, verbose_name="reason in words"),
        ),
        migrations.AddField(
            model_name="answer",
            name="proof",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="channels.media",
            ),
        ),
    ]
