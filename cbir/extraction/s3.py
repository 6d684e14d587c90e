"""A file from S3, by boto3 and its own chain of credentials: no key is ever asked for here."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, Any

from cbir.errors import BadSource, MissingPackage

SCHEME = "s3://"
LARGEST = 1 << 30
PIECE = 1 << 20
CONNECT_SECONDS, READ_SECONDS, TRIES = 10, 30, 3

NO_CREDENTIALS = (
    "no AWS credentials are there; run 'aws configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
    "and AWS_SECRET_ACCESS_KEY"
)
CODES = {
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such key in the bucket",
    "404": "there is no such bucket or key",
    "AccessDenied": "access denied: these credentials may not read it",
    "403": "access denied: these credentials may not read it",
    "AllAccessDisabled": "access denied: nobody may read it",
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret key does not fit the access key",
    "ExpiredToken": "the credentials have expired; log in again",
    "InvalidToken": "the session token is not valid; log in again",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "InvalidObjectState": "it is archived; restore it first",
    "SlowDown": "S3 is too busy; try again later",
}
WRONG_REGION = (
    "PermanentRedirect",
    "301",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
)


def is_s3(place: str) -> bool:
    return place.lower().startswith(SCHEME)


@contextmanager
def fetched(url: str, endpoint: str | None = None) -> Iterator[IO[bytes]]:
    """A nameless file with what s3://BUCKET/KEY holds; BadSource with the reason if that fails."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise MissingPackage(
            f"{url} needs a package that is not installed: pip install boto3"
        ) from error

    bucket, _, key = url[len(SCHEME) :].partition("/")
    if not bucket or not key:
        raise BadSource(f"{url} is not s3://BUCKET/KEY")
    patience = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
    )
    with tempfile.TemporaryFile() as file:
        try:
            client = boto3.session.Session().client("s3", endpoint_url=endpoint, config=patience)
            _copy(client, bucket, key, file)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise BadSource(f"can't read {url}: {_said(error)}") from error
        file.seek(0)
        yield file


def _copy(client: Any, bucket: str, key: str, file: IO[bytes]) -> None:
    """All that the key holds; boto3 itself tries again only until an answer has begun."""
    from botocore import exceptions as botocore

    broken_off = (
        botocore.IncompleteReadError,
        botocore.ResponseStreamingError,
        botocore.ReadTimeoutError,
    )
    for attempt in range(1, TRIES + 1):
        file.seek(0)
        file.truncate()
        try:
            with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
                for piece in body.iter_chunks(PIECE):
                    if file.tell() + len(piece) > LARGEST:
                        raise ValueError(f"it has more than {LARGEST >> 20} MB")
                    file.write(piece)
            return
        except broken_off:
            if attempt == TRIES:
                raise


def _said(error: Exception) -> str:
    """What boto3 says, in words that say what to do."""
    from botocore import exceptions as botocore

    if isinstance(error, botocore.ClientError):
        return _answered(error)
    if isinstance(error, botocore.NoCredentialsError):
        return NO_CREDENTIALS
    for kinds, words in (
        (botocore.PartialCredentialsError, "half of the AWS credentials are missing"),
        (botocore.ProfileNotFound, "there is no such AWS profile (AWS_PROFILE)"),
        (botocore.EndpointConnectionError, "no connection to the S3 server"),
        (botocore.ConnectTimeoutError, "the S3 server does not answer"),
        (botocore.ReadTimeoutError, "the S3 server does not answer in time"),
        (botocore.SSLError, "no secure connection to the S3 server"),
        (botocore.IncompleteReadError, "it came only in part"),
        (botocore.ResponseStreamingError, "it came only in part"),
        (botocore.ParamValidationError, "that is no bucket's name"),
    ):
        if isinstance(error, kinds):
            return f"{words} ({_first_line(error)})"
    return _first_line(error)


def _answered(error: Any) -> str:
    """What the S3 server answered."""
    told = error.response.get("Error", {})
    code = str(told.get("Code", ""))
    if code in WRONG_REGION:
        region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        where = region.get("x-amz-bucket-region") or told.get("Region")
        return f"the bucket is in another region{f', {where}' if where else ''}; set AWS_REGION"
    return CODES.get(code) or _first_line(error)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
