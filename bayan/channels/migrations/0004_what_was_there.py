"""What was there before: each account gets a portfolio of its own, each number its pace."""

from django.db import migrations

SQL = """
INSERT INTO channels_portfolio (key, daily_limit, reserve_percent, used)
    SELECT key, 250, 20, 0 FROM channels_account;
UPDATE channels_account a SET portfolio_id = p.id FROM channels_portfolio p WHERE p.key = a.key;
INSERT INTO channels_pace (number_id, next_at) SELECT id, now() FROM channels_number;
-- "Automatic" had this number before the lanes of crisis and bulk came between.
UPDATE channels_outgoing SET lane = 30 WHERE lane = 20;
"""


class Migration(migrations.Migration):
    dependencies = [("channels", "0003_whatsapp_whole")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
