"""Conversations and messages belong to a body; a contact is visible through a conversation."""

from django.db import migrations

from bayan.core.rls import protect

# The inner table is protected too, so "exists" means: exists for this member.
CONTACTS = """
ALTER POLICY web_select ON people_contact
    USING (EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = people_contact.id));
ALTER POLICY web_select ON people_identity
    USING (EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = people_identity.contact_id));
"""


class Migration(migrations.Migration):
    dependencies = [("inbox", "0001_initial"), ("channels", "0002_row_level_security")]

    operations = [
        protect("inbox_conversation"),
        protect("inbox_message"),
        migrations.RunSQL(CONTACTS, migrations.RunSQL.noop),
    ]
