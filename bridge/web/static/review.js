/* Keyboard decisions: whatever carries data-key is pressed by that key. The keys stand on the page beside their words. */
(function () {
  'use strict';
  var used = false;

  function typing(target) {
    return target instanceof Element && target.closest('input:not([type=hidden]), select, textarea, [contenteditable]') !== null;
  }

  document.addEventListener('keydown', function (event) {
    if (used || event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    var key = event.key.toLowerCase();
    var found = Array.prototype.find.call(document.querySelectorAll('[data-key]'), function (node) {
      return node.getAttribute('data-key') === key;
    });
    if (!found) return;
    event.preventDefault();
    used = true; // one key, one step: the next page listens anew
    found.click();
  });

  // A page that the browser brings back from its memory would be deaf, and would show a case as it stood.
  window.addEventListener('pageshow', function (event) {
    if (event.persisted) window.location.reload();
  });
})();
