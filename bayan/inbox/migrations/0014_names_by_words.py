from django.db import migrations

# As in 0013, but each word of what is typed has to stand somewhere in the name: a given name with the family's
# finds who is stored with their father's between. As one piece it found nobody, and likeness was asked instead,
# which reads ten times as much.
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
    patterns text[] := ARRAY(
        SELECT '%' || spelled_in_ascii(word) || '%' FROM unnest(string_to_array(name, ' ')) AS word
    );
    all_of_them text;
BEGIN
    IF name <> '' THEN
        -- The index looks for all of these at once, which it does not do for LIKE ALL.
        SELECT string_agg(format('p.spelled LIKE ($1)[%s]', number), ' AND ') INTO all_of_them
        FROM generate_subscripts(patterns, 1) AS number;
        RETURN QUERY EXECUTE $q$
            SELECT p.id FROM people_contact p WHERE $q$ || all_of_them || $q$
            AND (
                EXISTS (SELECT FROM inbox_conversation c WHERE c.contact_id = p.id AND c.node_id = ANY ($2))
                OR p.id = ANY ($4)
            )
            ORDER BY p.id + 0 DESC LIMIT $3 $q$
            USING patterns, nodes, most, split_off;
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
    dependencies = [("inbox", "0013_split_off")]

    operations = [migrations.RunSQL(FOUND, migrations.RunSQL.noop)]
