// Watch an inventory: a snapshot, then every change in order. Reconnects by itself, and never shows what it missed.
//
//   const live = new LiveInventory("/api/v1/ws/inventories/…");
//   live.addEventListener("changes", ({ detail }) => …);   // [{ seat_id, seat_number, before, after, held_by_me }]
//   live.start();
//
// Events: `snapshot`, `changes` (also for claims that lapsed), `online`, `offline`, `refused` (it will not try again).

const BACKOFF_MS = [250, 500, 1000, 2000, 5000, 10000];
const SILENCE_MS = 45000; // the server speaks every 20 s
const REFUSED = 1008;
const TYPES = new Set(["snapshot", "changes", "lapsed", "ping"]);
const FREE = new Set(["free", "available"]);
const SELLING = new Set(["on_sale", "sold_out"]);
// Until then an answer may be on its way, and what comes meanwhile does not fit either; later it is asked for again.
const ANSWER_MS = 1000;

export class LiveInventory extends EventTarget {
  constructor(url, { token } = {}) {
    super();
    const address = new URL(url, document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.url = address;
    this.token = token;
    this.seats = new Map(); // seat_id -> { seat_id, seat_number, status, available?, held_by_me? }
    this.available = 0;
    this.position = null;
    this.isOnline = false;
    this.offset = 0;
    this.failures = 0;
  }

  start() {
    this.isWanted = true;
    this.connect();
    this.onNetwork = () => { if (!this.isOnline) this.connect(); };
    addEventListener("online", this.onNetwork);
  }

  stop() {
    this.isWanted = false;
    removeEventListener("online", this.onNetwork);
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.socket?.close();
  }

  /** Milliseconds since 1970 by the server's clock. */
  serverNow() { return Date.now() + this.offset; }

  connect() {
    clearTimeout(this.retry);
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    const socket = this.socket = new WebSocket(this.url);
    this.answered();
    socket.onopen = () => {
      if (this.token) socket.send(JSON.stringify({ type: "authenticate", token: this.token }));
      this.listen();
    };
    socket.onmessage = ({ data }) => { this.listen(); this.take(JSON.parse(data)); };
    socket.onclose = ({ code }) => { if (socket === this.socket) this.lost(code); };
  }

  /** A connection that fell silent is no connection. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENCE_MS);
  }

  lost(code) {
    clearTimeout(this.silence);
    this.answered();
    if (this.isOnline) { this.isOnline = false; this.tell("offline"); }
    if (!this.isWanted) return;
    if (code === REFUSED) { this.isWanted = false; this.tell("refused"); return; }
    const pause = BACKOFF_MS[Math.min(this.failures++, BACKOFF_MS.length - 1)];
    this.retry = setTimeout(() => this.connect(), pause * (0.5 + Math.random()));
  }

  take(message) {
    this.offset = Date.parse(message.server_time) - Date.now();
    if (!TYPES.has(message.type)) return; // of a newer server
    if (message.type === "snapshot") return this.begin(message);
    const follows = message.type === "changes" ? message.after : message.position;
    if (follows !== this.position) return this.ask(this.position ?? "");
    if (message.type !== "ping") this.change(message);
    // a lapse that got lost shows in no position, but in the sum
    if (SELLING.has(message.state) && this.countFree() !== message.available_seats) this.ask("");
  }

  begin(message) {
    const before = this.seats;
    this.seats = new Map(message.seats.map((seat) => [seat.seat_id, seat]));
    this.settle(message);
    this.failures = 0;
    if (!this.isOnline) { this.isOnline = true; this.tell("online"); }
    this.tell("snapshot", message);
    const changed = message.seats
      .filter((seat) => before.has(seat.seat_id) && !isSame(before.get(seat.seat_id), seat))
      .map((seat) => changeOf(before.get(seat.seat_id), seat));
    if (changed.length) this.tell("changes", changed);
  }

  change(message) {
    const changed = message.seats.map((seat) => {
      const before = this.seats.get(seat.seat_id);
      const after = { ...before, ...seat };
      this.seats.set(seat.seat_id, after);
      return changeOf(before, after);
    });
    this.settle(message);
    this.tell("changes", changed);
  }

  settle(message) {
    if (message.type === "snapshot" || (message.type === "changes" && this.question)) this.answered();
    this.position = message.position;
    this.available = message.available_seats;
    this.state = message.state;
  }

  /** Something was missed: ask for what happened since, or for everything (""). */
  ask(since) {
    if (this.asking) return;
    this.question = since;
    this.asking = setTimeout(() => { this.asking = null; this.ask(since); }, ANSWER_MS);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ since }));
  }

  answered() {
    clearTimeout(this.asking);
    this.asking = null;
  }

  countFree() {
    let free = 0;
    for (const seat of this.seats.values()) free += seat.available ?? (FREE.has(seat.status) ? 1 : 0);
    return free;
  }

  tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

function isSame(one, other) {
  return one.status === other.status && one.available === other.available && one.held_by_me === other.held_by_me;
}

function changeOf(before, after) {
  return { ...after, before: before?.status ?? null, after: after.status };
}
