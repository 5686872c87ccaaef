/* The learner's progress: htmx brings a new fragment, this draws its picture and keeps what the reader opened. */
(function () {
  'use strict';
  var COLOURS = { credited: '#2c8a57', provisional: '#e0a21b', pending: '#c98f3c', frozen: '#5a86b5', refused: '#a97f7a' };
  var WORDS = { credited: '已计入', provisional: '待确认', pending: '待测试', frozen: '冻结', refused: '未计入' };
  var fragment = document.getElementById('progress');
  var box = document.getElementById('timeline');
  if (!fragment || !box) return;
  var chart = null;
  var drawn = '';
  var opened = {};

  function minutes(ms) {
    var seconds = Math.floor(ms / 1000);
    var rest = seconds % 60;
    return Math.floor(seconds / 60) + ' 分' + (rest ? ' ' + rest + ' 秒' : '');
  }

  // Canvas text does not wrap Chinese by itself.
  function folded(text, width) {
    var lines = [];
    for (var at = 0; at < text.length; at += width) lines.push(text.slice(at, at + width));
    return lines.join('\n');
  }

  function series(data) {
    var items = [];
    data.units.forEach(function (unit, row) {
      var at = 0;
      unit.segments.forEach(function (one) {
        items.push({ value: [row, at, at + one.ms, one.verdict], segment: one, unit: unit.title });
        at += one.ms;
      });
    });
    return items;
  }

  function shape(params, api) {
    var from = api.coord([api.value(1), api.value(0)]);
    var to = api.coord([api.value(2), api.value(0)]);
    var height = Math.min(30, api.size([0, 1])[1] * 0.42);
    return {
      type: 'rect',
      shape: { x: from[0], y: from[1] - height * 0.15, width: Math.max(to[0] - from[0], 1.5), height: height },
      style: { fill: COLOURS[api.value(3)] }
    };
  }

  function draw() {
    var source = fragment.querySelector('[data-timeline]');
    if (!source || !window.echarts) return;
    var text = source.getAttribute('data-timeline');
    if (text === drawn) return;
    drawn = text;
    var data = JSON.parse(text);
    var any = data.units.some(function (unit) { return unit.segments.length > 0; });
    document.getElementById('timeline-box').hidden = !any;
    if (!any) return;
    if (!chart) chart = window.echarts.init(box, null, { renderer: 'canvas' });
    var longest = data.units.reduce(function (most, unit) {
      return Math.max(most, unit.segments.reduce(function (sum, one) { return sum + one.ms; }, 0));
    }, 60000);
    var wide = box.clientWidth > 560;
    var titles = data.units.map(function (unit) { return unit.title; });
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 14 },
      grid: { left: 4, right: 12, top: 6, bottom: 34 },
      tooltip: {
        renderMode: 'richText', confine: true, backgroundColor: '#15303a', borderWidth: 0,
        textStyle: { color: '#fff', fontSize: 14, lineHeight: 22 }, padding: 12,
        formatter: function (item) {
          var one = item.data.segment;
          var reason = one.reason === null ? null : data.reasons[one.reason];
          var lines = [item.data.unit, one.when, WORDS[one.verdict] + ' ' + minutes(one.ms)];
          if (reason) lines.push(folded(reason.text, wide ? 26 : 16), folded('依据：' + reason.source, wide ? 26 : 16));
          return lines.join('\n');
        }
      },
      xAxis: {
        type: 'value', min: 0, max: longest, splitNumber: wide ? 6 : 3,
        axisLabel: { color: '#52666e', fontSize: 13, formatter: function (ms) { return Math.round(ms / 60000) + ' 分'; } },
        minInterval: 60000,
        splitLine: { lineStyle: { color: '#e5ecee' } }
      },
      yAxis: {
        type: 'category', inverse: true, data: titles, axisLine: { show: false }, axisTick: { show: false },
        axisLabel: {
          inside: true, margin: 0, color: '#15303a', fontSize: 14, align: 'left', verticalAlign: 'bottom', padding: [0, 0, 8, 0],
          formatter: function (title) { return !wide && title.length > 20 ? title.slice(0, 19) + '…' : title; }
        },
        z: 5
      },
      series: [{
        type: 'custom', renderItem: shape, encode: { x: [1, 2], y: 0 }, data: series(data), clip: true
      }]
    }, { notMerge: true });
  }

  // A paper changes more of the page than the fragment holds.
  function papers() {
    var holder = fragment.querySelector('[data-papers]');
    return holder ? holder.getAttribute('data-papers') : '0';
  }
  var papersAtFirst = papers();

  document.addEventListener('toggle', function (event) {
    if (event.target.id) opened[event.target.id] = event.target.open;
  }, true);
  new MutationObserver(function () {
    Object.keys(opened).forEach(function (id) {
      var details = document.getElementById(id);
      if (details && fragment.contains(details) && details.open !== opened[id]) details.open = opened[id];
    });
    draw();
    if (papers() !== papersAtFirst) window.location.reload();
  }).observe(fragment, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-timeline'] });
  window.addEventListener('resize', function () { if (chart) { chart.resize(); drawn = ''; draw(); } });
  draw();
})();
