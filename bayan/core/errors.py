"""What a service says when it refuses."""


class DomainError(Exception):
    """A refusal that a person should read; the text is translated and says what to do.

    Uncaught in a request it becomes a 409 with its text, and the request's transaction is rolled back.
    """
