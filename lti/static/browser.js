/* What binds a login to its browser when the tool stands in a frame, found out by trying, in this order: the cookie
 * (Partitioned, so that it holds where third-party cookies are blocked), the platform's storage, a new window.
 * No check of the server is ever left out; a browser that can do none of the three is told what to do.
 *
 * Plain ES5, CSP-safe, no module: older phones' web views run it.
 * Sources: 1EdTech LTI Client Side postMessages 0.1, LTI postMessage Storage 0.1.
 */
(function () {
  'use strict';

  var ANSWER_MS = 1500;
  var page = document.getElementById('lti-browser');
  if (!page) return;
  var say = document.getElementById('lti-say');
  var form = document.getElementById('lti-form');

  function given(name) { return page.getAttribute('data-' + name) || ''; }

  function show(step) {
    page.setAttribute('data-shown', step);
    var nodes = document.querySelectorAll('[data-for]');
    for (var i = 0; i < nodes.length; i += 1) {
      nodes[i].hidden = (' ' + nodes[i].getAttribute('data-for') + ' ').indexOf(' ' + step + ' ') < 0;
    }
    if (say) say.hidden = true;
  }

  /** Asks `target` and gives the answer (or null) to `then`. Only a window of `origin` may answer; '*' asks anyone. */
  function ask(target, origin, message, then) {
    var id = String(Date.now()) + Math.random().toString(16).slice(2);
    var timer = 0;
    function end(answer) {
      clearTimeout(timer);
      window.removeEventListener('message', heard);
      then(answer);
    }
    function heard(event) {
      var data = event.data;
      if (!data || typeof data !== 'object' || data.message_id !== id) return;
      if (data.subject !== message.subject + '.response') return;
      if (origin !== '*' && event.origin !== origin) return;
      end(data.error ? null : data);
    }
    message.message_id = id;
    window.addEventListener('message', heard);
    timer = setTimeout(function () { end(null); }, ANSWER_MS);
    try { target.postMessage(message, origin); } catch (error) { end(null); }
  }

  /** Finds the platform's frame that keeps values; null if it says of none. */
  function storageFrame(subject, then) {
    var name = given('storage-target');
    if (!name || window.parent === window) { then(null); return; }
    ask(window.parent, '*', { subject: 'lti.capabilities' }, function (answer) {
      var listed = answer && answer.supported_messages instanceof Array ? answer.supported_messages : [];
      for (var i = 0; i < listed.length; i += 1) {
        if (listed[i] && listed[i].subject === subject && typeof listed[i].frame === 'string') name = listed[i].frame;
      }
      var frame = null;
      try { frame = name === '_parent' ? window.parent : window.parent.frames[name]; } catch (error) { frame = null; }
      then(frame || null);
    });
  }

  function putValue(then) {
    storageFrame('lti.put_data', function (frame) {
      if (!frame) { then(false); return; }
      var message = { subject: 'lti.put_data', key: given('storage-key'), value: given('storage-value') };
      ask(frame, given('storage-origin'), message, function (answer) {
        then(Boolean(answer) && answer.value === given('storage-value'));
      });
    });
  }

  function getValue(then) {
    storageFrame('lti.get_data', function (frame) {
      if (!frame) { then(null); return; }
      ask(frame, given('storage-origin'), { subject: 'lti.get_data', key: given('storage-key') }, function (answer) {
        then(answer && typeof answer.value === 'string' ? answer.value : null);
      });
    });
  }

  function cookieHolds(then) {
    var call = new XMLHttpRequest();
    call.open('POST', given('probe'));
    call.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    call.onload = function () {
      var answer = null;
      try { answer = JSON.parse(call.responseText); } catch (error) { answer = null; }
      then(Boolean(answer && answer.bound === true));
    };
    call.onerror = function () { then(false); };
    call.send('state=' + encodeURIComponent(given('state')));
  }

  function login() {
    function go() { window.location.replace(given('authorise')); }
    cookieHolds(function (holds) {
      if (holds) { go(); return; }
      putValue(function (kept) {
        if (kept) go(); else show('new-window');
      });
    });
    document.getElementById('lti-open').addEventListener('click', function () {
      setTimeout(function () { show('opened'); }, 0);
    });
  }

  function launch() {
    getValue(function (value) {
      if (value === null) { show('failed'); return; }
      document.getElementById('lti-stored').value = value;
      show('continue');
    });
    form.addEventListener('submit', function () {
      setTimeout(function () { show('opened'); }, 0);
    });
  }

  var step = given('step');
  if (step === 'login') login();
  else if (step === 'launch') launch();
  else if (step === 'post') form.submit();
})();
