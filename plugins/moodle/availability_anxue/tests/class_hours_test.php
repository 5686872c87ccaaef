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

use basic_testcase;

/**
 * Class hours as exact decimals.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \availability_anxue\class_hours
 */
final class class_hours_test extends basic_testcase {
    /**
     * What an editor may ask for.
     *
     * @dataProvider askable
     * @param mixed $text what was entered.
     * @param bool $valid whether it can be asked for.
     */
    public function test_only_a_number_above_zero_can_be_asked_for(mixed $text, bool $valid): void {
        $this->assertSame($valid, class_hours::is_valid($text));
    }

    /**
     * Entered texts.
     *
     * @return array[]
     */
    public static function askable(): array {
        return [
            ['8', true], ['7.5', true], ['0.0001', true], ['9999.9999', true],
            ['0', false], ['0.0000', false], ['', false], ['-1', false], ['1e3', false], ['7,5', false],
            ['7.', false], ['.5', false], ['10000', false], ['7.50000', false], [" 7\n", false], ["7\n", false],
            [8, false], [7.5, false], [null, false],
        ];
    }

    /**
     * What is credited against what is wanted.
     *
     * @dataProvider pairs
     * @param string $credited as the bridge reports it.
     * @param string $wanted as the condition says.
     * @param bool $reached whether it is enough.
     */
    public function test_hours_are_compared_exactly(string $credited, string $wanted, bool $reached): void {
        $this->assertSame($reached, class_hours::reaches($credited, $wanted));
    }

    /**
     * Credited, wanted, enough.
     *
     * @return array[]
     */
    public static function pairs(): array {
        return [
            ['7.5000', '7.5', true], ['7.4999', '7.5', false], ['8', '7.9999', true], ['10', '9', true], ['9', '10', false],
            ['0', '0.0001', false], ['', '1', false], ['unknown', '1', false], ['-5', '1', false], ['1e9', '1', false],
        ];
    }

    public function test_zeros_that_say_nothing_are_left_out(): void {
        $this->assertSame('7.5', class_hours::plain('7.5000'));
        $this->assertSame('8', class_hours::plain('8.0'));
        $this->assertSame('10', class_hours::plain('10'));
        $this->assertSame('10', class_hours::plain('0010'));
        $this->assertSame('0.25', class_hours::plain('0.25'));
    }
}
