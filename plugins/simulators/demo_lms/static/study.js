/* Slides with the agent. The learner turns the pages; a page's study time runs while it is looked at and ends at
 * its nominal share. A page looked at twice does not run twice; what the bridge has credited already is skipped. */
(function () {
  'use strict';

  var TICK_MS = 25; // study time may run hundreds of times as fast
  var root = document.getElementById('study');
  var sections = Array.prototype.slice.call(document.querySelectorAll('.slide[data-share]'));
  var parts = { finished: 0, gaps: 0, next: 0, previous: 0, leave: 0, remaining: 0, paused: 0 };
  Object.keys(parts).forEach(function (id) { parts[id] = document.getElementById(id); });
  var number = document.getElementById('slide-number');
  var autoTurn = document.getElementById('auto-turn');
  var progress = document.getElementById('unit-progress');

  var slides = []; // {start, end, position} in study milliseconds
  var credited = []; // [[from, to) …] that need no more watching
  var current = 0;
  var paused = true;
  var last = 0; // of the study clock
  var agent = null;

  function layOut(session) {
    var shares = sections.map(function (section) { return Number(section.getAttribute('data-share')); });
    var whole = shares.reduce(function (sum, share) { return sum + share; }, 0);
    var before = 0;
    credited = session.credited_media.slice().sort(function (a, b) { return a[0] - b[0]; });
    slides = shares.map(function (share) {
      var start = Math.round((session.nominal_ms * before) / whole);
      before += share;
      return { start: start, end: Math.round((session.nominal_ms * before) / whole), position: start };
    });
    slides.forEach(skipCredited);
    var resume = session.resume_media_ms;
    var at = slides.findIndex(function (slide) { return slide.start <= resume && resume < slide.end; });
    if (at >= 0) slides[at].position = Math.max(slides[at].position, resume);
    if (at < 0 || done(slides[at])) at = slides.findIndex(function (slide) { return !done(slide); });
    show(at < 0 ? slides.length : at);
  }

  /** Moves a slide's position out of credited time; true if it moved. */
  function skipCredited(slide) {
    var from = slide.position;
    credited.forEach(function (span) {
      if (span[0] <= slide.position && slide.position < span[1]) slide.position = Math.min(span[1], slide.end);
    });
    return slide.position !== from;
  }

  function done(slide) {
    return slide.position >= slide.end;
  }

  /** Study time that passed since the last look goes to the slide in view, up to credited time or its end.
   *  The clock is the bridge's: where it was taken to be further than it is, the slide waits for it. */
  function advance() {
    var now = agent ? agent.studyMs() : 0;
    var gained = last ? Math.max(0, now - last) : 0;
    last = Math.max(last, now);
    while (!paused && current < slides.length && gained > 0) {
      var slide = slides[current];
      var before = slide.position;
      slide.position = Math.min(limitOf(slide), before + gained);
      gained -= slide.position - before;
      if (!autoTurn.checked || !done(slide) || !goesOn(current + 1)) return;
      show(current + 1);
    }
  }

  /** Where credited time begins, or the slide's end. */
  function limitOf(slide) {
    return credited.reduce(function (nearest, span) {
      return span[1] > slide.position ? Math.min(nearest, Math.max(span[0], slide.position)) : nearest;
    }, slide.end);
  }

  /** True if the slide begins where the one before it ends: turning to it is no jump. */
  function goesOn(index) {
    return index < slides.length && slides[index].position === slides[index].start;
  }

  function position() {
    if (!slides.length) return 0;
    advance();
    return Math.round(slides[Math.min(current, slides.length - 1)].position);
  }

  /** A jump in the media is reported on both sides, so that it is never taken for study. */
  function jump(move) {
    if (agent) agent.mark();
    move();
    if (agent) agent.mark();
  }

  function turnTo(index) {
    jump(function () { show(index); });
  }

  function show(index) {
    current = index;
    sections.forEach(function (section, at) { section.hidden = at !== index; });
    parts.finished.hidden = index < slides.length;
    render();
  }

  function clock(ms) {
    var seconds = Math.ceil(ms / 1000);
    return Math.floor(seconds / 60) + ' 分 ' + ('0' + (seconds % 60)).slice(-2) + ' 秒';
  }

  function render() {
    if (!slides.length) return;
    var atEnd = current >= slides.length;
    var slide = slides[Math.min(current, slides.length - 1)];
    var studied = slides.reduce(function (sum, one) { return sum + one.position - one.start; }, 0);
    progress.value = Math.floor((1000 * studied) / slides[slides.length - 1].end);
    number.textContent = String(Math.min(current + 1, slides.length));
    parts.previous.disabled = current === 0;
    parts.next.disabled = atEnd || !done(slide);
    parts.next.hidden = atEnd;
    root.setAttribute('data-slide', String(current + 1));
    if (atEnd) parts.remaining.textContent = '';
    else if (done(slide)) parts.remaining.textContent = '本页已学满，请翻到下一页。';
    else parts.remaining.textContent = '本页还需 ' + clock(slide.end - slide.position);
    var open = slides.map(function (one, at) { return done(one) ? 0 : at + 1; }).filter(Boolean);
    parts.gaps.hidden = !open.length;
    parts.gaps.textContent = '还有没学满的页：第 ' + open.join('、') + ' 页，可用“上一页”返回补学。';
  }

  parts.next.addEventListener('click', function () { turnTo(current + 1); });
  parts.previous.addEventListener('click', function () { turnTo(current - 1); });
  parts.leave.addEventListener('click', function () {
    parts.leave.disabled = true;
    parts.leave.textContent = '正在离开…';
    agent.stop().then(function () { window.location.href = '/course'; });
  });

  agent = window.AnxueAgent.start({
    bridge: root.getAttribute('data-bridge'),
    token: root.getAttribute('data-token'),
    activity: 'study',
    mount: document.getElementById('agent'),
    position: position,
    setPaused: function (pause, message) {
      advance();
      paused = pause;
      parts.paused.hidden = !pause;
      parts.paused.textContent = message;
    },
    onStatus: function (status) {
      advance();
      root.setAttribute('data-state', status.state);
      if (status.session && !slides.length) layOut(status.session);
    }
  });

  setInterval(function () {
    advance();
    var slide = slides[current];
    if (slide && !paused) {
      var probe = { position: slide.position, end: slide.end };
      if (skipCredited(probe)) jump(function () { slide.position = probe.position; });
      if (autoTurn.checked && done(slide)) turnTo(current + 1);
    }
    render();
  }, TICK_MS);
})();
