/* Passkeys: asks the server for a challenge, the browser for its answer, and hands it back. */
(function () {
  'use strict';
  var root = document.querySelector('[data-passkey]');
  if (!root || !window.PublicKeyCredential || !navigator.credentials) return;
  var go = root.querySelector('[data-passkey-go]');
  var said = root.querySelector('[data-passkey-said]');
  var creates = root.getAttribute('data-kind') === 'create';

  function bytes(text) {
    var plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(plain, function (c) { return c.charCodeAt(0); });
  }

  function text(buffer) {
    var plain = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  function withBytes(list) {
    return (list || []).map(function (one) { return Object.assign({}, one, { id: bytes(one.id) }); });
  }

  function post(url, body) {
    return fetch(url, {
      method: 'POST',
      headers: { 'X-CSRFToken': root.getAttribute('data-csrf'), 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(body)
    }).then(function (answer) {
      return answer.json().then(function (told) {
        if (!answer.ok) throw new Error(told.message);
        return told;
      });
    });
  }

  function asked(options) {
    options.challenge = bytes(options.challenge);
    if (creates) {
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = withBytes(options.excludeCredentials);
      return navigator.credentials.create({ publicKey: options });
    }
    options.allowCredentials = withBytes(options.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  }

  function answer(credential) {
    var response = { clientDataJSON: text(credential.response.clientDataJSON) };
    if (creates) {
      response.attestationObject = text(credential.response.attestationObject);
    } else {
      response.authenticatorData = text(credential.response.authenticatorData);
      response.signature = text(credential.response.signature);
      if (credential.response.userHandle) response.userHandle = text(credential.response.userHandle);
    }
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response, clientExtensionResults: {} };
  }

  function words(error) {
    if (error instanceof DOMException) {
      return error.name === 'InvalidStateError' ? '这台设备上的通行密钥已经登记过了。' : '没有完成验证，可以再点一次。';
    }
    return error.message || '没有连上，请检查网络后再点一次。';
  }

  go.hidden = false;
  go.addEventListener('click', function () {
    go.disabled = true;
    said.hidden = true;
    post(root.getAttribute('data-options'), {})
      .then(asked)
      .then(function (credential) { return post(root.getAttribute('data-answer'), answer(credential)); })
      .then(function (told) {
        if (told.codes) document.getElementById('new-codes').submit();
        else window.location.assign(told.next);
      })
      .catch(function (error) {
        go.disabled = false;
        said.textContent = words(error);
        said.hidden = false;
      });
  });
})();
