"""A plan between its making and its apply: beside the state, encrypted by the state's key, and nowhere else."""

from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from ci.errors import CiError


def key(environment: str) -> str:
    return f"{environment}/terraform.tfstate.tfplan"


def keep(bucket: str, environment: str, run: str, file: Path) -> None:
    """Put the plan there, marked with the run that made it."""
    _s3().put_object(Bucket=bucket, Key=key(environment), Body=file.read_bytes(), Metadata={"run": run})


def take(bucket: str, environment: str, run: str, file: Path) -> None:
    """Take this run's plan away. Raise CiError where there is none, or another run's: nobody has read that one."""
    s3 = _s3()
    try:
        found = s3.get_object(Bucket=bucket, Key=key(environment))
    except ClientError as error:
        raise CiError(
            f"There is no plan for {environment}: {error}. Nothing was applied; run the workflow again."
        ) from error
    if found["Metadata"].get("run") != run:
        other = found["Metadata"].get("run")
        raise CiError(
            f"The plan for {environment} is of run {other}, not of this one ({run}). Nothing was applied; run the "
            "workflow again."
        )
    file.write_bytes(found["Body"].read())
    # Once: a plan that was begun is not begun again.
    s3.delete_object(Bucket=bucket, Key=key(environment))


def _s3() -> Any:  # noqa: ANN401 - boto3 ships no types
    return boto3.client("s3")
