"""The artifacts of the server in a backup: copied from the store, checked, put back, compared.

    python artifacts.py copy|check|put|compare BACKUP
    python artifacts.py sweep

Run by backup.sh, restore.sh and verify.sh; stack.sh says what a backup looks like. Reads
BACKUP_FOLDER and what MLflow reads: MLFLOW_ARTIFACTS_DESTINATION, MLFLOW_S3_ENDPOINT_URL, AWS_*.
"""

import hashlib
import json
import mimetypes
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

THREADS = 8
CHUNK = 1 << 20  # bytes read at once
UNCHANGED = ("size", "etag", "modified")  # an object with the same ones is not read again
YES = ("true", "1")


class Failed(Exception):
    """Something is not as it has to be; the message says what."""


class Store:
    """Where MLflow keeps artifacts in the S3-compatible store; keys are relative to that place."""

    def __init__(self) -> None:
        import boto3  # half a second, which the other commands do without
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config

        destination = os.environ["MLFLOW_ARTIFACTS_DESTINATION"]
        where = urlsplit(destination)
        if where.scheme != "s3":
            raise Failed(f"{destination} is no bucket (s3://): back up that folder by other means")
        self.bucket = where.netloc
        self.prefix = where.path.strip("/") + "/" if where.path.strip("/") else ""
        self.s3 = boto3.client(
            "s3",
            endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None,
            verify=False if os.environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in YES else None,
            config=Config(max_pool_connections=THREADS, retries={"mode": "standard"}),
        )
        self.in_this_thread = TransferConfig(use_threads=False)

    def objects(self) -> Iterator[dict]:
        """Key, size, etag and time of every object."""
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix):
            for found in page.get("Contents", ()):
                yield {
                    "key": found["Key"].removeprefix(self.prefix),
                    "size": found["Size"],
                    "etag": found["ETag"],
                    "modified": found["LastModified"].isoformat(),
                }

    def read(self, key: str, into: BinaryIO | None = None) -> dict | None:
        """Size and SHA-256 of what the object is now; None when it is gone."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)
        except self.s3.exceptions.NoSuchKey:
            return None
        digest, size = hashlib.sha256(), 0
        for chunk in answer["Body"].iter_chunks(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if into:
                into.write(chunk)
        return {"size": size, "sha256": digest.hexdigest()}

    def write(self, key: str, file: Path) -> None:
        """Puts a file there, with the type that MLflow would give it."""
        from boto3.exceptions import Boto3Error

        kind, encoding = mimetypes.guess_type(key)
        headers = {"ContentType": kind, "ContentEncoding": encoding}
        given = {name: value for name, value in headers.items() if value}
        where = (self.bucket, self.prefix + key)
        try:
            self.s3.upload_file(str(file), *where, ExtraArgs=given, Config=self.in_this_thread)
        except Boto3Error as error:
            raise Failed(str(error)) from error


class Backups:
    """The folder with all backups."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self, backup: str) -> Path:
        return self.folder / backup / "artifacts.jsonl"

    def entries(self, backup: str) -> dict[str, dict]:
        """What a backup says of each key."""
        with self.manifest(backup).open() as lines:
            return {entry["key"]: entry for entry in map(json.loads, lines)}

    def file(self, sha256: str) -> Path:
        return self.folder / "objects" / sha256[:2] / sha256

    def names(self) -> list[str]:
        """Of all backups that are whole, oldest first."""
        return sorted(path.parent.name for path in self.folder.glob("2*Z/artifacts.jsonl"))

    def holds(self, entry: dict) -> bool:
        """Whether the file is there, by its size."""
        file = self.file(entry["sha256"])
        return file.is_file() and file.stat().st_size == entry["size"]


def copy(backups: Backups, backup: str) -> str:
    """Copies what is new; returns how many objects there are, bytes, copied, removed meanwhile."""
    store = Store()
    names = backups.names()
    known = backups.entries(names[-1]) if names else {}

    def entry(found: dict) -> tuple[str, dict]:
        old = known.get(found["key"])
        if old and all(old[n] == found[n] for n in UNCHANGED) and backups.holds(old):
            return "kept", old
        # In the unfinished backup, which is removed with all that is in it.
        with tempfile.NamedTemporaryFile(dir=backups.folder / backup, delete=False) as file:
            new = store.read(found["key"], into=file)
            file.flush()
            os.fsync(file.fileno())
        if new is None:
            os.unlink(file.name)
            return "gone", found
        target = backups.file(new["sha256"])
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file.name, target)
        # With the version that was listed: if it was replaced since, it is read again next time.
        return "copied", found | new

    outcomes: Counter[str] = Counter()
    size = 0
    with backups.manifest(backup).open("w") as manifest:
        for outcome, new in _in_parallel(entry, store.objects()):
            outcomes[outcome] += 1
            if outcome != "gone":
                size += new["size"]
                manifest.write(json.dumps(new) + "\n")
    for folder in (backups.folder / "objects").glob("*"):
        _sync(folder)
    objects = outcomes["kept"] + outcomes["copied"]
    return f"{objects} {size} {outcomes['copied']} {outcomes['gone']}"


def check(backups: Backups, backup: str) -> str:
    """Reads every file of a backup."""
    entries = backups.entries(backup).values()

    def bad(entry: dict) -> str:
        try:
            with backups.file(entry["sha256"]).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"{entry['key']} ({error.strerror})"
        return "" if found == entry["sha256"] else f"{entry['key']} (other bytes)"

    _all_good(_in_parallel(bad, entries), len(entries), f"in {backup} are missing or damaged")
    return _sum(entries)


def put(backups: Backups, backup: str) -> str:
    """Puts a backup into a store that is empty, or holds what an interrupted `put` left there."""
    store, entries = Store(), backups.entries(backup)
    there = {found["key"]: found["size"] for found in store.objects()}
    others = [key for key, size in there.items() if entries.get(key, {}).get("size") != size]
    if others:
        raise Failed(f"the store is not empty: {len(others)} other objects, {others[0]} ...")
    missing = [entry for key, entry in entries.items() if key not in there]
    list(_in_parallel(lambda e: store.write(e["key"], backups.file(e["sha256"])), missing))
    return compare(backups, backup)


def compare(backups: Backups, backup: str) -> str:
    """Reads every object of the store: they are those of the backup, and no others."""
    store, entries = Store(), backups.entries(backup)
    keys = entries.keys() | {found["key"] for found in store.objects()}

    def bad(key: str) -> str:
        if key not in entries:
            return f"{key} (not in the backup)"
        found = store.read(key)
        if found is None:
            return f"{key} (missing)"
        return "" if found["sha256"] == entries[key]["sha256"] else f"{key} (other bytes)"

    _all_good(_in_parallel(bad, sorted(keys)), len(keys), f"differ from {backup}")
    return _sum(entries.values())


def sweep(backups: Backups) -> str:
    """Removes the files that no backup names."""
    kept = {e["sha256"] for name in backups.names() for e in backups.entries(name).values()}
    for file in (backups.folder / "objects").glob("*/*"):
        if file.name not in kept:
            file.unlink()
    return ""


def _in_parallel(work: Callable, items: Iterable) -> Iterator:
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(work, items)


def _all_good(answers: Iterable[str], number: int, what: str) -> None:
    bad = [answer for answer in answers if answer]
    if bad:
        raise Failed(f"{len(bad)} of {number} artifacts {what}: {bad[0]}")


def _sum(entries: Iterable[dict]) -> str:
    sizes = [entry["size"] for entry in entries]
    return f"{len(sizes)} artifacts of {sum(sizes)} bytes"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


COMMANDS = {work.__name__: work for work in (copy, check, put, compare, sweep)}


def main() -> int:
    os.umask(0o077)
    try:
        print(COMMANDS[sys.argv[1]](Backups(Path(os.environ["BACKUP_FOLDER"])), *sys.argv[2:]))
    except (Failed, OSError, BotoCoreError, ClientError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
