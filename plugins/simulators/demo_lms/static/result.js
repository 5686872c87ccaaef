/* Asks what became of the webhook until the bridge has taken or refused it. */
(function () {
  'use strict';

  var line = document.getElementById('delivery');
  var again = document.getElementById('again');

  function look() {
    if (line.getAttribute('data-state') !== 'waiting') return;
    fetch(line.getAttribute('data-url'), { credentials: 'same-origin' }).then(function (reply) {
      return reply.json();
    }).then(function (delivery) {
      line.setAttribute('data-state', delivery.state);
      line.textContent = delivery.words;
      again.hidden = delivery.state !== 'refused';
      setTimeout(look, 500);
    }, function () {
      setTimeout(look, 2000);
    });
  }

  look();
})();
