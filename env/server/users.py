"""Users of the server, and who may see what: python users.py COMMAND --help

    users.py list                            who has an account
    users.py add kim lee --generate          accounts; --admin: of administrators
    users.py password kim                    another password
    users.py show --user kim                 or --experiment NAME, --model NAME
    users.py grant groups.yaml --dry-run     permissions of groups, see groups.example.yaml
    users.py remove kim --to lee             lee gets what only kim may MANAGE

Where a replica runs: reads MLFLOW_BACKEND_STORE_URI and MLFLOW_AUTH_DEFAULT_PERMISSION, from the
environment or from a file (--settings /etc/mlflow/mlflow.env). Passwords are asked for, read from
standard input or made; never taken from the command line, where others see them. A command is one
transaction: it does all that it says, or nothing. Exits with 1 when it refuses.
"""

import argparse
import csv
import getpass
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import yaml
from mlflow.exceptions import MlflowException
from mlflow.server.auth.db.models import (
    SqlExperimentPermission,
    SqlRegisteredModelPermission,
    SqlUser,
)
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.store.tracking.dbmodels.models import SqlExperiment
from mlflow.utils.validation import _validate_password
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

RANKS = ("NO_PERMISSIONS", "READ", "EDIT", "MANAGE")  # from the least to the most
ROWS = {
    "experiment": (SqlExperimentPermission, SqlExperimentPermission.experiment_id),
    "model": (SqlRegisteredModelPermission, SqlRegisteredModelPermission.name),
}
SECTIONS = {"experiments": "experiment", "models": "model"}  # of a group in the file
USABLE_NAME = re.compile(r"[^\s:]+")  # basic authentication ends a name at its first colon

Thing = tuple[str, str]  # a kind of ROWS, and the ID of the experiment or the name of the model


class Refused(Exception):
    """Nothing was changed; says why."""


class Accounts:
    """Everybody, all that there are permissions on, and who was given which.

    Args:
        session: of the transaction that all of it belongs to.
        settings: variables of the server.

    Attributes:
        users: by name.
        things: names of the experiments and models that exist.
        given: by user and thing; also on things that are gone.
        changes: what was done to `given`: user, thing, before, after.
    """

    def __init__(self, session: Session, settings: dict[str, str]) -> None:
        self.session = session
        self.default = settings.get("MLFLOW_AUTH_DEFAULT_PERMISSION") or "READ"
        self.first = settings.get("MLFLOW_AUTH_ADMIN_USERNAME") or "admin"
        # Locked: whoever gives one of them a permission, by creating an experiment say, waits.
        users = session.query(SqlUser).order_by(SqlUser.username).with_for_update()
        self.users = {user.username: user for user in users}
        names = {user.id: name for name, user in self.users.items()}
        experiments = session.query(SqlExperiment.experiment_id, SqlExperiment.name)
        models = session.query(SqlRegisteredModel.name)
        self.things: dict[Thing, str] = {
            **{("experiment", str(found)): name for found, name in experiments},
            **{("model", name): name for (name,) in models},
        }
        self.given: dict[tuple[str, Thing], str] = {}
        for kind, (row, key) in ROWS.items():
            for user_id, found, permission in session.query(row.user_id, key, row.permission):
                if user_id in names:  # else of somebody who came in between
                    self.given[names[user_id], (kind, found)] = permission
        self.changes: list[tuple[str, Thing, str, str]] = []

    def user(self, name: str) -> SqlUser:
        """Raises Refused for a name that nobody has."""
        if name not in self.users:
            raise Refused(f"no user {name!r}")
        return self.users[name]

    def named(self, kind: str, name: str) -> list[Thing]:
        """What has this name; * in it stands for anything."""
        pattern = re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
        return [
            thing
            for thing, called in self.things.items()
            if thing[0] == kind and pattern.fullmatch(called)
        ]

    def managers(self, thing: Thing) -> set[str]:
        """Who was given MANAGE on it."""
        return {
            user for (user, on), given in self.given.items() if on == thing and given == "MANAGE"
        }

    def give(self, name: str, thing: Thing, permission: str | None) -> None:
        """The user's permission on it from now on; None: the one that everybody has."""
        before = self.given.get((name, thing))
        if before == permission:
            return
        row, key = ROWS[thing[0]]
        user_id = self.users[name].id
        if before is None:
            place = {key.key: thing[1], "user_id": user_id, "permission": permission}
            self.session.add(row(**place))
            self.session.flush()
        else:
            rows = self.session.query(row).filter(row.user_id == user_id, key == thing[1])
            if permission is None:
                rows.delete()
            else:
                rows.update({"permission": permission})
        if permission is None:
            del self.given[name, thing]
        else:
            self.given[name, thing] = permission
        self.changes.append((name, thing, before or "", permission or ""))

    def access(self, name: str, thing: Thing) -> tuple[str, str]:
        """What the user may do with it, and why."""
        if self.user(name).is_admin:
            return "MANAGE", "administrator"
        given = self.given.get((name, thing))
        return (self.default, "default") if given is None else (given, "given")


def list_users(accounts: Accounts, _: argparse.Namespace) -> list[tuple]:
    rows: list[tuple] = [("user", "administrator", "experiments", "models")]
    for name, user in accounts.users.items():
        kinds = [thing[0] for holder, thing in accounts.given if holder == name]
        counts = (kinds.count(kind) for kind in ROWS)
        rows.append((name, "yes" if user.is_admin else "", *counts))
    return rows


def show(accounts: Accounts, arguments: argparse.Namespace) -> list[tuple]:
    if arguments.user is not None:
        accounts.user(arguments.user)
        users = [arguments.user]
        gone = {thing for user, thing in accounts.given if user == arguments.user}
        things = [*accounts.things, *sorted(gone - accounts.things.keys())]
    else:
        kind = "model" if arguments.experiment is None else "experiment"
        users = list(accounts.users)
        name = arguments.experiment if arguments.model is None else arguments.model
        things = accounts.named(kind, name) or _not_there(kind, name)
    return [
        ("user", "kind", "id", "name", "permission", "from"),
        *(
            (user, *_described(accounts, thing), *accounts.access(user, thing))
            for thing in things
            for user in users
        ),
    ]


def _not_there(kind: str, name: str) -> list[Thing]:
    raise Refused(f"no {kind} {name!r}")


def _described(accounts: Accounts, thing: Thing) -> tuple[str, str, str]:
    """Its kind, the ID of an experiment, its name."""
    kind, key = thing
    name = accounts.things.get(thing)
    if kind == "experiment":
        return kind, key, "(gone)" if name is None else name
    return kind, "", f"{key} (gone)" if name is None else key


def add(accounts: Accounts, arguments: argparse.Namespace) -> list[tuple]:
    taken = [name for name in arguments.names if name in accounts.users]
    if taken:
        raise Refused(f"there already: {', '.join(taken)}")
    for name in arguments.names:
        if not USABLE_NAME.fullmatch(name):
            raise Refused(f"{name!r}: a name has no space and no colon")
        password = arguments.passwords[name]
        accounts.session.add(
            SqlUser(
                username=name,
                password_hash=generate_password_hash(password),
                is_admin=arguments.admin,
            )
        )
    accounts.session.flush()
    return _made(arguments)


def password(accounts: Accounts, arguments: argparse.Namespace) -> list[tuple]:
    for name in arguments.names:
        user = accounts.user(name)
        user.password_hash = generate_password_hash(arguments.passwords[name])
    accounts.session.flush()
    return _made(arguments)


def _made(arguments: argparse.Namespace) -> list[tuple]:
    """The passwords that nobody knows yet."""
    rows: list[tuple] = [("user", "password")] if arguments.generate else [("user",)]
    for name, made in arguments.passwords.items():
        rows.append((name, made) if arguments.generate else (name,))
    return rows


def remove(accounts: Accounts, arguments: argparse.Namespace) -> list[tuple]:
    name, heir = arguments.name, arguments.to
    user = accounts.user(name)
    if name == accounts.first:
        raise Refused(f"{name!r} would be made again when a replica starts")
    if user.is_admin and [n for n, u in accounts.users.items() if u.is_admin] == [name]:
        raise Refused(f"{name!r} is the only administrator")
    if heir is not None:
        accounts.user(heir)
    if heir == name:
        raise Refused(f"{name!r} is the one who leaves")
    held = [thing for holder, thing in accounts.given if holder == name]
    alone = [t for t in held if t in accounts.things and accounts.managers(t) == {name}]
    if alone and heir is None:
        listed = "".join(f"\n  {' '.join(filter(None, _described(accounts, t)))}" for t in alone)
        raise Refused(f"only {name!r} may MANAGE these: name who shall, with --to{listed}")
    for thing in alone:
        accounts.give(heir, thing, "MANAGE")
    for thing in held:
        accounts.give(name, thing, None)
    # Not session.delete(): MLflow's relationships would empty user_id in rows that need it.
    accounts.session.query(SqlUser).filter(SqlUser.id == user.id).delete()
    return _changed(accounts)


def grant(accounts: Accounts, arguments: argparse.Namespace) -> list[tuple]:
    wanted, named = _wanted(accounts, _document(arguments.file))
    for (name, thing), permission in sorted(wanted.items()):
        if accounts.given.get((name, thing)) != "MANAGE":  # of whoever made it
            accounts.give(name, thing, permission)
    if arguments.prune:
        for (name, thing), permission in sorted(accounts.given.items()):
            if thing in named and permission != "MANAGE" and (name, thing) not in wanted:
                accounts.give(name, thing, None)
    return _changed(accounts)


def _changed(accounts: Accounts) -> list[tuple]:
    return [
        ("user", "kind", "id", "name", "before", "after"),
        *((name, *_described(accounts, t), old, new) for name, t, old, new in accounts.changes),
    ]


class _Loader(yaml.BaseLoader):
    """Reads all values as they are written: a user may be called `no`, an experiment 007."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = [self.construct_object(key) for key, _ in node.value]
        twice = {str(name) for name in names if names.count(name) > 1}
        if twice:
            raise Refused(f"line {node.start_mark.line + 1}: twice: {', '.join(sorted(twice))}")
        return super().construct_mapping(node, deep)


def _document(file: str) -> object:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return yaml.load(text, _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refused(f"{file}: {error}") from error


def _wanted(
    accounts: Accounts, document: object
) -> tuple[dict[tuple[str, Thing], str], set[Thing]]:
    """The permission of each user on each thing, the highest of their groups; and all things.

    Raises Refused with every fault of the file.
    """
    if not isinstance(document, dict) or not document:
        raise Refused("the file has no group")
    faults: list[str] = []
    wanted: dict[tuple[str, Thing], str] = {}
    named: set[Thing] = set()
    for group, content in document.items():
        if fault := _fault_of_shape(content):
            faults.append(f"{group}: {fault}")
            continue
        members = content.get("members") or []
        faults += [f"{group}: no user {name!r}" for name in members if name not in accounts.users]
        for kind, name, permission in _lines(content):
            things = accounts.named(kind, name)
            named.update(things)
            if permission not in RANKS:
                faults.append(f"{group}: {name}: {permission!r} is none of {', '.join(RANKS)}")
            elif not things and "*" not in name:  # a pattern may be for what is to come
                faults.append(f"{group}: no {kind} {name!r}")
            else:
                for place in product(members, things):
                    ranks = (permission, wanted.get(place, RANKS[0]))
                    wanted[place] = max(ranks, key=RANKS.index)
    if faults:
        raise Refused("\n  ".join(["the file is wrong:", *faults]))
    return wanted, named


def _fault_of_shape(content: object) -> str | None:
    if not isinstance(content, dict) or not content.keys() <= {"members", *SECTIONS}:
        return f"may have members, {', '.join(SECTIONS)} and nothing else"
    members = content.get("members") or []
    if not isinstance(members, list) or not all(isinstance(name, str) for name in members):
        return "members is no list of names"
    for section in SECTIONS:
        if not isinstance(content.get(section) or {}, dict):
            return f"{section} is no table of names and permissions"
    return None


def _lines(content: dict) -> Iterator[tuple[str, str, object]]:
    """Kind, name and permission of each line of a group."""
    for section, kind in SECTIONS.items():
        for name, permission in (content.get(section) or {}).items():
            yield kind, name, permission


def _passwords(arguments: argparse.Namespace) -> dict[str, str]:
    """One for each name. Raises Refused for one that MLflow would not take."""
    found = {}
    for name in arguments.names:
        if arguments.generate:
            found[name] = secrets.token_urlsafe(18)
        elif arguments.stdin:
            found[name] = sys.stdin.readline().rstrip("\n")
        elif not sys.stdin.isatty():
            raise Refused("no terminal to ask for a password: use --generate or --stdin")
        else:
            found[name] = getpass.getpass(f"Password of {name}: ")
            if getpass.getpass("Again: ") != found[name]:
                raise Refused("these were two different passwords")
        try:
            _validate_password(found[name])
        except MlflowException as error:
            raise Refused(f"{name}: at least 12 characters, please") from error
    return found


def _settings(file: str | None) -> dict[str, str]:
    """The server's variables, those of the file before those of the environment."""
    if file is None:
        return dict(os.environ)
    try:
        lines = Path(file).read_text().splitlines()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    assignments = (line.partition("=") for line in lines if not line.startswith("#"))
    return {**os.environ, **{name: value for name, equals, value in assignments if equals}}


@contextmanager
def _transaction(settings: dict[str, str]) -> Iterator[Session]:
    """Is rolled back when anything is raised, or the program ends, before its end."""
    uri = settings.get("MLFLOW_BACKEND_STORE_URI")
    if not uri:
        raise Refused("MLFLOW_BACKEND_STORE_URI is empty: see --settings")
    engine = create_engine(uri)
    try:
        with Session(engine) as session, session.begin():
            yield session
    except IntegrityError as error:  # whose text holds hashes
        raise Refused("somebody changed the same at the same time: try again") from error
    except DBAPIError as error:
        raise Refused(f"the database: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def _print(rows: list[tuple], as_csv: bool) -> None:
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    widths = [max(len(str(value)) for value in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (str(value).ljust(width) for value, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _parser() -> argparse.ArgumentParser:
    description, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=usage, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--settings", metavar="FILE", help="NAME=value lines, as .env.example")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function, name: str, about: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=about, description=about)
        found.set_defaults(function=function)
        return found

    listed = command(list_users, "list", "who has an account, and how much was given to them")
    shown = command(show, "show", "who may do what, and whether it was given to them")
    which = shown.add_mutually_exclusive_group(required=True)
    which.add_argument("--user", metavar="NAME")
    which.add_argument("--experiment", metavar="NAME", help="* stands for anything")
    which.add_argument("--model", metavar="NAME", help="* stands for anything")
    for sub in (listed, shown):
        sub.add_argument("--csv", action="store_true", help="print comma-separated values")
    added = command(add, "add", "new users")
    added.add_argument("--admin", action="store_true", help="administrators")
    for sub in (added, command(password, "password", "another password")):
        sub.add_argument("names", nargs="+", metavar="NAME")
        source = sub.add_mutually_exclusive_group()
        source.add_argument("--generate", action="store_true", help="make them, print them once")
        source.add_argument("--stdin", action="store_true", help="read a line for each")
    given = command(grant, "grant", "permissions of groups, from a file; - is standard input")
    given.add_argument("file", metavar="FILE", help="see groups.example.yaml")
    given.add_argument(
        "--prune",
        action="store_true",
        help="take from everybody else what they have on the same experiments and models, except "
        "MANAGE",
    )
    removed = command(remove, "remove", "take a user's permissions and account away")
    removed.add_argument("name", metavar="NAME")
    removed.add_argument("--to", metavar="NAME", help="gets what nobody else may MANAGE")
    for sub in (given, removed):
        sub.add_argument("--dry-run", action="store_true", help="only print what would change")
    return parser


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given.settings)
        if "names" in given:
            given.names = list(dict.fromkeys(given.names))
            given.passwords = _passwords(given)
        with _transaction(settings) as session:
            rows = given.function(Accounts(session, settings), given)
            if getattr(given, "dry_run", False):
                session.rollback()
    except Refused as refused:
        print(f"Nothing was changed: {refused}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Nothing was changed: interrupted", file=sys.stderr)
        return 130
    _print(rows, getattr(given, "csv", False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
