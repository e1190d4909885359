from django.db import migrations, models
from django.db.models import CASCADE, PROTECT

from bayan.core.models import PlainJSON

# What a search asks is no longer cut by PostgreSQL's parser, as what it finds is not (core's migration 0005).
ASKED = """
DO $$ BEGIN
    EXECUTE replace(
        pg_get_functiondef('messages_found(text, int)'::regprocedure),
        'to_tsquery(''simple'', query)', 'query::tsquery'
    );
END $$;
ALTER TABLE inbox_message ALTER COLUMN words SET EXPRESSION AS (words_to_find(text));
"""


class Migration(migrations.Migration):
    dependencies = [("inbox", "0011_passed_on"), ("core", "0005_folding_faster")]

    operations = [
        migrations.RunSQL(ASKED, migrations.RunSQL.noop),
        # Other indexes begin with both.
        migrations.AlterField(
            "message",
            "conversation",
            models.ForeignKey(
                "inbox.conversation", CASCADE, related_name="messages", db_index=False
            ),
        ),
        migrations.AlterField(
            "message",
            "number",
            models.ForeignKey("channels.number", PROTECT, related_name="+", db_index=False),
        ),
        migrations.AlterField(
            "message",
            "payload",
            models.JSONField("parts", default=dict, encoder=PlainJSON),
        ),
    ]
