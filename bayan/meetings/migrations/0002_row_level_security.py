"""Who sees a poll or a meeting: the body that holds it, whoever leads it, and whoever is asked or invited."""

from django.db import migrations

from bayan.core.rls import protect, reserve_for_worker

# With the owner's eyes, so that the policies of a thing and of its people do not ask each other.
TO_ME = """
CREATE FUNCTION polls_to_me() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT poll_id FROM meetings_voter
    WHERE member_id = nullif(current_setting('bayan.member', true), '')::bigint
$$;
CREATE FUNCTION meetings_to_me() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT meeting_id FROM meetings_invitee
    WHERE member_id = nullif(current_setting('bayan.member', true), '')::bigint
$$;
"""
ME = "nullif(current_setting('bayan.member', true), '')::bigint"
POLL = f"""
author_id = {ME}
OR node_id = ANY (ARRAY(SELECT visible_nodes()))
OR id = ANY (ARRAY(SELECT polls_to_me()))
"""
MEETING = f"""
author_id = {ME} OR chair_id = {ME} OR secretary_id = {ME}
OR node_id = ANY (ARRAY(SELECT visible_nodes()))
OR id = ANY (ARRAY(SELECT meetings_to_me()))
"""
OF_A_POLL = "EXISTS (SELECT FROM meetings_poll p WHERE p.id = poll_id)"
OF_A_MEETING = "EXISTS (SELECT FROM meetings_meeting m WHERE m.id = meeting_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("meetings", "0001_initial"),
        ("people", "0002_row_level_security"),
    ]

    operations = [
        migrations.RunSQL(TO_ME, "DROP FUNCTION polls_to_me(); DROP FUNCTION meetings_to_me();"),
        protect("meetings_poll", visible=POLL),
        protect("meetings_option", visible=OF_A_POLL),
        protect("meetings_voter", visible=OF_A_POLL),
        protect("meetings_meeting", visible=MEETING),
        protect("meetings_agendaitem", visible=OF_A_MEETING),
        protect("meetings_invitee", visible=OF_A_MEETING),
        protect("meetings_decision", visible=OF_A_MEETING),
        protect("meetings_address", visible=f"{OF_A_POLL} OR {OF_A_MEETING}"),
        # Nobody who is signed in reads a ballot: they are counted, and gone.
        reserve_for_worker("meetings_ballot"),
    ]
