from django.urls import path

from bayan.mandates import views

app_name = "mandates"
urlpatterns = [
    path("mandates/", views.table, name="table"),
    path("mandates/export/", views.export, name="export"),
    path("mandates/<slug:topic>/", views.topic, name="topic"),
    path("mandates/<slug:topic>/remove/", views.remove, name="remove"),
]
