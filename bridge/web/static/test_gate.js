/* The page beside a test: device checks, the start check, opening the test, and the agent all the while.
 *
 * What decides is asked of the server; this page only shows it. The agent beats also while the page is behind the
 * test's window: a worker ticks for it, since timers of hidden pages are held back.
 */
(function () {
  'use strict';

  var root = document.getElementById('gate');
  if (!root) return;
  var POLL_MS = 2000;
  var POLL_RUNNING_MS = 8000;
  var address = root.getAttribute('data-url');
  var csrf = root.getAttribute('data-csrf');
  var proctored = root.getAttribute('data-origin') === 'proctoring';
  var title = document.title;
  var by = function (id) { return document.getElementById(id); };
  var said = by('gate-said');
  var device = by('check-device');
  var person = by('check-person');
  var start = by('start-test');
  var open = by('open-test');
  var again = by('again');
  var finish = by('finish');
  var agent = null;
  var state = null;
  var paused = true;
  var factor = 1;
  var spent = 0; // study milliseconds on this page
  var last = performance.now();
  var sound = null;
  var over = false;
  var handedOver = false; // the test's own page has an agent of its own, which watches from now on
  var GRANTS = {
    asked: '正在请学习平台打开考试，请稍候…', granted: '学习平台已打开考试。', revoking: '考试授权正在收回。',
    revoked: '考试授权已收回，请重新核验后再开始。', refused: '学习平台没有接受考试授权，请联系培训机构。'
  };

  function say(text, kind) {
    said.textContent = text;
    said.className = 'note ' + (kind || '');
    said.hidden = !text;
  }

  function position() {
    var now = performance.now();
    if (!paused) spent += (now - last) * factor;
    last = now;
    return Math.round(spent);
  }

  function call(method, path) {
    var headers = { Accept: 'application/json' };
    if (method === 'POST') headers['X-CSRFToken'] = csrf;
    return fetch(address + path, { method: method, headers: headers, credentials: 'same-origin', cache: 'no-store' })
      .then(function (reply) {
        return reply.json().catch(function () { return {}; }).then(function (body) {
          if (!reply.ok) throw new Error(body.message || '没有成功，请刷新页面后重试。');
          return body;
        });
      });
  }

  // ---- what is checked before the test --------------------------------------------------------------------

  function mark(name, className) {
    root.querySelector('[data-check="' + name + '"]').className = className;
  }

  function camera() {
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      mark('browser', 'bad');
      return Promise.reject(new Error(window.isSecureContext === false
        ? '本页不是加密连接，浏览器不允许使用摄像头。请联系培训机构管理员。'
        : '当前浏览器不能使用摄像头。请更新浏览器，或复制网址到系统自带的浏览器中打开。'));
    }
    mark('browser', 'ok');
    mark('camera', 'busy');
    return navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: 'user' } }).then(function (stream) {
      var view = by('preview');
      view.srcObject = stream;
      view.hidden = false;
      return view.play().then(function () {
        return new Promise(function (resolve) { setTimeout(resolve, 1200); });
      }).then(function () {
        var live = view.videoWidth > 0;
        stream.getTracks().forEach(function (track) { track.stop(); });
        view.srcObject = null;
        view.hidden = true;
        if (!live) throw new Error('摄像头没有画面。请检查摄像头是否被遮挡或被其他程序占用。');
        mark('camera', 'ok');
      });
    }).catch(function (error) {
      mark('camera', 'bad');
      if (error.name === 'NotAllowedError') throw new Error('摄像头没有获得允许。请在浏览器的地址栏或手机设置中允许本页使用摄像头，再检查一次。');
      if (error.name === 'NotFoundError') throw new Error('没有找到摄像头。请接好摄像头，或改用带摄像头的设备。');
      if (error.name === 'NotReadableError') throw new Error('摄像头正被其他程序占用。请关闭视频通话等程序，再检查一次。');
      throw error;
    });
  }

  device.addEventListener('click', function () {
    device.disabled = true;
    say('');
    // Sound may only begin by a touch; it calls the learner back when a check is due.
    try { sound = sound || new (window.AudioContext || window.webkitAudioContext)(); } catch (error) { sound = null; }
    camera().then(function () {
      mark('bridge', 'busy');
      return call('GET', '/state').catch(function (error) {
        mark('bridge', 'bad');
        throw error;
      });
    }).then(function () {
      mark('bridge', 'ok');
      person.disabled = false;
      person.focus();
    }).catch(function (error) {
      say(error.message, 'bad');
    }).then(function () {
      device.disabled = false;
      device.textContent = '重新检查';
    });
  });

  // ---- the agent ------------------------------------------------------------------------------------------

  function beep() {
    if (!sound) return;
    var tone = sound.createOscillator();
    var volume = sound.createGain();
    volume.gain.value = 0.2;
    tone.connect(volume);
    volume.connect(sound.destination);
    tone.start();
    tone.stop(sound.currentTime + 0.4);
  }

  function watch() {
    person.disabled = true;
    again.hidden = true;
    say('');
    call('POST', '/token').then(function (reply) {
      hideOld();
      var mount = document.createElement('div');
      by('agent').appendChild(mount);
      var mine = window.AnxueAgent.start({
        bridge: window.location.origin, token: reply.token, activity: 'test', mount: mount, position: position,
        setPaused: function (pause) {
          position();
          paused = pause;
        },
        onStatus: function (status) {
          if (mine && mine !== agent) return;
          position();
          factor = status.studyFactor;
          root.setAttribute('data-agent', status.state);
          document.title = status.checkOpen ? '【请核验】' + title : title;
          if (status.checkOpen && document.visibilityState !== 'visible') beep();
          if (status.reason === 'other_device' && state && state.grant === 'granted') handedOver = true;
          if (status.state === 'refused' || status.state === 'failed' || status.state === 'closed') lost(status.message);
        }
      });
      agent = mine;
      stayAwake();
      look();
    }, function (error) {
      person.disabled = false;
      again.hidden = false;
      say(error.message, 'bad');
    });
  }

  /** A session that is over shows nothing any more; the server closes it once the new one is open. */
  function hideOld() {
    Array.prototype.forEach.call(by('agent').children, function (child) { child.hidden = true; });
  }

  function lost(message) {
    if (over || !agent) return;
    agent = null;
    hideOld();
    if (handedOver) say('监考已由考试页面接管，请在考试页面作答。', 'good');
    else say(message || '监考已中断，请恢复。', 'bad');
    person.disabled = false;
    person.textContent = '重新核验';
    render();
  }

  function stayAwake() {
    if (navigator.wakeLock) navigator.wakeLock.request('screen').catch(function () { return null; });
  }

  person.addEventListener('click', watch);
  again.addEventListener('click', watch);

  // ---- the test -------------------------------------------------------------------------------------------

  if (proctored) {
    by('start-form').addEventListener('submit', function () {
      // Side by side where the screen is wide enough, so that this page stays in sight.
      if (window.screen.availWidth >= 1200) {
        var width = Math.round(window.screen.availWidth * 0.65);
        var beside = window.open('', 'anxue_test', 'popup,left=0,top=0,width=' + width + ',height=' + window.screen.availHeight);
        if (beside) by('start-form').target = 'anxue_test';
      }
      start.disabled = true;
      setTimeout(look, 1500);
    });
  } else {
    start.addEventListener('click', function () {
      start.disabled = true;
      call('POST', '/start').then(show, function (error) { say(error.message, 'bad'); render(); });
    });
  }

  finish.addEventListener('click', function () {
    if (by('sure').hidden) {
      by('sure').hidden = false;
      return;
    }
    over = true;
    finish.disabled = true;
    say('正在结束监考…');
    var left = agent ? agent.stop() : Promise.resolve();
    left.then(function () { return call('POST', '/finish'); }).then(function () {
      window.location.assign(address);
    }, function (error) {
      over = false;
      finish.disabled = false;
      say(error.message, 'bad');
    });
  });

  function look() {
    clearTimeout(look.timer);
    call('GET', '/state').then(show, function (error) { say(error.message, 'bad'); }).then(function () {
      if (!over) look.timer = setTimeout(look, state && state.state === 'running' ? POLL_RUNNING_MS : POLL_MS);
    });
  }

  function show(found) {
    state = found;
    if (found.state === 'ended' && !over) {
      over = true;
      var left = agent ? agent.stop() : Promise.resolve();
      left.then(function () { window.location.assign(address); });
      return;
    }
    if (found.check_failed && found.state === 'waiting' && agent) lost('没有通过核验。请调整光线和位置，独自面对镜头，再核验一次。');
    render();
  }

  function render() {
    var passed = Boolean(state && state.session_open && state.check_passed && agent);
    var running = Boolean(state && state.state === 'running');
    if (!state) return;
    by('part-device').hidden = running;
    by('part-person').hidden = running;
    by('part-test').classList.toggle('off', !passed && !running);
    by('part-running').hidden = !running;
    start.disabled = !passed || (running && !proctored);
    by('part-test').hidden = running && proctored;
    by('paused').hidden = !state.paused;
    again.hidden = Boolean(agent) || handedOver;
    by('alive').hidden = !agent;
    person.textContent = passed ? '已通过核验' : person.textContent;
    if (passed && !running && !said.textContent) {
      say('核验通过，可以打开考试。', 'good');
      start.focus();
    }
    if (running && said.className === 'note good' && !handedOver) say('');
    if (!proctored) {
      var words = state.grant ? GRANTS[state.grant] : '';
      by('grant-said').textContent = words;
      by('grant-said').hidden = !words;
      if (state.test_url) open.href = state.test_url;
      open.hidden = !(running && open.getAttribute('href') && (state.grant === null || state.grant === 'granted'));
      start.hidden = running;
    }
  }

  try {
    var ticker = new Worker(new URL('ticker.js', document.querySelector('script[src*="test_gate.js"]').src));
    ticker.onmessage = function () {
      if (agent && !over && document.visibilityState !== 'visible') agent.mark();
    };
  } catch (error) { ticker = null; }

  window.addEventListener('beforeunload', function (event) {
    if (agent && !over && state && state.state === 'running') event.preventDefault();
  });

  if (root.getAttribute('data-running') === 'yes') {
    say('监考页面重新打开了，请先恢复监考。', 'warn');
    look();
  }
})();
