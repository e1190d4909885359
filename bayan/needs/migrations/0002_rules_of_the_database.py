"""Who sees requests, bookings and things; and that no more is promised of a thing than there is."""

from django.db import migrations

from bayan.core.rls import IN_A_VISIBLE_NODE, protect

# Who asks and who provides see a request, whoever has a thing and whose it is a booking.
OF_BOTH = f"{IN_A_VISIBLE_NODE} OR {{other}} = ANY (ARRAY(SELECT visible_nodes()))"
OF_A_NEED = "EXISTS (SELECT FROM needs_need n WHERE n.id = need_id)"
OF_OWN_THING = (
    "EXISTS (SELECT FROM needs_thing t WHERE t.id = thing_id "
    "AND t.node_id = ANY (ARRAY(SELECT visible_nodes())))"
)
# Everybody plans with everything: what there is, and when it is out of order.
THINGS = f"""
ALTER TABLE needs_thing ENABLE ROW LEVEL SECURITY;
ALTER TABLE needs_thing FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON needs_thing TO bayan_worker USING (true) WITH CHECK (true);
CREATE POLICY web_select ON needs_thing FOR SELECT TO bayan_web USING (true);
CREATE POLICY web_insert ON needs_thing FOR INSERT TO bayan_web WITH CHECK ({IN_A_VISIBLE_NODE});
CREATE POLICY web_update ON needs_thing FOR UPDATE TO bayan_web
    USING ({IN_A_VISIBLE_NODE}) WITH CHECK ({IN_A_VISIBLE_NODE});
ALTER TABLE needs_outage ENABLE ROW LEVEL SECURITY;
ALTER TABLE needs_outage FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON needs_outage TO bayan_worker USING (true) WITH CHECK (true);
CREATE POLICY web_select ON needs_outage FOR SELECT TO bayan_web USING (true);
CREATE POLICY web_insert ON needs_outage FOR INSERT TO bayan_web WITH CHECK ({OF_OWN_THING});
CREATE POLICY web_update ON needs_outage FOR UPDATE TO bayan_web
    USING ({OF_OWN_THING}) WITH CHECK ({OF_OWN_THING});
CREATE POLICY web_delete ON needs_outage FOR DELETE TO bayan_web USING ({OF_OWN_THING});
"""
# The sum of what is promised changes only where something begins, so the most is found at one of the beginnings.
# The owner's eyes: whoever books sees no booking of other bodies, and is held to all of them. A thing rests
# between bookings, and what is out past its time is not there within the hour.
STOCK = """
CREATE FUNCTION needs_promised(thing bigint) RETURNS TABLE (during tstzrange, count int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT tstzrange(
               b.starts_at,
               greatest(
                   b.ends_at,
                   CASE WHEN b.state = 'out' AND b.ends_at <= now() THEN now() + interval '1 hour' END
               )
                   + t.buffer_minutes * interval '1 minute'
           ), b.count
    FROM needs_booking b JOIN needs_thing t ON t.id = b.thing_id
    WHERE b.thing_id = thing AND b.state IN ('booked', 'out')
    UNION ALL
    SELECT tstzrange(o.starts_at, o.ends_at), o.count FROM needs_outage o WHERE o.thing_id = thing
$$;

CREATE FUNCTION needs_most_promised(thing bigint, since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH promised AS MATERIALIZED (
        SELECT during, count FROM needs_promised(thing) WHERE during && tstzrange(since, until)
    ), moments AS (
        SELECT DISTINCT greatest(lower(during), since) AS at FROM promised
    )
    SELECT coalesce(max(sums.promised), 0)
    FROM (
        SELECT (SELECT sum(p.count) FROM promised p WHERE p.during @> m.at) AS promised FROM moments m
    ) AS sums
$$;

CREATE FUNCTION needs_keep_within_stock() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept needs_thing;
BEGIN
    IF NEW.state NOT IN ('booked', 'out') THEN
        RETURN NULL;
    END IF;
    -- One at a time; what whoever came before has committed is seen by the next statement.
    SELECT * INTO kept FROM needs_thing WHERE id = NEW.thing_id FOR NO KEY UPDATE;
    IF needs_most_promised(
        NEW.thing_id, NEW.starts_at, NEW.ends_at + kept.buffer_minutes * interval '1 minute'
    ) > kept.stock THEN
        RAISE EXCEPTION 'more is booked than there is'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'needs_within_stock',
                  DETAIL = 'needs_within_stock';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER needs_within_stock
AFTER INSERT OR UPDATE OF thing_id, count, starts_at, ends_at, state ON needs_booking
FOR EACH ROW EXECUTE FUNCTION needs_keep_within_stock();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("needs", "0001_initial"),
        ("people", "0005_invitations_deputies_duty"),
    ]

    operations = [
        protect(
            "needs_need",
            visible=OF_BOTH.format(other="provider_id"),
            commands=("SELECT", "INSERT", "UPDATE"),
        ),
        # Undoing a decision takes its step away.
        protect("needs_step", visible=OF_A_NEED),
        protect("needs_attachment", visible=OF_A_NEED, commands=("SELECT", "INSERT")),
        migrations.RunSQL(THINGS, migrations.RunSQL.noop),
        protect(
            "needs_booking",
            visible=OF_BOTH.format(other="lender_id"),
            commands=("SELECT", "INSERT", "UPDATE"),
        ),
        protect("needs_movement", visible=OF_OWN_THING, commands=("SELECT", "INSERT")),
        migrations.RunSQL(STOCK, migrations.RunSQL.noop),
    ]
