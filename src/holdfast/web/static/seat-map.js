// <seat-map>: draws the places of its list as a map, keeps both in step with each other and with the server.
//
// Inside it stand, from the server, a JSON description and a list of checkboxes, which work without this script. The
// checkboxes stay what the form sends: the map only ticks them. The layout is drawn once; a change redraws its place.
import { LiveInventory } from "./live.js";
import { announce, toast } from "./page.js";
import { SeatMapModel, filled } from "./seat-map-model.js";

const SVG = "http://www.w3.org/2000/svg";
const CELL = 50, SIZE = 44, PAD = 8;
const ZOOM_MIN = 0.6, ZOOM_MAX = 2.5;
const ICONS = {
  chosen: "M -5 0 L -1.500 4 L 6 -5",
  mine: "M -5 0 L -1.500 4 L 6 -5",
  held: "M 0 -6 A 6 6 0 1 0 0.010 -6 M 0 -3 L 0 0 L 3 2",
  sold: "M -5 -5 L 5 5 M 5 -5 L -5 5",
  wheelchair: "M -2 -6 L -2 1 L 4 1 L 6 5 M -4 -1 A 5 5 0 1 0 4 4",
  companion: "M -3 -4 A 2 2 0 1 0 -3.010 -4 M 4 -4 A 2 2 0 1 0 3.990 -4 M -6 5 A 3 4 0 0 1 0 5 M 1 5 A 3 4 0 0 1 7 5",
};

class SeatMap extends HTMLElement {
  connectedCallback() {
    if (this.model) return;
    this.data = JSON.parse(this.querySelector("script[type='application/json']").textContent);
    this.words = this.data.words;
    this.model = new SeatMapModel(this.data);
    this.boxes = new Map([...this.querySelectorAll("input[name=seat_ids]")].map((box) => [box.value, box]));
    this.nodes = new Map();
    this.zoom = 1;
    for (const [id, box] of this.boxes) {
      if (box.checked && this.model.toggle(id) !== "chosen") box.checked = false;
      box.addEventListener("change", () => this.pick(id, { from: box }));
    }
    this.draw();
    for (const id of this.model.places.keys()) this.paint(id);
    this.sum();
    this.follow();
  }

  disconnectedCallback() { this.live?.stop(); }

  // Drawing

  draw() {
    this.banner = element("p", { class: "offline", hidden: "" });
    const decks = element("div", { class: "decks" });
    this.data.decks.forEach((deck, number) => decks.append(this.deck(deck, number)));
    this.scroll = element("div", { class: "scroll", tabindex: "-1" });
    this.scroll.append(decks);
    this.prepend(this.banner, this.legend(), this.zooms(), this.scroll);
    this.first = [...this.nodes.values()][0];
    this.first?.setAttribute("tabindex", "0");
  }

  deck(deck, number) {
    const seats = this.data.seats.filter((seat) => seat.deck === number);
    const rows = Math.max(...seats.map((seat) => seat.row)), columns = Math.max(deck.columns ?? 0, ...seats.map((seat) => seat.column));
    const width = columns * CELL + 2 * PAD, height = (rows + 1) * CELL + PAD;
    const box = element("div", { class: "deck" });
    const title = filled(this.words.map, { deck: deck.name ?? number + 1 });
    if (this.data.decks.length > 1) { const head = element("h3"); head.textContent = deck.name; box.append(head); }
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "grid", "aria-label": title, "aria-multiselectable": "true" });
    svg.dataset.width = width;
    svg.dataset.height = height;
    const front = drawn("text", { x: PAD, y: CELL / 2, class: "front", "aria-hidden": "true" });
    front.textContent = number === 0 ? this.words.driver : "";
    svg.append(front);
    for (let row = 1; row <= rows; row++) {
      const line = drawn("g", { role: "row" });
      for (const seat of seats.filter((each) => each.row === row)) line.append(this.node(seat));
      if (line.childElementCount) svg.append(line);
    }
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("click", (event) => {
      const node = event.target.closest(".place");
      if (node) { this.focusOn(node.dataset.id); this.pick(node.dataset.id); }
    });
    box.append(svg);
    return box;
  }

  node(seat) {
    const x = PAD + (seat.column - 1) * CELL, y = seat.row * CELL - CELL / 3;
    const node = drawn("g", { class: "place", role: "gridcell", tabindex: "-1", transform: `translate(${x} ${y})` });
    node.dataset.id = seat.id;
    node.append(
      drawn("rect", { class: "ring", x: -4, y: -4, width: SIZE + 8, height: SIZE + 8, rx: 10 }),
      drawn("rect", { width: SIZE, height: SIZE, rx: seat.type === "sleeper" ? 3 : 9 }),
      drawn("path", { transform: `translate(${SIZE / 2} ${SIZE - 13})` }),
    );
    const text = drawn("text", { x: SIZE / 2, y: 17, "aria-hidden": "true" });
    text.textContent = seat.number;
    node.append(text);
    this.nodes.set(seat.id, node);
    return node;
  }

  /** One place as it is now; nothing else is touched. */
  paint(id) {
    const place = this.model.place(id), look = this.model.look(id), node = this.nodes.get(id), box = this.boxes.get(id);
    const isOpen = look === "free" || look === "chosen";
    node.dataset.look = look;
    node.setAttribute("aria-selected", look === "chosen");
    node.setAttribute("aria-disabled", !isOpen);
    node.setAttribute("aria-label", this.label(place, look));
    node.children[2].setAttribute("d", ICONS[look] ?? ICONS[place.flags[0]] ?? "");
    if (!box) return;
    box.checked = look === "chosen";
    box.disabled = !isOpen;
    const said = box.closest("label").querySelector("[data-state]");
    if (said) said.textContent = this.words[look];
  }

  label(place, look) {
    const text = filled(this.words.label, { row: place.row, number: place.number, price: this.money(place.price), state: this.words[look] });
    return [text, ...place.flags.map((flag) => this.words[flag])].join(", ");
  }

  legend() {
    const list = element("ul", { class: "legend" });
    for (const look of ["free", "chosen", "mine", "held", "sold", ...new Set(this.data.seats.flatMap((seat) => seat.flags))]) {
      const item = element("li"), svg = drawn("svg", { viewBox: "-2 -2 48 48", width: 24, height: 24, "aria-hidden": "true" });
      const node = drawn("g", { class: "place" });
      node.dataset.look = look;
      node.append(drawn("rect", { width: SIZE, height: SIZE, rx: 9 }), drawn("path", { d: ICONS[look] ?? "", transform: `translate(${SIZE / 2} ${SIZE / 2}) scale(1.4)` }));
      svg.append(node);
      item.append(svg, this.words[look]);
      list.append(item);
    }
    return list;
  }

  zooms() {
    const box = element("div", { class: "zoom" });
    for (const [sign, step, word] of [["+", 1.25, "zoom_in"], ["−", 0.8, "zoom_out"]]) {
      const button = element("button", { type: "button", class: "second small", "aria-label": this.words[word] });
      button.textContent = sign;
      button.addEventListener("click", () => this.scale(this.zoom * step));
      box.append(button);
    }
    this.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !this.scroll.contains(event.target)) return; // a pinch on a touchpad is a wheel with ctrl
      event.preventDefault();
      this.scale(this.zoom * (event.deltaY < 0 ? 1.1 : 0.9));
    }, { passive: false });
    let apart = 0, before = 1;
    const distance = ({ touches: [one, other] }) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    this.addEventListener("touchstart", (event) => { if (event.touches.length === 2) { apart = distance(event); before = this.zoom; } }, { passive: true });
    this.addEventListener("touchmove", (event) => { if (event.touches.length === 2 && apart) this.scale((before * distance(event)) / apart); }, { passive: true });
    return box;
  }

  scale(zoom) {
    this.zoom = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));
    for (const svg of this.querySelectorAll("svg[role=grid]")) {
      svg.setAttribute("width", svg.dataset.width * this.zoom);
      svg.setAttribute("height", svg.dataset.height * this.zoom);
    }
  }

  // Choosing

  key(event) {
    const id = event.target.dataset?.id;
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter") this.pick(id);
    else if (/^(Arrow|Home|End)/.test(event.key)) this.focusOn(this.model.neighbour(id, event.key), { isMoved: true });
    else return;
    event.preventDefault();
  }

  focusOn(id, { isMoved = false } = {}) {
    for (const node of this.nodes.values()) if (node.getAttribute("tabindex") === "0") node.setAttribute("tabindex", "-1");
    const node = this.nodes.get(id);
    node.setAttribute("tabindex", "0");
    if (isMoved) node.focus();
  }

  pick(id, { from } = {}) {
    const result = this.model.toggle(id);
    if (result === "limit") { toast(filled(this.words.limit, { limit: this.model.limit })); if (from) from.checked = false; }
    this.paint(id);
    this.sum();
  }

  sum() {
    const count = this.model.chosen.size;
    const text = count === 0 ? this.words.none : filled(count === 1 ? this.words.total_one : this.words.total, { count, total: this.money(this.model.total) });
    const labels = [...this.model.chosen].map((id) => this.model.place(id).number).join(", ");
    const place = document.getElementById("sum");
    if (place) place.textContent = labels ? `${labels} · ${text}` : text;
  }

  money(minor) {
    const options = { minimumFractionDigits: this.data.digits, maximumFractionDigits: this.data.digits };
    return `${new Intl.NumberFormat(`${this.data.locale}-u-nu-latn`, options).format(minor / 10 ** this.data.digits)} ${this.data.currency}`;
  }

  // Live

  follow() {
    this.live = new LiveInventory(this.data.socket);
    this.live.addEventListener("snapshot", () => this.learn([...this.live.seats.values()], { isQuiet: !this.hadSnapshot }));
    this.live.addEventListener("changes", ({ detail }) => this.learn(detail.map((change) => ({ ...change, status: change.after }))));
    this.live.addEventListener("offline", () => { this.banner.textContent = this.words.offline; this.banner.hidden = false; announce(this.words.offline); });
    this.live.addEventListener("online", () => { if (!this.banner.hidden) announce(this.words.online); this.banner.hidden = true; });
    this.live.start();
  }

  learn(news, { isQuiet = false } = {}) {
    this.hadSnapshot = true;
    const { changed, gone, back } = this.model.learn(news);
    for (const id of changed) {
      this.paint(id);
      if (!isQuiet) this.nodes.get(id).dataset.fresh = "";
    }
    if (!changed.length) return;
    this.sum();
    for (const place of gone) toast(filled(this.words.gone, { number: place.number }), { seconds: 12 });
    if (!isQuiet && back.length && back.length < 4) for (const place of back) announce(filled(this.words.back, { number: place.number }));
    const left = document.getElementById("left");
    if (left) left.textContent = filled(this.words.left, { count: this.model.left });
    setTimeout(() => { for (const id of changed) delete this.nodes.get(id).dataset.fresh; }, 1700);
    this.dispatchEvent(new CustomEvent("redrawn", { detail: changed }));
  }
}

function element(name, attributes = {}) { return dressed(document.createElement(name), attributes); }
function drawn(name, attributes = {}) { return dressed(document.createElementNS(SVG, name), attributes); }
function dressed(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

customElements.define("seat-map", SeatMap);
