"""Who sees a letter: whoever wrote or signs it, whoever got it, and by its grade their bodies."""

from django.db import migrations

from bayan.core.rls import protect

# The letters that went to the member of this request, or to whom they stand in for. With the owner's eyes, so
# that the policies of letters and of recipients do not ask each other.
LETTERS_TO_ME = """
CREATE FUNCTION letters_to_me() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.letter_id
    FROM correspondence_recipient r
    WHERE r.member_id = nullif(current_setting('bayan.member', true), '')::bigint
       OR r.member_id IN (
        SELECT d.member_id
        FROM people_deputyship d
        JOIN people_member me ON me.id = d.deputy_id AND me.is_active
        WHERE d.deputy_id = nullif(current_setting('bayan.member', true), '')::bigint
          AND d.starts_at <= now() AND d.ends_at > now()
    )
$$;
"""
ME = "nullif(current_setting('bayan.member', true), '')::bigint"
# What is public is for the bodies that wrote and got it, what is restricted for whoever heads the writing one;
# what is secret for nobody but its persons. Whoever was asked to sign in somebody's stead sees it by the task.
LETTER = f"""
author_id = {ME} OR signer_id = {ME}
OR id = ANY (ARRAY(SELECT letters_to_me()))
OR grade = 'public' AND (
    node_id = ANY (ARRAY(SELECT visible_nodes())) OR bodies && ARRAY(SELECT visible_nodes())
)
OR grade = 'restricted' AND node_id = ANY (ARRAY(SELECT headed_nodes()))
OR EXISTS (SELECT FROM work_item i WHERE i.id = approval_id AND i.owner_id = {ME})
"""
OF_A_LETTER = "EXISTS (SELECT FROM correspondence_letter l WHERE l.id = letter_id)"
# A body sees its own people; whoever wrote it, all.
RECIPIENT = f"""
{OF_A_LETTER} AND (
    member_id = {ME}
    OR node_id = ANY (ARRAY(SELECT visible_nodes()))
    OR letter_id = ANY (ARRAY(SELECT letters_to_me()))
    OR EXISTS (SELECT FROM correspondence_letter l WHERE l.id = letter_id AND l.author_id = {ME})
)
"""
OF_A_RECIPIENT = "EXISTS (SELECT FROM correspondence_recipient r WHERE r.id = recipient_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0018_whole"),
        ("correspondence", "0001_initial"),
        ("people", "0002_row_level_security"),
    ]

    operations = [
        migrations.RunSQL(LETTERS_TO_ME, migrations.RunSQL.noop),
        protect("correspondence_letter", visible=LETTER),
        protect("correspondence_address", visible=OF_A_LETTER),
        protect("correspondence_attachment", visible=OF_A_LETTER),
        protect("correspondence_look", visible=OF_A_LETTER),
        protect("correspondence_recipient", visible=RECIPIENT),
        protect("correspondence_reply", visible=OF_A_RECIPIENT),
        protect("correspondence_addresslist"),
    ]
