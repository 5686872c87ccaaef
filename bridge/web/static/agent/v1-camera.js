/* The agent's camera: the answer to a face check, and the capture of the face reference. Loaded by v1.js.
 *
 * The camera is open only while the dialog is; a refusal of the browser is said in words that tell what to do.
 */
(function (global) {
  'use strict';

  var element = global.AnxueAgent.parts.element;
  var button = global.AnxueAgent.parts.button;
  var sleep = global.AnxueAgent.parts.sleep;
  var request = global.AnxueAgent.parts.request;
  var worthRetrying = global.AnxueAgent.parts.worthRetrying;

  var POLL_MS = 100;
  var LOOK_MS = 30;
  var LIVE_MS = 1000; // then the server is asked again: the check may be over while no camera opens
  var ANOTHER_MS = 1300; // time to read the hint before the next picture
  var SEE_MOVE_MS = 900; // time to see which movement is asked for before its first picture
  var PASSED_MS = 500;
  var PATIENCE_MS = 20000;
  var READ_MS = 6000;
  var FRAME_EDGE = 640;
  var FRAME_QUALITY = 0.85;
  var SETTLE_MS = 600; // exposure settles after the first picture
  var REFERENCE_FRAMES = 5;
  var RING = 2 * Math.PI * 48;
  var SVG = 'http://www.w3.org/2000/svg';

  var KINDS = {
    entry: '进入学习前的人脸核验', random: '学习中的人脸抽查', exit: '离开前的人脸核验',
    test_start: '测验开始前的人脸核验', in_test: '测验中的人脸抽查'
  };
  var VERDICTS = {
    passed: '核验通过，请继续。', missed: '没有在规定时间内完成核验。', other_person: '画面中的人与本人登记照片不一致。',
    suspected_spoof: '画面像是照片或屏幕。', no_face: '没有看到人脸。', several_faces: '画面中不止一个人。', too_poor: '画面不够清楚。', unsure: '暂时无法确认是本人。'
  };
  var CAMERA_HELP = {
    NotAllowedError: '摄像头没有获得允许。请在浏览器的地址栏或手机设置中允许本页使用摄像头，再点“重试”。',
    NotFoundError: '没有找到摄像头。请接好摄像头，或改用带前置摄像头的手机打开本页，再点“重试”。',
    NotReadableError: '摄像头正被其他程序占用。请关闭视频通话等程序，再点“重试”。',
    Missing: '当前浏览器不能使用摄像头。请把微信更新到最新版本，或复制网址到手机自带浏览器中打开。',
    Insecure: '本页不是加密连接，浏览器不允许使用摄像头。请联系培训机构管理员。',
    other: '摄像头没有打开。请检查摄像头后点“重试”。'
  };

  // One head for all movements: it turns or comes down as data-move says (v1.css); mirrored, as the video is.
  var SIGNS = [
    ['circle', { 'class': 'anxue-sign-back', cx: 50, cy: 50, r: 48 }],
    ['ellipse', { 'class': 'anxue-sign-head', cx: 50, cy: 50, rx: 27, ry: 35 }],
    ['path', { 'class': 'anxue-sign-face', d: 'M39 44v5M61 44v5M50 48v10h-3M42 68q8 6 16 0' }],
    ['path', { 'class': 'anxue-sign-way anxue-sign-turn_left', d: 'M18 36L5 50L18 64' }],
    ['path', { 'class': 'anxue-sign-way anxue-sign-turn_right', d: 'M82 36L95 50L82 64' }],
    ['path', { 'class': 'anxue-sign-way anxue-sign-nod', d: 'M36 84L50 97L64 84' }],
    ['path', { 'class': 'anxue-sign-way anxue-sign-blink', d: 'M32 45q7 6 14 0M54 45q7 6 14 0' }]
  ];

  function CameraDialog(mount, title, message) {
    var self = this;
    this.mount = mount;
    this.stream = null;
    this.closed = false;
    this.focusBefore = document.activeElement;
    this.root = element('div', 'anxue-overlay', '', 'agent-check');
    this.root.setAttribute('role', 'dialog');
    this.root.setAttribute('aria-modal', 'true');
    this.root.setAttribute('aria-label', title);
    this.root.tabIndex = -1;
    var card = element('div', 'anxue-card');
    card.appendChild(element('h2', 'anxue-title', title, 'agent-check-title'));
    var view = element('div', 'anxue-view');
    this.video = element('video', 'anxue-video', '', 'agent-check-video');
    this.video.muted = true;
    this.video.setAttribute('autoplay', '');
    this.video.setAttribute('playsinline', '');
    this.video.setAttribute('webkit-playsinline', '');
    view.appendChild(this.video);
    this.ring = this.makeRing(view);
    this.makeSign(view);
    this.mark = element('span', 'anxue-mark');
    this.mark.setAttribute('aria-hidden', 'true');
    view.appendChild(this.mark);
    card.appendChild(view);
    this.count = element('p', 'anxue-count', '', 'agent-check-count');
    this.message = element('p', 'anxue-message', message, 'agent-check-message');
    this.message.setAttribute('aria-live', 'assertive');
    this.hint = element('p', 'anxue-hint', '', 'agent-check-hint');
    this.hint.setAttribute('aria-live', 'polite');
    this.actions = element('div', 'anxue-actions');
    this.retry = button('anxue-button', '重试', 'agent-camera-retry', function () { self.openCamera(); });
    this.retry.hidden = true;
    this.actions.appendChild(this.retry);
    [this.count, this.message, this.hint, this.actions].forEach(function (node) { card.appendChild(node); });
    card.appendChild(element('p', 'anxue-foot', '摄像头只在核验时打开，核验结束立即关闭。'));
    card.appendChild(element('p', 'anxue-foot', '不想刷脸，或做不了动作？可在“我的培训”改由工作人员监督，学时不受影响。', 'agent-other-way'));
    this.root.appendChild(card);
    mount.appendChild(this.root);
    this.root.focus();
  }

  CameraDialog.prototype.makeRing = function (view) {
    var svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 100 100');
    svg.setAttribute('class', 'anxue-ring');
    svg.setAttribute('aria-hidden', 'true');
    var circles = ['anxue-ring-track', 'anxue-ring-left'].map(function (name) {
      var circle = document.createElementNS(SVG, 'circle');
      circle.setAttribute('class', name);
      circle.setAttribute('cx', '50');
      circle.setAttribute('cy', '50');
      circle.setAttribute('r', '48');
      circle.setAttribute('transform', 'rotate(-90 50 50)');
      circle.setAttribute('stroke-dasharray', String(RING));
      svg.appendChild(circle);
      return circle;
    });
    view.appendChild(svg);
    return circles[1];
  };

  CameraDialog.prototype.makeSign = function (view) {
    var svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 100 100');
    svg.setAttribute('class', 'anxue-sign');
    svg.setAttribute('aria-hidden', 'true');
    SIGNS.forEach(function (part) {
      var node = document.createElementNS(SVG, part[0]);
      Object.keys(part[1]).forEach(function (name) { node.setAttribute(name, part[1][name]); });
      svg.appendChild(node);
    });
    view.appendChild(svg);
  };

  /** Shows which movement is asked for, in large words and as a picture; '' for none. */
  CameraDialog.prototype.ask = function (move, words) {
    this.root.setAttribute('data-move', move);
    if (words) this.message.textContent = words;
  };

  CameraDialog.prototype.countDown = function (seconds) {
    var self = this;
    this.countTo(seconds);
    var draw = function () {
      var left = Math.max(0, self.end - performance.now());
      self.count.textContent = '请在 ' + Math.ceil(left / 1000) + ' 秒内完成';
      self.ring.setAttribute('stroke-dashoffset', String(RING * (1 - Math.min(1, left / (seconds * 1000)))));
    };
    draw();
    this.timer = setInterval(draw, 250);
  };

  /** Sets the time that is left: the bridge adds what a picture waited for it. */
  CameraDialog.prototype.countTo = function (seconds) {
    this.end = performance.now() + seconds * 1000;
  };

  CameraDialog.prototype.stopCountDown = function () {
    clearInterval(this.timer);
    this.count.textContent = '';
  };

  /** Opens the camera, or says in words why not and offers to try again. */
  CameraDialog.prototype.openCamera = async function () {
    this.retry.hidden = true;
    this.hint.textContent = '正在打开摄像头…';
    try {
      if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
        throw { name: global.isSecureContext === false ? 'Insecure' : 'Missing' };
      }
      var wish = { audio: false, video: { facingMode: 'user', width: { ideal: 640 }, height: { ideal: 480 } } };
      var stream = await navigator.mediaDevices.getUserMedia(wish);
      if (this.closed) {
        stream.getTracks().forEach(function (track) { track.stop(); });
        return;
      }
      this.stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      this.hint.textContent = '请正对屏幕，让整张脸在圆圈内。';
      this.liveSince = performance.now();
    } catch (error) {
      this.stopCamera();
      if (this.closed) return;
      var name = (error && error.name) || 'other';
      this.hint.textContent = CAMERA_HELP[name] || CAMERA_HELP.other;
      this.root.setAttribute('data-camera', name);
      this.retry.hidden = name === 'Missing' || name === 'Insecure';
    }
  };

  CameraDialog.prototype.isLive = function () {
    return Boolean(this.liveSince && this.video.videoWidth && performance.now() - this.liveSince >= SETTLE_MS);
  };

  /** → JPEG blob, longer edge at most FRAME_EDGE; the picture is not mirrored, only its display is. */
  CameraDialog.prototype.capture = function () {
    var video = this.video;
    var scale = Math.min(1, FRAME_EDGE / Math.max(video.videoWidth, video.videoHeight));
    var canvas = element('canvas');
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise(function (resolve, reject) {
      canvas.toBlob(function (blob) {
        if (blob) resolve(blob); else reject(new Error('no picture'));
      }, 'image/jpeg', FRAME_QUALITY);
    });
  };

  CameraDialog.prototype.offer = function (text, testId, onClick) {
    var node = button('anxue-button', text, testId, function () {
      node.remove();
      onClick();
    });
    this.actions.appendChild(node);
    node.focus();
    return node;
  };

  CameraDialog.prototype.mood = function (name) {
    this.root.setAttribute('data-mood', name);
  };

  CameraDialog.prototype.stopCamera = function () {
    if (this.stream) this.stream.getTracks().forEach(function (track) { track.stop(); });
    this.stream = null;
    this.liveSince = 0;
    this.video.srcObject = null;
  };

  CameraDialog.prototype.close = function () {
    this.closed = true;
    clearInterval(this.timer);
    this.stopCamera();
    this.root.remove();
    if (this.focusBefore && this.focusBefore.focus) this.focusBefore.focus({ preventScroll: true });
  };

  /** Shows a check and sends pictures until the server's verdict is final. → {done: Promise, cancel()}; never rejects. */
  function answerCheck(options) {
    var command = options.command;
    var dialog = new CameraDialog(options.mount, KINDS[command.kind] || '人脸核验', command.message || '请看摄像头。');
    var url = options.bridge + '/agent/v1/checks/' + encodeURIComponent(command.check);
    var bearer = 'Bearer ' + options.secret;
    var seconds = command.answer_within_seconds || 60;
    var giveUp = performance.now() + seconds * 1000 + PATIENCE_MS; // the server ends the check well before
    var shown = 0;
    var moving = ''; // nonce of the movement that is shown

    var converse = async function () {
      while (!dialog.closed && performance.now() < giveUp) {
        var state = null;
        try { state = await request('GET', url, { headers: { Authorization: bearer } }); } catch (error) { state = null; }
        if (!state || worthRetrying(state.status)) {
          dialog.hint.textContent = '网络不稳定，正在重试…';
          await sleep(1000);
        } else if (state.status !== 200) {
          return;
        } else if (state.body.final) {
          return tellVerdict(state.body, dialog);
        } else if (state.body.state === 'judging') {
          giveUp = Math.max(giveUp, performance.now() + PATIENCE_MS); // what waits for the bridge is not over
          await lookAgain(state.body);
        } else {
          if (state.body.answer_within_seconds > 0) {
            dialog.countTo(state.body.answer_within_seconds);
            giveUp = performance.now() + state.body.answer_within_seconds * 1000 + PATIENCE_MS;
          }
          await (state.body.step ? movement(state.body, state.body.step) : nextPicture(state.body));
        }
      }
    };
    // The bridge knows how many pictures wait before this one: asking sooner would only hold it up.
    var lookAgain = function (answer) {
      var told = Number(answer.look_again_ms);
      return sleep(told >= 20 && told <= 5000 ? told : POLL_MS);
    };
    var send = async function (nonce) {
      return request('POST', url + '/frames', {
        headers: { Authorization: bearer, 'Content-Type': 'image/jpeg', 'X-Anxue-Nonce': nonce }, body: await dialog.capture()
      });
    };
    // One movement, a few pictures of it, then the bridge says whether it was seen.
    var movement = async function (state, step) {
      if (moving !== state.nonce) {
        if (moving) {
          dialog.mood('again');
          dialog.ask('', '没关系，再来一次');
          dialog.hint.textContent = state.message || '';
          await sleep(ANOTHER_MS);
        }
        moving = state.nonce;
        dialog.mood('');
        dialog.ask(step.move, step.say);
        dialog.hint.textContent = '慢慢做，看着图示。';
        await sleep(SEE_MOVE_MS);
      }
      try {
        var reply = null;
        for (var taken = step.taken; taken < step.frames && !dialog.closed; taken += 1) {
          if (!dialog.isLive()) return await sleep(POLL_MS);
          var since = performance.now();
          reply = await send(state.nonce);
          // Taken already: only its answer was lost on the way.
          if (reply.status !== 202 && reply.body.reason !== 'frame_repeated') return;
          if (taken + 1 < step.frames) await sleep(Math.max(0, step.gap_ms - (performance.now() - since)));
        }
        dialog.hint.textContent = '正在核验…';
        dialog.mood('judging');
        if (reply) await lookAgain(reply.body);
      } catch (error) {
        dialog.hint.textContent = '网络不稳定，正在重试…';
        await sleep(POLL_MS);
      }
    };
    var nextPicture = async function (state) {
      if (shown) {
        dialog.hint.textContent = state.hint || state.message || dialog.hint.textContent;
        dialog.mood('again');
        await sleep(ANOTHER_MS);
      }
      var until = performance.now() + LIVE_MS;
      while (!dialog.closed && !dialog.isLive() && performance.now() < until) await sleep(LOOK_MS);
      if (state.attempts_left <= 0 || !dialog.isLive()) {
        await sleep(POLL_MS);
        return;
      }
      shown += 1;
      try {
        dialog.hint.textContent = '正在核验…';
        dialog.mood('judging');
        var reply = await send(state.nonce);
        if (reply.status >= 400 && reply.body.message) dialog.hint.textContent = reply.body.message;
        if (reply.status === 202) await lookAgain(reply.body);
      } catch (error) {
        dialog.hint.textContent = '网络不稳定，正在重试…';
      }
    };

    dialog.countDown(seconds);
    dialog.openCamera();
    var close = function () { dialog.close(); };
    var done = converse().then(function (passed) { if (!passed) close(); }, close);
    return { done: done, cancel: close };
  }

  /** Says how the check ended; true when it was passed. Study goes on at once then, under the tick that fades. */
  async function tellVerdict(state, dialog) {
    var passed = state.state === 'passed';
    dialog.stopCountDown();
    dialog.stopCamera();
    dialog.ask('', '');
    dialog.mood(passed ? 'passed' : 'failed');
    dialog.mark.textContent = passed ? '✓' : '!';
    dialog.message.textContent = state.message || VERDICTS[state.state] || '核验已结束。';
    dialog.hint.textContent = passed ? '' : state.hint || '';
    if (passed) {
      setTimeout(function () { dialog.close(); }, PASSED_MS);
      return true;
    }
    var read = new Promise(function (resolve) { dialog.offer('知道了', 'agent-check-done', resolve); });
    await Promise.race([read, sleep(READ_MS)]);
    return false;
  }

  function captureReference(options) {
    var dialog = new CameraDialog(options.mount, '采集人脸照片', '请摘下口罩、墨镜，正对屏幕，保持光线充足。');
    var url = new URL(options.url, options.bridge).href;
    var last = null;
    var finish = function (reply) {
      if (dialog.closed) return;
      dialog.close();
      if (options.onDone) options.onDone(reply);
    };
    var cancel = button('anxue-button anxue-plain', '暂不采集', 'agent-reference-cancel', function () { finish(null); });
    dialog.actions.appendChild(cancel);

    var series = async function () {
      for (var taken = 0; taken < REFERENCE_FRAMES && !dialog.closed;) {
        if (!dialog.isLive()) {
          await sleep(POLL_MS);
          continue;
        }
        dialog.mood('judging');
        dialog.count.textContent = '第 ' + (taken + 1) + ' 张，共 ' + REFERENCE_FRAMES + ' 张';
        var reply = await request('POST', url, {
          headers: { 'Content-Type': 'image/jpeg', 'X-CSRFToken': options.csrf, Accept: 'application/json' },
          body: await dialog.capture(), credentials: 'same-origin'
        });
        if (dialog.closed) return;
        taken += 1;
        last = reply.body;
        var share = last.needed ? Math.min(1, (last.good_frames || 0) / last.needed) : taken / REFERENCE_FRAMES;
        dialog.ring.setAttribute('stroke-dashoffset', String(RING * (1 - share)));
        dialog.hint.textContent = last.message || '';
        dialog.mood(last.accepted ? 'passed' : 'again');
        if (reply.status >= 400) break;
        if (last.done) {
          dialog.message.textContent = last.message || '采集完成。';
          dialog.hint.textContent = '';
          dialog.count.textContent = '';
          dialog.mark.textContent = '✓';
          cancel.hidden = true;
          dialog.stopCamera();
          await sleep(900);
          finish(last);
          return;
        }
        await sleep(last.accepted ? SETTLE_MS : ANOTHER_MS);
      }
      if (!dialog.closed) again((last && last.message) || '还没有采集够清晰的照片，请调整光线和位置后再试。');
    };
    var again = function (message) {
      dialog.message.textContent = message;
      dialog.offer('再拍一组', 'agent-reference-again', attempt);
    };
    var attempt = function () {
      series().catch(function () {
        if (!dialog.closed) again('网络不稳定，照片没有传上去。请稍后再试。');
      });
    };
    dialog.ring.setAttribute('stroke-dashoffset', String(RING));
    dialog.openCamera();
    attempt();
    return { cancel: function () { finish(null); } };
  }

  global.AnxueAgent.parts.answerCheck = answerCheck;
  global.AnxueAgent.parts.captureReference = captureReference;
})(window);
