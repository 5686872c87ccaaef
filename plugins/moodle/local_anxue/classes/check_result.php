<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

namespace local_anxue;

/**
 * What one check of the connection found.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class check_result {
    /** @var string all is well */
    public const OK = 'ok';

    /** @var string works, but should be looked at */
    public const WARNING = 'warning';

    /** @var string does not work */
    public const FAILED = 'failed';

    /**
     * Keeps a finding.
     *
     * @param string $check name of the check: string "check_[name]"
     * @param string $status one of this class's
     * @param string $finding string "found_[finding]": what was found and what to do
     * @param array $details what the string names
     */
    public function __construct(
        /** @var string name of the check */
        public readonly string $check,
        /** @var string OK, WARNING or FAILED */
        public readonly string $status,
        /** @var string what was found */
        public readonly string $finding,
        /** @var array what the string names */
        public readonly array $details = []
    ) {
    }

    /**
     * Returns what was found and what to do, in Chinese and in English, the reader's language first.
     *
     * Both, since the one who reads it and the one who can mend it are often two people.
     *
     * @return string[]
     */
    public function sentences(): array {
        $languages = str_starts_with(current_language(), 'zh') ? ['zh_cn', 'en'] : ['en', 'zh_cn'];
        return array_map(fn(string $language): string => $this->sentence($language), $languages);
    }

    /**
     * Returns the sentence in a language. Read from the plugin's own file: the site may not have the language.
     *
     * @param string $language en or zh_cn
     * @return string
     */
    private function sentence(string $language): string {
        $string = [];
        include(__DIR__ . "/../lang/$language/local_anxue.php");
        $text = $string['found_' . $this->finding];
        foreach ($this->details as $name => $value) {
            $text = str_replace('{$a->' . $name . '}', (string) $value, $text);
        }
        return $text;
    }
}
