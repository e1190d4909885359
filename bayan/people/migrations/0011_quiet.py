from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0010_backup_phone"),
    ]

    operations = [
        migrations.AddField(
            model_name="member",
            name="quiet_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="quiet until"),
        ),
    ]
