from django.db import migrations, models
from django.db.models import PROTECT, F, ForeignKey, Q


class Migration(migrations.Migration):
    dependencies = [("inbox", "0007_words_of_messages")]

    operations = [
        # The index on the body alone is the beginning of `conversation_of_node`; counts took it for useful.
        migrations.AlterField(
            "conversation",
            "node",
            ForeignKey("organisation.node", PROTECT, related_name="+", db_index=False),
        ),
        migrations.RemoveIndex("conversation", "conversation_open"),
        migrations.AddIndex(
            "conversation",
            models.Index(
                F("last_message_at").desc(),
                F("id").desc(),
                include=["node", "assignee", "snoozed_until"],
                name="conversation_open",
                condition=~Q(matter=""),
            ),
        ),
    ]
