import django.db.models.deletion
import django.db.models.functions.uuid
from django.conf import settings
from django.db import migrations, models

import bayan.core.models
from bayan.core.rls import protect

OF_A_CASE = "EXISTS (SELECT FROM cases_case c WHERE c.id = case_id)"
OF_A_TEAM = "EXISTS (SELECT FROM cases_team t WHERE t.id = team_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0024_answers_among_forwards"),
        ("inbox", "0011_passed_on"),
        ("organisation", "0003_own_hours"),
        ("people", "0011_quiet"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    bayan.core.models.PublicIdField(
                        db_default=django.db.models.functions.uuid.UUID7(),
                        default=bayan.core.models.uuid7,
                        editable=False,
                        unique=True,
                    ),
                ),
                ("name_ar", models.CharField(max_length=80, verbose_name="name in Arabic")),
                ("name_en", models.CharField(max_length=80, verbose_name="name in English")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="put away")),
            ],
        ),
        migrations.CreateModel(
            name="TeamMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
        ),
        migrations.AddField(
            model_name="case",
            name="second_due_at",
            field=models.DateTimeField(null=True, verbose_name="second deadline"),
        ),
        migrations.AddField(
            model_name="case",
            name="source",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "by a message"),
                    ("call", "by hand: a call"),
                    ("counter", "by hand: at the counter"),
                    ("other", "by hand: another way"),
                    ("split", "split from another case"),
                ],
                db_default="",
                max_length=10,
                verbose_name="how it came",
            ),
        ),
        migrations.AlterField(
            model_name="routingdecision",
            name="give",
            field=models.CharField(
                choices=[
                    ("nobody", "Nobody in particular"),
                    ("least", "Whoever of its responders has the fewest open cases"),
                    ("duty", "Whoever is on duty"),
                    ("member", "A member"),
                    ("team", "Whoever of a team has the fewest open cases"),
                ],
                max_length=10,
                verbose_name="to whom in it",
            ),
        ),
        migrations.AlterField(
            model_name="routingrule",
            name="give",
            field=models.CharField(
                choices=[
                    ("nobody", "Nobody in particular"),
                    ("least", "Whoever of its responders has the fewest open cases"),
                    ("duty", "Whoever is on duty"),
                    ("member", "A member"),
                    ("team", "Whoever of a team has the fewest open cases"),
                ],
                default="nobody",
                max_length=10,
                verbose_name="to whom in it",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                models.F("second_due_at"),
                models.F("node"),
                condition=models.Q(("closed_at", None), ("second_due_at__isnull", False)),
                name="case_second_due",
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="node",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisation.node",
                verbose_name="body",
            ),
        ),
        migrations.AddField(
            model_name="routingdecision",
            name="team",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="cases.team",
            ),
        ),
        migrations.AddField(
            model_name="routingrule",
            name="team",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="cases.team",
            ),
        ),
        migrations.AddConstraint(
            model_name="routingrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("give", "team"), ("team__isnull", False)),
                    models.Q(models.Q(("give", "team"), _negated=True), ("team", None)),
                    _connector="OR",
                ),
                name="routing_rule_names_its_team",
            ),
        ),
        migrations.AddField(
            model_name="teammember",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="teammember",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="cases.team"
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="members",
            field=models.ManyToManyField(
                related_name="+", through="cases.TeamMember", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="transfers",
                to="cases.case",
                verbose_name="case",
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="origin",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisation.node",
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="to",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisation.node",
            ),
        ),
        migrations.AddConstraint(
            model_name="teammember",
            constraint=models.UniqueConstraint(
                models.F("team"), models.F("member"), name="team_member_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                models.F("node"),
                models.F("name_ar"),
                condition=models.Q(("ended_at", None)),
                name="team_once_in_a_body",
            ),
        ),
        protect("cases_team"),
        protect("cases_teammember", visible=OF_A_TEAM),
        protect("cases_transfer", visible=OF_A_CASE, commands=("SELECT", "INSERT", "DELETE")),
    ]
