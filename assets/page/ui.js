"use strict";
// Starts the page: the engine, the controls, and what the browser tells us.

function hideStill() {
  app.shown = true;
  document.body.classList.add("live");
}

// Without WebGL2 (or with a broken file) the still picture stays, with one sentence.
function giveUp(sentence) {
  document.body.classList.add("stopped");
  byId("sentence").textContent = sentence;
}

function describeDevice() {
  const text = app.engine.half ? "WebGL2; states are 16-bit here, because this browser doesn't draw 32-bit ones." : "WebGL2, 32-bit states";
  byId("device").textContent = app.engine.half ? "WebGL2, states are 16-bit here" : text;
  byId("about-device").textContent = text;
}

function listen() {
  listenToPointer();
  addEventListener("keydown", pressKey);
  addEventListener("popstate", () => { if (app.ready) apply(readHash(app.data)); });
  // A button or slider that was clicked must not take Space or the arrows from then on.
  document.addEventListener("click", (event) => { if (event.detail && !app.embed) event.target.closest?.("button")?.blur(); });
  document.addEventListener("pointerup", (event) => { if (event.target.matches?.("input[type=range]")) event.target.blur(); });
  document.addEventListener("visibilitychange", () => { app.away = document.hidden; app.dirty = true; });
  new ResizeObserver(() => layOut()).observe(byId("cards"));
  new IntersectionObserver(([entry]) => { app.away = document.hidden || !entry.isIntersecting; }).observe(byId("stage"));
  matchMedia("(resolution: 1dppx)").addEventListener("change", layOut);
  app.engine.onlost = () => { app.lost = true; pace.fence = null; say("The graphics device was reset; the grids come back in a moment."); };
  app.engine.onrestored = () => { app.lost = false; app.dirty = true; say("The grids are back."); };
}

async function start() {
  app.embed = new URLSearchParams(location.search).has("embed");
  document.body.classList.toggle("embed", app.embed);
  try {
    const theme = localStorage.getItem("ncaengine-theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch { /* no storage in this frame */ }
  try {
    app.data = await loadData();
    if (app.data.start?.embed) { app.embed = true; document.body.classList.add("embed"); }
    const first = app.data.models[0];
    first.picture ||= document.querySelector("#still img").src;
    app.engine = new Engine(byId("canvas"), app.data);
    app.gl = byId("canvas").getContext("webgl2");
  } catch (error) {
    giveUp(error instanceof NoWebGL ? error.message : `This page could not start (${error.message}); load it again, or export it anew.`);
    if (!(error instanceof NoWebGL)) console.error(error);
    return;
  }
  app.data.models.forEach((model) => { model.fireRate ??= 0.5; });
  apply(readHash(app.data));
  buildPanel();
  describeDevice();
  listen();
  document.body.classList.add("ready");
  layOut();
  refresh();
  pace.last = pace.since = performance.now();
  requestAnimationFrame(frame);
}

start();
