// What a seat map knows, without a page: places, how each looks, what is chosen. Pure, so it is tested by itself.

/** How a product's words for a status look: free, held, sold or blocked. */
const LOOKS = { available: "free", free: "free", reserved: "held", held: "held", blocked: "blocked", booked: "sold", sold: "sold" };

export class SeatMapModel {
  /** `seats`: [{ id, number, deck, row, column, status, price, mine? }]; `limit`: as many as can be chosen at once. */
  constructor({ seats, limit }) {
    this.limit = limit;
    this.places = new Map(seats.map((seat) => [seat.id, { ...seat }]));
    this.chosen = new Set();
    this.rows = rowsOf(this.places.values());
    this.prices = [...new Set(seats.map((seat) => seat.price))].sort((one, other) => one - other);
  }

  place(id) { return this.places.get(id); }

  /** free, chosen, mine, held, sold, blocked */
  look(id) {
    const place = this.places.get(id);
    const look = LOOKS[place.status] ?? "sold";
    if (place.mine && look !== "free") return "mine";
    return look === "free" && this.chosen.has(id) ? "chosen" : look;
  }

  /** Choose or give back: "chosen", "given", "limit" or "taken". */
  toggle(id) {
    if (this.chosen.delete(id)) return "given";
    if (this.look(id) !== "free") return "taken";
    if (this.chosen.size >= this.limit) return "limit";
    this.chosen.add(id);
    return "chosen";
  }

  get isFull() { return this.chosen.size >= this.limit; }

  /** News of places: which look different now; which were chosen and are gone; which were gone and are back. */
  learn(news) {
    const changed = [], gone = [], back = [];
    for (const { seat_id: id, status, held_by_me: mine } of news) {
      const place = this.places.get(id);
      if (!place) continue;
      const before = this.look(id), isFree = LOOKS[status] === "free";
      place.status = status;
      place.mine = mine ?? (place.mine && !isFree); // whose it is next, this page cannot know
      if (!isFree && this.chosen.delete(id) && !place.mine) gone.push(place);
      const after = this.look(id);
      if (after === before) continue;
      changed.push(id);
      if (after === "free") back.push(place);
    }
    return { changed, gone, back };
  }

  /** The chosen places in the order of the map. */
  get choice() {
    return [...this.chosen].map((id) => this.places.get(id)).sort((one, other) => one.deck - other.deck || one.row - other.row || one.column - other.column);
  }

  get total() { return this.choice.reduce((sum, place) => sum + place.price, 0); }

  get left() {
    let count = 0;
    for (const place of this.places.values()) if (LOOKS[place.status] === "free") count++;
    return count;
  }

  /** Where a key leads from a place: arrows, Home and End in the row, with `isFar` in the deck; itself at an edge. */
  neighbour(id, key, { isFar = false } = {}) {
    const from = this.places.get(id);
    const rows = this.rows.get(from.deck);
    const at = rows.findIndex((row) => row[0].row === from.row);
    const row = isFar && key === "Home" ? rows[0] : isFar && key === "End" ? rows.at(-1) : rows[at];
    if (key === "Home") return row[0].id;
    if (key === "End") return row.at(-1).id;
    if (key === "ArrowLeft" || key === "ArrowRight") return (row[row.indexOf(from) + (key === "ArrowRight" ? 1 : -1)] ?? from).id;
    const there = rows[at + (key === "ArrowDown" ? 1 : -1)] ?? [from];
    return there.reduce((best, place) => (Math.abs(place.column - from.column) < Math.abs(best.column - from.column) ? place : best)).id;
  }
}

/** deck -> its rows from the front, each from its first column. */
function rowsOf(places) {
  const decks = new Map();
  for (const place of places) {
    if (!decks.has(place.deck)) decks.set(place.deck, new Map());
    const rows = decks.get(place.deck);
    if (!rows.has(place.row)) rows.set(place.row, []);
    rows.get(place.row).push(place);
  }
  const ordered = ([one], [other]) => one - other;
  return new Map([...decks].map(([deck, rows]) => [deck, [...rows].sort(ordered).map(([, row]) => row.sort((one, other) => one.column - other.column))]));
}

/** "{count} seats" with its fields filled in. */
export function filled(text, fields) {
  return text.replace(/\{(\w+)\}/g, (all, name) => fields[name] ?? all);
}

/** The form of a text for so many: `forms` by the plural categories of that language, "other" for sure. */
export function plural(forms, count, locale) {
  return filled(forms[new Intl.PluralRules(locale).select(count)] ?? forms.other, { count });
}
