"""Made-up course structures."""

import io
import zipfile
from collections.abc import Mapping

from bridge.intake.cmi5.model import CourseStructure
from bridge.intake.cmi5.package import read_package

COURSE = "https://publisher.example/course/1"
NAMESPACE = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"


def words(name: str, text: str) -> str:
    english = f'<langstring lang="en">{text} (en)</langstring>'
    return f'<{name}>{english}<langstring lang="zh-CN">{text}</langstring></{name}>'


def au(name: str, *, url: str | None = None, inside: str = "", after: str = "", **attributes: str) -> str:
    """Return an AU; `inside` stands before its url, `after` behind it."""
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    address = url or f"https://content.example/{name}/index.html?lang=zh"
    return (
        f'<au id="https://publisher.example/au/{name}"{given}>{words("title", f"单元{name}")}'
        f"{words('description', '说明')}{inside}<url>{address}</url>{after}</au>"
    )


def block(name: str, *parts: str) -> str:
    return (
        f'<block id="https://publisher.example/block/{name}">{words("title", f"分块{name}")}'
        f"{words('description', '说明')}{''.join(parts)}</block>"
    )


def course(*parts: str, objectives: str = "", head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<courseStructure xmlns="{NAMESPACE}">'
        f'<course id="{COURSE}">{words("title", "用电安全")}{words("description", "说明")}</course>'
        f"{objectives}{''.join(parts)}</courseStructure>"
    ).encode()


def read(content: bytes, base: str | None = None) -> CourseStructure:
    return read_package(io.BytesIO(content), base)


def packed(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return made.getvalue()
