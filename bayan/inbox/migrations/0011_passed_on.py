from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("inbox", "0010_letters_have_no_window")]

    operations = [
        migrations.AddIndex(
            "message",
            models.Index(
                "conversation", "matter", name="message_passed_on", condition=Q(forwarded="often")
            ),
        ),
    ]
