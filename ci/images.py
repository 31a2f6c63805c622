"""Which image runs where: the digests in an overlay, moved by a pull request."""

import re
from pathlib import Path

import yaml

from ci.errors import CiError

ROOT = Path(__file__).resolve().parents[1]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
UNBUILT = f"sha256:{'0' * 64}"


def file_of(environment: str, root: Path = ROOT) -> Path:
    return root / "argocd" / "overlays" / environment / "values" / "images.yaml"


def digests(file: Path) -> dict[str, str]:
    """The digests of a file, by image."""
    found: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))["data"]
    return found


def move(file: Path, image: str, digest: str) -> bool:
    """Let an image's digest be this one. False where it is already."""
    known = digests(file)
    if image not in known:
        raise CiError(f"There is no image {image} in {file}; it has {', '.join(sorted(known))}. Nothing was changed.")
    if not DIGEST.fullmatch(digest) or digest == UNBUILT:
        raise CiError(f"{digest!r} is no digest of a built image (sha256:<64 hex digits>). Nothing was changed.")
    if known[image] == digest:
        return False
    text = file.read_text(encoding="utf-8")
    # By the line, so that comments stay.
    file.write_text(text.replace(f"  {image}: {known[image]}\n", f"  {image}: {digest}\n"), encoding="utf-8")
    return True


def promote(source: Path, target: Path) -> list[str]:
    """Copy what runs in one environment to another; the images that moved. All or nothing."""
    wanted = digests(source)
    unbuilt = sorted(name for name, digest in wanted.items() if digest == UNBUILT)
    if unbuilt:
        raise CiError(f"{', '.join(unbuilt)} in {source}: never built, so nothing to promote. Nothing was changed.")
    return [image for image, digest in sorted(wanted.items()) if move(target, image, digest)]
