from django.urls import path

from bayan.correspondence.views import asking, digest, drafting, letters, lists, reading

app_name = "correspondence"
urlpatterns = [
    path("letters/", letters.letters, name="letters"),
    path("letters/export/", letters.export, name="export"),
    path("letters/responses/", letters.responses, name="responses"),
    path("letters/responses.csv", letters.responses_export, name="responses_export"),
    path("letters/new/", drafting.new, name="new"),
    path("letters/ask/", asking.ask, name="ask"),
    path("letters/lists/", lists.lists, name="lists"),
    path("letters/lists/save/", lists.save, name="save_list"),
    path("letters/lists/<uuid:public_id>/delete/", lists.delete, name="delete_list"),
    path("letters/open/<str:secret>/", reading.open_link, name="open"),
    path("letters/<uuid:public_id>/", reading.letter, name="letter"),
    path("letters/<uuid:public_id>/edit/", drafting.edit, name="edit"),
    path("letters/<uuid:public_id>/submit/", drafting.submit, name="submit"),
    path("letters/<uuid:public_id>/decide/", drafting.decide, name="decide"),
    path("letters/<uuid:public_id>/take-back/", drafting.take_back, name="take_back"),
    path("letters/<uuid:public_id>/delete/", drafting.delete, name="delete"),
    path("letters/<uuid:public_id>/copy/", drafting.copy, name="copy"),
    path("letters/<uuid:public_id>/correct/", drafting.correct, name="correct"),
    path("letters/<uuid:public_id>/recall/", drafting.recall, name="recall"),
    path("letters/<uuid:public_id>/digest/", digest.digest, name="digest"),
    path("letters/<uuid:public_id>/finish/", reading.finish, name="finish"),
    path("letters/<uuid:public_id>/recipients/", letters.recipients, name="recipients"),
    path(
        "letters/<uuid:public_id>/recipients.csv",
        letters.recipients_export,
        name="recipients_export",
    ),
    path("letters/<uuid:public_id>/answers.csv", letters.answers_export, name="answers_export"),
    path(
        "letters/<uuid:public_id>/answers/<uuid:media_id>",
        letters.answer_picture,
        name="answer_picture",
    ),
    path("letters/<uuid:public_id>/letter.pdf", reading.as_document, name="document"),
    path("letters/<uuid:public_id>/file.zip", letters.whole, name="whole"),
    path("letters/<uuid:public_id>/certificate.pdf", letters.certificate, name="certificate"),
    path("letters/<uuid:public_id>/files/<uuid:media_id>", reading.file, name="file"),
    path(
        "letters/<uuid:public_id>/files/<uuid:media_id>/remove/",
        drafting.remove_file,
        name="remove_file",
    ),
    path("verify/<str:code>/", reading.verify, name="verify"),
]
