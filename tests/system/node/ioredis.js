// ioredis against the server under test: ioredis.js PORT, or ioredis.js URL CA-FILE over TLS
const fs = require('fs');
const Redis = require('ioredis');
const assert = require('assert');

async function main(where) {
  const r = new Redis(...where);
  await r.flushall();
  assert.strictEqual(await r.set('k', 'v', 'EX', 100), 'OK');
  assert.strictEqual(await r.get('k'), 'v');
  assert.ok((await r.ttl('k')) > 90);
  assert.deepStrictEqual(await r.getBuffer('nothing'), null);
  const bytes = Buffer.from([0, 13, 10, 255]);
  await r.set('bin', bytes);
  assert.deepStrictEqual(await r.getBuffer('bin'), bytes);
  await r.hset('h', { a: 1, b: 2 });
  assert.deepStrictEqual(await r.hgetall('h'), { a: '1', b: '2' });
  await r.rpush('l', 1, 2, 3);
  assert.deepStrictEqual(await r.lrange('l', 0, -1), ['1', '2', '3']);
  await r.zadd('z', 1, 'a', 2.5, 'b');
  assert.deepStrictEqual(await r.zrange('z', 0, -1, 'WITHSCORES'), ['a', '1', 'b', '2.5']);
  assert.deepStrictEqual(await r.multi().incr('n').incr('n').get('k').exec(), [[null, 1], [null, 2], [null, 'v']]);
  const many = r.pipeline();
  for (let i = 0; i < 1000; i++) many.set(`m${i}`, i);
  assert.ok((await many.exec()).every(([e, v]) => e === null && v === 'OK'));
  let keys = 0;
  for await (const batch of r.scanStream({ match: 'm*', count: 50 })) keys += batch.length;
  assert.ok(keys >= 1000);
  await assert.rejects(r.lpush('k', 1), /WRONGTYPE/);

  const sub = new Redis(...where);
  const heard = new Promise((done) => sub.on('message', (channel, message) => done([channel, message])));
  await sub.subscribe('ch');
  await r.publish('ch', 'hello');
  assert.deepStrictEqual(await heard, ['ch', 'hello']);

  const waiter = new Redis(...where);
  const popped = waiter.blpop('q', 5);
  await r.rpush('q', 'job');
  assert.deepStrictEqual(await popped, ['q', 'job']);
  for (const c of [r, sub, waiter]) c.disconnect();
  console.log('ioredis: all right');
}

const [place, ca] = process.argv.slice(2);
main(ca ? [place, { tls: { ca: fs.readFileSync(ca) } }] : [{ port: Number(place) }]).catch((e) => { console.error(e); process.exit(1); });
