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

namespace availability_anxue;

/**
 * Class hours (学时) as exact decimals: no float ever decides whether an activity opens.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class class_hours {
    /** @var int decimal places that count. */
    private const PLACES = 4;

    /** @var string at most four digits before the point and four after it. */
    private const PATTERN = '/^[0-9]{1,4}(?:\.[0-9]{1,4})?$/D';

    /**
     * Whether a text is a number of class hours that can be asked for: more than zero, below ten thousand.
     *
     * @param mixed $text any value.
     * @return bool
     */
    public static function is_valid(mixed $text): bool {
        return is_string($text) && preg_match(self::PATTERN, $text) === 1 && self::ten_thousandths($text) > 0;
    }

    /**
     * Whether what is credited reaches what is asked for. A text that is no number reaches nothing.
     *
     * @param string $credited as the bridge reports it.
     * @param string $wanted as the condition says.
     * @return bool
     */
    public static function reaches(string $credited, string $wanted): bool {
        $has = self::ten_thousandths($credited);
        $needs = self::ten_thousandths($wanted);
        return $has !== null && $needs !== null && $has >= $needs;
    }

    /**
     * A number without the zeros that say nothing: '7.5000' is '7.5'.
     *
     * @param string $hours a valid number.
     * @return string
     */
    public static function plain(string $hours): string {
        $hours = str_contains($hours, '.') ? rtrim(rtrim($hours, '0'), '.') : $hours;
        return ltrim($hours, '0') === '' || str_starts_with(ltrim($hours, '0'), '.') ? '0' . ltrim($hours, '0') : ltrim($hours, '0');
    }

    /**
     * The number in whole ten-thousandths, or null.
     *
     * @param string $text as the database or the condition has it.
     * @return int|null
     */
    private static function ten_thousandths(string $text): ?int {
        if (preg_match('/^([0-9]{1,9})(?:\.([0-9]{1,' . self::PLACES . '}))?$/D', $text, $parts) !== 1) {
            return null;
        }
        return (int) ($parts[1] . str_pad($parts[2] ?? '', self::PLACES, '0'));
    }
}
