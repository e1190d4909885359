from django.urls import path

from bayan.channels.views import broadcasts, health, templates

app_name = "channels"
urlpatterns = [
    path("", health.page, name="health"),
    path("alarm", health.alarm, name="alarm"),
    path("alerts/<int:alert_id>/settle", health.settle, name="settle_alert"),
    path("alerts/<int:alert_id>/reopen", health.reopen, name="reopen_alert"),
    path("numbers/<int:number_id>/stop", health.stop, name="stop_number"),
    path("numbers/<int:number_id>/resume", health.resume, name="resume_number"),
    path("accounts/<slug:key>/ask", health.ask, name="ask_account"),
    path("broadcasts/", broadcasts.broadcasts, name="broadcasts"),
    path("broadcasts/new", broadcasts.new, name="new_broadcast"),
    path("broadcasts/preview", broadcasts.preview, name="preview_broadcast"),
    path("broadcasts/<uuid:public_id>/", broadcasts.broadcast, name="broadcast"),
    path("broadcasts/<uuid:public_id>/start", broadcasts.start, name="start_broadcast"),
    path("broadcasts/<uuid:public_id>/pause", broadcasts.pause, name="pause_broadcast"),
    path("broadcasts/<uuid:public_id>/resume", broadcasts.resume, name="resume_broadcast"),
    path("broadcasts/<uuid:public_id>/cancel", broadcasts.cancel, name="cancel_broadcast"),
    path("broadcasts/<uuid:public_id>/results.csv", broadcasts.results, name="broadcast_results"),
    path("broadcasts/<uuid:public_id>/bad.csv", broadcasts.bad_lines, name="broadcast_bad_lines"),
    path("templates/", templates.templates, name="templates"),
    path("templates/new", templates.new, name="new_template"),
    path("templates/preview", templates.preview, name="preview_template"),
    path("templates/<uuid:public_id>/", templates.template, name="template"),
    path("templates/<uuid:public_id>/edit", templates.edit, name="edit_template"),
    path("templates/<uuid:public_id>/submit", templates.submit, name="submit_template"),
    path("templates/<uuid:public_id>/purpose", templates.adopt_purpose, name="adopt_purpose"),
    path("templates/<uuid:public_id>/delete", templates.forget, name="forget_template"),
    path("templates/<uuid:public_id>/keep", templates.keep, name="keep_template"),
]
