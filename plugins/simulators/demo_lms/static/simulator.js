/* While a rehearsal runs, asks how far it is; loads the page anew when it has ended. */
(function () {
  'use strict';

  var rehearsal = document.getElementById('rehearsal');
  var tally = document.getElementById('tally');

  function look() {
    fetch('/simulator/launches', { credentials: 'same-origin' }).then(function (reply) {
      return reply.json();
    }).then(function (seen) {
      if (!seen.rehearsing) {
        location.replace('/simulator');
        return;
      }
      var counts = seen.counts;
      tally.textContent = '正在演练：' + seen.played + ' / ' + seen.of + '。 ' + counts.right + ' 正确　' +
        counts.wrong + ' 错误　' + counts.open + ' 未知';
      setTimeout(look, 1000);
    }, function () {
      setTimeout(look, 3000);
    });
  }

  if (rehearsal.getAttribute('data-running') === 'yes') setTimeout(look, 500);
})();
