from django.db import migrations

# Whoever was made of another's identity has no conversation until they write: they are seen with that other.
# There are few of them at a time, and for everybody else only a column is looked at.
SEEN = """
ALTER POLICY web_select ON people_contact USING (
    EXISTS (
        SELECT FROM inbox_conversation c
        WHERE c.contact_id >= people_contact.id AND c.contact_id <= people_contact.id
    ) OR people_contact.split_from_id IS NOT NULL AND EXISTS (
        SELECT FROM inbox_conversation c
        WHERE c.contact_id >= people_contact.split_from_id AND c.contact_id <= people_contact.split_from_id
    )
);
ALTER POLICY web_select ON people_identity USING (
    EXISTS (
        SELECT FROM inbox_conversation c
        WHERE c.contact_id >= people_identity.contact_id AND c.contact_id <= people_identity.contact_id
    ) OR people_identity.contact_id IN (
        SELECT p.id FROM people_contact p WHERE p.split_from_id IS NOT NULL
    )
);
"""

# As in 0009, with those who were made of others.
FOUND = """
CREATE OR REPLACE FUNCTION contacts_found(name text, digits text, most int) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200 AS $$
DECLARE
    nodes bigint[] := nodes_to_search();
    split_off bigint[] := ARRAY(
        SELECT p.id FROM people_contact p WHERE p.split_from_id IS NOT NULL AND EXISTS (
            SELECT FROM inbox_conversation c WHERE c.contact_id = p.split_from_id AND c.node_id = ANY (nodes)
        )
    );
BEGIN
    IF name <> '' THEN
        RETURN QUERY EXECUTE $q$
            SELECT p.id FROM people_contact p WHERE p.spelled LIKE spelled_in_ascii($1)
            AND (
                EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = p.id AND c.node_id = ANY ($2))
                OR p.id = ANY ($4)
            )
            ORDER BY p.id + 0 DESC LIMIT $3 $q$
            USING '%' || name || '%', nodes, most, split_off;
    END IF;
    IF digits <> '' THEN
        RETURN QUERY EXECUTE $q$
            SELECT i.contact_id FROM people_identity i WHERE i.scheme = 'phone' AND i.value LIKE $1
            AND (
                EXISTS (
                    SELECT FROM inbox_conversation c WHERE c.contact_id = i.contact_id AND c.node_id = ANY ($2)
                )
                OR i.contact_id = ANY ($4)
            )
            ORDER BY i.contact_id DESC LIMIT $3 $q$
            USING '%' || digits || '%', nodes, most, split_off;
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("inbox", "0012_words_cut_here"), ("people", "0013_split_from")]

    operations = [migrations.RunSQL(SEEN), migrations.RunSQL(FOUND)]
