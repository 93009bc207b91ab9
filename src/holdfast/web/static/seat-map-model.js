// What a seat map knows, without a page: places, how each looks, what is chosen. Pure, so it is tested by itself.

/** How a product's words for a status look: free, held or sold. */
const LOOKS = { available: "free", free: "free", reserved: "held", held: "held", blocked: "held", booked: "sold", sold: "sold" };

export class SeatMapModel {
  constructor({ seats, limit }) {
    this.limit = limit;
    this.places = new Map(seats.map((seat) => [seat.id, { ...seat }]));
    this.chosen = new Set();
  }

  place(id) { return this.places.get(id); }

  /** free, chosen, mine, held, sold */
  look(id) {
    const place = this.places.get(id);
    if (place.held_by_me && LOOKS[place.status] !== "free") return "mine";
    const look = LOOKS[place.status] ?? "sold";
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

  /** News of places: which of them look different now, and which were chosen and are gone, or were gone and are back. */
  learn(news) {
    const changed = [], gone = [], back = [];
    for (const { seat_id: id, status, held_by_me } of news) {
      const place = this.places.get(id);
      if (!place) continue;
      const before = this.look(id);
      place.status = status;
      if (held_by_me !== undefined) place.held_by_me = held_by_me;
      if (this.chosen.has(id) && LOOKS[status] !== "free") { this.chosen.delete(id); if (!place.held_by_me) gone.push(place); }
      if (this.look(id) === before) continue;
      changed.push(id);
      if (this.look(id) === "free" && before !== "chosen") back.push(place);
    }
    return { changed, gone, back };
  }

  get total() {
    let sum = 0;
    for (const id of this.chosen) sum += this.places.get(id).price;
    return sum;
  }

  get left() {
    let count = 0;
    for (const place of this.places.values()) if (LOOKS[place.status] === "free") count++;
    return count;
  }

  /** The next place from one in a direction: arrows, Home and End; the same one where there is none. */
  neighbour(id, key) {
    const from = this.places.get(id);
    const deck = [...this.places.values()].filter((place) => place.deck === from.deck);
    const row = deck.filter((place) => place.row === from.row).sort((one, other) => one.column - other.column);
    if (key === "Home") return row[0].id;
    if (key === "End") return row.at(-1).id;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const step = key === "ArrowRight" ? 1 : -1;
      return (row[row.indexOf(from) + step] ?? from).id;
    }
    const down = key === "ArrowDown";
    const rows = deck.filter((place) => (down ? place.row > from.row : place.row < from.row));
    if (!rows.length) return id;
    const next = down ? Math.min(...rows.map((place) => place.row)) : Math.max(...rows.map((place) => place.row));
    const there = rows.filter((place) => place.row === next);
    return there.reduce((best, place) => (Math.abs(place.column - from.column) < Math.abs(best.column - from.column) ? place : best)).id;
  }
}

/** "{count} seats" with its fields filled in. */
export function filled(text, fields) {
  return text.replace(/\{(\w+)\}/g, (all, name) => fields[name] ?? all);
}
