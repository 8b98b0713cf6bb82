"use strict";
// Starts the page: the engine, the controls, and what the browser tells us.

function hideStill() {
  app.shown = true;
  document.body.classList.add("live");
}

// Without WebGL2 (or with a broken file) the still picture stays, with one sentence.
function giveUp(sentence) {
  document.body.classList.remove("ready");
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
  document.addEventListener("visibilitychange", () => {
    app.away = document.hidden || app.outside;
    app.dirty = true;
    if (document.hidden) app.engine.keep();   // browsers take the device from pages that are hidden
  });
  new ResizeObserver(() => layOut()).observe(byId("cards"));
  new IntersectionObserver(([{ isIntersecting }]) => {
    app.outside = !isIntersecting;
    app.away = document.hidden || app.outside;
    shareDevices();
  }).observe(byId("stage"));
  matchMedia("(resolution: 1dppx)").addEventListener("change", layOut);
  app.engine.onlost = () => {
    app.lost = true;
    pace.fence = null;
    if (!app.asleep) say(LOST);
    shareDevices();
  };
  app.engine.onrestored = () => {
    if (!app.asleep) say("The grids are back.");
    Object.assign(app, { lost: false, asleep: false, dirty: true });
    shareDevices();
  };
}

// Browsers give a document about 16 devices at once, and take the oldest away for each one more. So a page of a long
// notebook takes one when it is first seen, and while it is out of view it gives it back.
const seen = () => new Promise((done) => {
  const observer = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    observer.disconnect();
    done();
  });
  observer.observe(byId("stage"));
});

function shareDevices() {
  if (app.outside && !app.lost && !app.recorder) {
    app.engine.keep();
    app.asleep = true;
    app.device?.loseContext();
  } else if (!app.outside && app.lost && app.asleep) setTimeout(() => app.device.restoreContext());
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
    await seen();
    app.engine = new Engine(byId("canvas"), app.data);
    app.gl = byId("canvas").getContext("webgl2");
    app.device = app.gl.getExtension("WEBGL_lose_context");   // now, for without its device a page gets no extension
    app.data.models.forEach((model) => { model.fireRate ??= 0.5; });
    buildPanel();
    describeDevice();
    document.body.classList.add("ready");
    apply(readHash(app.data));   // last: how much room the controls leave says how large the grids are
  } catch (error) {
    giveUp(error instanceof NoWebGL ? error.message : `This page could not start (${error.message}); load it again, or export it anew.`);
    if (!(error instanceof NoWebGL)) console.error(error);
    return;
  }
  listen();
  pace.last = pace.since = performance.now();
  requestAnimationFrame(frame);
}

start();
