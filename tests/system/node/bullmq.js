// bullmq.js PORT [JOBS] - a BullMQ queue with retries, delays, priorities and a flow of parents and children.
const { Queue, Worker, QueueEvents, FlowProducer } = require("bullmq");
const assert = require("assert");

const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };
const JOBS = Number(process.argv[3] || 300);
const tries = new Map();
const order = [];
let children = 0;

async function work(job) {
  if (job.name === "flaky") {
    const n = (tries.get(job.id) || 0) + 1;
    tries.set(job.id, n);
    if (n < 3) throw new Error(`try ${n}`);
    return n;
  }
  if (job.name === "hopeless") throw new Error("never");
  if (job.name === "priority") order.push(job.data.p);
  if (job.name === "child") children++;
  if (job.name === "parent") return Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
  return (job.data.n || 0) * 2;
}

async function main() {
  const name = "q" + process.pid;
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  const flow = new FlowProducer({ connection });
  await events.waitUntilReady();

  // Priorities are looked at before anybody works.
  for (const p of [5, 1, 4, 2, 3]) await queue.add("priority", { p }, { priority: p });
  let done = 0;
  const worker = new Worker(name, work, { connection, concurrency: 20 });
  worker.on("error", (e) => { throw e; });
  worker.on("completed", () => done++);
  const result = async (j) => j.waitUntilFinished(events, 60000);

  const bulk = [];
  for (let n = 0; n < JOBS; n++) bulk.push({ name: "plain", data: { n } });
  const plain = [];
  for (let i = 0; i < bulk.length; i += 500) plain.push(...(await queue.addBulk(bulk.slice(i, i + 500))));
  const flaky = await Promise.all([...Array(10)].map(() => queue.add("flaky", {}, { attempts: 3, backoff: 20 })));
  const hopeless = await queue.add("hopeless", {}, { attempts: 2 });
  const began = Date.now();
  const late = await queue.add("late", { n: 21 }, { delay: 300 });
  const tree = await flow.add({
    name: "parent", queueName: name,
    children: [1, 2, 3, 4].map((n) => ({ name: "child", queueName: name, data: { n } })),
  });

  assert.strictEqual(await result(late), 42);
  assert(Date.now() - began >= 290, "a delayed job came early");
  for (const j of flaky) assert.strictEqual(await result(j), 3);
  await assert.rejects(result(hopeless), /never/);
  assert.strictEqual(await result(tree.job), 20);
  assert.strictEqual(children, 4);
  const all = JOBS + 5 + 10 + 1 + 5;
  while (done < all) await new Promise((r) => setTimeout(r, 20));
  assert.deepStrictEqual(order, [1, 2, 3, 4, 5]);
  const counts = await queue.getJobCounts("completed", "failed", "waiting", "active", "delayed", "prioritized");
  delete counts.paused; // some versions count it, some do not
  assert.deepStrictEqual(counts, { completed: all, failed: 1, waiting: 0, active: 0, delayed: 0, prioritized: 0 });
  for (const j of plain.slice(-5)) assert.strictEqual((await queue.getJob(j.id)).returnvalue, j.data.n * 2);
  await queue.obliterate({ force: true });
  await Promise.all([worker.close(), events.close(), queue.close(), flow.close()]);
  console.log(`bullmq: all right, ${all} jobs`);
}

main().catch((e) => { console.error(e); process.exit(1); });
