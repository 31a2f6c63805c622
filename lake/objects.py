"""Objects in one bucket, and the credentials to them.

Credentials come from boto3's own chain (on EKS and locally: the web identity of the service account) and refresh
before they expire. delta-rs and obstore get a copy of the current ones, because their own chain fails on an STS of
another host. boto3 does everything but the puts of many objects at once: those cost it five times as much.
"""

import base64
import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import boto3
import obstore
import pyarrow as pa
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deltalake.fs import DeltaStorageHandler
from obstore.exceptions import BaseError
from obstore.store import S3Store
from pyarrow.fs import PyFileSystem

from lake.errors import LakeError, ObjectExists, ObjectMissing
from lake.settings import bucket_of

# S3 answers 409 to a conditional put that meets another one in flight; the one that comes again gets a real answer.
_CONFLICT_ATTEMPTS = 5
# An object up to this is fetched at once: a request more costs more than the bytes.
WHOLE_BYTES = 32 << 20
# A put mostly waits for S3.
_PUTS_AT_ONCE = 8
# S3 refused, or nobody answered: no network, no credentials.
_FAILURES = (BotoCoreError, ClientError)


@dataclass(frozen=True)
class ObjectInfo:
    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Versioned:
    """An object's content with the tag that a conditional replacement must name."""

    body: bytes
    etag: str


@cache
def session() -> boto3.session.Session:
    """One session a process: its credentials are fetched once and refreshed by botocore."""
    return boto3.session.Session()


class ObjectStore:
    """The objects of one bucket. Safe to share between threads; make a new one after a fork."""

    def __init__(self, uri: str, aws: boto3.session.Session | None = None) -> None:
        self.bucket = bucket_of(uri)
        self._session = aws or session()
        self._client = self._session.client("s3", config=_client_config())
        self._many: tuple[dict[str, str], S3Store] | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}"

    def get(self, key: str) -> bytes:
        return self.get_versioned(key).body

    def get_versioned(self, key: str) -> Versioned:
        """Raise ObjectMissing where there is none."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
            return Versioned(answer["Body"].read(), answer["ETag"])
        except _FAILURES as error:
            # S3 says AccessDenied of a missing object to roles that may list some prefixes only: a listing knows.
            if _code(error) == "NoSuchKey" or (_code(error) == "AccessDenied" and not self.exists(key)):
                raise ObjectMissing(f"There is no object {self.uri}/{key}.") from error
            raise self._failed("read", key, error) from error

    def open(self, key: str, size_bytes: int) -> pa.NativeFile:
        """An object as a file: a small one is fetched whole, of a large one what is then read. Close it."""
        try:
            if size_bytes <= WHOLE_BYTES:
                return pa.BufferReader(pa.py_buffer(obstore.get(self._store_of_many(), key).bytes()))
            handler = DeltaStorageHandler(self.uri, self.storage_options(), {key: size_bytes})
            return PyFileSystem(handler).open_input_file(key)
        except (BaseError, OSError) as error:
            raise self._failed("read", key, error) from error

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        """Write an object whole or not at all; S3 compares the SHA-256 before it takes it."""
        self._put(key, body, {"ContentType": content_type} if content_type else {})

    def put_all(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Write every object (key, body) as `put` does, side by side; return when S3 has them all.

        Raise LakeError where one is not written; others may be by then.
        """
        store = self._store_of_many()
        with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
            puts = [(key, pool.submit(obstore.put, store, key, body, use_multipart=False)) for key, body in objects]
            for key, done in puts:
                try:
                    done.result()
                except (BaseError, OSError) as error:
                    raise self._failed("written", key, error) from error

    def put_new(self, key: str, body: bytes) -> None:
        """Write an object only if there is none. Raise ObjectExists otherwise."""
        self._put(key, body, {"IfNoneMatch": "*"})

    def replace(self, key: str, body: bytes, etag: str) -> None:
        """Write an object only if its content is still the one of this tag. Raise ObjectExists otherwise."""
        self._put(key, body, {"IfMatch": etag})

    def exists(self, key: str) -> bool:
        """Asked by a listing: only that is allowed by prefix. The key itself comes first among those it begins."""
        return any(each.key == key for each in itertools.islice(self.list(key), 1))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key begins so, in the order of keys."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield ObjectInfo(item["Key"], item["Size"], item["LastModified"])
        except _FAILURES as error:
            raise self._failed("listed", prefix, error) from error

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone is not missed. The bucket keeps its versions for a while."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key)
        except _FAILURES as error:
            raise self._failed("deleted", key, error) from error

    def storage_options(self) -> dict[str, str]:
        """What delta-rs must be told to reach this bucket with the credentials of this moment.

        They do not refresh: compare with a later call, and open the table again where it differs.
        """
        credentials = self._session.get_credentials()
        if credentials is None:
            raise LakeError(
                "AWS finds no credentials. Set AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE; nothing was read."
            )
        frozen = credentials.get_frozen_credentials()
        options = {
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            "aws_region": self._client.meta.region_name,
            # Commits are puts with If-None-Match: two writers cannot both win a version.
            "aws_conditional_put": "etag",
        }
        if frozen.token:
            options["aws_session_token"] = frozen.token
        if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3"):
            options["aws_endpoint_url"] = endpoint
        trust_as_boto3()
        return options

    def _store_of_many(self) -> S3Store:
        options = self.storage_options()
        del options["aws_conditional_put"]
        if self._many is None or self._many[0] != options:
            # As with boto3, S3 compares the SHA-256 before it takes an object; TLS guards the rest of the request.
            made = S3Store(self.bucket, config=options, checksum_algorithm="sha256", unsigned_payload=True)  # type: ignore[arg-type] # its options by their AWS names
            self._many = options, made
        return self._many[1]

    def _put(self, key: str, body: bytes, more: Mapping[str, str]) -> None:
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            try:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ChecksumSHA256=checksum, **more)
            except BotoCoreError as error:
                raise self._failed("written", key, error) from error
            except ClientError as error:
                if _code(error) == "ConditionalRequestConflict" and attempt < _CONFLICT_ATTEMPTS:
                    continue
                if _code(error) in {"PreconditionFailed", "412", "ConditionalRequestConflict"}:
                    # The answer to an earlier try of this very put may have been lost: then the object is ours.
                    if error.response["ResponseMetadata"].get("RetryAttempts") and self.get(key) == body:
                        return
                    raise ObjectExists(f"Somebody else has written {self.uri}/{key}; it was left as it is.") from error
                raise self._failed("written", key, error) from error
            return

    def _failed(self, what: str, key: str, error: Exception) -> LakeError:
        role = os.environ.get("AWS_ROLE_ARN", "the current credentials")
        return LakeError(f"{self.uri}/{key} could not be {what} as {role}: {error}")


def trust_as_boto3() -> None:
    """Let delta-rs trust whom boto3 trusts: it reads SSL_CERT_FILE, which many machines set, not AWS_CA_BUNDLE."""
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        os.environ["SSL_CERT_FILE"] = bundle


def _client_config() -> Config:
    # A bucket is no host name below an endpoint of one machine.
    style = "path" if os.environ.get("AWS_ENDPOINT_URL_S3") else "auto"
    return Config(
        s3={"addressing_style": style},
        retries={"mode": "standard", "max_attempts": 6},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=16,
    )


def _code(error: BotoCoreError | ClientError) -> str:
    """What S3 answered; empty where it did not."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
