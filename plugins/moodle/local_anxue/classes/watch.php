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
 * What regulated activities looked like when last seen: pass marks lowered and content changed are signals.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class watch {
    /** @var array<string, string[]> module => its own file areas that hold the institution's content, never a learner's */
    private const FILE_AREAS = [
        'book' => ['intro', 'chapter'],
        'folder' => ['intro', 'content'],
        'h5pactivity' => ['intro', 'package'],
        'imscp' => ['intro', 'content'],
        'lesson' => ['intro', 'mediafile', 'page_contents'],
        'page' => ['intro', 'content'],
        'quiz' => ['intro'],
        'resource' => ['intro', 'content'],
        'scorm' => ['intro', 'package'],
        'url' => ['intro'],
    ];

    /** @var array<string, array{string, string, string}> module => table, its column of the instance, column with content */
    private const TEXTS = [
        'book' => ['book_chapters', 'bookid', 'content'],
        'lesson' => ['lesson_pages', 'lessonid', 'contents'],
        'page' => ['page', 'id', 'content'],
        'url' => ['url', 'id', 'externalurl'],
    ];

    /**
     * Looks at an activity and reports what became worse since it was last seen; the first look reports nothing.
     *
     * @param int $cmid
     * @param int|null $actorid who changed it; null: not known, and for a pass mark the grade history is asked
     */
    public static function look(int $cmid, ?int $actorid = null): void {
        global $DB;
        $sql = "SELECT cm.id, cm.course, cm.instance, m.name AS modname
                  FROM {course_modules} cm
                  JOIN {modules} m ON m.id = cm.module
                 WHERE cm.id = :cmid";
        $cm = $DB->get_record_sql($sql, ['cmid' => $cmid]);
        if (!$cm) {
            return;
        }
        $now = (object) [
            'cmid' => $cmid,
            'passmark' => self::pass_mark($cm),
            'fileshash' => self::content_hash($cm),
            'timemodified' => time(),
        ];
        $seen = $DB->get_record('local_anxue_watch', ['cmid' => $cmid]);
        if (!$seen) {
            $DB->insert_record('local_anxue_watch', $now, false);
            return;
        }
        $lowered = (float) ($seen->passmark ?? 0) > (float) ($now->passmark ?? 0);
        $changed = $seen->fileshash !== $now->fileshash;
        if (!$lowered && !$changed && (float) $seen->passmark === (float) $now->passmark) {
            return;
        }
        $DB->update_record('local_anxue_watch', (object) (['id' => $seen->id] + (array) $now));
        if ($lowered) {
            signal::report(
                signal::PASS_MARK_LOWERED,
                (int) $cm->course,
                null,
                $actorid ?? self::who_set_pass_mark($cm),
                $cmid,
                message::decimal($seen->passmark),
                message::decimal($now->passmark)
            );
        }
        if ($changed) {
            signal::report(signal::COURSE_FILE_CHANGED, (int) $cm->course, null, $actorid, $cmid);
        }
    }

    /**
     * Looks at every activity of every regulated course. The gradebook's own pages change a pass mark without an event.
     */
    public static function look_at_all(): void {
        global $DB;
        foreach (regulated::course_ids() as $courseid) {
            $select = 'course = :course AND deletioninprogress = 0';
            foreach ($DB->get_fieldset_select('course_modules', 'id', $select, ['course' => $courseid]) as $cmid) {
                self::look((int) $cmid);
            }
        }
        $DB->delete_records_select('local_anxue_watch', 'cmid NOT IN (SELECT id FROM {course_modules})');
    }

    /**
     * Returns the pass mark of an activity as the database has it; null: it has none.
     *
     * @param stdClass $cm
     * @return string|null
     */
    private static function pass_mark(stdClass $cm): ?string {
        $item = self::grade_item($cm);
        return $item && $item->gradepass > 0 ? $item->gradepass : null;
    }

    /**
     * Returns who last set the pass mark, from the grade history.
     *
     * @param stdClass $cm
     * @return int|null
     */
    private static function who_set_pass_mark(stdClass $cm): ?int {
        global $DB;
        $item = self::grade_item($cm);
        if (!$item) {
            return null;
        }
        $conditions = ['oldid' => $item->id, 'gradepass' => $item->gradepass];
        $last = $DB->get_records('grade_items_history', $conditions, 'id DESC', 'id, loggeduser', 0, 1);
        return ((int) (reset($last)->loggeduser ?? 0)) ?: null;
    }

    /**
     * Returns the row of an activity's main grade item.
     *
     * @param stdClass $cm
     * @return stdClass|null
     */
    private static function grade_item(stdClass $cm): ?stdClass {
        global $DB;
        $items = $DB->get_records('grade_items', [
            'itemtype' => 'mod',
            'itemmodule' => $cm->modname,
            'iteminstance' => $cm->instance,
            'itemnumber' => 0,
        ], 'id', 'id, gradepass', 0, 1);
        return $items ? reset($items) : null;
    }

    /**
     * Returns SHA-256 over the names and hashes of an activity's files and over its text; null: nothing of it is watched.
     *
     * @param stdClass $cm
     * @return string|null
     */
    private static function content_hash(stdClass $cm): ?string {
        global $DB;
        $areas = self::FILE_AREAS[$cm->modname] ?? null;
        if ($areas === null) {
            return null;
        }
        $context = \context_module::instance($cm->id);
        $lines = [];
        foreach ($areas as $area) {
            // Straight from the table: no file is read, and a large folder costs one query.
            $conditions = ['contextid' => $context->id, 'component' => 'mod_' . $cm->modname, 'filearea' => $area];
            $files = $DB->get_records('files', $conditions, 'itemid, filepath, filename', 'id, filepath, filename, contenthash');
            foreach ($files as $file) {
                $lines[] = "$area $file->filepath$file->filename $file->contenthash";
            }
        }
        if (isset(self::TEXTS[$cm->modname])) {
            [$table, $column, $text] = self::TEXTS[$cm->modname];
            foreach ($DB->get_fieldset_select($table, $text, "$column = :id", ['id' => $cm->instance]) as $content) {
                $lines[] = hash('sha256', $content);
            }
        }
        sort($lines);
        return hash('sha256', implode("\n", $lines));
    }
}
