from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0011_quiet"),
    ]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="language",
            field=models.CharField(
                db_default="ar", default="ar", max_length=2, verbose_name="language"
            ),
        ),
    ]
