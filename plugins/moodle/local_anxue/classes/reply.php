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
 * What the bridge answered to a batch, or why there was no answer.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class reply {
    /** @var array|null the JSON object of the answer; null: it was none */
    public readonly ?array $json;

    /**
     * Keeps an answer.
     *
     * @param int $status of HTTP; 0: there was no answer
     * @param string $body
     * @param string|null $fault why there was no answer, as a code
     * @param string $words the same in words
     * @param int|null $clock the sender's clock, Unix seconds
     * @param float|null $asked when the request left, by our clock
     * @param float|null $answered when the answer was there, by our clock
     */
    public function __construct(
        /** @var int of HTTP */
        public readonly int $status,
        string $body,
        /** @var string|null why there was no answer */
        private readonly ?string $fault = null,
        /** @var string the same in words */
        private readonly string $words = '',
        /** @var int|null the bridge's clock */
        public readonly ?int $clock = null,
        /** @var float|null when the request left */
        public readonly ?float $asked = null,
        /** @var float|null when the answer was there */
        public readonly ?float $answered = null
    ) {
        $json = json_decode($body, true, 32);
        $this->json = is_array($json) ? $json : null;
    }

    /**
     * Tells whether the batch was taken, whatever became of each message.
     *
     * @return bool
     */
    public function is_taken(): bool {
        return $this->status === 200 && is_array($this->json['results'] ?? null);
    }

    /**
     * Tells whether the batch itself was found bad: the same bytes would be refused again.
     *
     * Not so where the setup or the moment is at fault (secret, clock, address, load): then it is sent again.
     *
     * @return bool
     */
    public function is_bad_content(): bool {
        return in_array($this->status, [400, 413, 415, 422], true);
    }

    /**
     * Returns the answer for one message.
     *
     * @param string $id
     * @return array{string, string, string} status, reason, message; the status is empty when there is no answer for it
     */
    public function result(string $id): array {
        foreach ($this->json['results'] ?? [] as $result) {
            if (is_array($result) && ($result['id'] ?? null) === $id) {
                return [self::text($result, 'status'), self::text($result, 'reason'), self::text($result, 'message')];
            }
        }
        return ['', '', ''];
    }

    /**
     * Returns why the batch was not taken, as a code.
     *
     * @return string
     */
    public function reason(): string {
        return $this->fault ?? (self::text($this->json ?? [], 'reason') ?: "http_$this->status");
    }

    /**
     * Returns why the batch was not taken, in words.
     *
     * @return string
     */
    public function message(): string {
        return $this->words ?: (self::text($this->json ?? [], 'message') ?: "HTTP $this->status");
    }

    /**
     * Returns a text of an answer; empty when it is none.
     *
     * @param array $value
     * @param string $name
     * @return string
     */
    private static function text(array $value, string $name): string {
        $text = $value[$name] ?? '';
        return is_string($text) ? $text : '';
    }
}
