"""Clocks for what is open already: followed up when its time runs out, not for what ran out before."""

from django.db import migrations

START = """
INSERT INTO work_clock
    (subject_type, subject_key, name, ladder, since, due_at, around_the_clock, rung, rings_at)
SELECT 'case', reference, 'close', 'usual', greatest(opened_at, reopened_at), due_at, false,
    CASE WHEN due_at > now() THEN 1 ELSE 4 END, CASE WHEN due_at > now() THEN due_at END
FROM cases_case WHERE closed_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0013_routing"), ("work", "0001_initial")]

    operations = [migrations.RunSQL(START, migrations.RunSQL.noop)]
