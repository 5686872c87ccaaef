/* One bar chart: hours by day, for those who supervise. */
(function () {
  'use strict';
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
        formatter: function (items) { return items[0].name + '\n' + data.title + ' ' + items[0].value + ' ' + data.unit; }
      },
      xAxis: { type: 'category', data: data.days, axisLabel: { color: '#52666e', fontSize: 13 }, axisTick: { show: false } },
      yAxis: {
        type: 'value', name: data.unit, minInterval: 1,
        nameTextStyle: { color: '#52666e', fontSize: 13, align: 'left' }, axisLabel: { color: '#52666e', fontSize: 13 },
        splitLine: { lineStyle: { color: '#e5ecee' } }
      },
      series: [{ type: 'bar', data: data.values, barMaxWidth: 42, itemStyle: { color: '#0e5365', borderRadius: [4, 4, 0, 0] } }]
    });
    window.addEventListener('resize', function () { chart.resize(); });
  }
  Array.prototype.forEach.call(document.querySelectorAll('[data-chart]'), draw);
})();
