// node-redis against the server under test: node-redis.js PORT
const { createClient } = require('redis');
const assert = require('assert');

async function main(port) {
  const r = createClient({ socket: { port }, name: 'node' });
  await r.connect();
  await r.flushAll();
  assert.strictEqual(await r.set('k', 'v', { PX: 100000 }), 'OK');
  assert.strictEqual(await r.get('k'), 'v');
  assert.strictEqual(await r.clientGetName(), 'node');
  await r.hSet('h', { a: '1', b: '2' });
  assert.deepStrictEqual({ ...(await r.hGetAll('h')) }, { a: '1', b: '2' });
  await r.sAdd('s', ['x', 'y']);
  assert.deepStrictEqual((await r.sMembers('s')).sort(), ['x', 'y']);
  await r.zAdd('z', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }]);
  assert.deepStrictEqual((await r.zRangeWithScores('z', 0, -1)).map(({ score, value }) => [score, value]), [[1, 'a'], [2.5, 'b']]);
  assert.deepStrictEqual(await r.multi().incr('n').get('k').exec(), [1, 'v']);
  await Promise.all(Array.from({ length: 1000 }, (_, i) => r.set(`m${i}`, String(i))));
  let keys = 0;
  for await (const key of r.scanIterator({ MATCH: 'm*', COUNT: 50 })) keys += key ? 1 : 0;
  assert.ok(keys >= 1000);
  await assert.rejects(r.lPush('k', '1'), /WRONGTYPE/);

  const sub = r.duplicate();
  await sub.connect();
  const heard = new Promise((done) => { sub.subscribe('ch', (message) => done(message)); });
  while ((await r.publish('ch', 'hello')) === 0);
  assert.strictEqual(await heard, 'hello');

  const waiter = r.duplicate();
  await waiter.connect();
  const popped = waiter.blPop('q', 5);
  await r.rPush('q', 'job');
  assert.deepStrictEqual({ ...(await popped) }, { key: 'q', element: 'job' });
  await Promise.all([r, sub, waiter].map((c) => c.disconnect()));
  console.log('node-redis: all right');
}

main(Number(process.argv[2])).catch((e) => { console.error(e); process.exit(1); });
