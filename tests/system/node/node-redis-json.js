// node-redis's JSON client against the server under test: node-redis-json.js PORT
const { createClient } = require('redis');
const assert = require('assert');

async function main(port) {
  const r = createClient({ socket: { port } });
  await r.connect();
  await r.flushAll();
  const doc = { name: 'x', n: 1, list: [1, 'two', { three: 3 }], nested: { a: { b: [true, null] } }, 'é': '€' };
  assert.strictEqual(await r.json.set('doc', '$', doc), 'OK');
  assert.strictEqual(await r.json.set('doc', '$', {}, { NX: true }), null);
  assert.deepStrictEqual(await r.json.get('doc', { path: '$' }), [doc]);
  assert.deepStrictEqual(await r.json.get('doc'), doc);
  assert.deepStrictEqual(await r.json.get('doc', { path: ['$.n', '$..b'] }), { '$.n': [1], '$..b': [[true, null]] });
  assert.strictEqual(await r.json.get('none'), null);
  assert.deepStrictEqual(await r.json.numIncrBy('doc', '$.n', 4), [5]);
  assert.deepStrictEqual(await r.json.numMultBy('doc', '$.n', 2), [10]);
  assert.deepStrictEqual(await r.json.strAppend('doc', '$.name', 'yz'), [3]);
  assert.deepStrictEqual(await r.json.strLen('doc', '$.name'), [3]);
  assert.deepStrictEqual(await r.json.arrAppend('doc', '$.list', 4, 5), [5]);
  assert.deepStrictEqual(await r.json.arrIndex('doc', '$.list', 'two'), [1]);
  assert.deepStrictEqual(await r.json.arrInsert('doc', '$.list', 0, 'first'), [6]);
  assert.deepStrictEqual(await r.json.arrLen('doc', '$.list'), [6]);
  assert.deepStrictEqual(await r.json.arrPop('doc', '$.list'), [5]);
  assert.deepStrictEqual(await r.json.arrTrim('doc', '$.list', 1, 2), [2]);
  assert.deepStrictEqual(await r.json.objKeys('doc', '$.nested'), [['a']]);
  assert.deepStrictEqual(await r.json.objLen('doc', '$'), [5]);
  assert.deepStrictEqual(await r.json.type('doc', '$.list'), ['array']);
  assert.strictEqual(await r.json.mSet([{ key: 'a', path: '$', value: { v: 1 } }, { key: 'b', path: '$', value: { v: 2 } }]), 'OK');
  assert.deepStrictEqual(await r.json.mGet(['a', 'b', 'none'], '$.v'), [[1], [2], null]);
  assert.strictEqual(await r.json.merge('doc', '$.nested', { a: null, c: 1 }), 'OK');
  assert.deepStrictEqual(await r.json.get('doc', { path: '$.nested' }), [{ c: 1 }]);
  assert.strictEqual(await r.json.del('doc', '$.nested'), 1);
  assert.strictEqual(await r.json.forget('doc', '$.none'), 0);
  assert.ok((await r.json.debugMemory('doc')) > 0);
  await assert.rejects(r.json.set('doc', '$.list[', 1), /ERR|Err/);
  await r.disconnect();
  console.log('node-redis json: all right');
}

main(Number(process.argv[2])).catch((e) => { console.error(e); process.exit(1); });
