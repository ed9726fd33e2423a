// socketio-streams.js PORT - two socket.io servers that are one through @socket.io/redis-streams-adapter.
const { createServer } = require("http");
const { Server } = require("socket.io");
const { io } = require("socket.io-client");
const { createClient } = require("redis");
const { createAdapter } = require("@socket.io/redis-streams-adapter");
const assert = require("assert");

const port = Number(process.argv[2]);

async function start() {
  const redis = createClient({ socket: { port } });
  await redis.connect();
  const http = createServer();
  const server = new Server(http, {
    adapter: createAdapter(redis, { streamName: "sio", maxLen: 1000, heartbeatInterval: 500 }),
    connectionStateRecovery: {},
  });
  server.on("connection", (socket) => {
    socket.on("join", (room, done) => { socket.join(room); done(); });
    socket.on("shout", (room, text) => server.to(room).emit("heard", text));
    socket.on("ask", (done) => server.timeout(5000).emit("question", (e, answers) => done(answers)));
  });
  server.on("twice", (n, answer) => answer(n * 2));
  await new Promise((r) => http.listen(0, "127.0.0.1", r));
  return { server, redis, url: `http://127.0.0.1:${http.address().port}` };
}

const connect = (url) => new Promise((done, fail) => {
  const s = io(url, { transports: ["websocket"] });
  s.on("question", (answer) => answer(s.id));
  s.on("connect", () => done(s));
  s.on("connect_error", fail);
});
const next = (socket, event) => new Promise((r) => socket.once(event, r));
const call = (socket, ...args) => new Promise((r) => socket.emit(...args, r));

async function main() {
  const [a, b] = [await start(), await start()];
  const clients = [await connect(a.url), await connect(a.url), await connect(b.url), await connect(b.url)];

  // Until both have had a heartbeat of the other they do not know that they are two.
  const deadline = Date.now() + 15000;
  while ((await a.server.serverCount?.() ?? await a.server.of("/").adapter.serverCount()) < 2 ||
         (await b.server.of("/").adapter.serverCount()) < 2) {
    assert(Date.now() < deadline, "the servers do not see each other");
    await new Promise((r) => setTimeout(r, 20));
  }

  // To everybody, across servers, in order and complete.
  const N = 200;
  const heard = clients.map(() => []);
  clients.forEach((c, i) => c.on("n", (n) => heard[i].push(n)));
  for (let n = 0; n < N; n++) (n % 2 ? a : b).server.emit("n", n);
  while (heard.some((h) => h.length < N)) await new Promise((r) => setTimeout(r, 10));
  for (const h of heard) {
    assert.deepStrictEqual([...h].sort((x, y) => x - y), [...Array(N).keys()]);
    assert.deepStrictEqual(h.filter((n) => n % 2), [...Array(N).keys()].filter((n) => n % 2));
  }

  // Rooms with members on both servers.
  await call(clients[0], "join", "room");
  await call(clients[3], "join", "room");
  let strays = 0;
  clients[1].on("heard", () => strays++);
  clients[2].on("heard", () => strays++);
  const both = Promise.all([next(clients[0], "heard"), next(clients[3], "heard")]);
  clients[1].emit("shout", "room", "hello");
  assert.deepStrictEqual(await both, ["hello", "hello"]);
  assert.strictEqual(strays, 0);

  // What asks the other servers: sockets, acknowledgements, messages between servers.
  assert.strictEqual((await a.server.fetchSockets()).length, 4);
  assert.strictEqual((await b.server.in("room").fetchSockets()).length, 2);
  assert.deepStrictEqual((await call(clients[2], "ask")).sort(), clients.map((c) => c.id).sort());
  const answers = await new Promise((done, fail) => a.server.serverSideEmit("twice", 21, (e, r) => (e ? fail(e) : done(r))));
  assert.deepStrictEqual(answers, [42]);
  b.server.in("room").socketsLeave("room");
  while ((await a.server.in("room").fetchSockets()).length > 0) await new Promise((r) => setTimeout(r, 20));

  const info = await a.redis.xLen("sio");
  assert(info > 0 && info <= 1100, `the stream is kept short: ${info}`);
  for (const c of clients) c.disconnect();
  // The adapters still wait for their next entry: that ends with the process.
  console.log("socket.io streams: all right");
  process.exit(0);
}

main().catch((e) => { console.error(e); process.exit(1); });
