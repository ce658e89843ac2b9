// Keeps the page up to date during a run, and adds keys. The page also works without it.
"use strict";

const POLL_MS = 1000;
const SLOWEST_MS = 30000;
const GIVE_UP_MS = 10000;
// A slow page is requested less often: the server spends at most a twentieth of its time on it.
const REST = 20;
const TICK_MS = 250;
const POINTER_MS = 4000;
const ANNOUNCE_MS = 10000;

const byId = (id) => document.getElementById(id);
const waiting = new Map();
let entityTag = "";
let isPaused = false;
let failures = 0;
let timer = 0;
let pointerAt = -Infinity;
let isPressed = false;
let announcedAt = -Infinity;
let clockAhead = 0;

// Live

async function poll() {
  clearTimeout(timer);
  if (isPaused || document.hidden) return;
  const began = performance.now();
  try {
    const headers = entityTag ? { "If-None-Match": entityTag } : {};
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    const response = await fetch(`/sandbox/live${location.search}`, { headers, signal, cache: "no-store" });
    if (response.status === 200) {
      const html = await response.text();
      entityTag = response.headers.get("ETag") ?? "";
      receive(html);
    } else if (response.status !== 304) {
      throw new Error(`answered ${response.status}`);
    }
    failures = 0;
  } catch {
    failures += 1;
    entityTag = "";
  }
  showState();
  settle();
  const pause = failures ? POLL_MS * Math.min(failures, 5) : (performance.now() - began) * REST;
  clearTimeout(timer);
  timer = setTimeout(poll, Math.min(Math.max(pause, POLL_MS), SLOWEST_MS));
}

function receive(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const section of [...fresh.body.children]) {
    const shown = byId(section.id);
    if (!shown) continue;
    if (shown.dataset.version === section.dataset.version) waiting.delete(section.id);
    else waiting.set(section.id, section);
  }
}

// Replaces the sections that nobody is reading; the others wait.
function settle() {
  for (const [id, section] of [...waiting]) {
    const shown = byId(id);
    if (isBeingRead(shown)) continue;
    waiting.delete(id);
    replace(shown, section);
  }
  offerNewest();
}

function isBeingRead(section) {
  if (isPressed) return true;
  const isInUse = section.contains(document.activeElement);
  if (section.id === "filters") return isInUse || [...section.querySelectorAll("select, input")].some(isChanged);
  if (section.id === "chart") return section.matches(":hover");
  if (section.id !== "log" && section.id !== "contact") return false;
  const isPointedAt = section.matches(":hover") && performance.now() - pointerAt < POINTER_MS;
  const isScrolledInto = section.id === "log" && section.getBoundingClientRect().top < 0;
  const isSelected = !getSelection().isCollapsed && getSelection().containsNode(section, true);
  return isInUse || isPointedAt || isScrolledInto || isSelected || section.querySelector(".row details[open]") !== null;
}

function isChanged(field) {
  if (field.tagName === "INPUT") return field.value !== field.defaultValue;
  const chosen = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.selectedOptions[0] !== chosen;
}

function replace(shown, section) {
  const open = [...shown.querySelectorAll("details[open]")].map(nameOf);
  const focusable = () => [...shown.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const focused = focusable().indexOf(document.activeElement);
  shown.replaceChildren(...section.childNodes);
  shown.dataset.version = section.dataset.version;
  for (const details of shown.querySelectorAll("details")) {
    if (open.includes(nameOf(details))) details.open = true;
  }
  if (focused >= 0) focusable()[focused]?.focus({ preventScroll: true });
  prepare(shown);
}

const nameOf = (details) => (details.id || details.closest("[id]").id);

function offerNewest() {
  const newest = byId("newest");
  newest.hidden = !waiting.has("log");
  const last = (section) => Number(section?.querySelector(".row")?.id.slice(1) ?? 0);
  const count = last(waiting.get("log")) - last(byId("log"));
  // With filters, not all submissions in between match.
  const isCounted = !location.search && count > 0;
  newest.textContent = isCounted ? `Show ${count.toLocaleString("en")} newer` : "Show newer";
}

function showNewest() {
  if (!waiting.has("log") && !waiting.has("contact")) return;
  for (const details of document.querySelectorAll(".row details[open]")) details.open = false;
  document.activeElement?.blur();
  getSelection().removeAllRanges();
  pointerAt = -Infinity;
  const log = byId("log");
  if (log.getBoundingClientRect().top < 0) log.scrollIntoView();
  settle();
}

function setPaused(paused) {
  isPaused = paused;
  byId("pause").textContent = paused ? "Go on" : "Pause";
  showState();
  if (!paused) poll();
}

function showState() {
  const state = byId("state");
  const [word, text] = isPaused
    ? ["paused", "Paused"]
    : failures
      ? ["gone", "The sandbox is not answering; trying again"]
      : ["live", "Live"];
  if (state.textContent !== text) state.textContent = text;
  state.className = `state state--${word}`;
}

// After new content

function prepare(section) {
  for (const button of section.querySelectorAll(".copy")) button.hidden = !navigator.clipboard;
  const resets = section.querySelector("#resets");
  if (resets) clockAhead = Number(resets.dataset.now) * 1000 - Date.now();
  if (section.id === "totals") announce(section);
}

function tick() {
  const resets = byId("resets");
  if (!resets || failures) return;
  const seconds = Math.max(Math.ceil(Number(resets.dataset.reset) - (Date.now() + clockAhead) / 1000), 0);
  const text = `${seconds} s`;
  if (resets.textContent !== text) resets.textContent = text;
}

// Announced rarely: numbers that change every second would drown everything else.
function announce(totals) {
  if (performance.now() - announcedAt < ANNOUNCE_MS) return;
  announcedAt = performance.now();
  const words = [...totals.querySelectorAll(".tile")].map((tile) => {
    const part = (name) => tile.querySelector(`.tile__${name}`).textContent;
    return `${part("count")} ${part("label").toLowerCase()}`;
  });
  byId("announcer").textContent = words.join(", ");
}

// Keyboard and pointer

function move(step) {
  const rows = [...document.querySelectorAll(".row")];
  const from = rows.indexOf(document.activeElement?.closest(".row"));
  const row = rows[from < 0 ? 0 : Math.min(Math.max(from + step, 0), rows.length - 1)];
  if (!row) return;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function leaveRow(row) {
  for (const details of row.querySelectorAll("details[open]")) details.open = false;
  document.activeElement.blur();
  settle();
}

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = event.target;
  if (target.matches("input, select, textarea")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const isRow = target.matches(".row");
  const actions = {
    "/": () => {
      byId("filter-contact").focus();
      byId("filter-contact").select();
    },
    j: () => move(1),
    k: () => move(-1),
    n: () => showNewest(),
    p: () => setPaused(!isPaused),
  };
  if (isRow) {
    const details = target.querySelector("details");
    actions.ArrowDown = actions.j;
    actions.ArrowUp = actions.k;
    actions.Enter = () => {
      details.open = !details.open;
    };
  }
  if (target.closest(".row")) actions.Escape = () => leaveRow(target.closest(".row"));
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function clicked(event) {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "pause") setPaused(!isPaused);
  if (button.id === "newest") showNewest();
  if (!button.dataset.copy) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1500);
}

function pointed(event) {
  pointerAt = performance.now();
  if (!(event.buttons & 1)) released();
}

function released() {
  isPressed = false;
}

// Leaves empty fields out of the address.
function submitted(event) {
  if (!event.target.matches(".filters")) return;
  event.preventDefault();
  const asked = [...new FormData(event.target)].filter(([, value]) => value.trim());
  location.assign(asked.length ? `/?${new URLSearchParams(asked)}` : "/");
}

document.addEventListener("keydown", pressed);
document.addEventListener("click", clicked);
document.addEventListener("submit", submitted);
document.addEventListener("pointermove", pointed);
document.addEventListener("pointerdown", (event) => (isPressed = event.button === 0));
// Some releases of a button send no event: outside the window, or if a menu opens.
for (const over of ["pointerup", "pointercancel", "contextmenu", "dragend"]) document.addEventListener(over, released);
window.addEventListener("blur", released);
document.addEventListener("visibilitychange", poll);

byId("pause").hidden = false;
document.querySelector(".keys").hidden = false;
document.querySelectorAll(".section").forEach(prepare);
showState();
setInterval(tick, TICK_MS);
timer = setTimeout(poll, POLL_MS);
