"""XML from outside, read without entities, DOCTYPE, network or unbounded growth."""

import io
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from lxml import etree

SCHEMAS = Path(__file__).with_name("schemas")
LARGEST = 64 * 1024 * 1024
"""Bytes of one batch; 1,000 records are below 1 MiB."""


class XmlRefused(ValueError):
    """Not read at all; `code` says why: too_large, not_utf8, doctype, malformed, schema."""

    def __init__(self, code: str, detail: str = "", line: int | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.line = line


def require_plain(content: bytes) -> None:
    """Raise XmlRefused unless `content` is UTF-8 of bearable size without a DOCTYPE."""
    if len(content) > LARGEST:
        raise XmlRefused("too_large")
    head = content[:200].lower()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head:
        raise XmlRefused("not_utf8")
    if b"encoding=" in head.partition(b"?>")[0] and b"utf-8" not in head.partition(b"?>")[0]:
        raise XmlRefused("not_utf8")
    # A DOCTYPE is the door to entities; the word has no business in a batch, not even in a comment.
    if b"<!DOCTYPE" in content:
        raise XmlRefused("doctype")


def parser(schema: etree.XMLSchema | None = None) -> etree.XMLParser:
    """Return a parser that resolves nothing, loads nothing and keeps libxml2's limits."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, schema=schema
    )


@lru_cache(maxsize=8)
def schema(version: str, name: str) -> etree.XMLSchema:
    """Return the compiled schema `name` ("feed", "receipt") of one version."""
    return etree.XMLSchema(etree.parse(str(SCHEMAS / version / f"{name}.xsd"), parser()))


def parse(content: bytes, version: str, name: str) -> etree._Element:
    """Return the root of a document that the schema accepts; XmlRefused with the line otherwise."""
    require_plain(content)
    try:
        return etree.fromstring(content, parser(schema(version, name)))
    except etree.XMLSyntaxError as error:
        raise XmlRefused("schema" if against_schema(error) else "malformed", line=error.lineno) from error


def against_schema(error: etree.XMLSyntaxError) -> bool:
    """Return whether well-formed XML broke the schema, rather than being no XML at all."""
    log: Any = error.error_log
    return any(entry.domain == etree.ErrorDomains.SCHEMASV for entry in log)


def stream(source: IO[bytes], version: str, name: str, tags: tuple[str, ...]) -> etree.iterparse:
    """Return validating events at the end of each of `tags`; etree.XMLSyntaxError at the first fault."""
    return etree.iterparse(
        source,
        events=("end",),
        tag=tags,
        schema=schema(version, name),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )


def as_file(content: bytes) -> IO[bytes]:
    """Return `content` as an open file."""
    return io.BytesIO(content)
