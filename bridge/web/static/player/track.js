/* The player's progress bar: what was seen is drawn, what is missing is blank, a touch asks to go there.
 *
 *   AnxuePlayer.Track(svg, nominalMs, marks, onAsk) → {draw(seen, atMs)}
 *     marks           where pages begin, ms; onAsk(ms) is called for a touch
 */
(function (global) {
  'use strict';

  var WIDTH = 1000;
  var HEIGHT = 18;
  var NAMESPACE = 'http://www.w3.org/2000/svg';

  function bar(name, from, width) {
    var node = document.createElementNS(NAMESPACE, 'rect');
    node.setAttribute('class', name);
    node.setAttribute('x', from.toFixed(2));
    node.setAttribute('y', '0');
    node.setAttribute('height', String(HEIGHT));
    node.setAttribute('width', Math.max(0, width).toFixed(2));
    return node;
  }

  function Track(svg, nominalMs, marks, onAsk) {
    var scale = WIDTH / nominalMs;
    var drawn = '';
    svg.addEventListener('click', function (event) {
      var box = svg.getBoundingClientRect();
      onAsk(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * nominalMs);
    });
    this.draw = function (seen, atMs) {
      var next = JSON.stringify([seen, Math.round(atMs * scale)]);
      if (next === drawn) return;
      drawn = next;
      svg.textContent = '';
      svg.appendChild(bar('base', 0, WIDTH));
      seen.forEach(function (pair) {
        svg.appendChild(bar('seen', pair[0] * scale, Math.min(WIDTH, pair[1] * scale) - pair[0] * scale));
      });
      marks.forEach(function (ms) { if (ms > 0) svg.appendChild(bar('cut', ms * scale - 1.5, 3)); });
      svg.appendChild(bar('at', Math.min(WIDTH - 8, Math.max(0, atMs * scale - 4)), 8));
      var done = seen.reduce(function (sum, pair) { return sum + pair[1] - pair[0]; }, 0);
      svg.setAttribute('aria-label', '学习进度：已学 ' + Math.floor(100 * done / nominalMs) + '%');
    };
  }

  global.AnxuePlayer = global.AnxuePlayer || {};
  global.AnxuePlayer.Track = Track;
})(window);
