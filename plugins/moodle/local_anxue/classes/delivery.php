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

use stdClass;

/**
 * The delivery of what waits in the outbox.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class delivery {
    /** @var int how long one run goes on: the next comes in a minute, and other tasks want their turn */
    private const LONGEST_RUN = 45;

    /** @var bridge the way to the bridge */
    private readonly bridge $bridge;

    /** @var int messages delivered or known in this run */
    private int $sent = 0;

    /** @var int messages refused in this run */
    private int $refused = 0;

    /**
     * Makes a run ready.
     *
     * @param bridge|null $bridge another way, for tests
     */
    public function __construct(?bridge $bridge = null) {
        $this->bridge = $bridge ?? new bridge();
    }

    /**
     * Sends what is due, batch by batch, until nothing is or the bridge cannot be reached.
     *
     * @return array sent, refused: counts; failed: the reason why the run ended early, or null
     */
    public function run(): array {
        if (!settings::complete()) {
            return ['sent' => 0, 'refused' => 0, 'failed' => 'not_configured'];
        }
        // The task of each minute and a run that somebody asked for would send the same rows twice.
        $lock = \core\lock\lock_config::get_lock_factory('local_anxue')->get_lock('delivery', 0);
        if (!$lock) {
            return ['sent' => 0, 'refused' => 0, 'failed' => 'under_way'];
        }
        try {
            $failed = $this->send_all();
        } finally {
            $lock->release();
        }
        if ($this->sent + $this->refused > 0) {
            set_config('lastdelivery', time(), 'local_anxue');
            outbox::trim();
        }
        return ['sent' => $this->sent, 'refused' => $this->refused, 'failed' => $failed];
    }

    /**
     * Sends batch after batch.
     *
     * @return string|null as send()
     */
    private function send_all(): ?string {
        $until = time() + self::LONGEST_RUN;
        while (time() < $until) {
            $rows = outbox::due(settings::batch_size());
            $failed = $rows ? $this->send($rows) : null;
            if (!$rows || $failed !== null) {
                return $failed;
            }
        }
        return null;
    }

    /**
     * Sends one batch. One that the bridge finds bad is halved until the bad message stands alone.
     *
     * @param stdClass[] $rows at least one
     * @return string|null the reason why nothing more can be sent now
     */
    private function send(array $rows): ?string {
        $messages = array_column($rows, 'payload');
        $body = message::batch(\core\uuid::generate(), time(), $messages);
        $reply = $this->bridge->post_batch($body, settings::secret());
        if ($reply->is_taken()) {
            return $this->note_results($rows, $reply);
        }
        if (!$reply->is_bad_content()) {
            outbox::mark_failed($rows, $reply->reason(), $reply->message());
            if (get_config('local_anxue', 'lastfault') !== $reply->reason()) {
                set_config('lastfault', $reply->reason(), 'local_anxue');
            }
            return $reply->reason();
        }
        if (count($rows) === 1) {
            outbox::mark_refused($rows[0], $reply->reason(), $reply->message());
            $this->refused++;
            return null;
        }
        foreach (array_chunk($rows, intdiv(count($rows) + 1, 2)) as $half) {
            $failed = $this->send($half);
            if ($failed !== null) {
                return $failed;
            }
        }
        return null;
    }

    /**
     * Notes what became of each message of a batch that was taken.
     *
     * @param stdClass[] $rows
     * @param reply $reply
     * @return string|null as send()
     */
    private function note_results(array $rows, reply $reply): ?string {
        $unanswered = [];
        foreach ($rows as $row) {
            [$status, $reason, $message] = $reply->result($row->uuid);
            if ($status === 'accepted' || $status === 'duplicate') {
                outbox::mark_sent($row, $status);
                $this->sent++;
            } else if ($status === 'refused') {
                outbox::mark_refused($row, $reason, $message);
                $this->refused++;
            } else {
                $unanswered[] = $row;
            }
        }
        if ($unanswered) {
            outbox::mark_failed($unanswered, 'no_result', get_string('whynoresult', 'local_anxue'));
        }
        if (count($unanswered) === count($rows)) {
            return 'no_result';
        }
        if (get_config('local_anxue', 'lastfault')) {
            // The bridge is there again: what waits for the end of its pause need not wait longer.
            unset_config('lastfault', 'local_anxue');
            outbox::wake();
        }
        return null;
    }
}
