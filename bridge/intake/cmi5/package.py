"""A course package as it comes: cmi5.xml alone, or in a ZIP (32 or 64 bits). Nothing is unpacked to a disk."""

import os
import zipfile
import zlib
from typing import IO

from bridge.intake.cmi5.model import CourseStructure
from bridge.intake.cmi5.structure import MAX_XML_BYTES, Location, PackageFault, read_structure

MAX_PACKAGE_BYTES = 4 * 1024 * 1024 * 1024
MAX_FILES = 20_000
_NAME = "cmi5.xml"
_ZIP = b"PK"


def read_package(file: IO[bytes], content_base: str | None) -> CourseStructure:
    """Return the course in a package.

    Args:
        file: open, and can be sought in.
        content_base: address under which the ZIP's content is served, by another host than the bridge.

    Raises:
        PackageFault: package_too_large, package_not_zip, package_files, package_path, package_no_structure, and
            as `read_structure`.
    """
    if file.seek(0, os.SEEK_END) > MAX_PACKAGE_BYTES:
        raise PackageFault("package_too_large", "课件包超过 4 GB")
    file.seek(0)
    head = file.read(MAX_XML_BYTES + 1)
    if not head.startswith(_ZIP):
        if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise PackageFault("package_not_zip", "文件既不是 cmi5.xml,也不是 ZIP 课件包")
        return read_structure(head, Location(content_base))
    try:
        with zipfile.ZipFile(file) as package:
            names = _names(package)
            structure = _structure(package)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error, ValueError) as error:
        raise PackageFault("package_not_zip", "ZIP 课件包不完整或已损坏") from error
    return read_structure(structure, Location(content_base, names))


def _names(package: zipfile.ZipFile) -> frozenset[str]:
    found = package.infolist()
    if len(found) > MAX_FILES:
        raise PackageFault("package_files", f"课件包中的文件超过 {MAX_FILES} 个")
    for one in found:
        name = one.filename
        # We write none of them, but who unpacks this package elsewhere must not be led out of the folder.
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise PackageFault("package_path", "课件包中有指向包外的文件路径")
    return frozenset(one.filename for one in found if not one.is_dir())


def _structure(package: zipfile.ZipFile) -> bytes:
    try:
        entry = package.getinfo(_NAME)
    except KeyError as error:
        raise PackageFault("package_no_structure", "课件包的根目录中没有 cmi5.xml") from error
    if entry.flag_bits & 1:
        raise PackageFault("package_not_zip", "课件包不能加密")
    # What the ZIP says of the size is a claim: no more than the limit is ever unpacked.
    with package.open(entry) as stream:
        return stream.read(MAX_XML_BYTES + 1)
