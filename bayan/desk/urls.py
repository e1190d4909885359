from django.urls import path

from bayan.desk import views

places_urls = (
    [
        path("", views.places, name="places"),
        path("find", views.find, name="find"),
        path("places.csv", views.export, name="export"),
    ],
    "places",
)
