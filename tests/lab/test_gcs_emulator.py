"""gcp-storage-emulator does its work."""

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[import-untyped]
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow_lab import GCSEmulator

from tests.lab.footprint import Footprint
from tests.waiting import WITHIN


@pytest.fixture(scope="module")
def store():
    with GCSEmulator(quiet=True) as component:
        yield component


def bucket(store):
    client = storage.Client(
        project="lab",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": store.endpoint_url},
    )
    return client.bucket(store.bucket)


def test_it_keeps_an_object(store):
    bucket(store).blob("a/b").upload_from_string(b"content")
    assert bucket(store).blob("a/b").download_as_bytes() == b"content"


def test_its_environment_is_all_that_mlflow_needs(store, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "note.txt").write_text("hello")
    repository = get_artifact_repository(f"gs://{store.bucket}/mlflow")
    repository.log_artifact(str(tmp_path / "note.txt"))
    assert [file.path for file in repository.list_artifacts()] == ["note.txt"]


def test_a_kept_folder_keeps_the_objects(open_folder, monkeypatch):
    monkeypatch.setenv("STORAGE_BASE", "/nonexistent")
    monkeypatch.setenv("STORAGE_DIR", "elsewhere")
    with GCSEmulator("other", folder=open_folder, quiet=True) as first:
        bucket(first).blob("kept").upload_from_string(b"x" * 100_000)
        assert (open_folder / "data").is_dir()
    with GCSEmulator("other", folder=open_folder, quiet=True) as second:
        assert bucket(second).blob("kept").download_as_bytes() == b"x" * 100_000


def test_each_request_is_logged(store):
    requests.get(f"{store.endpoint_url}/storage/v1/b/no-such-bucket", timeout=WITHIN)
    assert store.logged(r'"GET /storage/v1/b/no-such-bucket \S+" 404')


def test_it_listens_on_this_machine_only_and_leaves_nothing():
    with GCSEmulator(quiet=True) as store:
        mine = Footprint(store)
        assert mine.addresses == {"127.0.0.1"}
        assert mine.ports == [store.port]
    assert mine.leftovers() == []


def test_the_printed_command_works_when_typed(open_folder, capfd, typed, answer):
    with GCSEmulator() as store:
        line = capfd.readouterr().out
    with typed(line, open_folder):
        assert answer(f"{store.endpoint_url}/storage/v1/b/mlflow").status_code == 200
