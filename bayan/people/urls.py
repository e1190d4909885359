from django.urls import path

from bayan.people import views

app_name = "people"
urlpatterns = [
    path("demo/sign-in/<uuid:public_id>", views.demo_sign_in, name="demo_sign_in"),
    path("audit/", views.trail, name="trail"),
    path("undo/<uuid:public_id>", views.undo, name="undo"),
    path("live", views.live, name="live"),
]
