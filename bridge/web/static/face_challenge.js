/* The registration page: opens the camera, says one thing at a time, and sends a few pictures of each movement.
 *
 * Which movement comes, and when, only the server knows; it judges the pictures too. What is said here about light is a
 * quick look at the picture's brightness, so that nobody waits for an answer only to hear that it is dark.
 */
(function () {
  'use strict';
  var panel = document.getElementById('face');
  var start = document.getElementById('face-start');
  var room = document.getElementById('face-room');
  if (!panel || !start || !room) return;

  var one = function (id) { return document.getElementById(id); };
  var view = one('face-view');
  var video = one('face-video');
  var canvas = document.createElement('canvas');
  var small = document.createElement('canvas');
  var url = panel.getAttribute('data-challenge-url');
  var csrf = panel.getAttribute('data-csrf');
  var stream = null;
  var run = 0; // a run that was left hears it by this number
  var wake = null;

  var EDGE = 640;
  var QUALITY = 0.85;
  var SETTLE_MS = 700; // exposure settles after the first pictures
  var JUDGED_MS = 250;
  var SEEN_MS = 650; // time to see that it was right
  var READ_MS = 1800; // time to read what went wrong
  var NETWORK_MS = 1500;
  var LONGEST_WITHOUT_LIGHT_MS = 12000; // then the server may say what it thinks of it
  var CAMERA_HELP = {
    NotAllowedError: '摄像头没有获得允许。请在手机设置或地址栏里允许本页使用摄像头，再点“再来一次”。',
    NotFoundError: '没有找到摄像头。请换一部带前置摄像头的手机打开本页。',
    NotReadableError: '摄像头正被别的程序占用。请关掉视频通话等程序，再点“再来一次”。',
    Missing: '这个浏览器不能使用摄像头。请更新微信，或把网址复制到手机自带的浏览器里打开。',
    Insecure: '本页不是加密连接，不能使用摄像头。请联系培训机构。',
    other: '摄像头没有打开。请检查后点“再来一次”。'
  };

  function sleep(ms) { return new Promise(function (resolve) { setTimeout(resolve, ms); }); }
  function say(text) { if (one('face-say').textContent !== text) one('face-say').textContent = text; }
  function hint(text) { if (one('face-hint').textContent !== text) one('face-hint').textContent = text; }
  function mood(name) { view.setAttribute('data-mood', name); }
  function part(share) { one('face-part').style.strokeDashoffset = String(100 - 100 * share); }

  async function request(method, path, options) {
    var wish = options || {};
    var headers = Object.assign({ Accept: 'application/json', 'X-CSRFToken': csrf }, wish.headers || {});
    var answer = await fetch(path, { method: method, headers: headers, body: wish.body, credentials: 'same-origin' });
    var body = {};
    try { body = await answer.json(); } catch (error) { body = {}; }
    return { status: answer.status, body: body };
  }

  async function openCamera() {
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      throw { name: window.isSecureContext === false ? 'Insecure' : 'Missing' };
    }
    var wish = { audio: false, video: { facingMode: 'user', width: { ideal: 640 }, height: { ideal: 480 } } };
    stream = await navigator.mediaDevices.getUserMedia(wish);
    video.srcObject = stream;
    await video.play();
    await sleep(SETTLE_MS);
  }

  function closeCamera() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
    video.srcObject = null;
  }

  /** Keeps the screen on while somebody looks away from it; where that is not offered, nothing is lost. */
  function keepAwake() {
    if (!navigator.wakeLock) return;
    navigator.wakeLock.request('screen').then(function (lock) { wake = lock; }, function () {});
  }

  /** → JPEG; the picture is not mirrored, only its display is. */
  function takePicture() {
    var scale = Math.min(1, EDGE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise(function (resolve, reject) {
      canvas.toBlob(function (blob) { if (blob) resolve(blob); else reject(new Error('no picture')); }, 'image/jpeg', QUALITY);
    });
  }

  /** → what is wrong with the light in the middle of the picture; '' if nothing is. */
  function lightProblem() {
    if (!video.videoWidth) return '';
    small.width = 32;
    small.height = 32;
    var paint = small.getContext('2d', { willReadFrequently: true });
    var side = Math.min(video.videoWidth, video.videoHeight) * 0.7;
    paint.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, 32, 32);
    var pixels = paint.getImageData(0, 0, 32, 32).data;
    var sum = 0;
    var white = 0;
    for (var at = 0; at < pixels.length; at += 4) {
      var grey = 0.3 * pixels[at] + 0.59 * pixels[at + 1] + 0.11 * pixels[at + 2];
      sum += grey;
      if (grey > 250) white += 1;
    }
    if (sum / 1024 < 35) return '光线太暗，请面向灯或窗户。';
    if (sum / 1024 > 232 || white > 400) return '光线太强或有反光，请换个方向。';
    return '';
  }

  async function waitForLight(mine) {
    var until = performance.now() + LONGEST_WITHOUT_LIGHT_MS;
    while (mine === run && performance.now() < until) {
      var problem = lightProblem();
      if (!problem) return;
      hint(problem);
      mood('again');
      await sleep(300);
    }
  }

  async function talk(mine, method, path, options) {
    while (mine === run) {
      try {
        var reply = await request(method, path, options);
        if (reply.status < 500) return reply;
      } catch (error) { /* no network: the same question again is the same question */ }
      hint('网络不稳定，正在重试…');
      await sleep(NETWORK_MS);
    }
    return { status: 0, body: {} };
  }

  async function sendBurst(mine, told) {
    var step = told.step;
    var path = url + '/' + encodeURIComponent(told.challenge) + '/frames';
    for (var seq = step.taken; seq < step.frames && mine === run; seq += 1) {
      var since = performance.now();
      var picture = await takePicture();
      var reply = await talk(mine, 'POST', path, {
        headers: { 'Content-Type': 'image/jpeg', 'X-Anxue-Nonce': step.nonce, 'X-Anxue-Frame': String(seq) }, body: picture
      });
      if (reply.status !== 200) return null; // somebody else's turn by now: ask how it stands
      told = reply.body;
      if (!told.step || told.step.nonce !== step.nonce) return told;
      if (seq + 1 < step.frames) await sleep(Math.max(0, step.gap_ms - (performance.now() - since)));
    }
    return told;
  }

  async function challenge(mine) {
    var track = stream.getVideoTracks()[0];
    var form = new URLSearchParams({ camera: (track && track.label) || '' });
    var reply = await talk(mine, 'POST', url, { body: form });
    if (reply.status !== 200) return { state: 'failed', message: reply.body.message || '请稍后再试。' };
    var told = reply.body;
    var met = 0;
    var asked = false; // a movement was shown, and what the server made of it is not said yet
    while (mine === run && told.state === 'open') {
      var step = told.step;
      if (asked && !step.judging) {
        asked = false;
        if (told.met > met) await tellGood(told);
        else await readWhatWentWrong(told);
        met = told.met;
      }
      part(told.met / told.of);
      one('face-count').textContent = '第 ' + Math.min(told.met + 1, told.of) + ' 步，共 ' + told.of + ' 步';
      if (step.judging) {
        hint('正在看照片…');
        await sleep(JUDGED_MS);
      } else if (!step.move) {
        view.setAttribute('data-move', '');
        mood('');
        say('请看着屏幕，准备下一个动作');
        hint('');
        await sleep(Math.min(step.wait_ms + 20, 1500));
      } else {
        say(step.say);
        view.setAttribute('data-move', step.move);
        mood('');
        if (step.move === 'front') await waitForLight(mine);
        hint(step.move === 'front' ? '整张脸放进框里' : '慢慢做，看着图示');
        asked = true;
        var after = await sendBurst(mine, told);
        if (after) {
          told = after;
          continue;
        }
      }
      reply = await talk(mine, 'GET', url);
      if (reply.status !== 200) return { state: 'failed', message: reply.body.message || '请刷新页面后再试。' };
      told = reply.body;
    }
    return told;
  }

  async function tellGood(told) {
    part(told.met / told.of);
    mood('good');
    view.setAttribute('data-move', '');
    say('很好!');
    hint('');
    if (navigator.vibrate) navigator.vibrate(60);
    await sleep(SEEN_MS);
  }

  async function readWhatWentWrong(told) {
    mood('again');
    view.setAttribute('data-move', '');
    say('没关系，再来一次');
    hint(told.message || '');
    await sleep(READ_MS);
  }

  function over(told) {
    closeCamera();
    view.setAttribute('data-move', '');
    one('face-again').hidden = true;
    if (told.state === 'passed') {
      part(1);
      mood('good');
      one('face-mark').textContent = '✓';
      say(told.anchored ? '人脸登记完成' : '动作完成');
      hint(told.anchored ? '' : told.card_again
        ? '识别模型更新后原来的核对不能沿用，请班主任再当面核对一次证件。学时照常暂记。'
        : '报名材料里没有可比对的证件照，请班主任当面核对证件。');
      one('face-count').textContent = '';
      room.setAttribute('data-state', 'passed');
      one('face-leave').textContent = '返回我的培训';
      one('face-leave').focus();
      if (told.anchored) setTimeout(function () { window.location.assign(panel.getAttribute('data-home-url')); }, 1200);
      return;
    }
    mood('failed');
    room.setAttribute('data-state', 'failed');
    say('没关系，可以再来一次');
    hint(told.message || '');
    one('face-count').textContent = '';
    one('face-again').hidden = false;
    one('face-again').focus();
  }

  async function begin() {
    run += 1;
    var mine = run;
    room.hidden = false;
    room.setAttribute('data-state', 'open');
    room.focus();
    one('face-again').hidden = true;
    one('face-mark').textContent = '';
    part(0);
    mood('');
    view.setAttribute('data-move', '');
    one('face-count').textContent = '';
    say('正在打开摄像头…');
    hint('');
    keepAwake();
    try {
      await openCamera();
    } catch (error) {
      if (mine !== run) return;
      closeCamera();
      var name = (error && error.name) || 'other';
      room.setAttribute('data-camera', name);
      say('摄像头没有打开');
      hint(CAMERA_HELP[name] || CAMERA_HELP.other);
      one('face-again').hidden = name === 'Missing' || name === 'Insecure';
      return;
    }
    if (mine !== run) return closeCamera();
    var told;
    try {
      told = await challenge(mine);
    } catch (error) {
      told = { state: 'failed', message: '照片没有拍成，请再试一次。' };
    }
    if (mine === run) over(told);
  }

  function leave() {
    run += 1;
    closeCamera();
    if (wake) wake.release();
    wake = null;
    if (room.getAttribute('data-state') === 'passed') return window.location.assign(panel.getAttribute('data-home-url'));
    room.hidden = true;
    start.focus();
  }

  start.addEventListener('click', begin);
  one('face-again').addEventListener('click', begin);
  one('face-leave').addEventListener('click', leave);
  room.addEventListener('keydown', function (event) { if (event.key === 'Escape') leave(); });
})();
