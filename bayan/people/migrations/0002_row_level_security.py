"""What a member sees: the bodies where they have a role now, and everything below."""

from django.db import migrations

from bayan.core.rls import protect

VISIBLE_NODES = """
CREATE FUNCTION nodes_visible_to(member bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT n.id
    FROM people_role r
    JOIN people_member m ON m.id = r.member_id AND m.is_active
    JOIN organisation_node n ON r.node_id = ANY (n.lineage)
    WHERE r.member_id = member
      AND r.starts_at <= now() AND (r.ends_at IS NULL OR r.ends_at > now())
$$;

-- The member is set for one transaction (people.middleware); without one nobody sees anything.
CREATE FUNCTION visible_nodes() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT nodes_visible_to(nullif(current_setting('bayan.member', true), '')::bigint)
$$;
"""

# Lines are only ever added; sealing is the one change, and the worker's alone.
AUDIT_GRANTS = """
REVOKE ALL ON core_auditentry, core_audithead FROM bayan_web, bayan_worker, bayan_login;
GRANT SELECT, INSERT ON core_auditentry TO bayan_web, bayan_worker;
GRANT INSERT ON core_auditentry TO bayan_login;
GRANT UPDATE (number, previous_hash, hash) ON core_auditentry TO bayan_worker;
GRANT SELECT, INSERT, UPDATE ON core_audithead TO bayan_worker;
ALTER TABLE core_auditentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_auditentry FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON core_auditentry TO bayan_worker USING (true) WITH CHECK (true);
CREATE POLICY web_select ON core_auditentry FOR SELECT TO bayan_web
    USING (node_id = ANY (ARRAY(SELECT visible_nodes())));
-- Only the sealer numbers: a line that came with a number would break the chain.
CREATE POLICY web_insert ON core_auditentry FOR INSERT TO bayan_web, bayan_login
    WITH CHECK (number IS NULL);
"""

# Nothing is visible until a conversation with the contact is: inbox adds that policy.
NOBODY = "false"


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0001_initial"),
        ("core", "0001_initial"),
        ("organisation", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            VISIBLE_NODES, "DROP FUNCTION visible_nodes(); DROP FUNCTION nodes_visible_to(bigint);"
        ),
        migrations.RunSQL(AUDIT_GRANTS, migrations.RunSQL.noop),
        protect("people_contact", visible=NOBODY, commands=["SELECT"]),
        protect("people_identity", visible=NOBODY, commands=["SELECT"]),
    ]
