// How a seat map is drawn: an SVG grid a deck, laid out once, and each place painted by itself. No state of its own.

const SVG = "http://www.w3.org/2000/svg";
const CELL = 50, SIZE = 44, PAD = 8;
const MIDDLE = SIZE / 2;

/** What says the look without colour; places that are kept for somebody carry a sign while they are free. */
const ICONS = {
  chosen: "M -5 0 L -1.500 4 L 6 -5",
  mine: "M 0 -6 L 6 -3 V 1 C 6 4 3 6 0 7 C -3 6 -6 4 -6 1 V -3 Z",
  held: "M 0 -6 A 6 6 0 1 0 0.010 -6 M 0 -3 L 0 0 L 3 2",
  sold: "M -5 -5 L 5 5 M 5 -5 L -5 5",
  blocked: "M -6 0 L 6 0",
  wheelchair: "M -2 -6 L -2 1 L 4 1 L 6 5 M -4 -1 A 5 5 0 1 0 4 4",
  companion: "M -3 -4 A 2 2 0 1 0 -3.010 -4 M 4 -4 A 2 2 0 1 0 3.990 -4 M -6 5 A 3 4 0 0 1 0 5 M 1 5 A 3 4 0 0 1 7 5",
  restricted_view: "M -7 0 Q 0 -7 7 0 Q 0 7 -7 0 M -5 5 L 5 -5",
};

export function element(name, attributes = {}, text = null) { return dressed(document.createElement(name), attributes, text); }
function drawn(name, attributes = {}, text = null) { return dressed(document.createElementNS(SVG, name), attributes, text); }

function dressed(node, attributes, text) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  return node;
}

/**
 * The grid of one deck. `rows`: places by row, from the front; `columns`: how wide the deck is at least; `tier(price)`:
 * 0 for the lowest price, 1 for the next. `nodes` learns the node of each place.
 */
export function grid(rows, { columns = 0, title, front, tier, nodes }) {
  const far = rows.reduce((most, row) => Math.max(most, row.at(-1).column), columns);
  const first = rows[0][0].row, last = rows.at(-1)[0].row;
  const width = far * CELL + 2 * PAD, height = (last - first + 1) * CELL + CELL / 2 + PAD;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "grid", "aria-label": title, "aria-multiselectable": "true" });
  svg.dataset.width = width;
  svg.dataset.height = height;
  if (front) svg.append(drawn("text", { x: PAD, y: PAD + 8, class: "front", "aria-hidden": "true" }, front));
  for (const row of rows) {
    const line = drawn("g", { role: "row" });
    for (const place of row) {
      const node = seat(place, { x: PAD + (place.column - 1) * CELL, y: (place.row - first) * CELL + CELL / 2, tier: tier(place.price) });
      nodes.set(place.id, node);
      line.append(node);
    }
    svg.append(line);
  }
  return svg;
}

function seat(place, { x, y, tier }) {
  const node = drawn("g", { class: "place", role: "gridcell", tabindex: "-1", transform: `translate(${x} ${y})` });
  node.dataset.id = place.id;
  node.append(drawn("rect", { width: SIZE, height: SIZE, rx: place.type === "sleeper" ? 3 : 10 }));
  node.append(drawn("text", { x: MIDDLE, y: 17, "aria-hidden": "true" }, place.number));
  if (tier > 0) node.append(dots(tier));
  return node;
}

/** One dot for the second price, two for the third: a price is told apart without its colour. */
function dots(count) {
  const group = drawn("g", { class: "dots" });
  for (let dot = 0; dot < count; dot++) group.append(drawn("circle", { cx: MIDDLE + (dot - (count - 1) / 2) * 6, cy: SIZE - 4, r: 1.8 }));
  return group;
}

/** Paint one place; nothing else is touched. `flags`: what the place is kept for. */
export function paint(node, { look, flags, label }) {
  node.dataset.look = look;
  node.setAttribute("aria-selected", look === "chosen");
  node.setAttribute("aria-disabled", look !== "free" && look !== "chosen");
  node.setAttribute("aria-label", label);
  const shape = ICONS[look] ?? ICONS[flags?.[0]];
  let icon = node.querySelector("path");
  if (!shape) { icon?.remove(); return; }
  if (!icon) { icon = drawn("path", { transform: `translate(${MIDDLE} ${SIZE - 15})` }); node.append(icon); }
  icon.setAttribute("d", shape);
}

/** A line of the legend: a place that looks like that, and what it means. */
export function sample(words, { look = "free", flag = null, tier = 0 } = {}) {
  const item = element("li"), svg = drawn("svg", { viewBox: "-2 -2 48 48", width: 24, height: 24, "aria-hidden": "true" });
  const node = drawn("g", { class: "place" });
  node.dataset.look = look;
  node.append(drawn("rect", { width: SIZE, height: SIZE, rx: 10 }));
  const shape = ICONS[flag ?? look];
  if (shape) node.append(drawn("path", { d: shape, transform: `translate(${MIDDLE} ${MIDDLE}) scale(1.4)` }));
  if (tier > 0) { const marks = dots(tier); marks.setAttribute("transform", `translate(${-MIDDLE} ${-SIZE - 8}) scale(2)`); node.append(marks); }
  svg.append(node);
  item.append(svg, words);
  return item;
}

/** Draw every deck larger or smaller, by its own measures. */
export function scale(root, zoom) {
  for (const svg of root.querySelectorAll("svg[role=grid]")) {
    svg.setAttribute("width", svg.dataset.width * zoom);
    svg.setAttribute("height", svg.dataset.height * zoom);
  }
}
