"""Login by an OpenID Connect provider, in place of passwords.

    authorization_function = sso:authenticate_request

Programs send an access token of the provider, a JWT for OIDC_AUDIENCE, as `Authorization: Bearer`.
Browsers are sent to the provider (authorization code, PKCE) and come back to CALLBACK; a signed
cookie then says who they are. It holds no token, and counts for SESSION_SECONDS on all replicas.

Whoever the provider names becomes a user with a password that nobody knows. A group of theirs has
the permissions of the user `group:NAME`, if an administrator made one; those of the group
OIDC_ADMIN_GROUP are administrators. The one password that still counts is that of
MLFLOW_AUTH_ADMIN_USERNAME, for the day on which the provider is down.
"""

import base64
import hashlib
import os
import secrets
import time
from contextlib import suppress
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import authentication
import jwt
import permissions
import requests
from flask import Response, g, make_response, redirect, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from mlflow.exceptions import MlflowException
from mlflow.server import auth
from mlflow.server.auth.db.models import SqlUser
from werkzeug.datastructures import Authorization

ISSUER = os.environ["OIDC_ISSUER"]  # exactly as the provider writes it in `iss`
CLIENT_ID = os.environ["OIDC_CLIENT_ID"]
CLIENT_SECRET = os.environ["OIDC_CLIENT_SECRET"]
AUDIENCE = os.environ["OIDC_AUDIENCE"]  # what tokens for this server have as `aud`
PUBLIC_URL = os.environ["OIDC_PUBLIC_URL"].rstrip("/")  # of the proxy: https://mlflow.example.com
# A claim whose value the provider gives to nobody else, and that users cannot change themselves.
USER_CLAIM = os.environ.get("OIDC_USER_CLAIM") or "sub"
GROUPS_CLAIM = os.environ.get("OIDC_GROUPS_CLAIM") or "groups"
SCOPE = os.environ.get("OIDC_SCOPE") or "openid"
ADMIN_GROUP = os.environ.get("OIDC_ADMIN_GROUP") or None
SESSION_SECONDS = int(os.environ.get("OIDC_SESSION_SECONDS") or 3600)
LOCAL_ADMINISTRATOR = os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME") or "admin"

CALLBACK, LOGOUT = "/oidc/callback", "/oidc/logout"
# __Host-: over https alone, and no other host of the domain can set it.
SESSION, LOGIN = "__Host-mlflow-session", "__Host-mlflow-login-"
LOGIN_SECONDS = 600  # to type the password at the provider
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # with two keys: nobody else can sign
LEEWAY = 10  # seconds that two clocks may differ
KEYS_SECONDS = 600  # until the provider is asked for its keys again
AGAIN = 10  # seconds from one question to the next, whatever unknown key a token names
TIMEOUT = 5  # seconds

_signer = URLSafeTimedSerializer(os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"], "mlflow-sso")
_lock = Lock()

if urlsplit(ISSUER).scheme != "https" and urlsplit(ISSUER).hostname not in ("127.0.0.1", "::1"):
    raise ValueError(f"OIDC_ISSUER is not https: {ISSUER!r}")


class Provider(NamedTuple):
    """What the provider publishes of itself, and when it was asked."""

    asked: float
    answered: bool
    endpoints: dict[str, str]
    keys: dict[str, jwt.PyJWK]


class User(NamedTuple):
    """The sender as `permissions` reads it: an administrator by a group, not by the database."""

    id: int
    is_admin: bool


class Unreachable(Exception):
    """Nobody can say whether this is a token of the provider."""


_provider = Provider(float("-inf"), False, {}, {})


def authenticate_request() -> Authorization | Response:
    """Who sends the current request if they may, else the answer to it: see `authentication`."""
    if "sender" not in g:
        try:
            g.sender = _sender()
        except jwt.InvalidTokenError as error:
            g.sender = _unauthorized(str(error))
        except (Unreachable, requests.RequestException):
            g.sender = _text("The login provider does not answer.", 503)
            g.sender.headers["Retry-After"] = str(AGAIN)
    return g.sender


def _sender() -> Authorization | Response:
    if request.path == CALLBACK:
        return _finish_login()
    if request.path == LOGOUT:
        return _log_out()
    credentials = request.authorization
    if credentials is not None and credentials.type == "bearer":
        claims = _claims(credentials.token or "", AUDIENCE)
        return _admitted(claims[USER_CLAIM], _groups(claims))
    if credentials is not None and credentials.type == "basic":
        if credentials.username != LOCAL_ADMINISTRATOR:
            authentication.find_user(credentials.username or "")  # ready.py asks for the database
            return _unauthorized("A token of the login provider is needed, not a password.")
        return authentication.authenticate_request()
    session = _signed(SESSION, SESSION_SECONDS)
    if session is not None:
        return _forbidden_origin() or _admitted(session["user"], session["groups"])
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return _start_login()
    return _unauthorized("A token of the login provider is needed.")


def _admitted(name: str, group_names: list[str]) -> Authorization | Response:
    if ":" in name or name == LOCAL_ADMINISTRATOR:  # one of ours: no name that the provider gives
        return _text("This name cannot be used here.", 403)
    if (user := authentication.find_user(name)) is None:
        with suppress(MlflowException):  # another request was first
            auth.store.create_user(name, secrets.token_urlsafe(32))
        user = authentication.find_user(name)
    g.name = name
    g.user = User(user.id, ADMIN_GROUP is not None and ADMIN_GROUP in group_names)
    with auth.store.ManagedSessionMaker() as session:
        ours = SqlUser.username.in_([f"group:{group}" for group in group_names])
        found = session.query(SqlUser.id, SqlUser.username).filter(ours).all()
    g.group_ids = [group_id for group_id, _ in found]
    g.group_users = [username for _, username in found]
    return authentication.admitted(Authorization("bearer", {"username": name}))


def _text(text: str, status: int) -> Response:
    answer = make_response(text, status)
    answer.mimetype = "text/plain"  # it may quote what somebody sent
    return answer


def _unauthorized(why: str) -> Response:
    answer = _text(f"You are not authenticated. {why}", 401)
    answer.headers["WWW-Authenticate"] = 'Bearer realm="mlflow"'
    return answer


def _forbidden_origin() -> Response | None:
    """The answer to a page of another origin, with whose requests the browser sends our cookie."""
    origin = request.headers.get("Origin")
    if origin == PUBLIC_URL or origin is None and request.method == "GET":
        return None
    return _text("Cross-origin request blocked", 403)


# Tokens


def _claims(token: str, audience: str) -> dict:
    """What the provider says in this token.

    Raises jwt.InvalidTokenError for one that it did not sign, or that is old or not for us, and
    Unreachable.
    """
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(
        token,
        _key(header.get("kid", "")),
        algorithms=ALGORITHMS,
        audience=audience,
        issuer=ISSUER,
        leeway=LEEWAY,
        options={"require": ["aud", "exp", "iss", USER_CLAIM]},
    )
    if not isinstance(claims[USER_CLAIM], str):
        raise jwt.InvalidTokenError(f"{USER_CLAIM} is not a name")
    return claims


def _groups(claims: dict) -> list[str]:
    groups = claims.get(GROUPS_CLAIM, [])
    return [group for group in groups if isinstance(group, str)] if groups else []


def _key(key_id: str) -> jwt.PyJWK:
    """The provider's key of this ID. While it is down, the keys that it had count."""
    if key := _published(key_id).keys.get(key_id):
        return key
    if not _provider.answered:
        raise Unreachable
    raise jwt.InvalidTokenError("Signed with a key that the login provider does not publish")


def _published(key_id: str | None = None) -> Provider:
    """What is known of the provider, asked anew when that is old or lacks this key."""
    global _provider
    enough = bool(_provider.endpoints) if key_id is None else key_id in _provider.keys
    if _is_fresh(enough) or not _lock.acquire(blocking=not enough):
        return _provider
    try:
        if not _is_fresh(enough):  # another thread may have asked while this one waited
            _provider = _asked()
    finally:
        _lock.release()
    return _provider


def _is_fresh(enough: bool) -> bool:
    wait = KEYS_SECONDS if enough and _provider.answered else AGAIN
    return time.monotonic() < _provider.asked + wait


def _asked() -> Provider:
    now = time.monotonic()
    try:
        endpoints = _json(f"{ISSUER.rstrip('/')}/.well-known/openid-configuration")
        if endpoints["issuer"] != ISSUER:
            raise ValueError(f"OIDC_ISSUER: the provider is {endpoints['issuer']!r}")
        published = jwt.PyJWKSet.from_dict(_json(endpoints["jwks_uri"])).keys
    except requests.RequestException:
        return _provider._replace(asked=now, answered=False)
    return Provider(now, True, endpoints, {key.key_id: key for key in published if key.key_id})


def _json(uri: str) -> dict:
    answer = requests.get(uri, timeout=TIMEOUT)
    answer.raise_for_status()
    return answer.json()


# Browsers


def _endpoint(name: str) -> str:
    endpoints = _published().endpoints
    if not endpoints:
        raise Unreachable
    return endpoints.get(name, "")


def _start_login() -> Response:
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    digest = hashlib.sha256(verifier.encode()).digest()
    question = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": PUBLIC_URL + CALLBACK,
        "scope": SCOPE,
        "state": state,
        "nonce": nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    answer = _redirect(f"{_endpoint('authorization_endpoint')}?{urlencode(question)}")
    # One cookie a login: a browser may open several tabs at once.
    _set_cookie(answer, LOGIN + state, {"nonce": nonce, "verifier": verifier}, LOGIN_SECONDS)
    return answer


def _finish_login() -> Response:
    state = request.args.get("state", "")
    started = _signed(LOGIN + state, LOGIN_SECONDS)
    if started is None or request.args.get("iss", ISSUER) != ISSUER:
        return _text("This login was not started here, or too long ago.", 400)
    if "code" not in request.args:
        return _text("The login provider refused.", 403)
    answer = requests.post(
        _endpoint("token_endpoint"),
        data={
            "grant_type": "authorization_code",
            "code": request.args["code"],
            "redirect_uri": PUBLIC_URL + CALLBACK,
            "code_verifier": started["verifier"],
        },
        auth=(quote(CLIENT_ID, ""), quote(CLIENT_SECRET, "")),
        timeout=TIMEOUT,
    )
    if answer.status_code >= 500:
        raise Unreachable
    if not answer.ok:  # invalid_grant: a code counts once; invalid_client: our secret is wrong
        return _text(f"The login provider refused: {answer.json().get('error')}", 403)
    claims = _claims(answer.json().get("id_token", ""), CLIENT_ID)
    if claims.get("nonce") != started["nonce"]:
        return _text("This login was not started here.", 400)
    back = _redirect("/")
    # Groups that mean nothing here would make the cookie larger than a browser takes.
    groups = [group for group in _groups(claims) if group == ADMIN_GROUP or _is_known(group)]
    session = {"user": claims[USER_CLAIM], "groups": groups}
    # The cookie of the login stays until it is too old: MLflow's middleware makes a dict of the
    # headers, so that only the last Set-Cookie of an answer leaves the server.
    _set_cookie(back, SESSION, session, SESSION_SECONDS)
    return back


def _is_known(group: str) -> bool:
    return authentication.find_user(f"group:{group}") is not None


def _log_out() -> Response:
    """Ends the session here, and asks the provider to end its own."""
    after = {"client_id": CLIENT_ID, "post_logout_redirect_uri": f"{PUBLIC_URL}/"}
    provider = _endpoint("end_session_endpoint")
    answer = _redirect(f"{provider}?{urlencode(after)}" if provider else "/")
    answer.delete_cookie(SESSION, secure=True)
    return answer


def _redirect(uri: str) -> Response:
    answer = redirect(uri)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _set_cookie(answer: Response, name: str, value: dict, seconds: int) -> None:
    signed = _signer.dumps({"for": name, **value})
    answer.set_cookie(name, signed, seconds, secure=True, httponly=True, samesite="Lax")


def _signed(name: str, seconds: int) -> dict | None:
    """What we wrote into this cookie; None if there is none, or it is too old or not ours."""
    try:
        value = _signer.loads(request.cookies.get(name, ""), max_age=seconds)
    except BadSignature:
        return None
    return value if value["for"] == name else None


# Groups: MLflow's own checks read its store, and have to see what `permissions` sees.


def _include_groups(kind: str, key: str) -> None:
    get = getattr(auth.store, f"get_{kind}_permission")
    list_all = getattr(auth.store, f"list_{kind}_permissions")

    def groups_of(username: str) -> list[str]:
        return g.get("group_users", []) if username == g.get("name") else []

    def best(rows: list) -> list:
        return sorted(rows, key=lambda row: permissions.rank(row.permission))

    def get_with_groups(name: str, username: str):
        try:
            return get(name, username)
        except MlflowException:
            found = []
            for group in groups_of(username):
                with suppress(MlflowException):
                    found.append(get(name, group))
            if not found:
                raise
            return best(found)[-1]

    def list_with_groups(username: str) -> list:
        of_groups = [row for group in groups_of(username) for row in list_all(group)]
        rows = [*best(of_groups), *list_all(username)]  # the last of a key is the one that counts
        return list({getattr(row, key): row for row in rows}.values())

    setattr(auth.store, f"get_{kind}_permission", get_with_groups)
    setattr(auth.store, f"list_{kind}_permissions", list_with_groups)


_include_groups("experiment", "experiment_id")
_include_groups("registered_model", "name")
auth.sender_is_admin = lambda: g.user.is_admin
