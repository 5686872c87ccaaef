"""multipart/mixed as xAPI uses it: statements first, then one part for each attachment (1.0.3 Part Three §1.5.2)."""

import re
import secrets
from collections.abc import Iterable
from email.message import Message

from bridge.intake.xapi.model import Attachment, StatementFault

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


def boundary_of(content_type: str) -> str:
    """Return the boundary that a multipart Content-Type names; StatementFault("multipart_malformed") without one."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or _BOUNDARY.fullmatch(boundary) is None:
        raise StatementFault("multipart_malformed")
    return boundary


def parts(body: bytes, boundary: str) -> tuple[bytes, list[Attachment]]:
    """Return the JSON of the first part, and the attachments.

    Raises:
        StatementFault: multipart_malformed, attachment_header.
    """
    found = _split(body, boundary.encode("ascii"))
    if not found:
        raise StatementFault("multipart_malformed")
    headers, statements = found[0]
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise StatementFault("multipart_malformed")
    attachments = []
    for headers, content in found[1:]:
        sha2 = headers.get("x-experience-api-hash", "")
        if not sha2 or headers.get("content-transfer-encoding", "").lower() != "binary":
            raise StatementFault("attachment_header")
        attachments.append(
            Attachment(sha2.lower(), headers.get("content-type", "application/octet-stream"), content)
        )
    return statements, attachments


def joined(statements: bytes, attachments: Iterable[Attachment]) -> tuple[str, bytes]:
    """Return the Content-Type and the body of an answer with attachments."""
    boundary = secrets.token_hex(16)
    lines = [b"--%s\r\nContent-Type: application/json\r\n\r\n%s\r\n" % (boundary.encode(), statements)]
    for one in attachments:
        head = (
            f"--{boundary}\r\nContent-Type: {one.content_type}\r\n"
            f"Content-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {one.sha2}\r\n\r\n"
        )
        lines.append(head.encode() + one.content + b"\r\n")
    lines.append(f"--{boundary}--\r\n".encode())
    return f"multipart/mixed; boundary={boundary}", b"".join(lines)


def _split(body: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    mark = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise StatementFault("multipart_malformed")
    found = []
    for piece in pieces[1:-1]:
        head, gap, content = piece.partition(b"\r\n\r\n")
        if not gap or not head.startswith(b"\r\n"):
            raise StatementFault("multipart_malformed")
        found.append((_headers(head), content))
    return found


def _headers(head: bytes) -> dict[str, str]:
    headers = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise StatementFault("multipart_malformed")
        headers[name.strip().lower()] = value.strip()
    return headers
