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

/**
 * Starts the bridge's agent in a page of a regulated activity.
 *
 * The pages of one attempt at a quiz share one session of the agent, so that turning a page asks for no further check.
 * A page with exactly one video or audio is studied by playing it. Any other page is read: its study time runs while the
 * agent lets it, up to the activity's nominal length, and skips what is credited already. An exam's questions cannot be
 * used while the agent pauses. On an activity that the bridge's catalogue does not have nothing is counted and nothing is
 * shut: a quiz for practice stays one. What counts is decided by the bridge, and exams are gated on the server. A plain script, without AMD and build step, as the agent itself.
 *
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
(function() {
    'use strict';

    const settings = JSON.parse(document.getElementById('local-anxue-agent').textContent);
    const isTest = settings.activity === 'test';
    let agent = null;
    let paused = true;
    let factor = 1;

    /**
     * Adds the place of the agent's bar at the end of the page.
     *
     * @returns {HTMLElement}
     */
    const makeMount = () => {
        const mount = document.createElement('div');
        mount.id = 'local-anxue-bar';
        mount.className = 'local-anxue-bar';
        (document.getElementById('region-main') || document.body).appendChild(mount);
        return mount;
    };

    /**
     * Time of reading: it runs while nothing pauses it.
     *
     * @returns {object}
     */
    const readingClock = () => {
        let session = null;
        let position = 0;
        let last = performance.now();

        const skipCredited = () => {
            session.credited_media.forEach((span) => {
                if (span[0] <= position && position < span[1]) {
                    position = span[1];
                }
            });
        };

        return {
            open: (opened) => {
                session = opened;
                session.credited_media.sort((one, other) => one[0] - other[0]);
                position = Math.max(position, session.resume_media_ms);
                skipCredited();
            },
            advance: () => {
                const now = performance.now();
                const gained = (now - last) * factor;
                last = now;
                if (paused || !session) {
                    return;
                }
                const next = session.credited_media.map((span) => span[0]).filter((start) => start >= position);
                const limit = Math.min(session.nominal_ms, ...next);
                position = Math.min(limit, position + gained);
            },
            // A jump over what is credited is told on both sides, so that it is never taken for study.
            jump: () => {
                if (session && session.credited_media.some((span) => span[0] <= position && position < span[1])) {
                    agent.mark();
                    skipCredited();
                    agent.mark();
                }
            },
            position: () => Math.round(position),
            setPaused: () => null
        };
    };

    /**
     * The one video or audio of the page.
     *
     * @param {HTMLMediaElement} media
     * @returns {object}
     */
    const player = (media) => {
        let seen = 0;
        let wasPlaying = false;

        media.addEventListener('timeupdate', () => {
            if (!media.seeking) {
                seen = media.currentTime;
            }
        });
        media.addEventListener('play', () => {
            if (paused) {
                media.pause();
            }
        });
        media.addEventListener('seeking', () => {
            // When this is told the media stands at its new place already: the old one is reported from memory.
            agent.mark();
            seen = media.currentTime;
            agent.mark();
        });

        return {
            open: (opened) => {
                if (!media.currentTime && opened.resume_media_ms < opened.nominal_ms) {
                    media.currentTime = opened.resume_media_ms / 1000;
                    seen = media.currentTime;
                }
            },
            advance: () => null,
            jump: () => null,
            position: () => Math.round((media.seeking ? seen : media.currentTime) * 1000),
            setPaused: (pause) => {
                if (pause) {
                    wasPlaying = wasPlaying || !media.paused;
                    media.pause();
                } else if (wasPlaying) {
                    wasPlaying = false;
                    media.play().catch(() => null); // A browser may want a click first.
                }
            }
        };
    };

    /**
     * Keeps the questions of an exam from being used.
     *
     * @param {boolean} shut
     */
    const shutQuestions = (shut) => {
        const form = document.getElementById('responseform');
        if (isTest && form) {
            form.inert = shut;
            form.style.opacity = shut ? '0.3' : '';
        }
    };

    /** Starts, once the page stands. */
    const start = () => {
        const mount = makeMount();
        shutQuestions(true);
        if (!window.AnxueAgent) {
            mount.textContent = settings.unreachable;
            mount.setAttribute('role', 'alert');
            return;
        }
        const found = document.querySelectorAll('#region-main video, #region-main audio');
        const study = !isTest && found.length === 1 ? player(found[0]) : readingClock();
        let opened = false;
        agent = window.AnxueAgent.start({
            bridge: settings.bridge,
            token: settings.token,
            activity: settings.activity,
            attempt: settings.attempt,
            mount: mount,
            position: () => {
                study.advance();
                return study.position();
            },
            setPaused: (pause) => {
                study.advance();
                paused = pause;
                study.setPaused(pause);
                shutQuestions(pause);
            },
            onStatus: (status) => {
                study.advance();
                factor = status.studyFactor;
                if (status.reason === 'unit_unknown') {
                    mount.hidden = true;
                    shutQuestions(false);
                }
                mount.setAttribute('data-state', status.state);
                if (status.session && !opened) {
                    opened = true;
                    study.open(status.session);
                }
            }
        });
        setInterval(() => {
            study.advance();
            study.jump();
        }, 250);
    };

    if (document.readyState === 'loading') {
        document.addEventListener('DOMContentLoaded', start);
    } else {
        start();
    }
})();
