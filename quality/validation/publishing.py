"""Puts a made site where people find it: a folder, or a prefix of a bucket. Each run has a folder of its own."""

import mimetypes
import shutil
from pathlib import Path

from lake.objects import ObjectStore
from quality.errors import QualityError


def publish(site: Path, place: str, run: str) -> str:
    """Copy the site below `place`; return the address of its first page. The first page comes last, so that whoever
    finds it finds the rest.
    """
    if not place.startswith("s3://"):
        target = Path(place) / run
        shutil.copytree(site, target, dirs_exist_ok=True)
        return (target / "index.html").resolve().as_uri()
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not prefix:
        raise QualityError(f"{place} has no prefix: Data Docs go to s3://bucket/prefix. Nothing was written.")
    store = ObjectStore(f"s3://{bucket}")
    files = sorted((file for file in site.rglob("*") if file.is_file()), key=lambda file: file == site / "index.html")
    for file in files:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        key = f"{prefix.rstrip('/')}/{run}/{file.relative_to(site).as_posix()}"
        store.put(key, file.read_bytes(), content_type=kind)
    return f"s3://{bucket}/{prefix.rstrip('/')}/{run}/index.html"
