"""What a person did wrong or a run cannot go on with: one sentence with the file, the field and the value in it."""


class TrainingError(Exception):
    """Stops a command; its text is all that the person sees, and the command exits with `exit_code`."""

    exit_code = 1


class Interrupted(TrainingError):
    """A run was stopped from outside after its state was saved; the text says how to go on."""

    exit_code = 130  # what a shell reports for a command that Ctrl-C ended
