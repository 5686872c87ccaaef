"""However many threads a part has, they share two heaps of the C library."""

import os
import subprocess
import sys
from pathlib import Path

_COUNT = """
import ctypes, sys, threading
from bridge.start import keep_few_heaps

if sys.argv[1] == "few":
    keep_few_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
all_there = threading.Barrier(12)

def take():
    all_there.wait()
    libc.malloc(100_000)
    all_there.wait()

threads = [threading.Thread(target=take) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
out = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, out)
libc.fclose(out)
"""


def heaps(folder: Path, how: str, **environment: str) -> int:
    told = folder / "heaps.xml"
    inherited = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    asked = [sys.executable, "-c", _COUNT, how, str(told)]
    subprocess.run(asked, check=True, env={**inherited, **environment})
    return told.read_text().count("<heap nr=")


def test_threads_share_two_heaps(tmp_path: Path) -> None:
    assert heaps(tmp_path, "as they are") > 2
    assert heaps(tmp_path, "few") == 2


def test_an_operator_may_say_otherwise(tmp_path: Path) -> None:
    assert heaps(tmp_path, "few", MALLOC_ARENA_MAX="5") > 2
