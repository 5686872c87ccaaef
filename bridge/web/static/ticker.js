/* A worker that ticks: timers of a page out of sight are held back to one a minute, a worker's are not. */
'use strict';
setInterval(function () { self.postMessage(0); }, 5000);
