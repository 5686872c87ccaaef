/* The check of the card in person: shows the camera, sends one frame at a time with the server's nonce, says what came. */
(function () {
  'use strict';
  var panel = document.getElementById('card-camera');
  if (!panel) return;
  var video = document.getElementById('card-video');
  var said = document.getElementById('card-said');
  var matched = document.getElementById('card-matched');
  var shoot = document.getElementById('card-shoot');
  var turn = document.getElementById('card-turn');
  var EDGE = 960;
  var LOOK_MS = 700;
  var nonce = panel.getAttribute('data-nonce');
  var facing = 'environment'; // staff hold the telephone, the learner stands before it
  var stream = null;

  function say(text, kind) {
    said.textContent = text;
    said.className = 'note ' + (kind || '');
  }

  function stop() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
  }

  async function openCamera() {
    stop();
    shoot.disabled = true;
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      say('这个浏览器不能使用摄像头，请换用系统自带浏览器或电脑。', 'bad');
      return;
    }
    try {
      var wish = { audio: false, video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } } };
      stream = await navigator.mediaDevices.getUserMedia(wish);
      video.srcObject = stream;
      await video.play();
      shoot.disabled = false;
      say('请学员正对镜头，点“拍照”。');
    } catch (error) {
      say('摄像头没有打开，请允许使用摄像头后重试。', 'bad');
    }
  }

  function frame() {
    var scale = Math.min(1, EDGE / Math.max(video.videoWidth, video.videoHeight));
    var canvas = document.createElement('canvas');
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext('2d').drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise(function (resolve) { canvas.toBlob(resolve, 'image/jpeg', 0.9); });
  }

  async function asked(url, options) {
    var answer = await fetch(url, options);
    var reply = await answer.json();
    if (!answer.ok) throw new Error(reply.message || '');
    return reply;
  }

  async function look() {
    var reply = await asked(panel.getAttribute('data-state-url'), { headers: { Accept: 'application/json' } });
    matched.textContent = reply.matched;
    if (reply.pending) {
      window.setTimeout(function () { look().catch(failed); }, LOOK_MS);
    } else if (reply.state === 'open') {
      say(reply.message, 'warn');
      shoot.disabled = false;
    } else {
      stop();
      say(reply.message, reply.state === 'failed' ? 'bad' : 'good');
      shoot.hidden = turn.hidden = true;
      window.setTimeout(function () { window.location.assign(panel.getAttribute('data-page-url')); }, 1500);
    }
  }

  function failed(error) {
    say((error && error.message) || '没有送达，请检查网络后再拍一张。', 'bad');
    shoot.disabled = false;
  }

  shoot.addEventListener('click', async function () {
    shoot.disabled = true;
    say('正在核对照片，请稍候。');
    try {
      var reply = await asked(panel.getAttribute('data-frames-url'), {
        method: 'POST',
        headers: {
          Accept: 'application/json', 'Content-Type': 'image/jpeg',
          'X-CSRFToken': panel.getAttribute('data-csrf'), 'X-Card-Check-Nonce': nonce
        },
        body: await frame()
      });
      nonce = reply.nonce;
      await look();
    } catch (error) {
      failed(error);
    }
  });
  turn.addEventListener('click', function () {
    facing = facing === 'user' ? 'environment' : 'user';
    openCamera();
  });
  window.addEventListener('pagehide', stop);
  openCamera();
})();
