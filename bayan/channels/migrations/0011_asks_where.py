"""Whether people are asked where it is: not through an account that was there, until somebody says so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0010_first_screen_read"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="asks_where",
            field=models.BooleanField(default=True, verbose_name="asks where it is"),
        ),
        # No number begins to speak by itself because Bayan was updated.
        migrations.RunSQL(
            "UPDATE channels_account SET asks_where = false WHERE nature = 'real'",
            migrations.RunSQL.noop,
        ),
    ]
