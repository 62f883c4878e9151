'use strict';
// The bridge: the one cloud function that the cashier's provider "cloudpay" needs,
// as cloudPay can be called inside a cloud function only.
//
// Deploy this folder (index.js, sign.js, config.json, package.json) as one cloud
// function, with "cloud installation of dependencies", Node.js 12 or newer, a
// time-out of 20 s, and these environment variables:
//
//   KEY       the shared secret, providers.cloudpay.key in the config item;
//             at least 32 random characters
//   NOTIFY    the cashier's notify URL, without a trailing slash
//   MERCHANT  the shop's name in the cashier; default: "default"
//   SHARED    "1" if the environment belongs to another mini-program than the payer's
//
// config.json grants the five cloudPay calls. The shop's merchant number must be
// bound to the environment in the console. In the function's permission settings,
// forbid calls from the mini-program: only the cashier and WeChat call it.
//
// An event with an op is the cashier's: it is signed, and answered with the SDK's
// own result. Any other event is taken for WeChat's word that an order is paid. That
// word is not signed and could be anybody's, so WeChat is asked: only what the order
// itself confirms is passed on, signed with KEY, and WeChat hears SUCCESS only after
// the cashier's 2xx, else it tells again, for two days.

const http = require('http');
const https = require('https');
const crypto = require('crypto');
const cloud = require('wx-server-sdk');
const { signCall, signNotice, same, fresh } = require('./sign.js');

cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV });

const OPS = ['unifiedOrder', 'queryOrder', 'closeOrder', 'refund', 'queryRefund'];
const PATIENCE = 10000; // milliseconds for the cashier to answer

exports.main = async (event) => {
  if (!process.env.KEY) return refuse(500, 'the environment variable KEY is not set');
  return event.op === undefined ? told(event) : run(event);
};

const refuse = (errcode, errmsg) => ({ errcode, errmsg });

const cloudPay = (appid) => (appid ? cloud.cloudPay({ appid }) : cloud.cloudPay());

// run does what the cashier asks, and nobody else.
async function run(event) {
  if (!same(signCall(process.env.KEY, event), event.sign)) return refuse(401, 'the signature does not fit: is KEY the key of the config item?');
  if (!fresh(event.time)) return refuse(401, 'the call is more than 300 s away from this clock');
  if (!OPS.includes(event.op)) return refuse(400, 'no such op');
  const { subAppid, ...params } = event.params;
  try {
    return await cloudPay(subAppid)[event.op](params);
  } catch (err) {
    return { errCode: err.errCode, errMsg: String(err.errMsg || err.message) };
  }
}

// told passes on that an order is paid, once WeChat confirms it.
async function told(event) {
  const { KEY, NOTIFY, MERCHANT = 'default' } = process.env;
  if (!NOTIFY) return refuse(500, 'the environment variable NOTIFY is not set');
  try {
    if (!(await confirmed(event))) return refuse(1, 'the order does not confirm this event');
    const body = JSON.stringify(event);
    const time = Math.floor(Date.now() / 1000);
    const status = await post(`${NOTIFY}/cloudpay/${MERCHANT}`, body, {
      'Content-Type': 'application/json',
      'X-Bridge-Timestamp': String(time),
      'X-Bridge-Signature': signNotice(KEY, time, body),
    });
    return status >= 200 && status <= 299 ? { errcode: 0, errmsg: 'SUCCESS' } : refuse(1, `notify answered ${status}`);
  } catch (err) {
    return refuse(1, String(err.errMsg || err.message));
  }
}

// confirmed asks for the order that an event speaks of, and compares.
async function confirmed(event) {
  const order = await cloudPay(process.env.SHARED === '1' && event.subAppid).queryOrder({
    nonceStr: crypto.randomBytes(16).toString('hex'),
    outTradeNo: event.outTradeNo,
    subMchId: event.subMchId,
  });
  const facts = (o) => [o.outTradeNo, o.subMchId, o.transactionId, o.totalFee, o.feeType || 'CNY'].map(String).join();
  return order.returnCode === 'SUCCESS' && order.resultCode === 'SUCCESS'
    && (order.tradeState === 'SUCCESS' || order.tradeState === 'REFUND')
    && facts(order) === facts(event);
}

// post resolves to the status of the answer. Redirects are not followed.
function post(url, body, headers) {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http;
    const req = request(url, { method: 'POST', headers, timeout: PATIENCE }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    req.on('timeout', () => req.destroy(new Error('notify did not answer in time')));
    req.on('error', reject);
    req.end(body);
  });
}
