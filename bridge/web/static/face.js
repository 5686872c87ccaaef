/* The face registration page: hands the camera to the agent's capture and says in words how it went. */
(function () {
  'use strict';
  var panel = document.getElementById('face');
  var start = document.getElementById('face-start');
  var said = document.getElementById('face-said');
  if (!panel || !start) return;

  function say(text, kind) {
    said.textContent = text;
    said.className = 'note ' + kind;
    said.hidden = false;
  }

  start.addEventListener('click', function () {
    if (!window.AnxueAgent) {
      say('页面没有完整加载，请刷新后重试。', 'bad');
      return;
    }
    start.disabled = true;
    said.hidden = true;
    window.AnxueAgent.captureReference({
      bridge: window.location.origin,
      url: panel.getAttribute('data-frames-url'),
      csrf: panel.getAttribute('data-csrf'),
      mount: document.getElementById('face-mount'),
      onDone: function (reply) {
        start.disabled = false;
        if (!reply) {
          say('采集没有完成。准备好以后，请再点一次“开始”。', 'warn');
        } else if (reply.anchored) {
          window.location.assign(panel.getAttribute('data-home-url'));
        } else {
          say(reply.message || '照片还不够，请再点一次“开始”。', 'warn');
        }
      }
    });
  });
})();
