'use strict';
const test = require('node:test');
const assert = require('node:assert');
const http = require('node:http');
const Module = require('node:module');
const path = require('node:path');
const { signCall, signNotice } = require('./sign.js');
const fixtures = require('../testdata/cloudpay-fixtures.json');

const KEY = 'the-key-of-the-bridge';

// The SDK is there on Tencent's machines only. This one remembers its calls.
const sdk = { calls: [], answers: {} };
const fake = {
  DYNAMIC_CURRENT_ENV: Symbol('env'),
  init: ({ env }) => assert.strictEqual(env, fake.DYNAMIC_CURRENT_ENV),
  cloudPay: (options) => new Proxy({}, {
    get: (_, op) => async (params) => {
      sdk.calls.push({ op, params, options });
      const answer = sdk.answers[op];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  }),
};
const load = Module._load;
Module._load = (name, ...rest) => (name === 'wx-server-sdk' ? fake : load(name, ...rest));
const { main } = require('./index.js');

const now = () => Math.floor(Date.now() / 1000);
const signed = (change = {}, key = KEY) => {
  const event = { op: 'queryOrder', params: { outTradeNo: 'A1', subMchId: '2' }, time: now(), nonce: 'n', ...change };
  return { sign: signCall(key, event), ...event };
};

const paid = { ...fixtures.callback_event, tradeState: 'SUCCESS' };
const posts = [];
let status = 200;
const notify = http.createServer((req, res) => {
  let body = '';
  req.on('data', (part) => { body += part; });
  req.on('end', () => {
    posts.push({ method: req.method, url: req.url, headers: req.headers, body });
    res.writeHead(status, { Location: '/elsewhere' }).end('{"errcode":0}');
  });
});

test.before(async () => { await new Promise((done) => { notify.listen(0, '127.0.0.1', done); }); });
test.after(() => notify.close());
test.beforeEach(() => {
  sdk.calls.length = 0;
  posts.length = 0;
  status = 200;
  sdk.answers = { queryOrder: paid, unifiedOrder: fixtures.unified_order_result };
  process.env.KEY = KEY;
  process.env.NOTIFY = `http://127.0.0.1:${notify.address().port}/notify`;
  delete process.env.MERCHANT;
  delete process.env.SHARED;
});

test('every op is done, and answered with the SDK\'s own result', async () => {
  for (const op of ['unifiedOrder', 'queryOrder', 'closeOrder', 'refund', 'queryRefund']) {
    sdk.answers[op] = { from: op };
    assert.strictEqual(await main(signed({ op })), sdk.answers[op]);
    assert.deepStrictEqual(sdk.calls.pop(), { op, params: { outTradeNo: 'A1', subMchId: '2' }, options: undefined });
  }
  assert.strictEqual(posts.length, 0);
});

test('a shared environment names the payer\'s mini-program to the SDK alone', async () => {
  await main(signed({ params: { outTradeNo: 'A1', subAppid: 'wxguest' } }));
  assert.deepStrictEqual(sdk.calls, [{ op: 'queryOrder', params: { outTradeNo: 'A1' }, options: { appid: 'wxguest' } }]);
});

test('what the platform adds to an event is ignored', async () => {
  assert.strictEqual(await main({ ...signed(), appid: 'wx1', userInfo: { openId: 'o' } }), paid);
});

test('what is not signed, or not now, is refused and does nothing', async () => {
  const event = signed();
  const refused = {
    'no sign': { ...event, sign: undefined },
    'empty sign': { ...event, sign: '' },
    'sign of other letters': { ...event, sign: '茶'.repeat(64) },
    'another key': signed({}, 'other'),
    'another op': { ...event, op: 'refund' },
    'other params': { ...event, params: { ...event.params, outTradeNo: 'A2' } },
    'params in another order': { ...event, params: { subMchId: '2', outTradeNo: 'A1' } },
    'another time': { ...event, time: event.time + 1 },
    'another nonce': { ...event, nonce: 'm' },
    'too old': signed({ time: now() - 302 }),
    'from the future': signed({ time: now() + 302 }),
    'no time': signed({ time: undefined }),
    'time is a word': signed({ time: 'now' }),
  };
  for (const [name, bad] of Object.entries(refused)) assert.strictEqual((await main(bad)).errcode, 401, name);
  for (const op of ['transfer', 'constructor', '', null, ['refund']]) {
    assert.notStrictEqual((await main(signed({ op }))).errcode, 0, String(op));
  }
  assert.strictEqual((await main(signed({ op: 'transfer' }))).errcode, 400);
  assert.deepStrictEqual(sdk.calls, []);
});

test('what the SDK throws is told', async () => {
  sdk.answers.queryOrder = Object.assign(new Error('x'), { errCode: -604101, errMsg: 'cloudPay.queryOrder:fail no permission' });
  assert.deepStrictEqual(await main(signed()), { errCode: -604101, errMsg: 'cloudPay.queryOrder:fail no permission' });
  sdk.answers.queryOrder = new TypeError('broken');
  assert.deepStrictEqual(await main(signed()), { errCode: undefined, errMsg: 'broken' });
});

test('without a key nothing is done', async () => {
  delete process.env.KEY;
  assert.strictEqual((await main(signed())).errcode, 500);
  assert.strictEqual((await main(fixtures.callback_event)).errcode, 500);
  assert.deepStrictEqual(sdk.calls, []);
});

test('a payment is confirmed, posted as it is, signed, and acknowledged', async () => {
  assert.deepStrictEqual(await main(fixtures.callback_event), fixtures.required_ack);
  const [{ op, params, options }] = sdk.calls;
  assert.strictEqual(op, 'queryOrder');
  assert.match(params.nonceStr, /^[0-9a-f]{32}$/);
  assert.deepStrictEqual({ ...params, nonceStr: '' }, { nonceStr: '', outTradeNo: 'ORD-20261122_0001', subMchId: '1900000002' });
  assert.strictEqual(options, undefined);
  const [post] = posts;
  assert.strictEqual(`${post.method} ${post.url}`, 'POST /notify/cloudpay/default');
  assert.strictEqual(post.headers['content-type'], 'application/json');
  assert.deepStrictEqual(JSON.parse(post.body), fixtures.callback_event);
  assert.ok(Math.abs(post.headers['x-bridge-timestamp'] - now()) <= 2);
  assert.strictEqual(post.headers['x-bridge-signature'], signNotice(KEY, post.headers['x-bridge-timestamp'], post.body));
});

test('the merchant, a shared environment and a refund since', async () => {
  process.env.MERCHANT = 'shop-2';
  process.env.SHARED = '1';
  sdk.answers.queryOrder = { ...paid, tradeState: 'REFUND', totalFee: '1299', feeType: undefined };
  assert.deepStrictEqual(await main(fixtures.callback_event), fixtures.required_ack);
  assert.strictEqual(posts[0].url, '/notify/cloudpay/shop-2');
  assert.deepStrictEqual(sdk.calls[0].options, { appid: 'wx2222222222222222' });
});

test('SUCCESS is said after a 2xx only', async () => {
  for (status of [204, 299]) assert.deepStrictEqual(await main(fixtures.callback_event), fixtures.required_ack);
  for (status of [302, 401, 404, 500, 503]) assert.strictEqual((await main(fixtures.callback_event)).errcode, 1, String(status));
  assert.strictEqual(posts.length, 7); // a redirect is not followed
  notify.closeAllConnections();
  process.env.NOTIFY = 'http://127.0.0.1:1';
  assert.strictEqual((await main(fixtures.callback_event)).errcode, 1);
  process.env.NOTIFY = 'not a url';
  assert.strictEqual((await main(fixtures.callback_event)).errcode, 1);
  delete process.env.NOTIFY;
  assert.strictEqual((await main(fixtures.callback_event)).errcode, 500);
});

test('an event that its order does not confirm goes nowhere', async () => {
  const event = fixtures.callback_event;
  const forged = ['outTradeNo', 'subMchId', 'transactionId', 'totalFee', 'feeType'].map((name) => ({ ...event, [name]: 'X1' }));
  const { outTradeNo, ...nameless } = event;
  for (const bad of [...forged, nameless, {}]) assert.strictEqual((await main(bad)).errcode, 1);
  for (const change of [{ tradeState: 'NOTPAY' }, { tradeState: 'CLOSED' }, { tradeState: undefined }, { returnCode: 'FAIL' }, { resultCode: 'FAIL' }]) {
    sdk.answers.queryOrder = { ...paid, ...change };
    assert.strictEqual((await main(event)).errcode, 1, JSON.stringify(change));
  }
  sdk.answers.queryOrder = new Error('no answer');
  assert.strictEqual((await main(event)).errcode, 1);
  assert.strictEqual(posts.length, 0);
});

test('config.json grants exactly the calls of the bridge', () => {
  const { permissions } = require(path.join(__dirname, 'config.json'));
  assert.deepStrictEqual(permissions.openapi, ['unifiedOrder', 'queryOrder', 'closeOrder', 'refund', 'queryRefund'].map((op) => `cloudPay.${op}`));
});
