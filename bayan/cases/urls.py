from django.urls import path

from bayan.cases import views
from bayan.cases.routing import views as routing
from bayan.cases.whole import quality

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
    path("quality/", quality.sample, name="quality"),
    path("quality/draw", quality.draw, name="draw_sample"),
    path("quality/quality.csv", quality.export, name="quality_export"),
    path("quality/<uuid:public_id>/", quality.card, name="sampled"),
    path("cases.csv", views.export, name="export"),
    path("choices", views.choices, name="choices"),
    path("act", views.act, name="act"),
    path("views/save", views.save_view, name="save_view"),
    path("of/<uuid:conversation_id>/panel", views.panel, name="panel"),
    path("<uuid:public_id>/assign", views.assign, name="assign"),
    path("<uuid:public_id>/give-back", views.give_back, name="give_back"),
    path("<uuid:public_id>/close", views.close, name="close"),
    path("<uuid:public_id>/attempt", views.attempt, name="attempt"),
    path("<uuid:public_id>/pictures/<uuid:media_id>", views.picture, name="picture"),
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
