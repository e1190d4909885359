"""Whoever stands in for a member sees what that member's own roles show; duty is known to all staff."""

from django.db import migrations

from bayan.core.rls import IN_A_VISIBLE_NODE, protect

# As RoleQuerySet.held_by: the lender's own roles alone, so a deputy's deputy gets nothing of the first.
WITH_DEPUTIES = """
CREATE OR REPLACE FUNCTION nodes_visible_to(member bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT n.id
    FROM people_member me
    JOIN people_role r ON r.member_id = me.id OR r.member_id IN (
        SELECT d.member_id
        FROM people_deputyship d
        JOIN people_member lender ON lender.id = d.member_id AND lender.is_active
        WHERE d.deputy_id = me.id AND d.starts_at <= now() AND d.ends_at > now()
    )
    JOIN organisation_node n ON r.node_id = ANY (n.lineage)
    WHERE me.id = member AND me.is_active
      AND r.starts_at <= now() AND (r.ends_at IS NULL OR r.ends_at > now())
$$;
"""
WITHOUT_DEPUTIES = """
CREATE OR REPLACE FUNCTION nodes_visible_to(member bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT n.id
    FROM people_role r
    JOIN people_member m ON m.id = r.member_id AND m.is_active
    JOIN organisation_node n ON r.node_id = ANY (n.lineage)
    WHERE r.member_id = member
      AND r.starts_at <= now() AND (r.ends_at IS NULL OR r.ends_at > now())
$$;
"""
# Where nobody is on duty the body above answers: all staff may read whom to call there.
ROSTER_IS_CHANGED_WITHIN = [
    f"CREATE POLICY web_insert ON people_turn FOR INSERT TO bayan_web WITH CHECK ({IN_A_VISIBLE_NODE})",
    f"CREATE POLICY web_update ON people_turn FOR UPDATE TO bayan_web USING ({IN_A_VISIBLE_NODE})",
    f"CREATE POLICY web_delete ON people_turn FOR DELETE TO bayan_web USING ({IN_A_VISIBLE_NODE})",
]


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0005_invitations_deputies_duty"),
    ]

    operations = [
        migrations.RunSQL(WITH_DEPUTIES, WITHOUT_DEPUTIES),
        protect("people_invitation"),
        protect("people_turn", visible="true", commands=["SELECT"]),
        *(migrations.RunSQL(policy, migrations.RunSQL.noop) for policy in ROSTER_IS_CHANGED_WITHIN),
    ]
