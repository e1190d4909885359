"""Where a case's place points, the question where it is, and what Bayan sends by itself answers nothing."""

import django.db.models.deletion
from django.db import migrations, models

from bayan.core.rls import protect

# Where the case is visible.
OF_A_CASE = "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"
# Open cases go on being proposed to whom their words point.
AS_READ = """
UPDATE cases_case c SET points_to = r.said->>'body', points_by = 'words' FROM cases_reading r
WHERE r.case_id = c.id AND c.closed_at IS NULL AND r.said->>'body' <> 'ambiguous'
"""
# As in 0005_back_to_the_desk, but as `inbox.services.moving` reads anew what a conversation knows of its
# messages: what nobody wrote is left out, what a member passed on opens no time to write freely, and where no
# person wrote nobody waits.
GIVE_BACK = """
CREATE OR REPLACE FUNCTION give_back_to_desk(given bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    desk CONSTANT bigint := (SELECT id FROM organisation_node WHERE kind = 'authority');
    theirs CONSTANT bigint[] := nodes_to_search();
    sources bigint[];
    targets bigint[];
BEGIN
    -- Those of the same people at the desk too, always in one order.
    PERFORM FROM inbox_conversation d
    WHERE d.id = ANY (given) OR d.node_id = desk AND (d.contact_id, d.number_id) IN (
        SELECT c.contact_id, c.number_id FROM inbox_conversation c WHERE c.id = ANY (given)
    )
    ORDER BY d.id FOR UPDATE;
    IF desk IS NULL OR EXISTS (
        SELECT FROM unnest(given) AS g (id)
        LEFT JOIN inbox_conversation c ON c.id = g.id
        WHERE c.id IS NULL OR c.node_id = desk OR c.node_id <> ALL (theirs) OR NOT EXISTS (
            SELECT FROM cases_case k WHERE k.conversation_id = c.id AND k.closed_at IS NULL
        )
    ) THEN
        RAISE EXCEPTION 'these conversations are not yours to give back'
            USING ERRCODE = 'insufficient_privilege';
    END IF;

    -- Two of one person become one: with that at the desk, or with each other.
    SELECT array_agg(c.id), array_agg(coalesce(d.id, c.first_id)) INTO sources, targets
    FROM (
        SELECT id, contact_id, number_id,
               min(id) OVER (PARTITION BY contact_id, number_id) AS first_id
        FROM inbox_conversation WHERE id = ANY (given)
    ) c
    LEFT JOIN inbox_conversation d
        ON d.node_id = desk AND d.contact_id = c.contact_id AND d.number_id = c.number_id;

    UPDATE channels_outgoing o SET node_id = desk FROM inbox_message m
    WHERE m.conversation_id = ANY (sources) AND o.id = m.outgoing_id;
    UPDATE channels_media f SET node_id = desk FROM inbox_message m
    WHERE m.conversation_id = ANY (sources) AND f.id = m.media_id;
    UPDATE inbox_conversation c SET node_id = desk FROM unnest(sources, targets) AS t (source, target)
    WHERE c.id = t.source AND t.source = t.target;
    DELETE FROM inbox_presence p WHERE p.conversation_id = ANY (sources);
    UPDATE inbox_message p SET conversation_id = t.target, node_id = desk
    FROM unnest(sources, targets) AS t (source, target) WHERE p.conversation_id = t.source;
    UPDATE inbox_note p SET conversation_id = t.target, node_id = desk
    FROM unnest(sources, targets) AS t (source, target) WHERE p.conversation_id = t.source;
    UPDATE inbox_mention p SET conversation_id = t.target, node_id = desk
    FROM unnest(sources, targets) AS t (source, target) WHERE p.conversation_id = t.source;
    UPDATE cases_case p SET conversation_id = t.target, node_id = desk
    FROM unnest(sources, targets) AS t (source, target) WHERE p.conversation_id = t.source;

    -- What was known of both is known of the one.
    UPDATE inbox_conversation c
    SET matter = coalesce(nullif(s.matter, ''), c.matter),
        assignee_id = coalesce(c.assignee_id, s.assignee_id),
        labels = c.labels || ARRAY(SELECT unnest(s.labels) EXCEPT SELECT unnest(c.labels)),
        read_at = least(c.read_at, s.read_at)
    FROM unnest(sources, targets) AS t (source, target)
    JOIN inbox_conversation s ON s.id = t.source
    WHERE c.id = t.target AND t.source <> t.target;
    UPDATE inbox_conversation c
    SET last_message_at = coalesce(m.last_at, c.last_message_at),
        last_inbound_at = m.last_inbound_at,
        last_outbound_at = coalesce(
            m.last_outbound_at, CASE WHEN m.last_inbound_at IS NULL THEN m.last_at END
        ),
        preview = coalesce((
            SELECT CASE WHEN w.revoked_at IS NULL THEN left(w.text, 160) ELSE '' END
            FROM inbox_message w
            WHERE w.conversation_id = c.id AND w.kind NOT IN ('reaction', 'edit', 'revoke')
                AND (w.direction = 'in' OR w.author_id IS NOT NULL)
            ORDER BY w.received_at DESC, w.id DESC LIMIT 1
        ), '')
    FROM (
        SELECT k.id, max(x.received_at) AS last_at,
               max(x.received_at) FILTER (WHERE x.direction = 'in' AND x.author_id IS NULL) AS last_inbound_at,
               max(x.received_at) FILTER (WHERE x.direction = 'out') AS last_outbound_at
        FROM (SELECT DISTINCT unnest(targets) AS id) AS k
        LEFT JOIN inbox_message x ON x.conversation_id = k.id
            AND x.kind <> 'reaction'
            AND (x.author_id IS NOT NULL OR x.direction = 'in' AND x.kind NOT IN ('edit', 'revoke'))
        GROUP BY k.id
    ) AS m
    WHERE m.id = c.id;
    DELETE FROM inbox_conversation c USING unnest(sources, targets) AS t (source, target)
    WHERE c.id = t.source AND t.source <> t.target;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0009_second_opinion"),
    ]

    operations = [
        migrations.CreateModel(
            name="Asked",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="asked",
                        serialize=False,
                        to="cases.case",
                    ),
                ),
                ("at", models.DateTimeField(db_index=True, verbose_name="asked")),
                ("language", models.CharField(max_length=2, verbose_name="language")),
                ("offered", models.JSONField(default=list, verbose_name="offered")),
                ("place", models.CharField(blank=True, max_length=200, verbose_name="place")),
                (
                    "answer",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("chosen", "chosen from the list"),
                            ("elsewhere", "another place"),
                            ("pin", "their location"),
                            ("words", "in words"),
                        ],
                        max_length=10,
                        verbose_name="answer",
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
            ],
        ),
        migrations.AddField(
            model_name="case",
            name="points_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("words", "the words of the message"),
                    ("earlier", "where they wrote from before"),
                    ("pin", "their location"),
                    ("answer", "their answer"),
                ],
                max_length=10,
                verbose_name="points by",
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="points_to",
            field=models.CharField(blank=True, max_length=60, verbose_name="points to"),
        ),
        protect("cases_asked", visible=OF_A_CASE, commands=("SELECT",)),
        migrations.RunSQL(AS_READ, migrations.RunSQL.noop),
        migrations.RunSQL(GIVE_BACK, migrations.RunSQL.noop),
    ]
