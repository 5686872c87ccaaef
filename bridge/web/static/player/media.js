/* Video or audio as a stage of the player (see pages.js for what a stage is).
 *
 * Before the first finish nothing lies beyond the furthest point that was played, and the rate is 1; the browser's own
 * controls are hidden, and what a script or an extension sets is set back. The server judges by its own clock anyway.
 *   told.onRefused(what)   "seek" or "rate": it was set back
 *   told.onBlocked()       the browser wants a touch before it plays
 *   told.onBroken()        the file cannot be had
 *   told.onChange()        something to draw
 */
(function (global) {
  'use strict';

  var STEP_S = 1.5; // a longer step of the position than this was no playing
  var SLACK_MS = 300;

  function MediaStage(data, media, told) {
    var finished = false;
    var furthest = 0; // ms, as far as it was played here or counted before
    var paused = true;
    var blessed = false;
    var last = 0; // seconds of the medium when it was last seen playing
    // Study ms = base.ms + time of the medium since base.s, times the factor: the medium's own time but in the
    // demonstration, whose clock changes its pace and waits for beats; what is played waits with it.
    var base = { ms: 0, s: 0, clock: 0 };
    var factor = 1;
    var clock = null;

    function placeMs(seconds) {
      return base.ms + (seconds - base.s) * 1000 * factor;
    }

    function studyMs(seconds) {
      var place = placeMs(seconds);
      return factor > 1 && clock ? Math.min(place, base.ms + Math.max(0, clock() - base.clock)) : place;
    }

    function from(ms, seconds) {
      base = { ms: ms, s: seconds, clock: clock ? clock() : 0 };
    }

    function limitMs() {
      return finished ? data.nominal_ms : furthest;
    }

    function atEnd() {
      return studyMs(media.currentTime) >= data.nominal_ms;
    }

    function note() {
      var at = media.currentTime;
      if (!media.seeking && at > last && at - last <= STEP_S * Math.max(1, media.playbackRate)) {
        furthest = Math.max(furthest, Math.min(data.nominal_ms, studyMs(at)));
      }
      last = at;
    }

    function hold() {
      var at = media.currentTime;
      if (at <= last + STEP_S || placeMs(at) <= limitMs() + SLACK_MS) return;
      media.currentTime = last;
      told.onRefused('seek');
    }

    media.controls = false;
    media.addEventListener('timeupdate', function () {
      hold();
      note();
      if (atEnd()) media.pause();
      told.onChange();
    });
    media.addEventListener('seeking', hold);
    media.addEventListener('ratechange', function () {
      if (finished || (media.playbackRate === 1 && media.defaultPlaybackRate === 1)) return;
      media.defaultPlaybackRate = 1;
      media.playbackRate = 1;
      told.onRefused('rate');
    });
    media.addEventListener('contextmenu', function (event) { event.preventDefault(); });
    media.addEventListener('ended', function () { told.onChange(); });
    media.addEventListener('error', function () { told.onBroken(); });
    // Headsets and lock screens would play behind the page's back.
    media.addEventListener('play', function () { if (paused && blessed) media.pause(); });

    this.positionMs = function () {
      note();
      var most = Math.max(limitMs() + SLACK_MS, studyMs(last));
      return Math.floor(Math.max(0, Math.min(studyMs(media.currentTime), most, data.nominal_ms)));
    };
    this.setPaused = function (pause) {
      if (factor > 1) from(studyMs(media.currentTime), media.currentTime);
      paused = pause;
      if (pause) {
        media.pause();
        return;
      }
      if (atEnd()) return;
      var begun = media.play();
      if (begun) begun.catch(function (error) { if (error.name === 'NotAllowedError') told.onBlocked(); });
    };
    this.reachMs = function () {
      note();
      return Math.floor(limitMs());
    };
    this.seekTo = function (ms) {
      var to = Math.max(0, Math.min(ms, limitMs()));
      from(to, to / 1000);
      last = base.s;
      media.currentTime = base.s;
      told.onChange();
    };
    this.setLimits = function (seen, isFinished) {
      finished = finished || isFinished;
      seen.forEach(function (pair) { furthest = Math.max(furthest, Math.min(pair[1], data.nominal_ms)); });
    };
    this.setFactor = function (value, studyClock) {
      if (value === factor) return;
      note();
      clock = studyClock;
      from(Math.min(data.nominal_ms, studyMs(media.currentTime)), media.currentTime);
      factor = value;
    };
    /** iOS lets a script play only what a touch has played before. */
    this.bless = function () {
      if (blessed) return;
      var begun = media.play();
      if (begun) begun.catch(function () { return null; });
      media.pause();
      blessed = true;
    };
    this.ended = function () { return media.ended || atEnd(); };
    this.rate = function () { return media.playbackRate; };
    this.tick = function () { return null; };
  }

  global.AnxuePlayer = global.AnxuePlayer || {};
  global.AnxuePlayer.MediaStage = MediaStage;
})(window);
