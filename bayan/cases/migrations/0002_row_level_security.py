"""Cases belong to a body."""

from django.db import migrations

from bayan.core.rls import protect


class Migration(migrations.Migration):
    dependencies = [("cases", "0001_initial"), ("inbox", "0002_row_level_security")]

    operations = [protect("cases_case")]
