// node-redis 5's JSON client, which speaks either protocol: node-redis-5-json.js PORT PROTOCOL
const { createClient } = require('redis-5');
const assert = require('assert');

async function main(port, RESP) {
  const r = createClient({ RESP, unstableResp3: true, socket: { port } });
  const same = (got, want) => assert.deepStrictEqual(JSON.parse(JSON.stringify(got)), want);
  await r.connect();
  await r.flushAll();
  const doc = { name: 'x', n: 1, f: 2.5, list: [1, 'two', { three: 3 }], nested: { a: { b: [true, null] } }, 'é': '€' };
  same(await r.json.set('doc', '$', doc), 'OK');
  same(await r.json.set('doc', '$', {}, { condition: 'NX' }), null);
  same(await r.json.set('none', '$', {}, { condition: 'XX' }), null);
  same(await r.json.get('doc', { path: '$' }), [doc]);
  same(await r.json.get('doc', { path: '.' }), doc);
  // Without a path it is the root, and in RESP3 the array of what `$` matches.
  same(await r.json.get('doc'), RESP === 3 ? [doc] : doc);
  same(await r.json.get('doc', { path: ['$.n', '$..b'] }), { '$.n': [1], '$..b': [[true, null]] });
  same(await r.json.get('none'), null);
  same(await r.json.numIncrBy('doc', '$.n', 4), [5]);
  same(await r.json.numMultBy('doc', '$..n', 2), [10]);
  same(await r.json.numIncrBy('doc', '$.*', 0.5), [null, 10.5, 3, null, null, null]);
  same(await r.json.numIncrBy('doc', '.n', 0.5), RESP === 3 ? [11] : 11);
  same(await r.json.strAppend('doc', 'yz', { path: '$.name' }), [3]);
  same(await r.json.strLen('doc', { path: '$.*' }), [3, null, null, null, null, 3]);
  same(await r.json.strLen('doc', { path: '.name' }), 3);
  same(await r.json.arrAppend('doc', '$.list', 4, 5), [5]);
  same(await r.json.arrIndex('doc', '$.list', 'two'), [1]);
  same(await r.json.arrInsert('doc', '$.list', 0, 'first'), [6]);
  same(await r.json.arrLen('doc', { path: '$.list' }), [6]);
  same(await r.json.arrLen('doc', { path: '.list' }), 6);
  same(await r.json.arrPop('doc', { path: '$.list' }), [5]);
  same(await r.json.arrPop('doc', { path: '.list', index: 0 }), 'first');
  same(await r.json.arrTrim('doc', '$.list', 1, 2), [2]);
  same(await r.json.objKeys('doc', { path: '$.nested' }), [['a']]);
  same(await r.json.objKeys('doc', { path: '.nested' }), ['a']);
  same(await r.json.objLen('doc', { path: '$' }), [6]);
  same(await r.json.type('doc', { path: '$.*' }), ['string', 'number', 'number', 'array', 'object', 'string']);
  same(await r.json.type('doc', { path: '.list' }), 'array');
  same(await r.json.type('none'), null);
  same(await r.json.toggle('doc', '$..b[0]'), [0]);
  same(await r.json.mSet([{ key: 'a', path: '$', value: { v: 1 } }, { key: 'b', path: '$', value: { v: 2 } }]), 'OK');
  same(await r.json.mGet(['a', 'b', 'none'], '$.v'), [[1], [2], null]);
  same(await r.json.merge('doc', '$.nested', { a: null, c: 1 }), 'OK');
  same(await r.json.get('doc', { path: '$.nested' }), [{ c: 1 }]);
  same(await r.sendCommand(['JSON.RESP', 'a', '$']), [['{', 'v', 1]]);
  same(await r.json.clear('doc', { path: '$.list' }), 1);
  same(await r.json.del('doc', { path: '$.nested' }), 1);
  same(await r.json.forget('doc', { path: '$.none' }), 0);
  const bytes = await r.json.debugMemory('doc');
  assert.ok((Array.isArray(bytes) ? bytes[0] : bytes) > 0);
  await assert.rejects(r.json.set('doc', '$.list[', 1), /ERR|Err/);
  await assert.rejects(r.json.get('doc', { path: '.none' }), /does not exist/);
  same(await r.multi().json.set('m', '$', [1]).json.arrAppend('m', '$', 2).json.get('m', { path: '$' }).exec(), ['OK', [2], [[1, 2]]]);
  r.destroy();
  console.log(`node-redis 5 json, RESP${RESP}: all right`);
}

main(Number(process.argv[2]), Number(process.argv[3])).catch((e) => { console.error(e); process.exit(1); });
