"""Another time of day for one program."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock.c")


def clock_off(seconds: int, directory: Path) -> dict[str, str]:
    """The variables that set a program's clock off; skips the test where no C compiler or no glibc is."""
    compiler = shutil.which("cc")
    library = directory / "clock.so"
    if not library.exists():
        if compiler is None:
            pytest.skip("cc is missing. As root on Debian: apt-get install gcc libc6-dev")
        made = subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"{SOURCE.name} needs glibc: {made.stderr}")
    return {"LD_PRELOAD": str(library), "CLOCK_OFFSET_SECONDS": str(seconds)}
