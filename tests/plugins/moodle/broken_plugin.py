"""A small sound plugin made for one test, to be broken in one place."""

from pathlib import Path

from tests.plugins.moodle.plugin_checks import Plugin, read_plugins

_HEADER = """<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License
// as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

/**
 * Made for a test.
 *
 * @package local_small
 */

"""

_FILES = {
    "version.php": """$plugin->component = 'local_small';
$plugin->version = 2026112801;
$plugin->requires = 2024100700;
$plugin->maturity = MATURITY_STABLE;
$plugin->release = '1.0';
$plugin->dependencies = ['local_other' => 2026112800];
""",
    "lang/en/local_small.php": """$string['pluginname'] = 'Small';
$string['small:use'] = 'Use it';
$string['hello'] = 'Hello {$a}';
$string['privacy:metadata:row'] = 'A row';
$string['reason_late'] = 'Late';
$string['limit'] = 'Limit';
$string['limit_help'] = 'How many.';
""",
    "lang/zh_cn/local_small.php": """$string['pluginname'] = '小';
$string['small:use'] = '使用';
$string['hello'] = '你好 {$a}';
$string['privacy:metadata:row'] = '一行';
$string['reason_late'] = '迟到';
$string['limit'] = '上限';
$string['limit_help'] = '多少。';
""",
    "db/upgrade.php": """function xmldb_local_small_upgrade($oldversion): bool {
    if ($oldversion < 2026112800) {
        upgrade_plugin_savepoint(true, 2026112800, 'local', 'small');
    }
    if ($oldversion < 2026112801) {
        upgrade_plugin_savepoint(true, 2026112801, 'local', 'small');
    }
    return true;
}
""",
    "db/access.php": """$capabilities = [
    'local/small:use' => ['captype' => 'read', 'contextlevel' => CONTEXT_MODULE],
];
""",
    "db/services.php": """$functions = [
    'local_small_say' => [
        'classname' => \\local_small\\external\\say::class,
        'capabilities' => 'local/small:use',
    ],
];
$services = [
    'Small' => ['functions' => ['local_small_say', 'core_user_get_users'], 'shortname' => 'local_small'],
];
""",
    "db/events.php": """$observers = [
    [
        'eventname' => '\\core\\event\\user_loggedin',
        'callback' => '\\local_small\\observer::seen',
        'internal' => false,
    ],
];
""",
    "db/hooks.php": """$callbacks = [
    [
        'hook' => \\core\\hook\\after_config::class,
        'callback' => [\\local_small\\observer::class, 'seen'],
    ],
];
""",
    "db/tasks.php": """$tasks = [
    ['classname' => 'local_small\\task\\send', 'minute' => '*'],
];
""",
    "classes/external/say.php": """namespace local_small\\external;

class say {
    public static function execute_parameters() {
    }
    public static function execute() {
        require_capability('local/small:use', $context);
        return get_string('hello', 'local_small', 'x') . get_string('reason_' . $why, 'local_small');
    }
    public static function execute_returns() {
    }
}
""",
    "classes/observer.php": """namespace local_small;

class observer {
    public static function seen($event): void {
        // A comment may say $event->get_data() or get_string('never', 'local_small').
        self::keep($event->get_data()['courseid'], $event->other['reason'] ?? null, $form->get_data());
        $mform->addHelpButton('x', 'limit', 'local_small');
    }
}
""",
    "classes/task/send.php": """namespace local_small\\task;

class send {
}
""",
    "classes/privacy/provider.php": """namespace local_small\\privacy;

class provider implements
    \\core_privacy\\local\\metadata\\provider,
    \\core_privacy\\local\\request\\core_userlist_provider,
    \\core_privacy\\local\\request\\plugin\\provider {
    public static function get_metadata($collection) {
        return $collection->add_database_table('local_small_row', [], 'privacy:metadata:row');
    }
}
""",
}

_TABLES = """<?xml version="1.0"?>
<XMLDB><TABLES><TABLE NAME="local_small_row"><FIELDS>
<FIELD NAME="id"/><FIELD NAME="userid"/></FIELDS></TABLE></TABLES></XMLDB>
"""

_OTHER_VERSION = "$plugin->component = 'local_other';\n$plugin->version = 2026112800;\n"


def small_plugin(folder: Path) -> Plugin:
    """Write a plugin without any fault, and a sibling that it depends on; return it."""
    for name, body in _FILES.items():
        write(folder / "local_small" / name, _HEADER + body)
    write(folder / "local_small/db/install.xml", _TABLES)
    write(folder / "local_other/version.php", _HEADER + _OTHER_VERSION)
    return read_plugins(folder)["local_small"]


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def replace(folder: Path, name: str, old: str, new: str) -> Plugin:
    """Break the plugin: put `new` for `old` (which must be there) in one file; return it, read afresh."""
    path = folder / "local_small" / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} does not hold {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return read_plugins(folder)["local_small"]
