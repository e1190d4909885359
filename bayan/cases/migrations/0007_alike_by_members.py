"""Members say of any two cases that they see whether they are one matter, not only where they were asked."""

from django.db import migrations

VISIBLE = (
    "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id) "
    "AND EXISTS (SELECT FROM cases_case c WHERE c.id = other_id)"
)


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0006_triage"),
    ]

    operations = [
        migrations.RunSQL(
            f"CREATE POLICY web_insert ON cases_alike FOR INSERT TO bayan_web WITH CHECK ({VISIBLE})",
            "DROP POLICY web_insert ON cases_alike",
        ),
    ]
