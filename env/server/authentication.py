"""Basic authentication as MLflow does it, without hashing the same password again and again.

MLflow 3.6.0 checks the password up to four times a request, and each check is a scrypt hash of
about 0.1 s of CPU time. Here a password that matched is recognised as long as the user's hash in
the database is the same: a changed password and a removed user count at once, on all replicas.

Guessing is slow and cheap: after FREE wrong passwords for a name from one address the next ones
from there wait, 1 s, 2 s, 4 s ... up to LONGEST, and are answered 429 without being hashed. Nobody
is locked out: a password that matched before is never asked to wait, nor is another address. Each
process counts for itself.

MLflow imports this at the first request of a worker, while the others wait: the place to open the
stores. Opened by several requests at once, some of these fail with 500 (KeyError: 'config').
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from threading import BoundedSemaphore, Lock

import permissions
from flask import Response, g, make_response, request
from mlflow.server import auth, handlers
from mlflow.server.auth.db.models import SqlUser
from mlflow.utils.validation import _validate_password
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash, generate_password_hash

# Asked by the proxy before spans, which MLflow takes without a password; no client gets here.
MAY_CHANGE_EXPERIMENT = "/may-change-experiment"
MOST = 4096  # users whose password is recognised by one process, and wrong ones that are counted
FREE = 10  # wrong passwords before the first wait
LONGEST = 60  # seconds
FORGOTTEN = 600  # seconds after a wait
HASHES = 2  # at the same time: each takes a core and 32 MB
QUEUE = 10  # seconds

_key = secrets.token_bytes(32)  # what is kept in memory is of no use elsewhere
_matched: OrderedDict[bytes, None] = OrderedDict()
_wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()  # how many, wait until
_lock = Lock()
_hashing = BoundedSemaphore(HASHES)
_of_nobody = generate_password_hash(secrets.token_hex())  # as dear as that of a user

handlers._get_tracking_store()
handlers._get_model_registry_store()


def authenticate_request() -> Authorization | Response:
    """The credentials of the current request if they are right and it may be made, else 401 or 403.

    To the question MAY_CHANGE_EXPERIMENT the answer is 204 or 403. MLflow asks up to four times a
    request; only the first time is work.
    """
    if "sender" not in g:
        g.sender = _sender()
    return g.sender


def admitted(credentials: Authorization) -> Authorization | Response:
    """The answer to a user who is who they say they are: see `authenticate_request`.

    For an authorization function of one's own, one that asks for no password, too. It may call this
    each time that MLflow calls it: only the first time in a request is work.
    """
    if "admitted" not in g:
        g.user = g.get("user") or find_user(credentials.username)
        g.admitted = _admitted(credentials)
    return g.admitted


def _sender() -> Authorization | Response:
    credentials = request.authorization
    if credentials is None or not credentials.username or credentials.password is None:
        return auth.make_basic_auth_response()
    g.user = find_user(credentials.username)
    return _refusal(credentials) or admitted(credentials)


def _admitted(credentials: Authorization) -> Authorization | Response:
    if request.path == MAY_CHANGE_EXPERIMENT:
        experiment_id = request.headers.get("X-Mlflow-Experiment-Id")
        if experiment_id is None or permissions.may_change_experiment(experiment_id):
            return make_response("", 204)
        return auth.make_forbidden_response()
    if request.endpoint == "update_user_password":  # MLflow asks for a length at creation alone
        _validate_password((request.get_json(silent=True) or {}).get("password"))
    return credentials if permissions.may() else auth.make_forbidden_response()


def find_user(name: str):
    """Id, hash and rank of a user; None if nobody has the name."""
    with auth.store.ManagedSessionMaker() as session:
        columns = (SqlUser.id, SqlUser.password_hash, SqlUser.is_admin)
        return session.query(*columns).filter_by(username=name).one_or_none()


def _refusal(credentials: Authorization) -> Response | None:
    """The answer to credentials that are wrong, or that have to wait; None if they are right."""
    # Nobody has an empty one, so there is nothing to hash: readiness is asked thus.
    if not credentials.password:
        return auth.make_basic_auth_response()
    stored = _of_nobody if g.user is None else g.user.password_hash
    digest = hmac.new(_key, f"{stored}\0{credentials.password}".encode(), hashlib.sha256).digest()
    if _is_known(digest):
        return None
    address = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    guess = (credentials.username, address or request.remote_addr or "")
    if wait := _wait(guess):
        return _later(wait)
    if not _hashing.acquire(timeout=QUEUE):
        return _later(QUEUE)
    try:
        # Others may have brought the same password, right or wrong, while this one queued.
        if _is_known(digest):
            return None
        if wait := _wait(guess):
            return _later(wait)
        matches = check_password_hash(stored, credentials.password)
        with _lock:
            _count(guess, matches)
            if matches:
                _matched[digest] = None
                if len(_matched) > MOST:
                    _matched.popitem(last=False)
    finally:
        _hashing.release()
    return None if matches else auth.make_basic_auth_response()


def _is_known(digest: bytes) -> bool:
    with _lock:
        if known := digest in _matched:
            _matched.move_to_end(digest)
        return known


def _wait(guess: tuple[str, str]) -> float:
    """Seconds until this name may be tried again from this address; 0 if it may now."""
    with _lock:
        _, until = _wrong.get(guess, (0, 0.0))
    return max(0.0, until - time.monotonic())


def _count(guess: tuple[str, str], matches: bool) -> None:
    count, until = _wrong.pop(guess, (0, 0.0))
    if matches:
        return
    now = time.monotonic()
    count = 1 if now > until + FORGOTTEN else count + 1
    wait = min(2 ** min(count - FREE, 10), LONGEST) if count >= FREE else 0
    _wrong[guess] = (count, now + wait)
    if len(_wrong) > MOST:
        _wrong.popitem(last=False)


def _later(wait: float) -> Response:
    answer = make_response("Too many wrong passwords. Please try again later.", 429)
    answer.headers["Retry-After"] = str(int(wait) + 1)
    return answer
