/* Video or audio as a stage of the player (see pages.js for what a stage is).
 *
 * Before the first finish nothing lies beyond the furthest point that was played, and the rate is 1; the browser's own
 * controls are hidden, and what a script or an extension sets is set back. The server judges by its own clock anyway.
 *   onRefused(what)   "seek" or "rate": it was set back
 *   onBlocked()       the browser wants a touch before it plays
 */
(function (global) {
  'use strict';

  var STEP_S = 1.5; // a longer step of the position than this was no playing
  var SLACK_S = 0.3;

  function MediaStage(data, media, told) {
    var finished = false;
    var furthest = 0; // seconds of the medium, as far as it was played here or counted before
    var paused = true;
    var factor = 1;
    var last = 0;
    var blessed = false;

    function end() {
      return data.nominal_ms / 1000 / factor;
    }

    function limit() {
      return finished ? end() : furthest;
    }

    function note() {
      var at = media.currentTime;
      if (!media.seeking && at > last && at - last <= STEP_S * Math.max(1, media.playbackRate)) {
        furthest = Math.max(furthest, at);
      }
      last = at;
    }

    function hold() {
      if (media.currentTime > limit() + SLACK_S && media.currentTime > last + STEP_S) {
        media.currentTime = Math.min(last, limit());
        told.onRefused('seek');
      }
    }

    media.controls = false;
    media.addEventListener('timeupdate', function () {
      hold();
      note();
      if (media.currentTime >= end()) media.pause();
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
    media.addEventListener('ended', told.onChange);
    media.addEventListener('error', function () { told.onBroken(); });
    // Headsets and lock screens would pause and jump behind the page's back.
    media.addEventListener('play', function () { if (paused) media.pause(); });

    this.positionMs = function () {
      var at = Math.max(0, Math.min(media.currentTime, Math.max(limit() + SLACK_S, last), end()));
      return Math.floor(at * 1000 * factor);
    };
    this.setPaused = function (pause) {
      paused = pause;
      if (pause) {
        media.pause();
        return;
      }
      if (media.currentTime >= end()) return;
      var begun = media.play();
      if (begun) begun.catch(function (error) { if (error.name === 'NotAllowedError') told.onBlocked(); });
    };
    this.reachMs = function () {
      return Math.floor(limit() * 1000 * factor);
    };
    this.seekTo = function (ms) {
      var to = Math.max(0, Math.min(ms / 1000 / factor, limit()));
      last = to;
      media.currentTime = to;
      told.onChange();
    };
    this.setLimits = function (seen, isFinished) {
      finished = finished || isFinished;
      seen.forEach(function (pair) {
        furthest = Math.max(furthest, Math.min(pair[1], data.nominal_ms) / 1000 / factor);
      });
    };
    this.setFactor = function (value) {
      if (value === factor) return;
      furthest = furthest * factor / value;
      factor = value;
    };
    /** iOS lets a script play only what a touch has played before. */
    this.bless = function () {
      if (blessed) return;
      blessed = true;
      var begun = media.play();
      if (begun) begun.catch(function () { return null; });
      media.pause();
    };
    this.rate = function () { return media.playbackRate; };
    this.tick = function () { return null; };
  }

  global.AnxuePlayer = global.AnxuePlayer || {};
  global.AnxuePlayer.MediaStage = MediaStage;
})(window);
