"""By what bodies outside are reached."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organisation", "0003_own_hours"),
    ]

    operations = [
        migrations.AddField(
            model_name="outsidebody",
            name="contact_name",
            field=models.CharField(
                blank=True, db_default="", max_length=120, verbose_name="contact person"
            ),
        ),
        migrations.AddField(
            model_name="outsidebody",
            name="email",
            field=models.EmailField(
                blank=True, db_default="", max_length=254, verbose_name="e-mail"
            ),
        ),
        migrations.AddField(
            model_name="outsidebody",
            name="phone",
            field=models.CharField(blank=True, db_default="", max_length=20, verbose_name="mobile"),
        ),
    ]
