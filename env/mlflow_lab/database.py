"""What the database servers have in common."""

import os
import pwd
import secrets
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from .component import Component, Launch
from .programs import Command
from .system_user import can_use, instead_of_root, require_entry

NAME = "mlflow"  # of the role and of its database


class Database(Component):
    """A server that lets nobody in without a password, with a role `mlflow` and its database.

    It keeps its data in `data` and the password in `password`, both below its folder. A new kind
    says `_commands`, `_healthy` and `_set_up`.

    Attributes:
        uri: SQLAlchemy URI of the database `mlflow`, as the role `mlflow`.
        superuser_uri: the same database as the superuser.
    """

    scheme: ClassVar[str]  # of its URIs
    superuser: ClassVar[str]
    data_marker: ClassVar[str]  # in `data` once that was initialised
    users_for_root: ClassVar[tuple[str, ...]]  # the server refuses to run as root

    _password = ""

    def _commands(self, user: pwd.struct_passwd | None) -> tuple[Command, Command, dict[str, str]]:
        """What initialises `data`, what serves it, and what to copy so that the user reaches it."""
        raise NotImplementedError

    def _first_files(self) -> dict[str, str]:
        """What else has to be there before `data` is initialised."""
        return {}

    @property
    def uri(self) -> str:
        return self._uri(NAME, NAME)

    @property
    def superuser_uri(self) -> str:
        return self._uri(self.superuser, NAME)

    def _uri(self, role: str, database: str) -> str:
        return f"{self.scheme}://{role}:{self._password}@127.0.0.1:{self.port}/{quote(database)}"

    def _secrets(self) -> list[str]:
        return [*super()._secrets(), *([self._password] if self._password else [])]

    def _plan(self) -> Launch:
        user = self._user()
        if user and not self._temporary:
            require_entry(user, self.folder, self.title)
        new = not (self.folder / "data" / self.data_marker).exists()
        if new:
            self._password = secrets.token_hex(16)
        else:
            self._password = (self.folder / "password").read_text().strip()
        create, serve, copies = self._commands(user)
        return Launch(
            serve,
            preparations=[create] if new else [],
            files={"password": self._password + "\n", **self._first_files()} if new else {},
            copies=copies,
            directories=["data"] if new else [],
            user=(user.pw_uid, user.pw_gid) if user else None,
        )

    def _temporary_root(self) -> Path:
        root, user = super()._temporary_root(), self._user()
        return Path("/tmp") if user and not can_use(user, root) else root

    def _user(self) -> pwd.struct_passwd | None:
        """Whom it runs as; None: as whom we run."""
        return instead_of_root(self.users_for_root, self.title) if os.getuid() == 0 else None
