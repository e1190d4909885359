from django.urls import path

from bayan.cases import views

app_name = "cases"
urlpatterns = [
    path("", views.cases, name="cases"),
    path("of/<uuid:conversation_id>/panel", views.panel, name="panel"),
    path("<uuid:public_id>/assign", views.assign, name="assign"),
    path("<uuid:public_id>/close", views.close, name="close"),
]
