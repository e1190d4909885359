"""Files and broadcasts belong to a body; how fast we may send is the dispatcher's business alone."""

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect, reserve_for_worker


class Migration(migrations.Migration):
    dependencies = [("channels", "0004_what_was_there"), ("people", "0003_opt_outs")]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="portfolio",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accounts",
                to="channels.portfolio",
            ),
        ),
        protect("channels_media"),
        protect("channels_broadcast"),
        reserve_for_worker("channels_pace"),
        reserve_for_worker("channels_pair"),
        reserve_for_worker("channels_reached"),
    ]
