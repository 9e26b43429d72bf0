"""Basic authentication as MLflow does it, without hashing the same password again and again.

MLflow 3.6.0 checks the password up to four times a request, and each check is a scrypt hash of
about 0.1 s of CPU time. Here a password that matched is recognised as long as the user's hash in
the database is the same: a changed password and a removed user count at once, on all replicas.

MLflow imports this at the first request of a worker, while the others wait: the place to open the
stores. Opened by several requests at once, some of these fail with 500 (KeyError: 'config').
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from threading import Lock

from flask import Response, request
from mlflow.server import auth, handlers
from mlflow.server.auth.db.models import SqlUser
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash

MOST = 4096  # users whose password is recognised by one process

_key = secrets.token_bytes(32)  # what is kept in memory is of no use elsewhere
_matched: OrderedDict[bytes, None] = OrderedDict()
_lock = Lock()

handlers._get_tracking_store()
handlers._get_model_registry_store()


def authenticate_request() -> Authorization | Response:
    """The credentials of the current request if they are right, else the answer 401."""
    credentials = request.authorization
    if credentials is None or not credentials.username or credentials.password is None:
        return auth.make_basic_auth_response()
    with auth.store.ManagedSessionMaker() as session:
        query = session.query(SqlUser.password_hash).filter_by(username=credentials.username)
        stored = query.scalar()
    if stored is not None and _matches(stored, credentials.password):
        return credentials
    return auth.make_basic_auth_response()


def _matches(stored: str, password: str) -> bool:
    digest = hmac.new(_key, f"{stored}\0{password}".encode(), hashlib.sha256).digest()
    with _lock:
        if digest in _matched:
            _matched.move_to_end(digest)
            return True
    if not check_password_hash(stored, password):
        return False
    with _lock:
        _matched[digest] = None
        if len(_matched) > MOST:
            _matched.popitem(last=False)
    return True
