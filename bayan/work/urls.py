from django.urls import path

from bayan.work import views

app_name = "work"
urlpatterns = [
    path("work/", views.items, name="items"),
    path("work/give/", views.give, name="give"),
    path("work/approval/", views.ask_approval, name="ask_approval"),
    path("work/contractors/", views.contractors, name="contractors"),
    path("work/contractors/<slug:of>/<str:key>/", views.address, name="address"),
    path("work/of/<slug:subject_type>/<slug:subject_key>/", views.panel, name="panel"),
    path("work/<uuid:public_id>/", views.item, name="item"),
    path("work/<uuid:public_id>/finish/", views.finish, name="finish"),
    path("work/<uuid:public_id>/explain/", views.explain, name="explain"),
    path("work/<uuid:public_id>/delegate/", views.delegate, name="delegate"),
    path("work/<uuid:public_id>/withdraw/", views.withdraw, name="withdraw"),
    path("work/<uuid:public_id>/again/", views.send_again, name="send_again"),
    path("work/<uuid:public_id>/link/", views.make_link, name="make_link"),
    path("work/<uuid:public_id>/send/", views.send_anew, name="send_anew"),
    path("work/<uuid:public_id>/version/", views.send_version, name="send_version"),
    path("work/<uuid:public_id>/file/", views.paper, name="paper"),
    path("work/<uuid:public_id>/pictures/<int:proof_id>/", views.picture, name="picture"),
    path("w/<str:secret>/", views.link, name="link"),
]
