from django.urls import path

from bayan.desk.views import contacts, field, figures, palette, places, situation, today

today_urls = (
    [
        path("", today.page, name="today"),
        path("weeks.csv", today.export, name="export"),
    ],
    "today",
)
situation_urls = (
    [
        path("", situation.page, name="situation"),
        path("<slug:key>/", situation.page, name="body"),
        path("<slug:key>/circulating/", situation.circulating, name="circulating"),
        path("<slug:key>/statements/", situation.statements, name="statements"),
    ],
    "situation",
)
field_urls = (
    [
        path("", field.reports, name="reports"),
        path("field.csv", field.export, name="export"),
        path("<uuid:public_id>/", field.report, name="report"),
        path("<uuid:public_id>/open-case", field.open_case, name="open_case"),
        path("<uuid:public_id>/join", field.join, name="join"),
    ],
    "field",
)
figures_urls = (
    [
        path("", figures.page, name="figures"),
        path("figures.csv", figures.export, name="export"),
    ],
    "figures",
)
palette_urls = ([path("", palette.palette, name="palette")], "palette")
places_urls = (
    [
        path("", places.places, name="places"),
        path("find", places.find, name="find"),
        path("places.csv", places.export, name="export"),
    ],
    "places",
)
contacts_urls = (
    [
        path("", contacts.contacts, name="contacts"),
        path("<uuid:public_id>/", contacts.contact, name="contact"),
        path("<uuid:public_id>/name", contacts.rename, name="rename"),
        path("<uuid:public_id>/wish", contacts.wish, name="wish"),
        path("<uuid:public_id>/notes", contacts.write_note, name="write_note"),
        path(
            "<uuid:public_id>/notes/<uuid:note_id>/delete", contacts.delete_note, name="delete_note"
        ),
        path("<uuid:public_id>/split", contacts.split, name="split"),
        path("<uuid:public_id>/merge", contacts.choose, name="choose"),
        path("<uuid:public_id>/merge/<uuid:other_id>", contacts.merge, name="merge"),
    ],
    "contacts",
)
