from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0007_alike_by_members")]

    operations = [
        migrations.AddIndex(
            model_name="heard",
            index=models.Index(
                "at", name="heard_with_words", condition=models.Q(("terms", {}), _negated=True)
            ),
        ),
    ]
