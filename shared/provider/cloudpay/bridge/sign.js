'use strict';
// What the cashier and the bridge sign: the same rules as in the Go package above.

const crypto = require('crypto');

const WINDOW = 300; // seconds that a signature is good for

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest('hex');

// signCall signs what the cashier asks: {op, params, time, nonce}.
const signCall = (key, { op, params, time, nonce }) =>
  hmac(key, [op, time, nonce, JSON.stringify(params)].join('\n'));

// signNotice signs what is posted to the cashier; time is unix seconds.
const signNotice = (key, time, body) => hmac(key, `${time}.${body}`);

// same compares two signatures in constant time.
const same = (want, got) => {
  const a = Buffer.from(want);
  const b = Buffer.from(String(got));
  return a.length === b.length && crypto.timingSafeEqual(a, b);
};

// fresh tells whether unix seconds are within the window around now.
const fresh = (time) => Math.abs(Date.now() / 1000 - time) <= WINDOW;

module.exports = { signCall, signNotice, same, fresh };
