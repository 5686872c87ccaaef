/* Pages of text or pictures as a stage of the player: time passes on a page up to its nominal time and no further.
 *
 * A stage is all that the player knows of a lesson; media.js has the other one.
 *   positionMs()            where the learner is, study milliseconds; never beyond what may be reached
 *   setPaused(paused)       time on the page stands still or runs
 *   seekTo(ms)              go there (as far as allowed: the player has asked `reachMs` first)
 *   reachMs()               how far the learner may go now
 *   setLimits(seen, finished)  [start, end) that were seen; once finished, everything may be reached
 *   setFactor(factor, clock)  study seconds in a real second (1 but in the demonstration), and the bridge's study clock
 *   bless()                 called in a touch, before anything plays
 * onChange() is told when a page turned or its time is over.
 */
(function (global) {
  'use strict';

  function PagesStage(data, elements, onChange) {
    var pages = data.pages;
    var current = 0;
    var spent = 0; // study ms on this page in this visit
    var paused = true;
    var factor = 1;
    var clock = null;
    var finished = false;
    var furthest = 0;
    var last = performance.now();
    var wasOver = false;

    /** The demonstration's clock waits for beats, and time on a page waits with it. */
    function reading() {
      return factor > 1 && clock ? clock() : performance.now();
    }

    function pass() {
      var now = reading();
      if (!paused) spent = Math.min(pages[current].nominal_ms, spent + Math.max(0, now - last));
      last = Math.max(last, now);
      furthest = Math.max(furthest, pages[current].start_ms + spent);
    }

    function pageAt(ms) {
      var found = 0;
      pages.forEach(function (page, index) { if (page.start_ms <= ms) found = index; });
      return found;
    }

    function isOver(index) {
      return finished || furthest >= pages[index].start_ms + pages[index].nominal_ms;
    }

    function show() {
      var page = pages[current];
      if (elements.picture) {
        elements.picture.src = page.url;
        elements.picture.alt = '第 ' + (current + 1) + ' 页';
        elements.picture.hidden = false;
        // The next page is there before it is asked for, even if the network is away just then.
        if (current + 1 < pages.length) new Image().src = pages[current + 1].url;
      } else {
        elements.texts.forEach(function (text, index) { text.hidden = index !== current; });
      }
      wasOver = isOver(current);
      onChange();
    }

    this.positionMs = function () {
      pass();
      return Math.floor(pages[current].start_ms + spent);
    };
    this.setPaused = function (pause) {
      pass();
      paused = pause;
    };
    this.reachMs = function () {
      pass();
      return finished ? data.nominal_ms : furthest;
    };
    this.seekTo = function (ms) {
      pass();
      var to = Math.max(0, Math.min(ms, this.reachMs(), data.nominal_ms - 1));
      var from = current;
      current = pageAt(to);
      spent = Math.min(to - pages[current].start_ms, pages[current].nominal_ms);
      show();
      if (from !== current) elements.stage.scrollIntoView({ block: 'nearest' });
    };
    this.setLimits = function (seen, isFinished) {
      finished = finished || isFinished;
      seen.forEach(function (pair) { furthest = Math.max(furthest, Math.min(pair[1], data.nominal_ms)); });
    };
    this.setFactor = function (value, studyClock) {
      if (value === factor) return;
      pass();
      factor = value;
      clock = studyClock;
      last = reading();
    };
    this.bless = function () { return null; };

    // ---- what only pages have ----
    this.page = function () { return current; };
    this.pageLeftMs = function () {
      pass();
      return isOver(current) ? 0 : pages[current].start_ms + pages[current].nominal_ms - furthest;
    };
    this.pageStartMs = function (index) { return pages[index] ? pages[index].start_ms : null; };
    this.tick = function () {
      pass();
      if (!wasOver && isOver(current)) {
        wasOver = true;
        onChange();
      }
    };
    show();
  }

  global.AnxuePlayer = global.AnxuePlayer || {};
  global.AnxuePlayer.PagesStage = PagesStage;
})(window);
