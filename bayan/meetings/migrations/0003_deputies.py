"""Whoever stands in for somebody sees what they are asked and where they are invited."""

from django.db import migrations

ME = "nullif(current_setting('bayan.member', true), '')::bigint"
OF_LENDERS = f"""
    OR member_id IN (
        SELECT d.member_id FROM people_deputyship d
        WHERE d.deputy_id = {ME} AND d.starts_at <= now() AND d.ends_at > now()
    )
"""


def functions(more: str) -> str:
    """The two functions by which a person sees their polls and meetings."""
    return f"""
CREATE OR REPLACE FUNCTION polls_to_me() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT poll_id FROM meetings_voter WHERE member_id = {ME} {more}
$$;
CREATE OR REPLACE FUNCTION meetings_to_me() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT meeting_id FROM meetings_invitee WHERE member_id = {ME} {more}
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("meetings", "0002_row_level_security"),
        ("people", "0002_row_level_security"),
    ]

    operations = [migrations.RunSQL(functions(OF_LENDERS), functions(""))]
