from django.db import migrations, models
from django.db.models import PROTECT, ForeignKey

# What a search compares is kept in the row, beside the index on it: to make it from the text takes 150 µs.
# The ORM does not know the column, so no page reads it.
KEEP = r"""
ALTER TABLE inbox_message ADD COLUMN words tsvector GENERATED ALWAYS AS (words_to_find(text)) STORED;
CREATE INDEX message_words ON inbox_message USING gin (words) WHERE text <> '';

-- The latest messages with these words, by their conversation and matter. What is said in one message of a
-- hundred is soon found among the latest; only what is rarer is looked up in the index, which knows no order
-- and would bring all of it. The latest of one body lie far apart on the disk, so fewer of them are read.
CREATE OR REPLACE FUNCTION messages_found(query text, most int)
RETURNS TABLE (conversation_id bigint, matter text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET random_page_cost = 1.1
ROWS 200 AS $$
DECLARE
    nodes bigint[] := nodes_to_search();
    wanted tsquery := to_tsquery('simple', query);
    conversations bigint[];
    matters text[];
BEGIN
    IF cardinality(nodes) > 8 THEN
        EXECUTE $q$
            SELECT array_agg(f.conversation_id), array_agg(f.matter) FROM (
                SELECT m.conversation_id, m.matter FROM (
                    SELECT l.conversation_id, l.matter, l.node_id, l.words FROM inbox_message l
                    WHERE l.text <> '' ORDER BY l.id DESC LIMIT 10000
                ) m
                WHERE m.words @@ $1 AND m.node_id = ANY ($2) LIMIT $3
            ) f $q$
            INTO conversations, matters USING wanted, nodes, most;
    ELSE
        EXECUTE $q$
            SELECT array_agg(f.conversation_id), array_agg(f.matter) FROM (
                SELECT m.conversation_id, m.matter FROM unnest($2) AS node CROSS JOIN LATERAL (
                    SELECT l.id, l.conversation_id, l.matter, l.words FROM inbox_message l
                    WHERE l.node_id = node AND l.text <> '' ORDER BY l.id DESC LIMIT 5000 / cardinality($2)
                ) m
                WHERE m.words @@ $1 ORDER BY m.id DESC LIMIT $3
            ) f $q$
            INTO conversations, matters USING wanted, nodes, most;
    END IF;
    IF cardinality(conversations) >= most THEN
        RETURN QUERY SELECT * FROM unnest(conversations, matters);
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $q$
        SELECT m.conversation_id, m.matter::text FROM inbox_message m
        WHERE m.words @@ $1 AND m.text <> '' AND m.node_id = ANY ($2)
        -- Not by the key itself: to walk along it until enough are met is no way to find what is rare.
        ORDER BY m.id + 0 DESC LIMIT $3 $q$
        USING wanted, nodes, most;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("inbox", "0006_macros")]

    operations = [
        migrations.RemoveIndex("message", "message_words"),
        migrations.AlterField(
            "message",
            "node",
            ForeignKey("organisation.node", PROTECT, related_name="+", db_index=False),
        ),
        migrations.AddIndex("message", models.Index("node", "id", name="message_of_node")),
        migrations.RunSQL(KEEP),
    ]
