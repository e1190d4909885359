"""What is to be done may want proof, and be due on a day that is named."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0007_reviews"),
    ]

    operations = [
        migrations.AddField(
            model_name="letter",
            name="wants_proof",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="proof is wanted"
            ),
        ),
        migrations.AddField(
            model_name="letter",
            name="due_on",
            field=models.DateField(null=True, verbose_name="due on a day"),
        ),
    ]
