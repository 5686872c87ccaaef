/* Bar charts for those who supervise: one kind of bar by day, or several kinds stacked. */
(function () {
  'use strict';
  // The legend is the page's own, since canvas text is measured before the page's fonts are there: .legend.kinds.
  var COLOURS = ['#0e5365', '#b8641a', '#2c8a57', '#8a4fa3', '#e0a21b', '#a93226', '#5b7f95', '#7a5c3e'];

  function bars(data) {
    if (!data.series) {
      return [{ type: 'bar', data: data.values, barMaxWidth: 42, itemStyle: { color: '#0e5365', borderRadius: [4, 4, 0, 0] } }];
    }
    return data.series.map(function (one, at) {
      return { type: 'bar', stack: 'all', name: one.name, data: one.values, barMaxWidth: 42, itemStyle: { color: COLOURS[at % COLOURS.length] } };
    });
  }

  function said(data, items) {
    if (!data.series) return items[0].name + '\n' + data.title + ' ' + items[0].value + ' ' + data.unit;
    var lines = items.filter(function (item) { return item.value; }).map(function (item) { return item.seriesName + ' ' + item.value + ' ' + data.unit; });
    return [items[0].name].concat(lines.length ? lines : ['0 ' + data.unit]).join('\n');
  }

  function draw(box) {
    var data = JSON.parse(box.getAttribute('data-chart'));
    var chart = window.echarts.init(box, null, { renderer: 'canvas' });
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 14 },
      grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true },
      tooltip: {
        trigger: 'axis', renderMode: 'richText', confine: true, backgroundColor: '#15303a', borderWidth: 0,
        textStyle: { color: '#fff', fontSize: 14, lineHeight: 22 },
        formatter: function (items) { return said(data, items); }
      },
      xAxis: { type: 'category', data: data.days, axisLabel: { color: '#52666e', fontSize: 13 }, axisTick: { show: false } },
      yAxis: {
        type: 'value', name: data.unit, minInterval: 1,
        nameTextStyle: { color: '#52666e', fontSize: 13, align: 'left' }, axisLabel: { color: '#52666e', fontSize: 13 },
        splitLine: { lineStyle: { color: '#e5ecee' } }
      },
      series: bars(data)
    });
    window.addEventListener('resize', function () { chart.resize(); });
  }
  Array.prototype.forEach.call(document.querySelectorAll('[data-chart]'), draw);
})();
