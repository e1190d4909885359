"""Outgoing messages belong to a body; what the provider says of them is for the worker."""

from django.db import migrations

from bayan.core.rls import protect, reserve_for_worker


class Migration(migrations.Migration):
    dependencies = [("channels", "0001_initial"), ("people", "0002_row_level_security")]

    operations = [protect("channels_outgoing"), reserve_for_worker("channels_status")]
