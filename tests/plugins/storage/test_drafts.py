"""What a killed process leaves of a write is removed after a day; what is under way, and what is stored, never."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.settings import ROOT
from bridge.wiring.archive_fixity import sweep_fixity
from tests.web.furnished import furnish

NAME = "ab/evd_1ab"
_WRITES = """
import os, sys, time
from io import BytesIO
from pathlib import Path
from plugins.storage.local_folder import LocalFolderBlobs
from plugins.storage.material_folder import MaterialFolder

def stuck(descriptor):
    print("in the middle", flush=True)
    sys.stdin.read()

os.fsync = stuck
if sys.argv[1] == "evidence":
    LocalFolderBlobs(Path(sys.argv[2])).put("ab/evd_2ab", b"half a photograph")
else:
    MaterialFolder(Path(sys.argv[2])).keep(BytesIO(b"half a lesson"))
"""


def killed_while_writing(kind: str, folder: Path) -> Path:
    """Return the draft of a process that was killed with it."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITES, kind, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    with writer.stdout, writer.stdin:
        assert writer.stdout.readline() == b"in the middle\n"
        writer.kill()
        writer.wait()
    (draft,) = [path for path in folder.rglob(".*") if path.is_file()]
    return draft


@pytest.mark.parametrize("kind", ["evidence", "materials"])
def test_the_worker_removes_the_draft_of_a_killed_process_once_a_day_has_gone(
    tmp_path: Path, kind: str
) -> None:
    house = furnish(tmp_path).house
    folder = house.settings.data_dir / kind
    if kind == "evidence":
        house.blobs.put(NAME, b"a photograph")
    kept = {path for path in folder.rglob("*") if path.is_file()}
    draft = killed_while_writing(kind, folder)
    sweep_fixity(house)
    assert draft.exists(), "a draft of today may be somebody's"
    day_before = time.time() - 25 * 3600
    os.utime(draft, (day_before, day_before))
    for path in kept:
        os.utime(path, (day_before, day_before))
    house.fixity_swept = None
    sweep_fixity(house)
    assert {path for path in folder.rglob("*") if path.is_file()} == kept
    if kind == "evidence":
        assert house.blobs.get(NAME) == b"a photograph"
    house.close()
