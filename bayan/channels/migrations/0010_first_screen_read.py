"""A form that was not read yet is told from one that has no first screen for us."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("channels", "0009_recipients_in_order")]

    operations = [
        migrations.AlterField(
            model_name="flow",
            name="first_screen",
            field=models.CharField(
                blank=True, max_length=80, null=True, verbose_name="first screen"
            ),
        ),
        # None was read before.
        migrations.RunSQL(
            "UPDATE channels_flow SET first_screen = NULL WHERE first_screen = ''",
            migrations.RunSQL.noop,
        ),
    ]
