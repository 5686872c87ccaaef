"""Each check finds the fault that it is for, and nothing in a sound plugin."""

from pathlib import Path

import pytest

from tests.plugins.moodle import plugin_checks, string_checks
from tests.plugins.moodle.broken_plugin import replace, small_plugin, write
from tests.plugins.moodle.plugin_checks import Check, Plugin, read_plugins

_CHECKS: dict[str, Check] = {
    name: check
    for module in (plugin_checks, string_checks)
    for name, check in vars(module).items()
    if name.startswith("check_")
}

_EN = "lang/en/local_small.php"
_ZH = "lang/zh_cn/local_small.php"
_PROVIDER = "classes/privacy/provider.php"
_SAY = "classes/external/say.php"
_OBSERVER = "classes/observer.php"

# (check, file, what stands there, what the fault makes of it, words of the finding)
_FAULTS = [
    (
        "check_tables",
        "db/install.xml",
        'NAME="userid"',
        'NAME="userid" TYPE="char" NOTNULL="true" DEFAULT=""',
        "local_small_row.userid is NOT NULL with the default",
    ),
    ("check_version", "version.php", "'local_small'", "'local_smell'", "the component is not"),
    ("check_version", "version.php", "2026112801", "20261128", "not YYYYMMDDNN"),
    ("check_version", "version.php", "2026112801", "2026132801", "not YYYYMMDDNN"),
    ("check_version", "version.php", "2024100700", "2023100900", "requires less"),
    ("check_version", "version.php", "$plugin->maturity", "$plugin->mature", "has no maturity"),
    ("check_version", "version.php", "= 2026112801", "= 2026112800", "behind the upgrade step 2026112801"),
    ("check_version", "version.php", "=> 2026112800", "=> 2026112805", "depends on local_other 2026112805"),
    ("check_licence", _SAY, "version 3", "version 2", "no GPL 3 header"),
    ("check_licence", _SAY, "@package local_small", "@package local_x", "no @package local_small"),
    ("check_namespaces", _SAY, "class say", "class said", "which is not found there"),
    ("check_namespaces", _SAY, "local_small\\external;", "local_small;", "which is not found there"),
    ("check_tables", "db/install.xml", 'NAME="local_small_row"', 'NAME="small_row"', "does not begin with"),
    ("check_tables", "db/install.xml", "local_small_row", f"local_small_{'x' * 42}", "more than 53 letters"),
    ("check_tables", "db/install.xml", 'NAME="id"', 'NAME="no"', "has no id"),
    (
        "check_savepoints",
        "db/upgrade.php",
        "xmldb_local_small_upgrade",
        "xmldb_small_upgrade",
        "has no function",
    ),
    (
        "check_savepoints",
        "db/upgrade.php",
        "(true, 2026112801",
        "(true, 2026112800",
        "step 2026112801 has not",
    ),
    ("check_savepoints", "db/upgrade.php", "'local', 'small'", "'local', 'smell'", "step 2026112800 has not"),
    (
        "check_savepoints",
        "db/upgrade.php",
        "upgrade_plugin_savepoint",
        "upgrade_mod_savepoint",
        "has not exactly one",
    ),
    ("check_savepoints", "db/upgrade.php", "< 2026112800", "< 2026112802", "do not ascend"),
    (
        "check_savepoints",
        "db/upgrade.php",
        "    return true;",
        "    upgrade_plugin_savepoint(true, 2026112801, 'local', 'small');\n    return true;",
        "step 2026112801 has not exactly one",
    ),
    (
        "check_savepoints",
        "db/upgrade.php",
        "    if ($oldversion < 2026112800) {",
        "    upgrade_plugin_savepoint(true, 2026112800, 'local', 'small');\n    if ($oldversion < 2026112800) {",
        "outside of any step",
    ),
    (
        "check_services",
        "db/services.php",
        "'local_small_say' => [",
        "'small_say' => [",
        "does not begin with",
    ),
    ("check_services", "db/services.php", "external\\say::class", "external\\said::class", "has no class"),
    ("check_services", _SAY, "function execute_returns(", "function returns(", "has no execute_returns()"),
    (
        "check_services",
        "db/services.php",
        "['local_small_say',",
        "['local_small_shout',",
        "which is not defined",
    ),
    ("check_callbacks", "db/events.php", "observer::seen", "watcher::seen", "watcher is missing"),
    ("check_callbacks", "db/events.php", "observer::seen", "observer::saw", "has no static saw()"),
    ("check_callbacks", "db/events.php", "'internal' => false,", "", "does not wait for the commit"),
    ("check_callbacks", "db/hooks.php", "'seen'", "'saw'", "has no static saw()"),
    ("check_callbacks", "db/tasks.php", "task\\send", "task\\sent", "sent is missing"),
    (
        "check_capabilities",
        "db/access.php",
        "'local/small:use' =>",
        "'mod/small:use' =>",
        "is not of local_small",
    ),
    ("check_capabilities", _EN, "'small:use'", "'small:uses'", "has no string small:use"),
    (
        "check_capabilities",
        _SAY,
        "'local/small:use'",
        "'local/small:abuse'",
        "local/small:abuse, which is not defined",
    ),
    (
        "check_privacy",
        _PROVIDER,
        "'local_small_row'",
        "'local_small_r'",
        "does not tell of the table local_small_row",
    ),
    (
        "check_privacy",
        _PROVIDER,
        "core_userlist_provider",
        "userlists",
        "does not implement core_userlist_provider",
    ),
    ("check_privacy", _PROVIDER, "metadata\\provider", "metadata\\null_provider", "is a null provider"),
    ("check_leaks", _OBSERVER, "$event->get_data()['courseid']", "$event->get_data()", "get_data() whole"),
    ("check_leaks", _OBSERVER, "$event->other['reason'] ?? null", "$event->other", "other whole"),
    ("check_leaks", _OBSERVER, "$form->get_data()", "(array) $event", "an event whole"),
    ("check_leaks", _OBSERVER, "$form->get_data()", "json_encode($event)", "an event whole"),
    ("check_leaks", _OBSERVER, "$form->get_data()", "$event->get_logextra()", "extras whole"),
    ("check_leaks", _OBSERVER, "$form->get_data()", "$fs->create_file_from_string([], '')", "stores a file"),
    ("check_languages", _ZH, "$string['hello']", "$string['hallo']", "has no string hello"),
    ("check_languages", _EN, "$string['hello']", "$string['hallo']", "has no string hallo"),
    ("check_languages", _ZH, "你好 {$a}", "你好", "has other {$a}"),
    ("check_languages", _ZH, "'使用'", "''", "the string small:use is empty"),
    (
        "check_languages",
        _EN,
        "$string['hello']",
        "$string['hello'] = 'Hi';\n$string['hello']",
        "the string hello twice",
    ),
    ("check_asked", _SAY, "get_string('hello'", "get_string('hullo'", "asks for the string hullo"),
    ("check_asked", _EN, "$string['limit_help']", "$string['limit_helps']", "asks for the string limit_help"),
    (
        "check_asked",
        _SAY,
        "'hello', 'local_small'",
        "'hello', 'local_other'",
        "the string hello of local_other",
    ),
    (
        "check_unused",
        _EN,
        "$string['hello']",
        "$string['bye'] = 'Bye';\n$string['hello']",
        "nobody asks for the string bye",
    ),
    (
        "check_unused",
        _SAY,
        "get_string('reason_' . $why, 'local_small')",
        "''",
        "nobody asks for the string reason_late",
    ),
]


def test_a_sound_plugin_has_no_finding(tmp_path: Path) -> None:
    plugin = small_plugin(tmp_path)
    assert {name: list(check(plugin)) for name, check in _CHECKS.items()} == {name: [] for name in _CHECKS}


@pytest.mark.parametrize(("name", "file", "old", "new", "words"), _FAULTS)
def test_a_fault_is_found(tmp_path: Path, name: str, file: str, old: str, new: str, words: str) -> None:
    small_plugin(tmp_path)
    plugin = replace(tmp_path, file, old, new)
    assert any(words in str(finding) for finding in _CHECKS[name](plugin)), list(_CHECKS[name](plugin))


@pytest.mark.parametrize(
    "name", ["version.php", _EN, _ZH, _PROVIDER, "db/upgrade.php"], ids=lambda name: name.replace("/", ".")
)
def test_a_missing_file_is_found(tmp_path: Path, name: str) -> None:
    plugin = small_plugin(tmp_path)
    (plugin.folder / name).unlink()
    assert f"local_small/{name}: is missing" in _said("check_layout", plugin)


def test_a_plugin_without_a_name_is_found(tmp_path: Path) -> None:
    small_plugin(tmp_path)
    plugin = replace(tmp_path, _EN, "$string['pluginname']", "$string['plugin']")
    assert any("has no pluginname" in sentence for sentence in _said("check_layout", plugin))


def test_kinds_of_plugins_have_files_of_their_own(tmp_path: Path) -> None:
    for folder in ("quizaccess_small", "availability_small"):
        (tmp_path / folder).mkdir()
    plugins = read_plugins(tmp_path)
    assert "quizaccess_small/rule.php: is missing" in _said("check_layout", plugins["quizaccess_small"])
    missing = _said("check_layout", plugins["availability_small"])
    assert "availability_small/classes/condition.php: is missing" in missing
    built = "yui/build/moodle-availability_small-form/moodle-availability_small-form-min.js"
    assert f"availability_small/{built}: is missing" in missing


def test_a_built_script_that_is_not_its_source_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "availability_small"
    name = "moodle-availability_small-form"
    write(folder / "yui/src/form/build.json", "{}")
    write(folder / "yui/src/form/js/form.js", "M.x = 1;")
    wrapped = f"YUI.add('{name}', function (Y, NAME) {{\n\nM.x = 1;\n\n}}, '@VERSION@', {{}});\n"
    for ending in ("", "-min", "-debug"):
        write(folder / f"yui/build/{name}/{name}{ending}.js", wrapped)
    plugin = read_plugins(tmp_path)["availability_small"]
    assert _said("check_yui", plugin) == []
    write(folder / f"yui/build/{name}/{name}-min.js", wrapped.replace("1", "2"))
    assert [
        f"availability_small/yui/build/{name}/{name}-min.js" in said for said in _said("check_yui", plugin)
    ] == [True]


def test_every_check_has_a_fault_that_it_finds() -> None:
    elsewhere = {"check_layout", "check_yui"}
    assert {fault[0] for fault in _FAULTS} | elsewhere == set(_CHECKS)


def _said(name: str, plugin: Plugin) -> list[str]:
    return [str(finding) for finding in _CHECKS[name](plugin)]
