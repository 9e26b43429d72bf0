"""Azurite does its work, and lets nobody in without the key or a token."""

import base64
import json
import time

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobServiceClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow_lab import Azurite

from tests.lab.footprint import Footprint
from tests.waiting import WITHIN


@pytest.fixture(scope="module")
def store():
    with Azurite(quiet=True) as component:
        yield component


def container(store, **other):
    account = BlobServiceClient.from_connection_string(store.connection_string, **other)
    return account.get_container_client(store.container)


def test_it_keeps_a_blob(store):
    container(store).upload_blob("a/b", b"content", overwrite=True)
    assert container(store).download_blob("a/b").readall() == b"content"


def test_its_environment_is_all_that_mlflow_needs(store, monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "note.txt").write_text("hello")
    uri = f"wasbs://{store.container}@{store.account}.blob.core.windows.net/mlflow"
    repository = get_artifact_repository(uri)
    repository.log_artifact(str(tmp_path / "note.txt"))
    assert [file.path for file in repository.list_artifacts()] == ["note.txt"]


def test_it_refuses_a_wrong_key_and_anonymous_requests(store):
    other = Azurite().account_key
    wrong = store.connection_string.replace(store.account_key, other)
    account = BlobServiceClient.from_connection_string(wrong)
    with pytest.raises(HttpResponseError, match="AuthorizationFailure"):
        account.get_container_client(store.container).upload_blob("x", b"")
    url = f"{store.endpoint_url}/{store.container}/a/b"
    assert requests.get(url, timeout=WITHIN).status_code >= 400


class Identity:
    """A token as a managed identity gets it, for this audience."""

    def __init__(self, audience: str) -> None:
        self.audience = audience

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        now = int(time.time())
        issued = {"nbf": now - 60, "iat": now - 60, "exp": now + 3600}
        claims = {"aud": self.audience, "iss": "https://sts.windows.net/lab/", **issued}
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
        return AccessToken(".".join([*encoded, "x"]), now + 3600)


def test_with_oauth_it_takes_tokens_for_storage_and_speaks_https():
    with Azurite(oauth=True, quiet=True) as store:
        verify = str(store.folder / "cert.pem")
        for audience, taken in (("https://storage.azure.com", True), ("https://other", False)):
            account = BlobServiceClient(
                store.endpoint_url, credential=Identity(audience), connection_verify=verify
            )
            client = account.get_container_client(store.container)
            if taken:
                client.upload_blob("x", b"content")
                assert client.download_blob("x").readall() == b"content"
            else:
                with pytest.raises(ClientAuthenticationError):
                    client.upload_blob("y", b"")
        assert container(store, connection_verify=verify).download_blob("x").readall() == b"content"


def test_a_kept_folder_keeps_the_blobs_and_the_key_stays(open_folder):
    store = Azurite(folder=open_folder, quiet=True)
    with store:
        text = store.connection_string
        container(store).upload_blob("kept", b"x" * 100_000)
    with store:
        assert store.connection_string == text
        assert container(store).download_blob("kept").readall() == b"x" * 100_000


def test_it_listens_on_this_machine_only_and_leaves_nothing():
    with Azurite("other", quiet=True) as store:
        mine = Footprint(store)
        assert mine.addresses == {"127.0.0.1"}
        assert mine.ports == [store.port]
    assert mine.leftovers() == []
