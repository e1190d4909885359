"""The journal: partitioned by day from the start, reserved for the worker's role."""

from django.db import migrations

from bayan.core.rls import reserve_for_worker

JOURNAL = """
CREATE TABLE intake_journal (
    id bigint GENERATED ALWAYS AS IDENTITY,
    received_at timestamptz NOT NULL,
    account_id bigint NOT NULL,
    request_id text NOT NULL,
    -- Exactly the signed bytes: valid JSON may hold what jsonb refuses.
    body bytea NOT NULL,
    processed_at timestamptz,
    set_aside_at timestamptz,
    remark text NOT NULL DEFAULT '',
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);

CREATE INDEX intake_journal_waiting ON intake_journal (id)
    WHERE processed_at IS NULL AND set_aside_at IS NULL;
CREATE INDEX intake_journal_aside ON intake_journal (id) WHERE set_aside_at IS NOT NULL;

-- Whatever no day's partition takes: midnight never refuses a message.
CREATE TABLE intake_journal_other PARTITION OF intake_journal DEFAULT;

CREATE FUNCTION intake_make_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'intake_journal_' || to_char(day, 'YYYYMMDD');
    since timestamptz := day::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF intake_journal FOR VALUES FROM (%L) TO (%L)',
                   name, since, since + interval '1 day');
EXCEPTION
    -- The default partition already holds rows of that day: they stay there.
    WHEN check_violation THEN RETURN;
    -- Another worker was faster.
    WHEN duplicate_table THEN RETURN;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("intake", "0001_initial"), ("people", "0002_row_level_security")]

    operations = [
        migrations.RunSQL(
            JOURNAL, "DROP FUNCTION intake_make_partition(date); DROP TABLE intake_journal;"
        ),
        reserve_for_worker("intake_journal"),
        reserve_for_worker("intake_seen"),
    ]
