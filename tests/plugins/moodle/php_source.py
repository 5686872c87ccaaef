"""Just enough of PHP and XMLDB to check a plugin without running it: code without comments, strings, tables."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*|\#(?!\[)[^\n]*)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""",
    re.DOTALL | re.VERBOSE,
)
_SCRIPT_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|(?<![:\\])//[^\n]*)
      | (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Source:
    """One file: as written, without its comments (line numbers kept), and the texts of its string literals."""

    path: Path
    text: str
    code: str
    literals: tuple[str, ...]

    def line_of(self, position: int) -> int:
        """Return the line, from 1, of a position in `code`."""
        return self.code.count("\n", 0, position) + 1


def read_source(path: Path) -> Source:
    """Return a PHP, JavaScript or Mustache file; a Mustache file is code as it stands."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".mustache":
        return Source(path, text, text, ())
    literals: list[str] = []

    def plain(match: re.Match[str]) -> str:
        if match.group("comment") is not None:
            return "\n" * match.group().count("\n")
        literals.append(unquoted(match.group("string")))
        return match.group()

    token = _SCRIPT_TOKEN if path.suffix == ".js" else _TOKEN
    return Source(path, text, token.sub(plain, text), tuple(literals))


def unquoted(literal: str) -> str:
    """Return the text of a PHP string literal as far as names need it (a double-quoted one as written)."""
    body = literal[1:-1]
    return re.sub(r"\\(['\\])", r"\1", body) if literal[0] == "'" else body


def language_strings(path: Path) -> dict[str, str]:
    """Return the strings of a language file by key, in the file's order."""
    if not path.exists():
        return {}
    found = re.findall(
        r"^\$string\['((?:[^'\\]|\\.)+)'\]\s*=\s*('(?:[^'\\]|\\.)*')\s*;",
        read_source(path).code,
        re.MULTILINE | re.DOTALL,
    )
    return {key: unquoted(value) for key, value in found}


def version_value(path: Path, name: str) -> str | None:
    """Return what version.php gives to `$plugin->NAME`, without quotes."""
    if not path.exists():
        return None
    match = re.search(rf"\$plugin->{name}\s*=\s*'?([^';\[]+)'?\s*;", read_source(path).code)
    return match.group(1).strip() if match else None


def dependencies(path: Path) -> dict[str, int]:
    """Return the plugins that version.php depends on, with their versions."""
    match = re.search(r"\$plugin->dependencies\s*=\s*\[(.*?)\]\s*;", read_source(path).code, re.DOTALL)
    pairs = re.findall(r"'(\w+)'\s*=>\s*(\d+)", match.group(1)) if match else []
    return {name: int(version) for name, version in pairs}


def tables(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the tables of an install.xml with the names of their fields."""
    if not path.exists():
        return {}
    root = ElementTree.parse(path).getroot()
    return {
        str(table.get("NAME")): tuple(str(field.get("NAME")) for field in table.iter("FIELD"))
        for table in root.iter("TABLE")
    }


def empty_defaults(path: Path) -> list[str]:
    """Return the char fields (table.field) that say NOT NULL DEFAULT '', which XMLDB does not take."""
    if not path.exists():
        return []
    return [
        f"{table.get('NAME')}.{one.get('NAME')}"
        for table in ElementTree.parse(path).getroot().iter("TABLE")
        for one in table.iter("FIELD")
        if one.get("TYPE") == "char" and one.get("NOTNULL") == "true" and one.get("DEFAULT") == ""
    ]


def array_rows(code: str, variable: str) -> list[str]:
    """Return the rows of the PHP list or map that `variable` is set to, each as written, with its key if it has one."""
    start = re.search(rf"\${variable}\s*=\s*\[", code)
    if start is None:
        return []
    rows: list[str] = []
    depth, begin = 1, start.end()
    position = begin
    while position < len(code) and depth:
        string = _TOKEN.match(code, position)
        if string is not None:
            position = string.end()
            continue
        sign = code[position]
        depth += (sign == "[") - (sign == "]")
        if (sign == "," and depth == 1) or depth == 0:
            rows.append(code[begin:position].strip())
            begin = position + 1
        position += 1
    return [row for row in rows if row]
