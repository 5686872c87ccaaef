/* The bridge's own player: joins a stage (pages.js, media.js), the agent (agent/v1.js) and what the learner is told.
 * What is shown here is for the learner; what counts is decided by the server alone. */
(function () {
  'use strict';

  var LOOK_MS = 10000;
  var SAY_MS = 6000;
  var BACK_MS = 15000;

  var root = document.getElementById('player');
  var data = JSON.parse(root.getAttribute('data-player'));
  var standing = JSON.parse(root.getAttribute('data-standing'));
  var title = document.title;
  var agent = null;
  var status = null;
  var waits = true; // the agent has paused the lesson
  var held = false; // the learner has
  var blocked = false;
  var passing = { words: '', mood: '', until: 0 };

  function by(id) { return document.getElementById(id); }

  var paged = data.kind === 'pdf' || data.kind === 'text';
  var media = by('lesson');
  var stage = paged ? new window.AnxuePlayer.PagesStage(data, {
    stage: by('stage'), picture: by('page'), texts: Array.prototype.slice.call(document.querySelectorAll('.page.text'))
  }, render) : new window.AnxuePlayer.MediaStage(data, media, {
    onChange: render,
    onRefused: function (what) {
      tell(what === 'rate' ? '首次学完前只能按正常速度播放。' : '首次学完前不能快进，请按顺序学习。', 'warn');
    },
    onBlocked: function () {
      blocked = true;
      render();
    },
    onBroken: function () { tell('课件没有加载出来，请检查网络后刷新页面。', 'bad'); }
  });
  var track = new window.AnxuePlayer.Track(by('track'), data.nominal_ms,
    data.pages.map(function (page) { return page.start_ms; }), go);

  // ---- where the learner is -------------------------------------------------------------------------------

  /** Goes to a place of the lesson, as far as it may be reached; the agent hears of both ends of the jump. */
  function go(ms) {
    if (!agent) return;
    var reach = stage.reachMs();
    if (ms > reach + 500) tell('首次学完前不能快进，只能回看已经学过的部分。', 'warn');
    agent.mark();
    stage.seekTo(Math.min(ms, reach));
    agent.mark();
    render();
  }

  /** The server has the learner go back. */
  function rewind(ms) {
    stage.seekTo(ms);
    render();
  }

  function firstGap(seen) {
    var at = 0;
    seen.forEach(function (pair) { if (pair[0] <= at) at = Math.max(at, pair[1]); });
    return at >= data.nominal_ms - 1000 ? 0 : at;
  }

  // ---- the agent ------------------------------------------------------------------------------------------

  function call(method, url) {
    var init = { method: method, credentials: 'same-origin', cache: 'no-store', headers: { Accept: 'application/json' } };
    if (method === 'POST') init.headers['X-CSRFToken'] = root.getAttribute('data-csrf');
    return fetch(url, init).then(function (reply) {
      return reply.json().catch(function () { return {}; }).then(function (body) {
        if (!reply.ok) throw new Error(body.message || '暂时连不上安学桥，请检查网络后再试。');
        return body;
      });
    }, function () { throw new Error('暂时连不上安学桥，请检查网络后再试。'); });
  }

  function begin() {
    by('start').disabled = true;
    stage.bless();
    say('正在连接…', '');
    call('POST', data.token_url).then(function (reply) {
      Array.prototype.forEach.call(by('agent').children, function (child) { child.hidden = true; });
      var mount = document.createElement('div');
      by('agent').appendChild(mount);
      var placed = false;
      held = false;
      agent = window.AnxueAgent.start({
        bridge: window.location.origin, token: reply.token, activity: 'study', mount: mount,
        position: stage.positionMs, rate: stage.rate, seekTo: rewind,
        setPaused: function (pause) {
          waits = pause;
          stage.setPaused(pause || held);
          render();
        },
        onStatus: function (now) {
          status = now;
          stage.setFactor(now.studyFactor, function () { return agent ? agent.studyMs() : 0; });
          if (now.session && !placed) {
            placed = true;
            stage.setLimits(now.session.credited_media, standing.unit.finished);
            stage.seekTo(firstGap(now.session.credited_media));
          }
          document.title = (now.checkOpen ? '【请核验】' : now.promptOpen ? '【请答题】' : '') + title;
          root.setAttribute('data-agent', now.state);
          if (now.state === 'refused' || now.state === 'failed' || now.state === 'closed') over(now);
          render();
        }
      });
      render();
    }).catch(function (error) {
      by('start').disabled = false;
      say(error.message, 'bad');
    });
  }

  function over(now) {
    agent = null;
    waits = true;
    stage.setPaused(true);
    by('start').disabled = false;
    by('start').textContent = now.state === 'closed' ? '继续学习' : '重新开始';
    passing = { words: now.message || '', mood: now.state === 'closed' ? '' : 'bad', until: Infinity };
    look();
  }

  // ---- what the learner is told ---------------------------------------------------------------------------

  function say(words, mood) {
    var line = by('player-say');
    if (line.textContent !== words) line.textContent = words;
    line.setAttribute('data-mood', mood);
  }

  function tell(words, mood) {
    passing = { words: words, mood: mood, until: performance.now() + SAY_MS };
    render();
  }

  function minutes(ms) {
    var seconds = Math.max(0, Math.ceil(ms / 1000));
    var rest = seconds % 60;
    return Math.floor(seconds / 60) + ':' + (rest < 10 ? '0' : '') + rest;
  }

  function atEnd() {
    return paged ? stage.page() === data.pages.length - 1 && stage.pageLeftMs() === 0
      : stage.ended();
  }

  /** → [what to do now, mood] */
  function advice() {
    if (passing.words && performance.now() < passing.until) return [passing.words, passing.mood];
    if (!agent) return ['点“开始学习”。开始和结束时需要刷脸，学习中会不定时抽查，请独自面对镜头。', ''];
    if (status && status.checkOpen) return ['请完成人脸核验，通过后自动继续。', 'warn'];
    if (status && status.promptOpen) return ['请回答屏幕上的小题，答对后自动继续。', 'warn'];
    if (blocked) return ['请点一下“继续”播放。', 'warn'];
    if (waits) return [(status && status.message) || '正在连接…', 'warn'];
    if (held) return ['已暂停，点“继续”接着学。', 'warn'];
    if (atEnd()) return [standing.unit.complete ? '本单元已学完，请点“结束学习”。'
      : '已到末尾。请点“结束学习”；进度条上的空白部分可以回看补学。', 'good'];
    if (!paged) return ['正在学习，请保持页面在前台。', ''];
    var left = stage.pageLeftMs();
    return left > 0 ? ['请阅读本页，还需 ' + minutes(left) + '。', ''] : ['本页已学满，请翻到下一页。', 'good'];
  }

  function render() {
    if (!track) return; // the stage shows itself before the rest stands
    var words = advice();
    say(words[0], words[1]);
    by('curtain').hidden = Boolean(agent);
    by('stage').setAttribute('data-waits', agent && waits ? 'yes' : 'no');
    by('finish').hidden = !agent;
    var at = stage.positionMs();
    track.draw(standing.unit.seen, at);
    by('clock').textContent = minutes(at) + ' / ' + minutes(data.nominal_ms);
    by('back').disabled = !agent || (paged ? stage.page() === 0 : at < 1000);
    if (paged) {
      by('page-number').textContent = (stage.page() + 1) + ' / ' + data.pages.length;
      var left = stage.pageLeftMs();
      var last = stage.page() === data.pages.length - 1;
      by('next').disabled = !agent || last || left > 0;
      by('next').textContent = agent && !last && left > 0 ? '下一页（' + minutes(left) + '）' : '下一页';
    } else {
      by('play').disabled = !agent || (waits && !blocked);
      by('play').textContent = held || blocked ? '继续' : '暂停';
    }
  }

  function showStanding() {
    var today = by('today');
    today.textContent = standing.today;
    today.setAttribute('data-seconds', String(standing.today_seconds));
    by('milestone').textContent = standing.milestone;
    by('left').textContent = standing.units_left + ' 个' +
      (standing.unit.complete && standing.next_unit ? '，下一个：' + standing.next_unit : '');
    by('warning').hidden = !standing.warning;
    by('warning').textContent = standing.warning || '';
    by('reasons-box').hidden = !standing.reasons.length;
    by('reasons').textContent = '';
    standing.reasons.forEach(function (line) {
      var item = document.createElement('li');
      item.className = line.kind === 'refused' ? 'refused' : 'provisional';
      item.setAttribute('data-reason', line.code);
      [['b', '', (line.kind === 'refused' ? '未计入 ' : '待确认 ') + line.time], ['span', '', line.sentence],
        ['span', 'todo', line.todo], ['span', 'source', '依据：' + line.source]].forEach(function (part, index) {
        if (!part[2]) return;
        if (index) item.appendChild(document.createElement('br'));
        var node = document.createElement(part[0]);
        if (part[1]) node.className = part[1];
        node.textContent = part[2];
        item.appendChild(node);
      });
      by('reasons').appendChild(item);
    });
  }

  function look() {
    clearTimeout(look.timer);
    call('GET', data.standing_url).then(function (found) {
      standing = found;
      if (agent) stage.setLimits(found.unit.seen, found.unit.finished);
      showStanding();
      render();
    }, function () { return null; }).then(function () {
      var factor = status ? Math.max(1, status.studyFactor) : 1;
      look.timer = setTimeout(look, Math.max(1000, LOOK_MS / factor));
    });
  }

  // ---- what the learner does ------------------------------------------------------------------------------

  by('start').addEventListener('click', begin);
  by('back').addEventListener('click', function () {
    if (paged) go(stage.pageStartMs(stage.page() - 1));
    else go(stage.positionMs() - BACK_MS);
  });
  if (paged) {
    by('next').addEventListener('click', function () { go(stage.pageStartMs(stage.page() + 1)); });
  } else {
    by('play').addEventListener('click', function () {
      held = !(held || blocked);
      blocked = false;
      stage.setPaused(waits || held);
      if (agent) agent.mark();
      render();
    });
  }
  by('finish').addEventListener('click', function () {
    by('finish').disabled = true;
    agent.stop().then(function (left) {
      by('finish').disabled = false;
      if (left.closed) window.location.assign(data.home_url + '#step-study');
    });
  });

  setInterval(function () {
    stage.tick();
    render();
  }, 250);
  showStanding();
  render();
  look();
})();
