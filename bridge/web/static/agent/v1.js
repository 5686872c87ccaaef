/* Anxue agent, protocol v1: reports study to the bridge and does what the bridge asks for.
 *
 * One script for an LMS page and for the bridge's own pages; it loads v1-camera.js, v1-prompt.js and v1.css from beside it.
 * Plain ES2017, no framework, no module: older phones' web views run it. CSP-safe: no inline style, no handler
 * attribute, server text only through textContent. What it reports is a claim: the server decides what counts.
 *
 *   AnxueAgent.start({bridge, token, activity, attempt, mount, position, setPaused, onStatus}) → {stop(), mark(), studyMs()}
 *     activity                   "study" or "test"; what it says is said in the words of it
 *     attempt                    optional, of a test with several pages: they share one session, kept for this tab
 *     position()                 current media position in whole study milliseconds
 *     rate()                     optional: how fast the media plays now; without it 1 is reported
 *     setPaused(paused, message) the page stops or resumes its media
 *     seekTo(mediaMs)            optional (also taken under the name rewind): the page goes back to where something was
 *                                not counted; the agent reports both ends of the jump. Without it the learner is told in words
 *     onStatus(status)           {state, message, reason, url, studyFactor, checkOpen, promptOpen, today, session}; state is
 *                                connecting | running | paused | offline | checking | prompting | refused | failed | closed
 *     stop()                     leaves properly (an exit check may come first); a Promise of {closed}
 *     mark()                     reports the position now: call it before and after a jump in the media
 *     studyMs()                  the study clock, as far as is known here; 0 before the first beat is answered. Pages whose study
 *                                time runs without a medium take their time from it: the demonstration's clock is no other's
 *   AnxueAgent.captureReference({bridge, url, csrf, mount, onDone}) → {cancel()}; call it from a click
 *     onDone(reply)              the last reply, or null when the person gave up
 *
 * What the server sends. Every answer to a batch has `commands`; a command of a type that is not known is passed over, so
 * that an older agent goes on with a newer server. Each may come again and again until it is done.
 *     {type: "check", check, kind, answer_within_seconds, …}    a face check
 *     {type: "prompt", prompt, answer_within_seconds, …}        a question: GET prompts/<id> shows it, POST answers it
 *     {type: "pause", reason, message}, {type: "resume"}        the media stands until resume
 *     {type: "rewind", id, media_ms, message}                   go back, once for each id
 *     {type: "warn", id, message}                               tell, once for each id
 *     {type: "notice", message}                                 tell
 *     {type: "close", reason, message}                          the session is over
 * `today` has credited_seconds, provisional_seconds and refused_seconds of the class run, and where the server knows them:
 * `day` (the same of the legal day), `reasons` [{code, seconds, message}] of the day, `next` (what comes next, in words).
 *
 * The last words of a page that goes away are sent by fetch with keepalive, which can carry the secret in a header; where
 * a browser knows no keepalive, or cannot ask the other origin's leave any more, by sendBeacon to batches/last, with the
 * secret in the first line of a text/plain body (no header can be set there) and the very same batch behind it.
 */
(function (global) {
  'use strict';

  var MAX_EVENTS = 200;
  var BACKOFF_MS = [1000, 2000, 4000];
  var REQUEST_TIMEOUT_MS = 15000;
  var FIRST_TIMEOUT_MS = 8000; // of a batch: so that a second try still comes within what counts
  var NOTICE_MS = 20000;
  var OUTAGE_BEAT_MS = 1000; // an answer that takes less is no outage, however fast study time runs
  var WAIT_MS = 10000; // so far a clock that runs faster than real time goes on without a beat

  var STATES = {
    connecting: '正在连接', paused: '已暂停', offline: '网络中断，正在重连', checking: '人脸核验中', prompting: '请回答提问',
    failed: '连接已失效', elsewhere: '已在别处继续',
    closed: '已结束'
  };
  var WORDS = {
    study: {
      running: '学习中', refused: '暂不能学习', hidden: '页面不在前台，学习已暂停。',
      offline: '网络中断，学习已暂停，恢复后自动继续。', paused: '学习已暂停。',
      unreachable: '暂时连不上安学桥，最后一小段学习可能未计。', incomplete: '学习组件没有加载完整，请检查网络后刷新页面。',
      ends: {
        refused: '暂不能开始学习。', failed: '学习连接已失效，请刷新页面后继续。', closed: '本次学习已结束。'
      }
    },
    test: {
      running: '考试中', refused: '暂不能考试', hidden: '页面不在前台，作答已暂停，考试仍在计时。',
      offline: '网络中断，作答已暂停，恢复后自动继续。', paused: '作答已暂停。',
      unreachable: '暂时连不上安学桥，最后一小段监考可能没有记录。', incomplete: '监考组件没有加载完整，请检查网络后刷新页面。',
      ends: {
        refused: '暂不能开始考试。', failed: '监考连接已失效，请刷新页面后继续。', closed: '监考已结束。'
      }
    }
  };
  var PAUSE_ORDER = ['closed', 'check', 'prompt', 'server', 'offline', 'hidden', 'connecting', 'late'];

  var source = document.currentScript.src;
  var rest = null;
  var parts = {}; // what both scripts share

  // ---- small things -------------------------------------------------------------------------------------

  function element(tag, className, text, testId) {
    var node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    if (testId) node.setAttribute('data-testid', testId);
    return node;
  }

  function button(className, text, testId, onClick) {
    var node = element('button', className, text, testId);
    node.type = 'button';
    node.addEventListener('click', onClick);
    return node;
  }

  function sleep(ms) {
    return new Promise(function (resolve) { setTimeout(resolve, ms); });
  }

  /** Milliseconds since the epoch that never go back while the page lives. */
  var clockBase = Date.now() - performance.now();
  function clientMs() {
    return Math.round(clockBase + performance.now());
  }

  function clockText(seconds) {
    var whole = Math.max(0, Math.floor(Number(seconds) || 0));
    var two = function (value) { return (value < 10 ? '0' : '') + value; };
    var minutes = Math.floor(whole / 60);
    var tail = two(minutes % 60) + ':' + two(whole % 60);
    return minutes >= 60 ? Math.floor(minutes / 60) + ':' + tail : tail;
  }

  /** Only addresses of the bridge itself are shown as links. */
  function bridgeLink(bridge, url) {
    if (typeof url !== 'string') return null;
    try {
      var parsed = new URL(url, bridge);
      return parsed.origin === new URL(bridge).origin ? parsed.href : null;
    } catch (error) {
      return null;
    }
  }

  /** → {status, body}; rejects when no answer came in time. */
  function request(method, url, options) {
    var abort = global.AbortController ? new AbortController() : null;
    var timer;
    var init = {
      method: method, headers: options.headers || {}, body: options.body, cache: 'no-store',
      credentials: options.credentials || 'omit', keepalive: Boolean(options.keepalive)
    };
    if (abort) init.signal = abort.signal;
    var late = new Promise(function (_resolve, reject) {
      timer = setTimeout(function () {
        reject(new Error('timeout'));
        if (abort) abort.abort();
      }, options.timeoutMs || REQUEST_TIMEOUT_MS);
    });
    var answer = fetch(url, init).then(function (response) {
      return response.text().then(function (text) {
        var body = null;
        try { body = JSON.parse(text); } catch (error) { body = null; }
        return { status: response.status, body: body && typeof body === 'object' ? body : {} };
      });
    });
    var settled = function () { clearTimeout(timer); };
    var race = Promise.race([answer, late]);
    race.then(settled, settled);
    return race;
  }

  function worthRetrying(status) {
    return status >= 500 || status === 408 || status === 429;
  }

  /** Adds the style sheet and the scripts beside this one; rejects when a script is not had. */
  function loadRest() {
    loadStyle();
    if (!rest) {
      rest = Promise.all(['v1-camera.js', 'v1-prompt.js'].map(loadScript));
      rest.catch(function () { rest = null; });
    }
    return rest;
  }

  function loadScript(name) {
    return new Promise(function (resolve, reject) {
      var script = element('script');
      script.src = source.replace(/v1\.js/, name);
      script.onload = resolve;
      script.onerror = function () {
        script.remove();
        reject(new Error(name));
      };
      document.head.appendChild(script);
    });
  }

  function loadStyle() {
    var href = source.replace(/\.js(\?.*)?$/, '.css$1');
    var links = document.querySelectorAll('link[rel="stylesheet"]');
    for (var i = 0; i < links.length; i += 1) if (links[i].href === href) return;
    var link = element('link');
    link.rel = 'stylesheet';
    link.href = href;
    document.head.appendChild(link);
  }

  // ---- status bar ---------------------------------------------------------------------------------------

  /** Figures are of study time: a test has none. */
  function StatusBar(mount, words, withFigures) {
    var self = this;
    this.words = words;
    this.root = element('div', 'anxue-bar', '', 'agent-bar');
    this.details = element('div', 'anxue-details', '', 'agent-details');
    this.details.hidden = true;
    this.line = element('div', 'anxue-line');
    this.state = element('span', 'anxue-state', '', 'agent-state');
    this.state.setAttribute('role', 'status');
    this.line.appendChild(this.state);
    var figures = button('anxue-figures', '', 'agent-figures', function () {
      self.details.hidden = !self.details.hidden;
      figures.setAttribute('aria-expanded', String(!self.details.hidden));
    });
    figures.setAttribute('aria-expanded', 'false');
    this.numbers = {};
    [['credited', '今日已计'], ['provisional', '待确认'], ['refused', '未计']].forEach(function (pair) {
      var label = element('span', 'anxue-figure anxue-' + pair[0], pair[1] + ' ');
      self.numbers[pair[0]] = element('b', '', '00:00', 'agent-' + pair[0]);
      label.appendChild(self.numbers[pair[0]]);
      figures.appendChild(label);
    });
    if (withFigures) this.line.appendChild(figures);
    this.next = element('p', 'anxue-next', '', 'agent-next');
    this.next.hidden = true;
    this.message = element('p', 'anxue-notice', '', 'agent-message');
    this.message.hidden = true;
    [this.details, this.message, this.line, this.next].forEach(function (node) { self.root.appendChild(node); });
    this.explain([]);
    mount.classList.add('anxue-mount');
    mount.appendChild(this.root);
  }

  StatusBar.prototype.show = function (state, message, link) {
    this.root.setAttribute('data-state', state);
    var word = STATES[state] || this.words[state];
    if (this.state.textContent !== word) this.state.textContent = word;
    if (this.message.textContent !== message || link || state === 'elsewhere') {
      this.message.textContent = message;
      if (link) {
        var anchor = element('a', 'anxue-link', '前往办理', 'agent-link');
        anchor.href = link;
        this.message.appendChild(anchor);
      }
      if (state === 'elsewhere') {
        this.message.appendChild(button('anxue-here', '改在这里继续', 'agent-here', function () {
          global.location.reload(); // the page comes again with a token of its own
        }));
      }
    }
    this.message.hidden = !message;
  };

  StatusBar.prototype.figures = function (today) {
    var day = today.day || today;
    this.numbers.credited.textContent = clockText(day.credited_seconds);
    this.numbers.provisional.textContent = clockText(day.provisional_seconds);
    this.numbers.refused.textContent = clockText(day.refused_seconds);
    this.next.textContent = typeof today.next === 'string' ? today.next : '';
    this.next.hidden = !this.next.textContent;
    this.explain(Array.isArray(today.reasons) ? today.reasons : []);
  };

  /** Says what the three figures mean; `reasons` (optional in the protocol) says why time was refused. */
  StatusBar.prototype.explain = function (reasons) {
    var lines = ['已计：已由人脸核验确认的学习时间。', '待确认：下一次人脸核验通过后计入；未通过的，从应核验时起不计。'];
    if (!reasons.length) lines.push('未计：离开页面、长时间无操作、网络中断、核验未通过等时段不计，可回看补学。');
    reasons.forEach(function (reason) {
      lines.push('未计 ' + clockText(reason.seconds) + '：' + String(reason.message || ''));
    });
    if (lines.join('\n') === this.explained) return;
    this.explained = lines.join('\n');
    this.details.textContent = '';
    lines.forEach(function (line) { this.details.appendChild(element('p', '', line)); }, this);
  };

  // ---- study session --------------------------------------------------------------------------------------

  function Session(options) {
    this.options = options;
    this.bridge = String(options.bridge).replace(/\/$/, '');
    this.buffer = [];
    this.pending = null; // the batch that is under way: sent again byte for byte until answered
    this.pauses = { connecting: '正在连接安学桥…' };
    this.interactionMs = null;
    this.checks = {}; // check id → "open" | "done"
    this.checkOpen = false;
    this.prompts = {}; // prompt id → "open" | "done"
    this.promptOpen = false;
    this.obeyed = {}; // ids of commands that are done once
    this.ending = false;
    this.endings = 0;
    this.state = 'connecting';
    this.notice = '';
    this.today = { credited_seconds: 0, provisional_seconds: 0, refused_seconds: 0 };
    this.factor = 1;
    this.opened = null;
    this.over = false;
    this.words = WORDS[options.activity === 'test' ? 'test' : 'study'];
    this.bar = new StatusBar(options.mount, this.words, options.activity !== 'test');
    this.left = new Promise(function (resolve) { this.leave = resolve; }.bind(this));
    this.listen();
    this.applyPause();
    this.run();
  }

  Session.prototype.listen = function () {
    var self = this;
    var handlers = [];
    var on = function (target, name, handler, options) {
      target.addEventListener(name, handler, options);
      handlers.push(function () { target.removeEventListener(name, handler, options); });
    };
    var interacted = function (event) { if (event.isTrusted) self.interactionMs = clientMs(); };
    ['pointerdown', 'pointermove', 'keydown', 'touchstart', 'touchmove', 'wheel', 'scroll'].forEach(function (name) {
      on(document, name, interacted, { capture: true, passive: true });
    });
    on(document, 'visibilitychange', function () {
      var visible = document.visibilityState === 'visible';
      self.pause('hidden', visible ? null : self.words.hidden);
      // A phone may freeze the page the next moment, with no word of its going.
      if (visible) self.mark(); else self.lastWords();
    });
    on(global, 'focus', function () { self.mark(); });
    on(global, 'blur', function () { self.mark(); });
    on(global, 'online', function () { self.wake(); });
    on(global, 'pagehide', function () { self.lastWords(); });
    on(global, 'pageshow', function (event) {
      if (!event.persisted) return;
      // Kept by the browser and shown again: requests of before are dead, the session is not.
      self.pause('hidden', document.visibilityState === 'visible' ? null : self.words.hidden);
      self.mark();
    });
    this.unlisten = function () { handlers.forEach(function (remove) { remove(); }); };
  };

  /** Pauses for one cause (or lifts it with null); the media runs only when no cause is left. */
  Session.prototype.pause = function (cause, message) {
    if (message === null) delete this.pauses[cause]; else this.pauses[cause] = message;
    this.applyPause();
  };

  Session.prototype.applyPause = function () {
    var pauses = this.pauses;
    var cause = PAUSE_ORDER.filter(function (name) { return name in pauses; })[0];
    var message = cause ? pauses[cause] : '';
    var changed = this.pausedFor !== cause || this.pausedWith !== message;
    this.pausedFor = cause;
    this.pausedWith = message;
    if (changed) this.options.setPaused(Boolean(cause), message);
    if (!this.over) {
      this.state = { check: 'checking', prompt: 'prompting', server: 'paused', hidden: 'paused', late: 'running' }[cause] || cause || 'running';
    }
    this.report();
  };

  Session.prototype.report = function (extra) {
    var info = extra || {};
    var message = info.message || (this.checkOpen || this.promptOpen ? '' : this.pausedWith) || this.notice;
    this.bar.show(info.reason === 'other_device' ? 'elsewhere' : this.state, message, bridgeLink(this.bridge, info.url));
    if (!this.options.onStatus) return;
    this.options.onStatus({
      state: this.state, message: message, reason: info.reason || null, url: info.url || null,
      studyFactor: this.factor, checkOpen: this.checkOpen, promptOpen: this.promptOpen, today: this.today, session: this.opened
    });
  };

  /** The moment of the study clock at which the bridge received the last beats, and what has passed since. */
  Session.prototype.studyMs = function () {
    if (!this.clock) return 0;
    var passed = (performance.now() - this.clock.sent) * this.factor;
    return this.clock.ms + (this.factor > 1 ? Math.min(passed, WAIT_MS) : passed);
  };

  Session.prototype.wake = function () {
    if (this.alarm) this.alarm();
  };

  Session.prototype.rest = function (ms) {
    var self = this;
    return new Promise(function (resolve) {
      var timer = setTimeout(resolve, ms);
      self.alarm = function () {
        clearTimeout(timer);
        resolve();
      };
    });
  };

  Session.prototype.record = function (visible) {
    this.buffer.push({
      client_ms: clientMs(), media_ms: Math.max(0, Math.round(this.options.position())),
      visible: visible === undefined ? document.visibilityState === 'visible' : visible,
      focused: document.hasFocus(), interaction_ms: this.interactionMs, rate: this.rate()
    });
    if (this.buffer.length > MAX_EVENTS) this.buffer.shift();
  };

  Session.prototype.rate = function () {
    var rate = this.options.rate ? Number(this.options.rate()) : 1;
    return rate >= 0 && rate <= 16 ? rate : 1;
  };

  Session.prototype.mark = function () {
    if (!this.opened || this.over) return;
    this.record();
    this.wake();
  };

  Session.prototype.beatMs = function () {
    return Math.max(20, this.opened.beat_interval_ms / Math.max(1, this.factor));
  };

  Session.prototype.run = async function () {
    if (!(await this.open())) return;
    while (!this.over) {
      if (!this.pending && this.isStale()) this.record();
      await this.send();
      if (this.over) break;
      if (!this.pending && !this.buffer.length && !(this.ending && !this.checkOpen)) await this.nextBeat();
    }
  };

  /** True if what is kept says nothing of this moment: the bridge takes the last beat of a batch for the moment it comes. */
  Session.prototype.isStale = function () {
    var last = this.buffer[this.buffer.length - 1];
    return !last || clientMs() - last.client_ms >= this.beatMs();
  };

  /** Waits for the next beat or for news; while a batch is under way beats gather in the buffer. */
  Session.prototype.nextBeat = async function () {
    var due = (this.lastBeat || 0) + this.beatMs();
    await this.rest(Math.max(0, due - performance.now()));
    this.lastBeat = performance.now();
  };

  /** Sends one request until it is answered; null when the session was given up meanwhile. */
  Session.prototype.insist = async function (send) {
    for (var tries = 0; !this.over; tries += 1) {
      var reply = null;
      var beats = this.opened ? setInterval(this.record.bind(this), Math.max(OUTAGE_BEAT_MS, this.beatMs())) : 0;
      try { reply = await send(tries); } catch (error) { reply = null; }
      clearInterval(beats);
      if (reply && !worthRetrying(reply.status)) {
        this.failing = false;
        this.pause('offline', null);
        return reply;
      }
      this.failing = true;
      if (this.ending && tries >= 3) {
        this.end('failed', { reason: 'unreachable', message: this.words.unreachable });
        return null;
      }
      // A short outage is bridged: the media goes on, its beats are kept, and what is silent counts up to the gap limit.
      if (!this.opened || this.silent) this.pause('offline', this.words.offline);
      await this.rest(BACKOFF_MS[Math.min(tries, BACKOFF_MS.length - 1)]);
    }
    return null;
  };

  Session.prototype.open = async function () {
    var self = this;
    try {
      await loadRest();
    } catch (error) {
      this.end('failed', { reason: 'agent_incomplete', message: this.words.incomplete });
      return false;
    }
    var opening = { v: 1, token: this.options.token, client_ms: clientMs() };
    var kept = this.kept();
    if (kept) opening.resume = kept;
    var body = JSON.stringify(opening);
    var reply = await this.insist(function () {
      return request('POST', self.bridge + '/agent/v1/sessions', {
        headers: { 'Content-Type': 'application/json' }, body: body
      });
    });
    if (!reply) return false;
    if (reply.status !== 201) {
      this.end('refused', reply.body);
      return false;
    }
    this.opened = {
      id: reply.body.session, nominal_ms: reply.body.nominal_ms, resume_media_ms: reply.body.resume_media_ms || 0,
      credited_media: reply.body.credited_media || [], beat_interval_ms: reply.body.beat_interval_ms
    };
    this.goesOn = Boolean(kept) && kept.session === reply.body.session;
    this.secret = reply.body.secret;
    this.keep({ session: reply.body.session, secret: reply.body.secret });
    this.seq = reply.body.next_seq;
    this.nonce = reply.body.nonce;
    this.factor = reply.body.study_factor || 1;
    this.report(); // the page takes up the resume position before its media runs
    this.pause('hidden', document.visibilityState === 'visible' ? null : this.words.hidden);
    this.obey(reply.body.commands);
    return true;
  };

  /** What an earlier page of this attempt left in this tab; null for none. Only this tab has it: another begins anew. */
  Session.prototype.kept = function () {
    if (!this.options.attempt) return null;
    try {
      var kept = JSON.parse(global.sessionStorage.getItem(this.place()));
      return kept && typeof kept.session === 'string' && typeof kept.secret === 'string' ? kept : null;
    } catch (error) {
      return null; // no storage here: each page has a session of its own
    }
  };

  Session.prototype.keep = function (session) {
    if (!this.options.attempt) return;
    try {
      if (session) global.sessionStorage.setItem(this.place(), JSON.stringify(session));
      else global.sessionStorage.removeItem(this.place());
    } catch (error) {
      return;
    }
  };

  Session.prototype.place = function () {
    return 'anxue-attempt|' + this.bridge + '|' + this.options.attempt;
  };

  Session.prototype.makeBatch = function () {
    var batch = { v: 1, session: this.opened.id, seq: this.seq, nonce: this.nonce, events: this.buffer.splice(0, MAX_EVENTS) };
    if (this.ending && !this.checkOpen) batch.ending = true;
    this.pending = { body: JSON.stringify(batch), ending: Boolean(batch.ending) };
  };

  Session.prototype.post = function (keepalive, timeoutMs) {
    return request('POST', this.bridge + '/agent/v1/batches', {
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + this.secret },
      body: this.pending.body, keepalive: keepalive, timeoutMs: timeoutMs
    });
  };

  Session.prototype.send = async function () {
    var self = this;
    if (!this.pending) this.makeBatch();
    var ending = this.pending.ending;
    var sent = 0;
    var reply = await this.insist(function (tries) {
      sent = performance.now();
      return self.post(false, tries ? 0 : FIRST_TIMEOUT_MS);
    });
    if (!reply) return;
    if (reply.status !== 200) {
      // The last words of the page before may have come after this one took over: then its turn is another.
      if (this.goesOn && (reply.status === 409 || reply.status === 403)) {
        this.buffer = JSON.parse(this.pending.body).events.concat(this.buffer).slice(-MAX_EVENTS);
        this.pending = null;
        await this.open();
        this.goesOn = false;
        return;
      }
      if (ending && reply.status === 410) this.end('closed', reply.body);
      else this.end('failed', reply.body);
      return;
    }
    this.pending = null;
    this.goesOn = false;
    this.heard();
    this.seq = reply.body.next_seq;
    this.nonce = reply.body.nonce;
    this.factor = reply.body.study_factor || this.factor;
    if (typeof reply.body.study_ms === 'number') this.clock = { ms: reply.body.study_ms, sent: sent };
    if (reply.body.today) {
      this.today = reply.body.today;
      this.bar.figures(this.today);
    }
    this.obey(reply.body.commands);
    if (this.over) return;
    if ('connecting' in this.pauses) this.pause('connecting', null); // media runs once the first beat is answered
    if (ending && !this.checkOpen) {
      this.endings += 1;
      if (this.endings >= 3) this.end('closed', {});
    }
    this.report();
  };

  /** The bridge has answered. Media that ran on without an answer would run into a gap that does not count: from
   *  two beats of silence on it waits. */
  Session.prototype.heard = function () {
    var self = this;
    clearTimeout(this.silence);
    this.silent = false;
    this.pause('late', null);
    this.silence = setTimeout(function () {
      self.silent = true;
      if (self.over) return;
      if (self.failing) self.pause('offline', self.words.offline);
      else self.pause('late', '正在等待安学桥响应，收到后自动继续。');
    }, 2 * this.beatMs());
  };

  /** The page is going: hand over what there is with a request that outlives it. If the page comes back, the
   *  same bytes are sent again, which the server answers as before. */
  Session.prototype.lastWords = function () {
    if (!this.opened || this.over) return;
    this.record(false);
    if (!this.pending) this.makeBatch();
    var bytes = this.pending.body;
    var self = this;
    var beacon = function () {
      if (!navigator.sendBeacon) return;
      try { navigator.sendBeacon(self.bridge + '/agent/v1/batches/last', self.secret + '\n' + bytes); } catch (error) { return; }
    };
    if (global.Request && 'keepalive' in Request.prototype) this.post(true).catch(beacon); else beacon();
    this.wake();
  };

  Session.prototype.obey = function (commands) {
    (Array.isArray(commands) ? commands : []).forEach(function (command) {
      if (this.over) return;
      if (command.type === 'check') this.check(command);
      else if (command.type === 'prompt') this.prompt(command);
      else if (command.type === 'rewind') this.rewind(command);
      else if (command.type === 'warn') this.once(command, function () { this.tell(String(command.message || '')); });
      else if (command.type === 'pause') this.pause('server', command.message || this.words.paused);
      else if (command.type === 'resume') this.pause('server', null);
      else if (command.type === 'close') this.end('closed', command);
      else if (command.type === 'notice') this.tell(String(command.message || ''));
    }, this);
  };

  Session.prototype.tell = function (message) {
    var self = this;
    this.notice = message;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(function () {
      self.notice = '';
      if (!self.over) self.report();
    }, NOTICE_MS);
  };

  Session.prototype.end = function (state, info) {
    if (this.over) return;
    this.over = true;
    this.state = state;
    var message = info.message || this.words.ends[state];
    if (state === 'closed') this.keep(null);
    this.unlisten();
    if (this.answering) this.answering.cancel();
    this.checkOpen = false;
    this.pauses.closed = message;
    this.dropPrompt();
    this.applyPause();
    this.report({ message: message, reason: info.reason, url: info.url });
    this.wake();
    this.leave({ closed: state === 'closed' });
  };

  Session.prototype.stop = function () {
    this.ending = true;
    if (!this.opened) this.end('closed', {});
    else this.mark();
    return this.left;
  };

  Session.prototype.check = async function (command) {
    if (this.checks[command.check] || this.checkOpen) return;
    this.checks[command.check] = 'open';
    this.checkOpen = true;
    this.pause('check', command.message || '请完成人脸核验。');
    this.dropPrompt(); // the check stands in for it
    this.answering = parts.answerCheck({
      bridge: this.bridge, secret: this.secret, mount: this.options.mount, command: command
    });
    await this.answering.done;
    this.answering = null;
    this.checkOpen = false;
    this.checks[command.check] = 'done';
    if (this.over) return;
    this.mark(); // the reply brings the study factor and the next commands
    this.pause('check', null);
  };

  Session.prototype.prompt = async function (command) {
    if (this.prompts[command.prompt] || this.checkOpen || this.promptOpen) return;
    this.prompts[command.prompt] = 'open';
    this.promptOpen = true;
    this.pause('prompt', command.message || '请回答提问。');
    var asking = parts.answerPrompt({
      bridge: this.bridge, secret: this.secret, mount: this.options.mount, command: command
    });
    this.asking = asking;
    await asking.done;
    this.prompts[command.prompt] = 'done';
    if (this.asking !== asking) return;
    this.asking = null;
    this.promptOpen = false;
    if (this.over) return;
    this.mark();
    this.pause('prompt', null);
  };

  /** Takes an open question off the page; what becomes of it the server knows. */
  Session.prototype.dropPrompt = function () {
    var asking = this.asking;
    this.asking = null;
    this.promptOpen = false;
    if (asking) asking.cancel();
    this.pause('prompt', null);
  };

  Session.prototype.rewind = function (command) {
    this.once(command, function () {
      var seek = this.options.seekTo || this.options.rewind;
      var to = Math.max(0, Math.round(Number(command.media_ms) || 0));
      if (seek && to < this.options.position()) {
        this.mark();
        seek(to);
        this.mark();
      }
      this.tell(String(command.message || ''));
    });
  };

  Session.prototype.once = function (command, act) {
    if (this.obeyed[command.id]) return;
    this.obeyed[command.id] = true;
    act.call(this);
  };

  function start(options) {
    var session = new Session(options);
    return {
      stop: function () { return session.stop(); }, mark: function () { session.mark(); },
      studyMs: function () { return session.studyMs(); }
    };
  }

  function captureReference(options) {
    var capture = null;
    var cancelled = false;
    loadRest().then(function () {
      if (!cancelled) capture = parts.captureReference(options);
    }, function () {
      options.onDone(null);
    });
    return {
      cancel: function () {
        cancelled = true;
        if (capture) capture.cancel();
      }
    };
  }

  parts.element = element;
  parts.button = button;
  parts.sleep = sleep;
  parts.request = request;
  parts.worthRetrying = worthRetrying;
  global.AnxueAgent = { version: 1, start: start, captureReference: captureReference, parts: parts };
})(window);
