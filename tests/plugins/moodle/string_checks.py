"""Language strings: each that is asked for exists in both languages, and each that exists is asked for."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.plugins.moodle.php_source import Source, language_strings
from tests.plugins.moodle.plugin_checks import Finding, Plugin

_LANGUAGES = ("en", "zh_cn")
_KEY = r"'([A-Za-z][\w:/]*)'"
_ASKED = (
    # (pattern with key and component, endings of the keys that it asks for)
    (re.compile(rf"get_string\(\s*{_KEY}\s*,\s*'(\w+)'"), ("",)),
    (re.compile(rf"lang_string\(\s*{_KEY}\s*,\s*'(\w+)'"), ("",)),
    (re.compile(rf"string_for_js\(\s*{_KEY}\s*,\s*'(\w+)'"), ("",)),
    (re.compile(rf"moodle_exception\(\s*{_KEY}\s*,\s*'(\w+)'"), ("",)),
    (re.compile(rf"invalid_parameter_exception\(\s*{_KEY}\s*,\s*'(\w+)'"), ("",)),
    (re.compile(rf"addHelpButton\(\s*'\w+'\s*,\s*{_KEY}\s*,\s*'(\w+)'"), ("", "_help")),
    (re.compile(rf"help_icon\(\s*{_KEY}\s*,\s*'(\w+)'"), ("", "_help")),
    (re.compile(r"\{\{#str\}\}\s*([A-Za-z][\w:/]*)\s*,\s*(\w+)"), ("",)),
)
_MANY = re.compile(r"strings_for_js\(\s*\[([^\]]*)\]\s*,\s*'(\w+)'")
_BEGINNING = re.compile(r"""'([A-Za-z][\w:]*[_:])'\s*\.|"([A-Za-z][\w:]*[_:])\{?\$""")
"""A key put together of its beginning and a value: 'reason_' . $why."""


def check_languages(plugin: Plugin) -> Iterator[Finding]:
    """Both languages hold the same keys, none empty, with the same places for values, and each key once."""
    english, chinese = (plugin.language(name) for name in _LANGUAGES)
    for name, ours, others in (("en", english, chinese), ("zh_cn", chinese, english)):
        place = plugin.at(f"lang/{name}/{plugin.component}.php")
        for key in sorted(set(others) - set(ours)):
            yield Finding(place, f"has no string {key}")
        for key in sorted(key for key, value in ours.items() if not value.strip()):
            yield Finding(place, f"the string {key} is empty")
        for key in _written_twice(plugin.folder / "lang" / name / f"{plugin.component}.php"):
            yield Finding(place, f"has the string {key} twice")
    for key in sorted(set(english) & set(chinese)):
        if _places(english[key]) != _places(chinese[key]):
            yield Finding(
                plugin.at(f"lang/zh_cn/{plugin.component}.php"), f"{key} has other {{$a}} than in English"
            )


def check_asked(plugin: Plugin) -> Iterator[Finding]:
    """Each string that is asked for by its name exists, in whichever plugin of ours it is asked of."""
    plugins = {**plugin.siblings, plugin.component: plugin}
    for source in plugin.sources:
        for key, component, line in _asked(source):
            if component in plugins and key not in plugins[component].language("en"):
                yield Finding(
                    f"{plugin.at(source.path)}:{line}",
                    f"asks for the string {key} of {component}, which is not there",
                )


def check_unused(plugin: Plugin) -> Iterator[Finding]:
    """Each string is asked for somewhere in the plugin, or by Moodle itself."""
    literals = {literal for source in plugin.product for literal in source.literals}
    literals |= {key for source in plugin.product for key, _, _ in _asked(source)}
    parts = [match for source in plugin.product for match in _BEGINNING.findall(source.code)]
    beginnings = tuple(single or double for single, double in parts)
    moodle_asks = {"pluginname", *(capability.partition("/")[2] for capability in plugin.capabilities)}
    if plugin.component.startswith("availability_"):
        moodle_asks |= {"title", "description"}
    moodle_asks |= {
        f"cachedef_{name}" for name in re.findall(r"'(\w+)'\s*=>\s*\[", plugin.code("db/caches.php"))
    }
    moodle_asks |= {
        f"messageprovider:{name}" for name in re.findall(r"'(\w+)'\s*=>\s*\[", plugin.code("db/messages.php"))
    }
    others = {
        key
        for sibling in plugin.siblings.values()
        if sibling.component != plugin.component
        for source in sibling.product
        for key, component, _ in _asked(source)
        if component == plugin.component
    }
    for key in plugin.language("en"):
        base = re.sub(r"_(help|link)$", "", key)
        used = key in literals | moodle_asks | others or (base != key and base in literals)
        if not used and not (beginnings and key.startswith(beginnings)):
            yield Finding(plugin.at(f"lang/en/{plugin.component}.php"), f"nobody asks for the string {key}")


def _asked(source: Source) -> Iterator[tuple[str, str, int]]:
    for pattern, endings in _ASKED:
        for match in pattern.finditer(source.code):
            for ending in endings:
                yield match.group(1) + ending, match.group(2), source.line_of(match.start())
    for match in _MANY.finditer(source.code):
        for key in re.findall(_KEY, match.group(1)):
            yield key, match.group(2), source.line_of(match.start())


def _places(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{\$a(?:->\w+)?\}", text)))


def _written_twice(path: Path) -> list[str]:
    if not path.exists():
        return []
    keys = re.findall(r"^\$string\['([^']+)'\]", path.read_text(encoding="utf-8"), re.MULTILINE)
    return sorted({key for key in keys if keys.count(key) > 1} & set(language_strings(path)))
