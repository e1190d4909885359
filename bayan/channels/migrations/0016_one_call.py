from django.db import migrations


class Migration(migrations.Migration):
    """Whoever mends an account is called by a task (`work.call_for_alert`), and by nothing besides."""

    dependencies = [("channels", "0015_repeated")]

    operations = [migrations.RemoveField(model_name="alert", name="announced_at")]
