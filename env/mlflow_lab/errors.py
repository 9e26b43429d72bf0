"""What can go wrong with a component."""


class LabError(Exception):
    """Base of all errors of this package."""


class ComponentMissing(LabError):
    """The program is not installed. The message is one sentence naming the install command."""


class PortInUse(LabError):
    """A port that was asked for is taken. Raised before anything is started."""


class StartFailed(LabError):
    """The component exited, or was not healthy in time.

    Attributes:
        reason: one sentence: what happened.
        command: the command line, without passwords.
        log: the last lines the component logged, without passwords.
    """

    def __init__(self, reason: str, command: str, log: str) -> None:
        self.reason = reason
        self.command = command
        self.log = log
        logged = f"It logged last:\n{log}" if log else "It logged nothing."
        super().__init__(f"{reason}\n$ {command}\n{logged}")
