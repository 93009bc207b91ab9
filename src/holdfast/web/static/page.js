// What every page can do beyond its HTML: count down, send a form once, ask before what can't be undone, tell news.
// All words come from the page itself, in its language.

/** Tell news politely: shown for a while, read aloud by screen readers. */
export function toast(text, { seconds = 6 } = {}) {
  const place = document.querySelector(".toasts");
  if (!place) return;
  const note = document.createElement("div");
  note.textContent = text;
  place.append(note);
  setTimeout(() => note.remove(), seconds * 1000);
}

/** Read aloud, not shown. */
export function announce(text) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = text;
}

/** Milliseconds to add to this browser's clock to get the server's; measured once, when the page came. */
const serverOffset = (() => {
  const said = Date.parse(document.documentElement.dataset.serverTime ?? "");
  if (Number.isNaN(said)) return 0;
  // the page was written before it arrived here: what lies between is the network's
  const entry = performance.getEntriesByType("navigation")[0];
  const arrived = performance.timeOrigin + (entry?.responseStart ?? 0);
  return said - arrived;
})();

export const serverNow = () => Date.now() + serverOffset;

/**
 * <count-down until="2026-…Z" data-at-5="…" data-at-2="…" data-at-1="…" data-over="…">: minutes and seconds left by
 * the server's clock; announced at 5, 2 and 1 minutes; sends `over` when it ends. Without a script its text stands.
 */
class CountDown extends HTMLElement {
  connectedCallback() {
    this.until = Date.parse(this.getAttribute("until"));
    this.setAttribute("role", "timer");
    this.last = Infinity;
    this.tick();
    this.timer = setInterval(() => this.tick(), 250);
    this.wake = () => this.tick();
    document.addEventListener("visibilitychange", this.wake);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
  }

  tick() {
    const left = Math.max(0, Math.ceil((this.until - serverNow()) / 1000));
    if (left === this.last) return;
    const minutes = Math.floor(left / 60);
    this.textContent = `${minutes}:${String(left % 60).padStart(2, "0")}`;
    this.toggleAttribute("data-low", left <= 120);
    for (const mark of [5, 2, 1]) {
      if (this.last > mark * 60 && left <= mark * 60 && left > mark * 60 - 5) announce(this.getAttribute(`data-at-${mark}`) ?? "");
    }
    this.last = left;
    if (left === 0) {
      clearInterval(this.timer);
      const over = this.getAttribute("data-over");
      if (over) { this.textContent = over; announce(over); }
      this.dispatchEvent(new CustomEvent("over", { bubbles: true }));
    }
  }
}
customElements.define("count-down", CountDown);

// A form is sent once: the second click of a double click does nothing. Back in history, it can be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  // not `form.method`: that is a field of this name where a form has one, as the one that pays does
  if (form.getAttribute("method")?.toLowerCase() !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !form.dataset.confirmed) {
    event.preventDefault();
    ask(question, event.submitter, () => { form.dataset.confirmed = "yes"; form.requestSubmit(event.submitter); });
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    delete form.dataset.confirmed;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

function ask(question, button, go) {
  const dialog = document.querySelector("dialog#ask");
  if (!dialog?.showModal) { go(); return; }
  dialog.querySelector("p").textContent = question;
  dialog.querySelector("[value=yes]").textContent = button?.textContent.trim() ?? "OK";
  dialog.returnValue = "";
  dialog.addEventListener("close", () => { if (dialog.returnValue === "yes") go(); else button?.focus(); }, { once: true });
  dialog.showModal();
}

// <select data-submits> sends its form when it changes, for filters.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submits]")) event.target.form.requestSubmit();
});

// <main data-reload="3">: the page asks again after so many seconds, until it is no longer told to. Only what is new
// is put in place, so that nobody who reads is thrown back to the top; each pause is longer than the one before.
const PAUSE_SECONDS_MAX = 15;
function askAgain(seconds) { setTimeout(() => look(seconds).catch(() => askAgain(longer(seconds))), seconds * 1000); }
function longer(seconds) { return Math.min(seconds * 1.5, PAUSE_SECONDS_MAX); }

async function look(seconds) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected) { location.replace(answer.url); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [main, next] = [document, page].map((each) => each.querySelector("main"));
  if (!answer.ok || !next) { askAgain(longer(seconds)); return; }
  if (next.innerHTML !== main.innerHTML) {
    document.title = page.title;
    main.replaceChildren(...next.childNodes);
    announce(main.querySelector("h1")?.textContent ?? "");
  }
  if (next.dataset.reload) askAgain(longer(seconds));
}
const again = Number(document.querySelector("main")?.dataset.reload ?? 0);
if (again > 0) askAgain(again);

// <button type="button" data-copy="text">, <button data-print>
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) print();
  else navigator.clipboard?.writeText(button.dataset.copy).then(() => toast(button.dataset.copied ?? "✓"));
});
