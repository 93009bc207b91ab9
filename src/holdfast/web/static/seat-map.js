// <seat-map>: draws the places of its list as a map, keeps both in step with each other and with the server.
//
// Inside it stand, from the server, a JSON description and a list of checkboxes, which work without this script. The
// checkboxes stay what the form sends: the map only ticks them; a hall without a list gets hidden fields instead. The
// layout is drawn once; a change redraws its place and nothing else. All words come from the page.
import { LiveInventory } from "./live.js";
import { announce, toast } from "./page.js";
import { element, grid, paint, sample, scale } from "./seat-map-drawing.js";
import { SeatMapModel, filled, plural } from "./seat-map-model.js";

const ZOOM = { least: 0.6, least_large: 0.2, most: 2.5, step: 1.25, legible: 0.5 };
const LARGE = 300; // from so many places on, the map scrolls within a frame of its own
const ANNOUNCED_AT_ONCE = 3;
const FRESH_MS = 1700;
const SELLING = new Set(["on_sale", "sold_out"]);

class SeatMap extends HTMLElement {
  connectedCallback() {
    if (this.model) return;
    this.data = JSON.parse(this.querySelector("script[type='application/json']").textContent);
    this.words = this.data.words;
    this.model = new SeatMapModel(this.data);
    this.boxes = new Map([...this.querySelectorAll("input[name=seat_ids]")].map((box) => [box.value, box]));
    this.nodes = new Map();
    this.zoom = 1;
    this.isLarge = this.model.places.size >= LARGE;
    this.draw();
    for (const id of this.data.chosen ?? []) this.model.toggle(id);
    for (const [id, box] of this.boxes) {
      if (box.checked) this.model.toggle(id); // by the server, or kept by the browser through a reload
      box.addEventListener("change", () => this.pick(id));
    }
    for (const id of this.model.places.keys()) this.paint(id);
    this.sum();
    this.follow();
  }

  disconnectedCallback() { this.live?.stop(); }

  // Drawing

  draw() {
    this.banner = element("p", { class: "offline", hidden: "" });
    const decks = element("div", { class: "decks" });
    for (const [number, rows] of this.model.rows) decks.append(this.deck(number, rows));
    this.scroll = element("div", { class: "scroll" });
    this.scroll.toggleAttribute("data-large", this.isLarge);
    this.scroll.append(decks);
    this.prepend(this.banner, this.legend(), this.zooms(), this.scroll);
    // Beside the map where there is room; below it, closed, where there is none.
    const list = this.querySelector("details");
    if (list) list.open = matchMedia("(min-width: 56rem)").matches;
    if (this.isLarge) this.rescale(this.fitting());
  }

  deck(number, rows) {
    const { name, columns } = this.data.decks[number];
    const box = element("div", { class: "deck" });
    if (this.data.decks.length > 1) box.append(element("h3", {}, name));
    const title = filled(this.words.map, { deck: name ?? number + 1 });
    const front = number === 0 ? this.words.front : "";
    const svg = grid(rows, { columns, title, front, tier: (price) => this.model.prices.indexOf(price), nodes: this.nodes });
    this.nodes.get(rows[0][0].id).setAttribute("tabindex", "0");
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("click", (event) => {
      const node = event.target.closest(".place");
      if (node) { this.focusOn(node.dataset.id); this.pick(node.dataset.id); }
    });
    box.append(svg);
    return box;
  }

  /** One place as it is now, on the map and in the list. */
  paint(id) {
    const place = this.model.place(id), look = this.model.look(id), box = this.boxes.get(id);
    paint(this.nodes.get(id), { look, flags: place.flags, label: this.label(place, look) });
    if (!box) return;
    box.checked = look === "chosen";
    box.disabled = look !== "free" && look !== "chosen";
    const said = box.closest("label").querySelector("[data-state]");
    if (said) said.textContent = this.words[look];
  }

  label(place, look) {
    const text = filled(this.words.label, { row: place.row, number: place.number, price: this.money(place.price), state: this.words[look] });
    return [text, ...(place.flags ?? []).map((flag) => this.words[flag])].join(this.words.comma);
  }

  /** States, kept places, and prices: all that a place on the map may show. */
  legend() {
    const list = element("ul", { class: "legend" });
    const { prices, places } = this.model;
    const flags = new Set([...places.values()].flatMap((place) => place.flags ?? []));
    const looks = ["free", "chosen", "mine", "held", "sold"];
    if ([...places.values()].some((place) => place.status === "blocked")) looks.push("blocked");
    if (prices.length > 1) prices.forEach((price, tier) => list.append(sample(this.money(price), { tier })));
    for (const look of looks.slice(prices.length > 1 ? 1 : 0)) {
      const price = look === "free" ? `, ${this.money(prices[0])}` : "";
      list.append(sample(this.words[look] + price, { look }));
    }
    for (const flag of flags) list.append(sample(this.words[flag], { flag }));
    return list;
  }

  // Larger and smaller: buttons, two fingers, or the wheel with Ctrl, since without it the wheel moves the page.

  zooms() {
    const box = element("div", { class: "zoom", role: "group", "aria-label": this.words.zoom });
    for (const [sign, step, word] of [["+", ZOOM.step, "zoom_in"], ["−", 1 / ZOOM.step, "zoom_out"]]) {
      const button = element("button", { type: "button", class: "second", "aria-label": this.words[word] }, sign);
      button.addEventListener("click", () => this.rescale(this.zoom * step));
      box.append(button);
    }
    this.addEventListener("wheel", (event) => {
      if (!event.ctrlKey || !this.scroll.contains(event.target)) return; // a pinch on a touchpad is a wheel with Ctrl
      event.preventDefault();
      this.rescale(this.zoom * (event.deltaY < 0 ? 1.1 : 0.9));
    }, { passive: false });
    let apart = 0, before = 1;
    const distance = ({ touches: [one, other] }) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    this.addEventListener("touchstart", (event) => { if (event.touches.length === 2) { apart = distance(event); before = this.zoom; } }, { passive: true });
    this.addEventListener("touchmove", (event) => { if (event.touches.length === 2 && apart) this.rescale((before * distance(event)) / apart); }, { passive: true });
    return box;
  }

  rescale(zoom) {
    this.zoom = Math.min(ZOOM.most, Math.max(this.isLarge ? ZOOM.least_large : ZOOM.least, zoom));
    this.scroll.toggleAttribute("data-far", this.zoom < ZOOM.legible);
    scale(this, this.zoom);
  }

  /** How large a large hall is at first: as wide as there is room. */
  fitting() {
    const widest = Math.max(...[...this.querySelectorAll("svg[role=grid]")].map((svg) => Number(svg.dataset.width)));
    return Math.min(1, (this.scroll.clientWidth || innerWidth) / (widest + 40));
  }

  // Choosing

  key(event) {
    const id = event.target.dataset?.id;
    if (!id || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter") this.pick(id);
    else if (/^(Arrow|Home|End)/.test(event.key)) this.focusOn(this.model.neighbour(id, event.key, { isFar: event.ctrlKey }), { isMoved: true });
    else return;
    event.preventDefault();
  }

  /** Only one place of a deck is reached by Tab: the one that was last. */
  focusOn(id, { isMoved = false } = {}) {
    const node = this.nodes.get(id);
    node.closest("svg").querySelector(".place[tabindex='0']")?.setAttribute("tabindex", "-1");
    node.setAttribute("tabindex", "0");
    if (isMoved) node.focus();
  }

  pick(id) {
    const result = this.model.toggle(id);
    if (result === "limit") toast(filled(this.words.limit, { limit: this.model.limit }));
    if (result === "taken") announce(this.label(this.model.place(id), this.model.look(id)));
    this.paint(id);
    this.sum();
  }

  /** The line that stays in sight: which places, how many, for how much; and the fields that are sent. */
  sum() {
    const { choice, total, isFull, limit } = this.model;
    const line = document.getElementById("sum");
    if (line) {
      const numbers = isolated(choice.map((place) => place.number).join(this.words.comma));
      const text = isolated(filled(plural(this.words.total, choice.length, this.data.locale), { total: isolated(this.money(total)) }));
      line.textContent = choice.length === 0 ? this.words.none : `${numbers} · ${text}`;
      if (isFull) line.textContent += ` · ${filled(this.words.full, { limit })}`;
    }
    if (this.boxes.size === 0) this.replaceFields(choice);
    this.dispatchEvent(new CustomEvent("chosen", { detail: choice, bubbles: true }));
  }

  replaceFields(choice) {
    this.fields?.remove();
    this.fields = element("div", { hidden: "" });
    this.fields.append(...choice.map((place) => element("input", { type: "hidden", name: "seat_ids", value: place.id })));
    this.append(this.fields);
  }

  money(minor) {
    const options = { minimumFractionDigits: this.data.digits, maximumFractionDigits: this.data.digits };
    return `${new Intl.NumberFormat(`${this.data.locale}-u-nu-latn`, options).format(minor / 10 ** this.data.digits)} ${this.data.currency}`;
  }

  // Live

  follow() {
    if (!this.data.socket) return;
    this.live = new LiveInventory(this.data.socket);
    this.live.addEventListener("snapshot", () => {
      this.learn([...this.live.seats.values()], { isQuiet: !this.hadSnapshot });
      this.hadSnapshot = true;
    });
    this.live.addEventListener("changes", ({ detail }) => this.learn(detail));
    this.live.addEventListener("offline", () => this.warn(this.words.offline));
    this.live.addEventListener("refused", () => this.warn(this.words.offline));
    this.live.addEventListener("online", () => { if (!this.banner.hidden) { this.banner.hidden = true; announce(this.words.online); } });
    this.live.start();
  }

  warn(text) {
    if (!this.banner.hidden && this.banner.textContent === text) return;
    this.banner.textContent = text;
    this.banner.hidden = false;
    announce(text);
  }

  /** Show what is new. What was chosen and is gone is always told: a choice never changes silently. */
  learn(news, { isQuiet = false } = {}) {
    if (this.live.state && !SELLING.has(this.live.state)) this.warn(this.words.over);
    const { changed, gone, back } = this.model.learn(news);
    if (!changed.length) return;
    for (const id of changed) {
      this.paint(id);
      if (!isQuiet) this.nodes.get(id).dataset.fresh = "";
    }
    this.sum();
    for (const place of gone) toast(filled(this.words.gone, { number: place.number }), { seconds: 12 });
    if (!isQuiet && back.length <= ANNOUNCED_AT_ONCE) for (const place of back) announce(filled(this.words.back, { number: place.number }));
    const left = document.getElementById("left");
    if (left) left.textContent = plural(this.words.left, this.model.left, this.data.locale);
    setTimeout(() => { for (const id of changed) delete this.nodes.get(id).dataset.fresh; }, FRESH_MS);
    this.dispatchEvent(new CustomEvent("redrawn", { detail: changed }));
  }
}

/** What is written in another direction stands by itself in the line. */
function isolated(text) { return `\u2068${text}\u2069`; }

customElements.define("seat-map", SeatMap);
