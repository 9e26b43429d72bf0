"""Behind sso.py a user is who a real OpenID Connect provider says, and nobody else."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.server.login_provider import PASSWORD, Browser, SsoServer

pytestmark = pytest.mark.xdist_group("sso")
SESSION = "__Host-mlflow-session"
API = "/api/2.0/mlflow"
CREATE, SEARCH = f"{API}/experiments/create", f"{API}/experiments/search"


@pytest.fixture(scope="module")
def sso(tmp_path_factory) -> Iterator[SsoServer]:
    with SsoServer(tmp_path_factory.mktemp("sso")) as server:
        yield server


@pytest.fixture(scope="module")
def kim(sso) -> Browser:
    return sso.log_in("kim")


def test_a_program_is_let_in_by_its_token_alone(sso):
    token = sso.provider.token("nightly")
    assert sso.ask("GET", "/version", token).status_code == 200
    answer = sso.ask("GET", "/version")
    assert answer.status_code == 401 and "token" in answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")  # Basic would ask in the page
    assert sso.ask("GET", "/version", token[:-8] + "AAAAAAAA").status_code == 401
    assert sso.ask("GET", "/version", "no token").status_code == 401
    assert sso.ask("GET", "/version", headers={"X-Remote-User": "kim"}).status_code == 401


def test_a_token_that_is_not_for_this_server_or_old_or_nameless_is_refused(sso):
    now = int(time.time())
    wrong = {
        "Signature has expired": {"exp": now - 60},
        "The token is not yet valid": {"nbf": now + 600},
        "Invalid issuer": {"iss": "https://login.example.com"},
        "Audience": {"aud": "mlflow"},  # an ID token, which says who somebody is to the pages
        'missing the "exp"': {"exp": None},
        'missing the "aud"': {"aud": None},
        'missing the "sub"': {"sub": None},
        "must be a string": {"sub": 7},
    }
    right, *tokens = sso.signed({}, *wrong.values())
    assert sso.ask("GET", "/version", right).status_code == 200
    answers = [sso.ask("GET", "/version", token) for token in tokens]
    assert {a.status_code for a in answers} == {401}
    said = {why: answer.text for why, answer in zip(wrong, answers, strict=True)}
    assert {why: text for why, text in said.items() if why not in text} == {}


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_token_that_anybody_could_have_signed_is_refused(sso, algorithm):
    [token] = sso.signed({}, algorithm=algorithm)
    assert sso.ask("GET", "/version", token).status_code == 401


@pytest.mark.parametrize("name", ["admin", "group:ds"])
def test_nobody_takes_a_name_that_is_ours(sso, name):
    [token] = sso.signed({"sub": name, "groups": ["mlflow-admins"]})
    assert sso.ask("GET", "/version", token).status_code == 403


def test_one_password_counts_and_no_other(sso):
    assert sso.ask("GET", "/version", auth=("admin", PASSWORD)).status_code == 200
    assert sso.ask("GET", "/version", auth=("admin", "another password")).status_code == 401
    user = {"username": "old", "password": PASSWORD}
    made = sso.ask("POST", f"{API}/users/create", auth=("admin", PASSWORD), json=user)
    assert made.status_code == 200
    assert sso.ask("GET", "/version", auth=("old", PASSWORD)).status_code == 401


def test_a_browser_is_sent_to_the_provider_and_comes_back(sso, kim):
    assert kim.page.url == f"{sso.uri}/" and "<title>MLflow</title>" in kim.page.text
    script = kim.page.text.partition('src="./')[2].partition('"')[0]
    assert kim.get(f"/{script}").status_code == 200  # nginx asks for files itself
    mine = [cookie for cookie in kim.set_cookies if cookie.startswith("__Host-mlflow")]
    assert len(mine) == len(kim.set_cookies) == 2
    assert all("Secure; HttpOnly; Path=/; SameSite=Lax" in cookie for cookie in mine)


def test_a_login_that_was_not_started_here_is_refused(sso, kim):
    """Else somebody could log a victim in as themselves."""
    assert sso.ask("GET", kim.callback).status_code == 400
    assert kim.get(kim.callback.replace("state=", "state=x")).status_code == 400


def test_a_code_counts_once(kim):
    answer = kim.get(kim.callback)
    assert answer.status_code == 403 and answer.text.endswith("refused: invalid_grant")


def test_a_page_of_another_origin_does_nothing_with_the_cookie(sso, kim):
    assert kim.post(CREATE, Origin=sso.uri).status_code == 200
    past_nginx = sso.server.uri + CREATE
    cookies = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in kim.session.cookies)}
    for headers in ({"Origin": "https://evil.example.com"}, {"Origin": "null"}, {}):
        answer = sso.direct("POST", past_nginx, headers=cookies | headers, json={"name": "x"})
        assert answer.status_code == 403, headers
    assert kim.post(CREATE, Origin="https://evil.example.com").status_code == 403


def test_a_cookie_that_we_did_not_sign_is_nobody(sso, kim):
    [(name, value)] = [(c.name, c.value) for c in kim.session.cookies if c.name == SESSION]
    [login] = {c.value for c in kim.session.cookies if c.name.startswith("__Host-mlflow-login")}
    for forged in (f"x{value[1:]}", "", login):
        cookie = {"Cookie": f"{name}={forged}"}
        assert sso.ask("GET", "/version", headers=cookie).status_code == 401


def test_a_group_gives_what_its_user_was_given(sso):
    boss, nightly, lee = (sso.provider.token(name) for name in ("boss", "nightly", "lee"))

    def done(token: str, path: str, **body: str) -> dict:
        answer = sso.ask("POST", f"{API}/{path}", token, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    experiment = done(boss, "experiments/create", name="of the group")["experiment_id"]
    model = {"name": "of the group"}
    done(boss, "registered-models/create", **model)

    def may(token: str) -> list:
        run = {"experiment_id": experiment}
        tag = {**model, "key": "a", "value": "b"}
        found = sso.ask("POST", SEARCH, token, json={"max_results": 100}).json()
        return [
            "of the group" in {e["name"] for e in found.get("experiments", [])},
            sso.ask("POST", f"{API}/runs/create", token, json=run).status_code,
            sso.ask("POST", f"{API}/registered-models/set-tag", token, json=tag).status_code,
        ]

    assert may(nightly) == [False, 403, 403]
    group = {"username": "group:ds", "permission": "EDIT"}
    done(boss, "users/create", username="group:ds", password="nobody-uses-this")
    done(boss, "experiments/permissions/create", experiment_id=experiment, **group)
    done(boss, "registered-models/permissions/create", **model, **group)
    assert may(nightly) == [True, 200, 200]
    assert may(lee) == [False, 403, 403]
    page = f"{API}/experiments/get?experiment_id={experiment}"
    assert sso.log_in("kim").get(page).status_code == 200  # by the groups of the ID token
    assert sso.log_in("lee").get(page).status_code == 403
    own = {"username": "nightly", "permission": "READ"}  # what a user was given comes first
    done(boss, "experiments/permissions/create", experiment_id=experiment, **own)
    assert may(nightly) == [True, 403, 200]


def test_administrators_are_those_of_the_group_while_they_are_in_it(sso):
    boss = sso.provider.token("boss")
    body = {"username": "lee", "is_admin": True}
    asked = ("PATCH", f"{API}/users/update-admin")
    sso.ask("GET", "/version", sso.provider.token("lee"))  # or there is no such user
    assert sso.ask(*asked, sso.provider.token("lee"), json=body).status_code == 403
    assert sso.ask(*asked, boss, json=body).status_code == 200
    assert sso.ask(*asked, sso.provider.token("lee"), json=body).status_code == 403
    groups = json.loads((sso.provider.folder / "groups.json").read_text())
    sso.provider.write("groups.json", groups | {"boss": []})
    try:
        assert sso.ask(*asked, sso.provider.token("boss"), json=body).status_code == 403
    finally:
        sso.provider.write("groups.json", groups)


def test_a_user_who_was_deleted_is_there_again_while_the_token_counts(sso):
    boss, lee = sso.provider.token("boss"), sso.provider.token("lee")
    assert sso.ask("GET", "/version", lee).status_code == 200
    gone = sso.ask("DELETE", f"{API}/users/delete", boss, json={"username": "lee"})
    assert gone.status_code == 200
    assert sso.ask("GET", f"{API}/users/get?username=lee", lee).status_code == 200


def test_spans_are_for_who_may_change_the_experiment(sso):
    nightly, lee = sso.provider.token("nightly"), sso.provider.token("lee")
    made = sso.ask("POST", CREATE, nightly, json={"name": "spans"}).json()["experiment_id"]
    headers = {"X-Mlflow-Experiment-Id": made, "Content-Type": "application/x-protobuf"}
    assert sso.ask("POST", "/v1/traces", headers=headers).status_code == 401
    assert sso.ask("POST", "/v1/traces", lee, headers=headers).status_code == 403
    assert sso.ask("POST", "/v1/traces", nightly, headers=headers).status_code not in (401, 403)


def test_who_logs_out_is_asked_again(sso):
    lee = sso.log_in("lee")
    assert lee.get("/version").status_code == 200
    answer = lee.session.get(f"{sso.uri}/oidc/logout", allow_redirects=False, timeout=120)
    assert answer.headers["Location"].startswith(f"{sso.provider.issuer}/session/end?client_id=")
    answer = lee.session.get(f"{sso.uri}/version", timeout=120)
    assert answer.status_code == 401


def test_while_the_provider_is_down_known_keys_count_and_nobody_new_comes(sso, kim):
    token = sso.provider.token("nightly")
    sso.provider.stop()
    try:
        assert sso.ask("GET", "/version", token).status_code == 200
        assert kim.get("/version").status_code == 200
        answer = kim.get(kim.callback)  # a login under way
        assert answer.status_code == 503 and answer.headers["Retry-After"]
    finally:
        sso.provider.start()


def test_a_new_key_of_the_provider_counts(sso):
    (sso.provider.folder / "keys.json").unlink()
    sso.provider.stop()
    sso.provider.start()
    token = sso.provider.token("nightly")
    deadline = time.monotonic() + 120
    while (answer := sso.ask("GET", "/version", token)).status_code != 200:
        assert "does not publish" in answer.text  # it was asked for its keys moments ago
        assert time.monotonic() < deadline
        time.sleep(0.5)
