/* Platforms: copies values on a click, and tells the LMS that opened us that it may close our page. */
(function () {
  'use strict';
  var CLOSE = { subject: 'org.imsglobal.lti.close' };

  function chosen(source) {
    var range = document.createRange();
    range.selectNodeContents(source);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  function said(button, text) {
    var before = button.textContent;
    button.textContent = text;
    window.setTimeout(function () { button.textContent = before; }, 2000);
  }

  Array.prototype.forEach.call(document.querySelectorAll('[data-copy]'), function (button) {
    var source = document.getElementById(button.getAttribute('data-copy'));
    button.hidden = false;
    button.addEventListener('click', function () {
      // Without a clipboard (plain http) the value is selected, so that a long press copies it.
      chosen(source);
      if (!navigator.clipboard) { said(button, '已选中'); return; }
      navigator.clipboard.writeText(source.textContent).then(
        function () { said(button, '已复制'); },
        function () { said(button, '已选中'); }
      );
    });
  });

  Array.prototype.forEach.call(document.querySelectorAll('[data-close]'), function (button) {
    var keeper = window.opener || (window.parent !== window ? window.parent : null);
    var after = document.querySelector('[data-close-said]');
    if (!keeper) { after.hidden = false; return; }
    button.hidden = false;
    button.addEventListener('click', function () {
      // To any origin, as the standard has it: the message holds nothing, and whose window it is we cannot ask.
      keeper.postMessage(CLOSE, '*');
      after.hidden = false;
    });
  });
})();
