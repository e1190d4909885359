from django.urls import path

from bayan.press.views import journalists, links, releases, stories

app_name = "press"
urlpatterns = [
    path("press/", stories.stories, name="stories"),
    path("press/new/", stories.new, name="new"),
    path("press/journalists/", journalists.register, name="journalists"),
    path("press/journalists/new/", journalists.new, name="new_journalist"),
    path("press/journalists/import/", journalists.from_file, name="import"),
    path("press/journalists/<uuid:public_id>/", journalists.journalist, name="journalist"),
    path("press/journalists/<uuid:public_id>/end/", journalists.end, name="end_journalist"),
    path("press/lists/", journalists.new_list, name="new_list"),
    path("press/lists/<uuid:public_id>/", journalists.press_list, name="list"),
    path("press/lists/<uuid:public_id>/delete/", journalists.delete_list, name="delete_list"),
    path("press/releases/<uuid:public_id>/", releases.release, name="release"),
    path("press/releases/<uuid:public_id>/pause/", releases.pause, name="pause_release"),
    path("press/releases/<uuid:public_id>/resume/", releases.resume, name="resume_release"),
    path("press/releases/<uuid:public_id>/withdraw/", releases.withdraw, name="withdraw_release"),
    path("press/copies/<uuid:public_id>/link/", releases.copy_link, name="copy_link"),
    path("press/<uuid:public_id>/", stories.story, name="story"),
    path("press/<uuid:public_id>/complete/", stories.complete, name="complete"),
    path("press/<uuid:public_id>/add/", stories.add, name="add"),
    path("press/<uuid:public_id>/withdraw/", stories.withdraw, name="withdraw"),
    path("press/<uuid:public_id>/take/", stories.take, name="take"),
    path("press/<uuid:public_id>/edit/", stories.edit, name="edit"),
    path("press/<uuid:public_id>/answer/", stories.answer, name="answer"),
    path("press/<uuid:public_id>/approve/", stories.approve, name="approve"),
    path("press/<uuid:public_id>/decide/", stories.decide, name="decide"),
    path("press/<uuid:public_id>/publish/", stories.publish, name="publish"),
    path("press/<uuid:public_id>/send/", releases.send, name="send"),
    path("press/<uuid:public_id>/file.zip", stories.whole, name="whole"),
    path("press/<uuid:public_id>/all/", stories.archive, name="archive"),
    path("press/<uuid:public_id>/files/<uuid:file_id>/", stories.file, name="file"),
    path("n/<str:secret>/", links.link, name="link"),
    path("n/<str:secret>/all/", links.archive, name="link_archive"),
    path("n/<str:secret>/files/<uuid:file_id>/", links.file, name="link_file"),
]
