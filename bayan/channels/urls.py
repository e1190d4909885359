from django.urls import path

from bayan.channels.views import templates

app_name = "channels"
urlpatterns = [
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
