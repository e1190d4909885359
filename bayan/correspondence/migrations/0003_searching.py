from django.db import migrations, models

# What a search compares is kept in the row, beside the index on it; the ORM does not know the column, so no page
# reads it. Members too: a letter is remembered by whom it went to.
KEEP = r"""
ALTER TABLE correspondence_letter ADD COLUMN words tsvector GENERATED ALWAYS AS (
    words_to_find(subject || ' ' || text || ' ' || official_number || ' ' || transaction_number)
) STORED;
CREATE INDEX letter_words ON correspondence_letter USING gin (words);

ALTER TABLE people_member ADD COLUMN words tsvector GENERATED ALWAYS AS (
    words_to_find(name_ar || ' ' || name_en)
) STORED;
CREATE INDEX member_words ON people_member USING gin (words);
"""
# Under row-level security no index answers a search (inbox, 0005): this looks with the owner's eyes, and gives
# back only what the member sees, by the rules of 0002. The latest letters that hold all of these words, and went
# to, or were written or signed by, one of these members; either may be left out.
FIND = r"""
CREATE FUNCTION letters_found(query text, members bigint[], most int) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200 AS $$
DECLARE
    sees_all boolean := current_setting('role') = 'bayan_worker';
    me bigint := nullif(current_setting('bayan.member', true), '')::bigint;
    nodes bigint[];
    headed bigint[];
    mine bigint[];
BEGIN
    IF NOT sees_all THEN
        nodes := ARRAY(SELECT visible_nodes());
        headed := ARRAY(SELECT headed_nodes());
        mine := ARRAY(SELECT letters_to_me());
    END IF;
    RETURN QUERY EXECUTE 'SELECT l.id FROM correspondence_letter l WHERE ' || concat_ws(' AND ',
        CASE WHEN query <> '' THEN $q$ l.words @@ $1::tsquery $q$ END,
        CASE WHEN members IS NOT NULL THEN $q$ l.id IN (
            SELECT r.letter_id FROM correspondence_recipient r
            WHERE r.member_id = ANY ($2) AND (
                $7 OR r.member_id = $3 OR r.node_id = ANY ($4) OR r.letter_id = ANY ($6)
                OR EXISTS (
                    SELECT FROM correspondence_letter w WHERE w.id = r.letter_id AND w.author_id = $3
                )
            )
            UNION ALL
            SELECT w.id FROM correspondence_letter w
            WHERE w.author_id = ANY ($2) OR w.signer_id = ANY ($2)
        ) $q$ END,
        CASE WHEN NOT sees_all THEN $q$ (
            l.author_id = $3 OR l.signer_id = $3 OR l.id = ANY ($6)
            OR l.grade = 'public' AND (l.node_id = ANY ($4) OR l.bodies && $4)
            OR l.grade = 'restricted' AND l.node_id = ANY ($5)
            OR EXISTS (SELECT FROM work_item i WHERE i.id = l.approval_id AND i.owner_id = $3)
        ) $q$ END,
        'true'
    ) || ' ORDER BY l.id DESC LIMIT $8'
    USING query, members, me, nodes, headed, mine, sees_all, most;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("correspondence", "0002_row_level_security"),
        ("core", "0005_folding_faster"),
        ("people", "0011_quiet"),
    ]

    operations = [
        migrations.RunSQL(KEEP),
        migrations.RunSQL(FIND),
        migrations.AddIndex("letter", models.Index("number", "year", name="letter_of_number")),
    ]
