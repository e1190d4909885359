from django.urls import path

from bayan.cases import views
from bayan.cases.routing import views as routing
from bayan.cases.surge import views as surge

app_name = "cases"
urlpatterns = [
    path("", views.cases, name="cases"),
    path("board/", views.board, name="board"),
    path("map/", views.chart, name="map"),
    path("bursts/", views.bursts, name="bursts"),
    path("bursts/<uuid:public_id>/seen", views.see_burst, name="see_burst"),
    path("bursts/<uuid:public_id>/gather", views.gather_burst, name="gather_burst"),
    path("forwards/", views.forwards, name="forwards"),
    path("routing/", routing.rules, name="routing"),
    path("routing/new", routing.new, name="new_rule"),
    path("routing/draft", routing.draft, name="draft_rule"),
    path("routing/test", routing.test, name="test_rules"),
    path("routing/try", routing.dry_run, name="try_rules"),
    path("routing/<uuid:public_id>/", routing.rule, name="rule"),
    path("routing/<uuid:public_id>/move", routing.move, name="move_rule"),
    path("routing/<uuid:public_id>/switch", routing.switch, name="switch_rule"),
    path("routing/<uuid:public_id>/copy", routing.copy, name="copy_rule"),
    path("routing/<uuid:public_id>/delete", routing.delete, name="delete_rule"),
    path("surge/", surge.surge, name="surge"),
    path("surge/begin", surge.begin, name="surge_begin"),
    path("surge/band", surge.shown_band, name="surge_band"),
    path("surge/wall/", surge.wall, name="surge_wall"),
    path("surge/join/<str:secret>", surge.join, name="surge_join"),
    path("surge/links/<uuid:public_id>/withdraw", surge.withdraw_link, name="surge_withdraw_link"),
    path(
        "surge/team/<uuid:public_id>/withdraw", surge.withdraw_helper, name="surge_withdraw_helper"
    ),
    path("surge/<uuid:public_id>/", surge.summary, name="surge_summary"),
    path("surge/<uuid:public_id>/surge.csv", surge.export, name="surge_export"),
    path("surge/<uuid:public_id>/words", surge.word, name="surge_word"),
    path("surge/<uuid:public_id>/end", surge.end, name="surge_end"),
    path("surge/<uuid:public_id>/step", surge.shed, name="surge_step"),
    path("surge/<uuid:public_id>/link", surge.make_link, name="surge_link"),
    path("cases.csv", views.export, name="export"),
    path("choices", views.choices, name="choices"),
    path("act", views.act, name="act"),
    path("views/save", views.save_view, name="save_view"),
    path("of/<uuid:conversation_id>/panel", views.panel, name="panel"),
    path("<uuid:public_id>/assign", views.assign, name="assign"),
    path("<uuid:public_id>/give-back", views.give_back, name="give_back"),
    path("<uuid:public_id>/close", views.close, name="close"),
    path("<uuid:public_id>/describe", views.describe, name="describe"),
    path("<uuid:public_id>/label", views.label, name="label"),
    path("<uuid:public_id>/join", views.join, name="join"),
    path("<uuid:public_id>/part", views.part, name="part"),
    path("<uuid:public_id>/apart", views.tell_apart, name="tell_apart"),
    path("<uuid:public_id>/point", views.point, name="point"),
    path("<uuid:public_id>/step", views.step, name="step"),
    path("<uuid:public_id>/promise", views.promise, name="promise"),
    path("<uuid:public_id>/reopen", views.reopen, name="reopen"),
]
