"""What Moodle asks of a plugin and can be seen without Moodle. Each check yields findings; none means clean."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.plugins.moodle.php_source import (
    Source,
    array_rows,
    dependencies,
    empty_defaults,
    language_strings,
    read_source,
    tables,
    version_value,
)

MOODLE_4_5 = 2024100700
_LONGEST_TABLE = 53
_LICENCE = (
    "// This file is part of Moodle - https://moodle.org/",
    "GNU General Public License",
    "either version 3 of the License",
)


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where."""

    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


@dataclass(frozen=True)
class Plugin:
    """One plugin's folder; the folder's name is its component."""

    folder: Path
    siblings: Mapping[str, "Plugin"] = field(default_factory=dict, compare=False, repr=False)

    @property
    def component(self) -> str:
        """Return the component, such as local_anxue."""
        return self.folder.name

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Return every PHP, JavaScript and Mustache file but what is built from another."""
        kinds = (".php", ".js", ".mustache")
        paths = sorted(path for path in self.folder.rglob("*") if path.suffix in kinds)
        built = self.folder / "yui" / "build"
        return tuple(read_source(path) for path in paths if not path.is_relative_to(built))

    @cached_property
    def php(self) -> tuple[Source, ...]:
        """Return every PHP file."""
        return tuple(source for source in self.sources if source.path.suffix == ".php")

    @property
    def product(self) -> tuple[Source, ...]:
        """Return what runs on a site: everything but tests and language files."""
        outside = (self.folder / "tests", self.folder / "lang")
        return tuple(s for s in self.sources if not any(s.path.is_relative_to(o) for o in outside))

    def language(self, name: str) -> dict[str, str]:
        """Return the strings of one language."""
        return language_strings(self.folder / "lang" / name / f"{self.component}.php")

    @cached_property
    def capabilities(self) -> tuple[str, ...]:
        """Return the capabilities that db/access.php defines."""
        return tuple(re.findall(r"'([a-z]+/\w+:\w+)'\s*=>", self.code("db/access.php")))

    def code(self, name: str) -> str:
        """Return the code of one file, '' if it is not there."""
        path = self.folder / name
        return read_source(path).code if path.exists() else ""

    def class_file(self, name: str) -> Path | None:
        """Return where an autoloaded class of this plugin must stand; None for another's class."""
        name = name.lstrip("\\").replace("\\\\", "\\")
        head, _, rest = name.partition("\\")
        return (
            self.folder / "classes" / f"{rest.replace(chr(92), '/')}.php"
            if head == self.component and rest
            else None
        )

    def at(self, place: Path | str) -> str:
        """Return a place as a finding names it."""
        path = Path(place)
        return f"{self.component}/{path.relative_to(self.folder) if path.is_absolute() else path}"


Check = Callable[[Plugin], Iterator[Finding]]


def read_plugins(folder: Path) -> dict[str, Plugin]:
    """Return the plugins below a folder by component: the folders named kind_name."""
    plugins: dict[str, Plugin] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and re.fullmatch(r"[a-z]+_[a-z]+", p.name)):
        plugins[path.name] = Plugin(path.resolve(), plugins)
    return plugins


def check_layout(plugin: Plugin) -> Iterator[Finding]:
    """The files that every plugin, and this kind of plugin, has."""
    component = plugin.component
    needed = ["version.php", "classes/privacy/provider.php"]
    needed += [f"lang/{name}/{component}.php" for name in ("en", "zh_cn")]
    kind = component.partition("_")[0]
    if kind == "quizaccess":
        needed += ["rule.php"]
    if kind == "availability":
        form = f"yui/build/moodle-{component}-form/moodle-{component}-form"
        needed += ["classes/condition.php", "classes/frontend.php", "yui/src/form/js/form.js"]
        needed += [f"{form}{ending}.js" for ending in ("", "-min", "-debug")]
    if (plugin.folder / "db/install.xml").exists():
        needed += ["db/upgrade.php"]
    for name in needed:
        if not (plugin.folder / name).exists():
            yield Finding(plugin.at(name), "is missing")
    if "pluginname" not in plugin.language("en"):
        yield Finding(plugin.at(f"lang/en/{component}.php"), "has no pluginname")


def check_version(plugin: Plugin) -> Iterator[Finding]:
    """version.php names the component and a version that is not behind its own upgrade steps or its dependencies."""
    path = plugin.folder / "version.php"
    if not path.exists():
        return
    place = plugin.at(path)
    if version_value(path, "component") != plugin.component:
        yield Finding(place, f"the component is not {plugin.component}")
    version = version_value(path, "version") or ""
    if not re.fullmatch(r"20\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{2}", version):
        yield Finding(place, f"the version is not YYYYMMDDNN: {version!r}")
        return
    if int(version_value(path, "requires") or 0) < MOODLE_4_5:
        yield Finding(place, f"requires less than Moodle 4.5 ({MOODLE_4_5})")
    for name in ("maturity", "release"):
        if version_value(path, name) is None:
            yield Finding(place, f"has no {name}")
    steps = _upgrade_steps(plugin)
    if steps and max(steps) > int(version):
        yield Finding(place, f"version {version} is behind the upgrade step {max(steps)}")
    for name, wanted in dependencies(path).items():
        if name in plugin.siblings:
            theirs = int(version_value(plugin.siblings[name].folder / "version.php", "version") or 0)
            if wanted > theirs:
                yield Finding(place, f"depends on {name} {wanted}, which is at {theirs}")


def check_licence(plugin: Plugin) -> Iterator[Finding]:
    """Each PHP file begins with the licence and says its package."""
    for source in plugin.php:
        if not all(words in source.text[:1200] for words in _LICENCE):
            yield Finding(plugin.at(source.path), "has no GPL 3 header")
        if not re.search(rf"@package\s+{plugin.component}\b", source.text):
            yield Finding(plugin.at(source.path), f"has no @package {plugin.component}")


def check_namespaces(plugin: Plugin) -> Iterator[Finding]:
    """Each class below classes/ stands where the autoloader looks for it."""
    for source in plugin.php:
        if not source.path.is_relative_to(plugin.folder / "classes"):
            continue
        space = re.search(r"^namespace\s+([\w\\]+);", source.code, re.MULTILINE)
        kind = re.search(
            r"^(?:final |abstract |readonly )*(?:class|interface|trait|enum)\s+(\w+)",
            source.code,
            re.MULTILINE,
        )
        name = f"{space.group(1) if space else ''}\\{kind.group(1) if kind else ''}"
        if plugin.class_file(name) != source.path:
            yield Finding(plugin.at(source.path), f"holds the class {name}, which is not found there")


def check_tables(plugin: Plugin) -> Iterator[Finding]:
    """Each table bears the component's name and an id."""
    path = plugin.folder / "db/install.xml"
    for name, fields in tables(path).items():
        if name != plugin.component and not name.startswith(f"{plugin.component}_"):
            yield Finding(plugin.at(path), f"table {name} does not begin with {plugin.component}")
        if len(name) > _LONGEST_TABLE:
            yield Finding(plugin.at(path), f"table {name} has more than {_LONGEST_TABLE} letters")
        if "id" not in fields:
            yield Finding(plugin.at(path), f"table {name} has no id")
    for name in empty_defaults(path):
        yield Finding(
            plugin.at(path), f"{name} is NOT NULL with the default '', which Moodle drops with a warning"
        )


def check_savepoints(plugin: Plugin) -> Iterator[Finding]:
    """Each `if ($oldversion < N)` ends in exactly one savepoint N of this plugin, and the steps ascend."""
    path = plugin.folder / "db/upgrade.php"
    if not path.exists():
        return
    code = read_source(path).code
    place = plugin.at(path)
    if f"function xmldb_{plugin.component}_upgrade(" not in code:
        yield Finding(place, f"has no function xmldb_{plugin.component}_upgrade")
    parts = re.split(r"if\s*\(\s*\$oldversion\s*<\s*(\d+)\s*\)", code)
    steps = [int(number) for number in parts[1::2]]
    if steps != sorted(set(steps)):
        yield Finding(place, "the steps do not ascend")
    if "savepoint" in parts[0]:
        yield Finding(place, "a savepoint stands outside of any step")
    kind, _, name = plugin.component.partition("_")
    for step, body in zip(steps, parts[2::2], strict=True):
        points = re.findall(r"(\w*savepoint)\s*\(([^)]*)\)", body)
        right = [
            re.sub(r"\s", "", inside) == f"true,{step},'{kind}','{name}'"
            and which == "upgrade_plugin_savepoint"
            for which, inside in points
        ]
        if right != [True]:
            yield Finding(place, f"step {step} has not exactly one savepoint {step} of {plugin.component}")


def _upgrade_steps(plugin: Plugin) -> list[int]:
    return [int(n) for n in re.findall(r"\$oldversion\s*<\s*(\d+)", plugin.code("db/upgrade.php"))]


def check_services(plugin: Plugin) -> Iterator[Finding]:
    """Each web service has its class and the three methods, and each service lists functions that exist."""
    code = plugin.code("db/services.php")
    rows = array_rows(code, "functions")
    names = [match.group(1) for row in rows if (match := re.match(r"'(\w+)'\s*=>", row))]
    for row, name in zip(rows, names, strict=True):
        if not name.startswith(f"{plugin.component}_"):
            yield Finding(
                plugin.at("db/services.php"), f"function {name} does not begin with {plugin.component}"
            )
        which = re.search(r"'classname'\s*=>\s*(?:'([^']+)'|([\w\\]+)::class)", row)
        method = re.search(r"'methodname'\s*=>\s*'(\w+)'", row)
        wanted = method.group(1) if method else "execute"
        path = plugin.class_file((which.group(1) or which.group(2)) if which else "")
        if path is None or not path.exists():
            yield Finding(plugin.at("db/services.php"), f"function {name} has no class")
            continue
        body = read_source(path).code
        for part in (wanted, f"{wanted}_parameters", f"{wanted}_returns"):
            if f"function {part}(" not in body:
                yield Finding(plugin.at(path), f"has no {part}() for {name}")
    for row in array_rows(code, "services"):
        listed = re.search(r"'functions'\s*=>\s*\[(.*?)\]", row, re.DOTALL)
        for name in re.findall(r"'(\w+)'", listed.group(1)) if listed else []:
            if name.startswith(plugin.component) and name not in names:
                yield Finding(plugin.at("db/services.php"), f"a service lists {name}, which is not defined")


def check_callbacks(plugin: Plugin) -> Iterator[Finding]:
    """Each observer, hook callback and task exists; observers run after commit."""
    for name, variable, key in (
        ("db/events.php", "observers", "callback"),
        ("db/hooks.php", "callbacks", "callback"),
        ("db/tasks.php", "tasks", "classname"),
    ):
        for row in array_rows(plugin.code(name), variable):
            written = re.search(rf"'{key}'\s*=>\s*(\[[^\]]*\]|[^,\]]+)", row)
            class_name, method = _callback(written.group(1) if written else "")
            path = plugin.class_file(class_name)
            if path is None or not path.exists():
                yield Finding(plugin.at(name), f"the class {class_name or '?'} is missing")
            elif method and not re.search(rf"static function {method}\(", read_source(path).code):
                yield Finding(plugin.at(name), f"{class_name} has no static {method}()")
            if variable == "observers" and not re.search(r"'internal'\s*=>\s*false", row):
                yield Finding(
                    plugin.at(name),
                    f"{class_name}::{method} does not wait for the commit ('internal' => false)",
                )


def _callback(written: str) -> tuple[str, str]:
    """Return class and method of `'a\\b::c'`, `[b::class, 'c']`, `b::class . '::c'` or `'a\\b'`."""
    names = re.findall(r"'([^']+)'|([\w\\]+)::class", written)
    words = [(quoted or named).replace("\\\\", "\\").lstrip("\\") for quoted, named in names]
    joined = "::".join(word.removeprefix("::") for word in words if word)
    class_name, _, method = joined.partition("::")
    return class_name, method


def check_capabilities(plugin: Plugin) -> Iterator[Finding]:
    """Each capability of ours that code names is defined, belongs to its plugin and has its name for people."""
    defined = {name for one in (plugin, *plugin.siblings.values()) for name in one.capabilities}
    kind, _, name = plugin.component.partition("_")
    families = {one.component.replace("_", "/", 1) for one in (plugin, *plugin.siblings.values())}
    for capability in plugin.capabilities:
        if not capability.startswith(f"{kind}/{name}:"):
            yield Finding(plugin.at("db/access.php"), f"{capability} is not of {plugin.component}")
        if capability.partition("/")[2] not in plugin.language("en"):
            yield Finding(
                plugin.at("db/access.php"), f"{capability} has no string {capability.partition('/')[2]}"
            )
    for source in plugin.php:
        for literal in source.literals:
            if (
                re.fullmatch(r"[a-z]+/\w+:\w+", literal)
                and literal.partition(":")[0] in families
                and literal not in defined
            ):
                yield Finding(plugin.at(source.path), f"names the capability {literal}, which is not defined")


def check_privacy(plugin: Plugin) -> Iterator[Finding]:
    """Where a table holds a person, the provider names the table and can export and delete."""
    path = plugin.folder / "classes/privacy/provider.php"
    if not path.exists():
        return
    source = read_source(path)
    people = [
        name
        for name, fields in tables(plugin.folder / "db/install.xml").items()
        if any(
            re.fullmatch(r"\w*userid|userid\w*|actorid|usermodified|learnerid", column) for column in fields
        )
    ]
    place = plugin.at(path)
    if people and "null_provider" in source.code:
        yield Finding(place, f"is a null provider, but {', '.join(people)} hold people")
    for table in people:
        if not re.search(rf"\b{table}\b", source.code):
            yield Finding(place, f"does not tell of the table {table}")
    if people:
        for interface in ("metadata\\provider", "core_userlist_provider", "plugin\\provider"):
            if interface not in source.code:
                yield Finding(place, f"does not implement {interface}")


def check_leaks(plugin: Plugin) -> Iterator[Finding]:
    """An event's data never goes on whole (it holds session ids and e-mail), and no file is stored in Moodle by us."""
    patterns = (
        (r"\$event->get_data\(\)(?!\s*\[)", "hands on an event's get_data() whole"),
        (r"\$event->other(?!\s*\[|\s*\?\?)\b", "hands on an event's other whole"),
        (r"\(array\)\s*\$event\b", "hands on an event whole"),
        (r"json_encode\(\s*\$event\b", "hands on an event whole"),
        (r"->get_logextra\(\)", "hands on an event's extras whole"),
        (r"->create_file_from_\w+\(", "stores a file in Moodle"),
    )
    for source in plugin.product:
        for pattern, sentence in patterns:
            for match in re.finditer(pattern, source.code):
                yield Finding(f"{plugin.at(source.path)}:{source.line_of(match.start())}", sentence)


def check_yui(plugin: Plugin) -> Iterator[Finding]:
    """What YUI loads is the source, wrapped: no build step could have changed it."""
    for path in sorted((plugin.folder / "yui").rglob("build.json")):
        form = path.parent.name
        name = f"moodle-{plugin.component}-{form}"
        body = (path.parent / "js" / f"{form}.js").read_text(encoding="utf-8")
        for ending in ("", "-min", "-debug"):
            built = plugin.folder / "yui" / "build" / name / f"{name}{ending}.js"
            whole = built.read_text(encoding="utf-8") if built.exists() else ""
            if not whole.startswith(
                f"YUI.add('{name}', function (Y, NAME) {{\n\n{body}\n\n}}, '@VERSION@', {{"
            ):
                yield Finding(plugin.at(built), f"is not the source {form}.js in YUI's wrapping")
