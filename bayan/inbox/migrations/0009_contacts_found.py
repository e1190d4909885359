from django.db import migrations

# Asked as an equality, PostgreSQL may answer it for all contacts at once: 120 ms for a page that shows fifty.
# A range cannot be hashed, and the index answers it for each contact in some microseconds.
# The inner table is protected too, so "exists" means: exists for this member.
ONE_BY_ONE = """
ALTER POLICY web_select ON people_contact USING (EXISTS (
    SELECT FROM inbox_conversation c
    WHERE c.contact_id >= people_contact.id AND c.contact_id <= people_contact.id
));
ALTER POLICY web_select ON people_identity USING (EXISTS (
    SELECT FROM inbox_conversation c
    WHERE c.contact_id >= people_identity.contact_id AND c.contact_id <= people_identity.contact_id
));
"""

# As with the words of messages: what names are compared by is kept, not made again for each comparison.
SPELLED = """
ALTER TABLE people_contact ADD COLUMN spelled text GENERATED ALWAYS AS (spelled_in_ascii(name)) STORED;
DROP INDEX contact_likeness;
CREATE INDEX contact_likeness ON people_contact USING gin (spelled gin_trgm_ops);

CREATE OR REPLACE FUNCTION contacts_found(name text, digits text, most int) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200 AS $$
DECLARE nodes bigint[] := nodes_to_search();
BEGIN
    IF name <> '' THEN
        RETURN QUERY EXECUTE $q$
            SELECT p.id FROM people_contact p WHERE p.spelled LIKE spelled_in_ascii($1)
            AND EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = p.id AND c.node_id = ANY ($2))
            ORDER BY p.id + 0 DESC LIMIT $3 $q$
            USING '%' || name || '%', nodes, most;
    END IF;
    IF digits <> '' THEN
        RETURN QUERY EXECUTE $q$
            SELECT i.contact_id FROM people_identity i WHERE i.scheme = 'phone' AND i.value LIKE $1
            AND EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = i.contact_id AND c.node_id = ANY ($2))
            ORDER BY i.contact_id DESC LIMIT $3 $q$
            USING '%' || digits || '%', nodes, most;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION contacts_alike(name text, most int) RETURNS TABLE (contact_id bigint, likeness real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 50 AS $$
BEGIN
    -- At 0.4 five times as many are held against the name, and none of them is meant.
    PERFORM set_config('pg_trgm.word_similarity_threshold', '0.5', true);
    RETURN QUERY EXECUTE $q$
        SELECT near.id, near.likeness FROM (
            SELECT p.id, word_similarity(spelled_in_ascii($1), p.spelled) AS likeness FROM people_contact p
            WHERE spelled_in_ascii($1) <% p.spelled
            ORDER BY 2 DESC, 1 DESC LIMIT 2000
        ) near
        WHERE EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = near.id AND c.node_id = ANY ($2))
        ORDER BY 2 DESC, 1 DESC LIMIT $3 $q$
        USING name, nodes_to_search(), most;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("inbox", "0008_counts_from_indexes"), ("people", "0008_tour")]

    operations = [migrations.RunSQL(ONE_BY_ONE), migrations.RunSQL(SPELLED)]
