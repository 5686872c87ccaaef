/* The agent's question: small, each time another, made and judged by the server. Loaded by v1.js.
 *
 * Large choices for a thumb, plain buttons for a keyboard and a screen reader. What it shows is fetched when it is shown;
 * the right answer is nowhere in this page.
 */
(function (global) {
  'use strict';

  var parts = global.AnxueAgent.parts;
  var element = parts.element;
  var button = parts.button;
  var sleep = parts.sleep;

  var RETRY_MS = 1000;
  var DONE_MS = 700;
  var READ_MS = 6000;
  var HURRY_SECONDS = 15;

  function PromptDialog(mount, command) {
    var title = '请回答，确认您在学习';
    this.closed = false;
    this.focusBefore = document.activeElement;
    this.root = element('div', 'anxue-overlay anxue-prompt', '', 'agent-prompt');
    this.root.setAttribute('role', 'dialog');
    this.root.setAttribute('aria-modal', 'true');
    this.root.setAttribute('aria-label', title);
    this.root.tabIndex = -1;
    var card = element('div', 'anxue-card');
    this.count = element('p', 'anxue-count', '', 'agent-prompt-count');
    this.question = element('p', 'anxue-message', '', 'agent-prompt-question');
    this.question.setAttribute('aria-live', 'assertive');
    this.choices = element('div', 'anxue-choices', '', 'agent-prompt-choices');
    this.hint = element('p', 'anxue-hint', command.message || '', 'agent-prompt-hint');
    this.hint.setAttribute('aria-live', 'polite');
    this.actions = element('div', 'anxue-actions');
    card.appendChild(element('h2', 'anxue-title', title));
    [this.count, this.question, this.choices, this.hint, this.actions].forEach(function (node) { card.appendChild(node); });
    card.appendChild(element('p', 'anxue-foot', '提问期间学习暂停，按时答对不影响已计的时间。'));
    this.root.appendChild(card);
    mount.appendChild(this.root);
    this.root.focus();
    this.countDown(command.answer_within_seconds || 60);
  }

  PromptDialog.prototype.countDown = function (seconds) {
    var self = this;
    var end = performance.now() + seconds * 1000;
    var draw = function () {
      var left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      self.count.textContent = '请在 ' + left + ' 秒内回答';
      if (left <= HURRY_SECONDS) self.root.setAttribute('data-hurry', 'yes');
    };
    draw();
    clearInterval(this.timer);
    this.timer = setInterval(draw, 250);
  };

  /** Shows one question; resolves with the ids tapped, in order. */
  PromptDialog.prototype.ask = function (question) {
    var self = this;
    this.question.textContent = question.text;
    this.choices.textContent = '';
    this.actions.textContent = '';
    return new Promise(function (resolve) {
      var taken = [];
      var nodes = question.choices.map(function (choice) {
        var node = button('anxue-choice', choice.label, 'agent-prompt-choice', function () {
          taken.push(choice.id);
          node.disabled = true;
          node.setAttribute('data-place', String(taken.length));
          node.setAttribute('aria-label', choice.label + '，第 ' + taken.length + ' 个');
          if (taken.length < question.pick) return;
          nodes.forEach(function (one) { one.disabled = true; });
          self.actions.textContent = '';
          resolve(taken);
        });
        node.setAttribute('data-choice', choice.id);
        self.choices.appendChild(node);
        return node;
      });
      if (question.pick > 1) {
        self.actions.appendChild(button('anxue-button anxue-plain', '重新选', 'agent-prompt-again', function () {
          taken = [];
          nodes.forEach(function (node, index) {
            node.disabled = false;
            node.removeAttribute('data-place');
            node.setAttribute('aria-label', question.choices[index].label);
          });
          nodes[0].focus();
        }));
      }
      nodes[0].focus();
    });
  };

  PromptDialog.prototype.close = function () {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.root.remove();
    if (this.focusBefore && this.focusBefore.focus) this.focusBefore.focus({ preventScroll: true });
  };

  /** Shows a prompt until the server's word on it is final. → {done: Promise, cancel()}; never rejects. */
  function answerPrompt(options) {
    var command = options.command;
    var dialog = new PromptDialog(options.mount, command);
    var url = options.bridge + '/agent/v1/prompts/' + encodeURIComponent(command.prompt);
    var headers = { Authorization: 'Bearer ' + options.secret };
    var giveUp = performance.now() + ((command.answer_within_seconds || 60) + 30) * 1000; // the server ends it before
    var late = null;

    var ask = async function (method, body) {
      var given = { headers: headers };
      if (body) given = { headers: { Authorization: headers.Authorization, 'Content-Type': 'application/json' }, body: body };
      try {
        return await parts.request(method, url, given);
      } catch (error) {
        return null;
      }
    };
    var converse = async function () {
      var told = '';
      while (!dialog.closed && performance.now() < giveUp) {
        var shown = await ask('GET');
        if (!shown || parts.worthRetrying(shown.status)) {
          dialog.hint.textContent = '网络不稳定，正在重试…';
          await sleep(RETRY_MS);
          continue;
        }
        if (shown.status !== 200) return null;
        if (shown.body.final) return shown.body;
        dialog.hint.textContent = told || shown.body.message;
        dialog.countDown(shown.body.answer_within_seconds);
        clearTimeout(late);
        var expired = new Promise(function (resolve) {
          late = setTimeout(function () { resolve(null); }, (shown.body.answer_within_seconds + 1) * 1000);
        });
        var answer = await Promise.race([dialog.ask(shown.body.question), expired]);
        if (dialog.closed) return null;
        if (!answer) continue; // the time is over: what the server says of it comes next
        var body = JSON.stringify({ v: 1, nonce: shown.body.nonce, answer: answer });
        var reply = await ask('POST', body);
        if (reply && reply.status === 200) {
          if (reply.body.final) return reply.body;
          told = reply.body.message;
          dialog.root.setAttribute('data-mood', 'again');
        }
      }
      return null;
    };
    var tell = async function (state) {
      clearTimeout(late);
      if (dialog.closed) return;
      clearInterval(dialog.timer);
      dialog.count.textContent = '';
      if (!state || state.state === 'superseded') return;
      dialog.choices.textContent = '';
      dialog.actions.textContent = '';
      dialog.hint.textContent = '';
      dialog.question.textContent = state.message || '';
      var right = state.state === 'answered';
      dialog.root.setAttribute('data-mood', right ? 'passed' : 'failed');
      if (right) {
        setTimeout(function () { dialog.close(); }, DONE_MS);
        return 'kept';
      }
      var read = new Promise(function (resolve) {
        var node = button('anxue-button', '知道了', 'agent-prompt-done', resolve);
        dialog.actions.appendChild(node);
        node.focus();
      });
      await Promise.race([read, sleep(READ_MS)]);
      return null;
    };
    var close = function () { dialog.close(); };
    var done = converse().then(tell).then(function (kept) { if (kept !== 'kept') close(); }, close);
    return { done: done, cancel: close };
  }

  parts.answerPrompt = answerPrompt;
})(window);
