"""users.py: what it says it did is so, and whatever it refuses has changed nothing."""

import csv
import io
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.server.auth.db.models import (
    Base,
    SqlExperimentPermission,
    SqlRegisteredModelPermission,
    SqlUser,
)
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.store.tracking.dbmodels.models import SqlExperiment
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash

from tests.conftest import ROOT
from tests.server.advisory_probes import Target
from tests.server.program import program

SERVER = ROOT / "env" / "server"
users = program("users.py")

GROUPS = """
vision:
  members: [kim, lee]
  experiments:
    detector-*: EDIT
  models:
    detector: READ
trainers:
  members: [lee]
  models: {detector: EDIT}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """Users admin, kim, lee and park; kim made detector-1, detector-2 and the model detector."""
    file = tmp_path_factory.mktemp("users") / "mlflow.db"
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    for named in (SqlExperiment, SqlRegisteredModel):
        named.__table__.create(engine)
    with Session(engine) as session, session.begin():
        for name in ("admin", "kim", "lee", "park"):
            session.add(SqlUser(username=name, password_hash="-", is_admin=name == "admin"))
        session.flush()
        ids = {user.username: user.id for user in session.query(SqlUser)}
        for number, name in enumerate(("detector-1", "detector-2", "other"), start=1):
            session.add(SqlExperiment(experiment_id=number, name=name, lifecycle_stage="active"))
        session.add(SqlRegisteredModel(name="detector"))
        for name, experiment in (("kim", "1"), ("kim", "2"), ("kim", "99"), ("lee", "2")):
            place = {"user_id": ids[name], "experiment_id": experiment}
            session.add(SqlExperimentPermission(permission="MANAGE", **place))
        place = {"user_id": ids["kim"], "name": "detector"}
        session.add(SqlRegisteredModelPermission(permission="MANAGE", **place))
    engine.dispose()
    return file


@pytest.fixture
def database(template, tmp_path, monkeypatch) -> Path:
    """A copy of it, as the server's."""
    file = shutil.copy(template, tmp_path)
    for name in ("MLFLOW_AUTH_DEFAULT_PERMISSION", "MLFLOW_AUTH_ADMIN_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", f"sqlite:///{file}")
    return Path(file)


@pytest.fixture
def said(database, capsys, monkeypatch) -> Callable[..., list[list[str]]]:
    """Runs users.py; the rows that it printed, without their heading."""

    def run(*arguments: str | Path, stdin: str = "") -> list[list[str]]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        assert users.main([str(a) for a in arguments]) == 0, capsys.readouterr().err
        lines = capsys.readouterr().out.splitlines()[1:]
        return list(csv.reader(lines)) if "--csv" in arguments else [x.split() for x in lines]

    return run


@pytest.fixture
def refused(database, capsys, monkeypatch) -> Callable[..., str]:
    """Runs users.py, which must change nothing; why not."""

    def run(*arguments: str | Path, stdin: str = "", code: int = 1) -> str:
        before = database.read_bytes()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        assert users.main([str(a) for a in arguments]) == code
        assert database.read_bytes() == before
        seen = capsys.readouterr()
        assert seen.out == "" and seen.err.startswith("Nothing was changed: ")
        return seen.err

    return run


@pytest.fixture
def groups(tmp_path) -> Path:
    file = tmp_path / "groups.yaml"
    file.write_text(GROUPS)
    return file


def given(database: Path) -> dict[tuple[str, str], str]:
    """Permissions by user and by experiment ID or model name, from the tables."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT username, experiment_id, permission FROM experiment_permissions p"
            " JOIN users u ON u.id = user_id UNION ALL"
            " SELECT username, name, permission FROM registered_model_permissions p"
            " JOIN users u ON u.id = user_id"
        )
        return {(user, key): permission for user, key, permission in rows}


def hash_of(database: Path, name: str) -> str:
    with create_engine(f"sqlite:///{database}").connect() as connection:
        query = "SELECT password_hash FROM users WHERE username = ?"
        return connection.exec_driver_sql(query, (name,)).scalar_one()


def test_users_are_listed_with_what_was_given_to_them(said):
    assert said("list", "--csv") == [
        ["admin", "yes", "0", "0"],
        ["kim", "", "3", "1"],
        ["lee", "", "1", "0"],
        ["park", "", "0", "0"],
    ]


def test_who_may_see_what(said, monkeypatch):
    assert said("show", "--experiment", "detector-1") == [
        ["admin", "experiment", "1", "detector-1", "MANAGE", "administrator"],
        ["kim", "experiment", "1", "detector-1", "MANAGE", "given"],
        ["lee", "experiment", "1", "detector-1", "READ", "default"],
        ["park", "experiment", "1", "detector-1", "READ", "default"],
    ]
    monkeypatch.setenv("MLFLOW_AUTH_DEFAULT_PERMISSION", "NO_PERMISSIONS")
    seen = {tuple(row[1:4]): row[4:] for row in said("show", "--user", "kim", "--csv")}
    assert seen["experiment", "2", "detector-2"] == ["MANAGE", "given"]
    assert seen["experiment", "3", "other"] == ["NO_PERMISSIONS", "default"]
    assert seen["experiment", "99", "(gone)"] == ["MANAGE", "given"]
    assert {row[0]: row[3] for row in said("show", "--model", "det*", "--csv")} == {
        **dict.fromkeys(("admin", "kim", "lee", "park"), "detector")
    }


def test_the_password_of_a_new_user_is_read_or_made_and_only_its_hash_kept(said, database):
    assert said("add", "choi", "jung", "--stdin", stdin="first password\nsecond password\n")
    assert check_password_hash(hash_of(database, "jung"), "second password")
    [[name, made]] = said("add", "--generate", "--admin", "han")
    assert check_password_hash(hash_of(database, name), made)
    assert made.encode() not in database.read_bytes()
    [[name, again]] = said("password", "han", "--generate")
    assert again != made and check_password_hash(hash_of(database, name), again)
    assert ["han", "yes", "0", "0"] in said("list", "--csv")


@pytest.mark.parametrize(
    ("arguments", "stdin", "why"),
    [
        (["add", "new", "kim", "--generate"], "", "there already: kim"),
        (["add", "new", "a:b", "--generate"], "", "no colon"),
        (["add", "new", "other", "--stdin"], "long enough, first\nshort\n", "12 characters"),
        (["add", "new", "other", "--stdin"], "only one line here\n", "12 characters"),
        (["add", "new"], "", "no terminal"),
        (["password", "kim", "nobody", "--generate"], "", "no user 'nobody'"),
        (["show", "--user", "nobody"], "", "no user 'nobody'"),
        (["show", "--experiment", "nothing"], "", "no experiment 'nothing'"),
        (["remove", "nobody"], "", "no user 'nobody'"),
        (["remove", "kim", "--to", "nobody"], "", "no user 'nobody'"),
        (["remove", "kim", "--to", "kim"], "", "who leaves"),
        (["remove", "admin"], "", "made again"),
        (["grant", "nowhere.yaml"], "", "No such file"),
        (["--settings", "nowhere.env", "list"], "", "No such file"),
    ],
)
def test_what_cannot_be_done_is_refused_whole(refused, arguments, stdin, why):
    assert why in refused(*arguments, stdin=stdin)


def test_a_password_is_never_an_argument(database):
    with pytest.raises(SystemExit) as ended:
        users.main(["add", "choi", "--password", "a long password"])
    assert ended.value.code == 2


def test_a_password_is_asked_for_twice(database, refused, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter(["a long password", "a long passwrod", *2 * ["a long password"]])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    monkeypatch.setattr("io.StringIO", Terminal)
    assert "two different passwords" in refused("password", "kim")
    monkeypatch.setattr("sys.stdin", Terminal())
    assert users.main(["password", "kim"]) == 0
    assert check_password_hash(hash_of(database, "kim"), "a long password")


def test_a_group_gets_its_permissions_once(said, database, groups):
    before = given(database)
    announced = said("grant", groups, "--dry-run")
    assert given(database) == before
    assert said("grant", groups) == announced
    assert given(database) == before | {
        ("lee", "1"): "EDIT",
        ("lee", "detector"): "EDIT",  # the higher of two groups
    }
    assert said("grant", groups) == []


def test_what_the_file_no_longer_says_is_taken_away_on_demand(said, database, groups):
    said("grant", groups)
    said("grant", "-", stdin="park: {members: [park], models: {detector: EDIT}}")
    before = given(database)
    groups.write_text(GROUPS.replace("[kim, lee]", "[kim]").replace("EDIT}", "READ}"))
    assert said("grant", groups) == [["lee", "model", "detector", "EDIT", "READ"]]
    said("grant", groups, "--prune")
    left = {place: permission for place, permission in before.items() if place[0] != "park"}
    del left["lee", "1"]  # MANAGE of others stays, also on what the file names
    assert given(database) == left | {("lee", "detector"): "READ"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("late: [kim]", "late: may have members"),
        ("late: {member: [kim]}", "late: may have members"),
        ("late: {members: kim}", "late: members is no list"),
        ("late: {members: [{kim: lee}]}", "late: members is no list"),
        ("late: {models: [detector]}", "late: models is no table"),
        ("late: {members: [kym]}", "late: no user 'kym'"),
        ("late: {models: {detectr: READ}}", "late: no model 'detectr'"),
        ("late: {experiments: {detector: READ}}", "late: no experiment 'detector'"),
        ("late: {models: {detector: WRITE}}", "'WRITE' is none of"),
        ("late: {models: {detector: {a: b}}}", "{'a': 'b'} is none of"),
        ("late: {members: [no, 7]}", "no user 'no'\n  late: no user '7'"),
        ("vision: {members: [park]}", "twice: vision"),
        ("late: {members: [kim}", "line 11"),
    ],
)
def test_a_file_with_a_fault_changes_nothing(refused, groups, text, why):
    groups.write_text(GROUPS + text)
    assert why in refused("grant", groups)


def test_a_file_without_a_group_is_refused(refused):
    assert "no group" in refused("grant", "-")
    assert "no group" in refused("grant", "-", stdin="- vision")


def test_interrupted_half_way_nothing_is_changed(refused, groups, monkeypatch):
    give, calls = users.Accounts.give, []

    def interrupted(self, *place) -> None:
        give(self, *place)
        calls.append(place)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(users.Accounts, "give", interrupted)
    assert "interrupted" in refused("grant", groups, code=130)
    calls.clear()
    assert "interrupted" in refused("remove", "kim", "--to", "park", code=130)


def test_who_leaves_hands_over_what_nobody_else_may_manage(said, refused, database):
    why = refused("remove", "kim")
    assert "experiment 1 detector-1" in why and "model detector" in why
    assert "detector-2" not in why and "99" not in why
    announced = said("remove", "kim", "--to", "park", "--dry-run")
    assert hash_of(database, "kim")
    assert said("remove", "kim", "--to", "park") == announced
    assert given(database) == {
        ("lee", "2"): "MANAGE",
        ("park", "1"): "MANAGE",
        ("park", "detector"): "MANAGE",
    }
    assert [row[0] for row in said("list")] == ["admin", "lee", "park"]
    said("remove", "lee", "--to", "park")
    said("password", "park", "--generate")


def test_the_only_administrator_stays(refused, monkeypatch):
    monkeypatch.setenv("MLFLOW_AUTH_ADMIN_USERNAME", "root")
    assert "only administrator" in refused("remove", "admin", "--to", "kim")


def test_settings_are_read_from_the_file_of_the_service(said, database, tmp_path, monkeypatch):
    settings = tmp_path / "mlflow.env"
    settings.write_text(
        (SERVER / ".env.example")
        .read_text()
        .replace("MLFLOW_BACKEND_STORE_URI=", f"MLFLOW_BACKEND_STORE_URI=sqlite:///{database}")
        .replace("PERMISSION=READ", "PERMISSION=NO_PERMISSIONS")
    )
    monkeypatch.delenv("MLFLOW_BACKEND_STORE_URI")
    [row] = [r for r in said("--settings", settings, "show", "--model", "detector") if "lee" in r]
    assert row[-2:] == ["NO_PERMISSIONS", "default"]


def test_without_its_database_it_says_why(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", f"sqlite:///{tmp_path}/empty.db")
    assert "no such table" in refused("list")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://mlflow:hidden@127.0.0.1:1/mlflow")
    why = refused("list")
    assert "127.0.0.1" in why and "hidden" not in why
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "")
    assert "is empty" in refused("list")


def test_the_example_is_a_file_that_it_takes(said, database):
    assert said("grant", SERVER / "groups.example.yaml", "--dry-run")


def test_the_server_sees_it_at_once(team, monkeypatch, capsys, tmp_path):
    """On PostgreSQL, with what MLflow itself wrote there."""
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", team.database.uri)
    target = Target(team.uri, ("admin", team.password), str(team.certificate))
    leaver, heir = target.owner, target.outsider
    experiment = target.experiment()
    name = f"model-{secrets.token_hex(4)}"
    models = "/api/2.0/mlflow/registered-models"
    target.done("POST", f"{models}/create", leaver, json={"name": name})
    target.run(experiment, leaver)

    def status(who: tuple[str, str]) -> int:
        path = "/api/2.0/mlflow/experiments/permissions/get"
        asked = {"experiment_id": experiment, "username": who[0]}
        return target.ask("GET", path, who, params=asked).status_code

    assert (status(leaver), status(heir)) == (200, 403)
    assert users.main(["remove", leaver[0]]) == 1
    assert name in capsys.readouterr().err
    assert users.main(["remove", leaver[0], "--to", heir[0]]) == 0
    assert (status(leaver), status(heir)) == (401, 200)
    asked = {"name": name, "username": heir[0]}
    seen = target.done("GET", f"{models}/permissions/get", heir, params=asked)
    assert seen["registered_model_permission"]["permission"] == "MANAGE"
    monkeypatch.setattr("sys.stdin", io.StringIO("another password\n"))
    assert users.main(["password", heir[0], "--stdin"]) == 0
    assert (status(heir), status((heir[0], "another password"))) == (401, 200)
