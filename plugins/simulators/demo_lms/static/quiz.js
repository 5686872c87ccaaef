/* The quiz with the agent: the questions show once the session runs and its first check is passed; handing in is
 * possible while no check is open. The answers are taken first, then the agent leaves, then the score is sent. */
(function () {
  'use strict';

  var form = document.getElementById('quiz');
  var sheet = document.getElementById('sheet');
  var submit = document.getElementById('submit');
  var notice = document.getElementById('paused');
  var unanswered = document.getElementById('unanswered');
  var deliver = document.getElementById('deliver');
  var address = '/attempts/' + form.getAttribute('data-attempt');
  var total = document.querySelectorAll('.question').length;
  var began = false;
  var handingIn = false;
  var checkOpen = true;
  var paused = true;
  var factor = 1;
  var spent = 0; // study milliseconds on this page
  var last = performance.now();

  function position() {
    var now = performance.now();
    if (!paused) spent += (now - last) * factor;
    last = now;
    return Math.round(spent);
  }

  function send(path, body) {
    return fetch(address + path, {
      method: 'POST', credentials: 'same-origin', body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json', 'X-CSRFToken': form.getAttribute('data-form-token') }
    }).then(function (reply) {
      if (!reply.ok) throw new Error(String(reply.status));
    });
  }

  function say(message) {
    notice.hidden = !message;
    notice.textContent = message;
  }

  function render() {
    sheet.disabled = paused || handingIn;
    submit.disabled = !began || checkOpen || handingIn;
  }

  function begin() {
    began = true;
    send('/begin', {}).then(function () {
      form.hidden = false;
      render();
    }, function () {
      began = false;
      say('测验没有开始，请刷新页面重试。');
    });
  }

  var agent = window.AnxueAgent.start({
    bridge: form.getAttribute('data-bridge'),
    token: form.getAttribute('data-token'),
    activity: 'test',
    mount: document.getElementById('agent'),
    position: position,
    setPaused: function (pause, message) {
      position();
      paused = pause;
      if (!handingIn) say(pause ? message : '');
      render();
    },
    onStatus: function (status) {
      position();
      factor = status.studyFactor;
      checkOpen = status.checkOpen;
      form.setAttribute('data-state', status.state);
      if (status.state === 'running' && !began) begin();
      render();
    }
  });

  form.addEventListener('submit', function (event) {
    event.preventDefault();
    var chosen = {};
    form.querySelectorAll('input[type="radio"]:checked').forEach(function (input) {
      chosen[input.name] = Number(input.value);
    });
    var missing = total - Object.keys(chosen).length;
    if (missing && !form.hasAttribute('data-warned')) {
      form.setAttribute('data-warned', '');
      unanswered.textContent = '还有 ' + missing + ' 题没有作答。确定交卷请再点一次。';
      return;
    }
    handingIn = true;
    render();
    send('/answers', { answers: chosen }).then(function () {
      say('已交卷，正在结束本次测验…');
      return agent.stop().then(function () { deliver.submit(); });
    }, function () {
      handingIn = false;
      render();
      say('交卷没有成功，请检查网络后再试。');
    });
  });
})();
