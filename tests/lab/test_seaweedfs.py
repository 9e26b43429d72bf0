"""SeaweedFS does its work, and lets nobody in without the keys."""

import glob
import os
import re

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from mlflow_lab import SeaweedFS

from tests.lab.footprint import Footprint
from tests.waiting import WITHIN


@pytest.fixture(scope="module")
def store():
    with SeaweedFS(quiet=True) as component:
        yield component


def client(store, *, service_name="s3", **other):
    keys = {"aws_access_key_id": store.access_key, "aws_secret_access_key": store.secret_key}
    return boto3.client(
        service_name,
        endpoint_url=store.endpoint_url,
        region_name="us-east-1",
        **{**keys, **other},
    )


def test_it_keeps_an_object(store):
    client(store).put_object(Bucket="mlflow", Key="a/b", Body=b"content")
    assert client(store).get_object(Bucket="mlflow", Key="a/b")["Body"].read() == b"content"


def test_a_new_bucket_is_empty():
    with SeaweedFS("other", quiet=True) as store:
        assert client(store).list_objects_v2(Bucket="other")["KeyCount"] == 0
        names = [bucket["Name"] for bucket in client(store).list_buckets()["Buckets"]]
        assert names == ["other"]


@pytest.mark.parametrize("wrong", ["aws_access_key_id", "aws_secret_access_key"])
def test_it_refuses_wrong_keys(store, wrong):
    with pytest.raises(ClientError) as refusal:
        client(store, **{wrong: "wrong"}).put_object(Bucket="mlflow", Key="x", Body=b"")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_it_refuses_anonymous_requests(store, method):
    client(store).put_object(Bucket="mlflow", Key="secret", Body=b"")
    url = f"{store.endpoint_url}/mlflow/secret"
    assert requests.request(method, url, timeout=WITHIN).status_code == 403


def test_its_environment_is_all_that_boto3_needs(store, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of somebody else")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3", endpoint_url=store.environment["MLFLOW_S3_ENDPOINT_URL"])
    s3.put_object(Bucket="mlflow", Key="from-environment", Body=b"")


def test_the_printed_command_works_when_typed(open_folder, capfd, typed, answer):
    with SeaweedFS() as store:
        line = capfd.readouterr().out
    with typed(line, open_folder):
        assert answer(f"{store.endpoint_url}/mlflow").status_code == 403
    for port in re.findall(r"port=(\d+)", line):
        for number in (int(port), int(port) + 10000):
            for socket in glob.glob(f"/tmp/seaweedfs-*-{number}.sock"):
                os.unlink(socket)  # SeaweedFS itself leaves some behind


def test_credentials_are_new_at_every_start(store):
    with SeaweedFS(quiet=True) as other:
        assert other.port != store.port
        with pytest.raises(ClientError, match="InvalidAccessKeyId|AccessDenied"):
            client(
                other, aws_access_key_id=store.access_key, aws_secret_access_key=store.secret_key
            ).list_buckets()


def test_a_kept_folder_keeps_the_objects(open_folder):
    with SeaweedFS(folder=open_folder, quiet=True) as first:
        client(first).put_object(Bucket="mlflow", Key="kept", Body=b"x" * 100_000)
    with SeaweedFS(folder=open_folder, quiet=True) as second:
        body = client(second).get_object(Bucket="mlflow", Key="kept")["Body"].read()
        assert body == b"x" * 100_000
        with pytest.raises(ClientError):
            client(
                second, aws_access_key_id=first.access_key, aws_secret_access_key=first.secret_key
            ).list_buckets()


def test_it_listens_on_this_machine_only_and_leaves_no_socket_in_tmp():
    with SeaweedFS(quiet=True) as store:
        mine = Footprint(store)
        sockets = {s for p in mine.ports for s in glob.glob(f"/tmp/seaweedfs-*-{p}.sock")}
        assert mine.addresses == {"127.0.0.1"}
        assert len(mine.ports) == 10
        assert sockets
    assert not {s for p in mine.ports for s in glob.glob(f"/tmp/seaweedfs-*-{p}.sock")}


def test_iam_makes_users_whose_policy_is_enforced_and_kept(open_folder):
    policy = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": "s3:PutObject", "Resource": "arn:aws:s3:::mlflow/team/*"}]}"""
    with SeaweedFS(iam=True, folder=open_folder, quiet=True) as first:
        iam = client(first, service_name="iam")
        iam.create_user(UserName="mlflow")
        iam.put_user_policy(UserName="mlflow", PolicyName="team", PolicyDocument=policy)
        key = iam.create_access_key(UserName="mlflow")["AccessKey"]
    with SeaweedFS(iam=True, folder=open_folder, quiet=True) as second:
        keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        client(second, **keys).put_object(Bucket="mlflow", Key="team/a", Body=b"")
        with pytest.raises(ClientError, match="AccessDenied"):
            client(second, **keys).put_object(Bucket="mlflow", Key="b", Body=b"")


def test_without_iam_nobody_makes_users(store):
    with pytest.raises(ClientError):
        client(store, service_name="iam").create_user(UserName="mlflow")
