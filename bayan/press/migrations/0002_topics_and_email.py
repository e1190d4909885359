from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("press", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="copy",
            name="is_by_email",
            field=models.BooleanField(db_default=False, default=False, verbose_name="by e-mail"),
        ),
        migrations.AddField(
            model_name="story",
            name="topic",
            field=models.CharField(
                db_default="other", default="other", max_length=30, verbose_name="topic"
            ),
        ),
        migrations.AlterField(
            model_name="copy",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("no_whatsapp", "neither WhatsApp nor e-mail"),
                    ("not_agreed", "has not agreed to get our news"),
                    ("opted_out", "wants no messages"),
                    ("no_mail", "no WhatsApp, and e-mail is not set up"),
                    ("excepted", "left out by hand"),
                    ("no_template", "no approved template to begin with"),
                    ("withdrawn", "withdrawn before it left"),
                ],
                max_length=12,
                verbose_name="reason",
            ),
        ),
    ]
