"""What a person did wrong or a run cannot go on with: one sentence with the file, the field and the value in it."""


class TrainingError(Exception):
    """Stops a command; its text is all that the person sees, and the command exits with 1."""
