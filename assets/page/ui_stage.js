"use strict";
// The stage: where the grids lie on the canvas, what part of their planes shows, and the loop that steps and draws.

const view = { x: 0, y: 0, zoom: 0 };   // centre, from the grid's middle in cell widths; CSS pixels a cell, 0 = as it fits
const LOOKING = { low: 0.5, high: 64, cells: 40000, gap: 12 };
const pace = { budget: 2, last: 0, frames: 0, since: 0, limited: false, slow: 0, fence: null, sent: 0 };
const SLOW = 45;   // milliseconds a frame: slower ones get fewer steps, so that 20 frames a second are left

// Canvas pixels a CSS pixel; a software renderer gets few while it runs.
function ratioNow() {
  const full = devicePixelRatio || 1;
  return app.engine.software ? Math.min(full, app.paused ? 1 : 0.5) : full;
}

// Headers and ports (the places of the pictures) of the grids, then the canvas and the grids' sizes.
function layOut() {
  if (!app.engine) return;
  const cards = byId("cards"), { width, height } = cards.getBoundingClientRect();
  cards.classList.toggle("tall", height > width * 1.05);
  while (cards.children.length > app.panes.length) cards.lastChild.remove();
  while (cards.children.length < app.panes.length) cards.append(newCard(cards.children.length));
  showHeads();   // filled headers are higher than empty ones
  const canvas = byId("canvas"), box = canvas.getBoundingClientRect(), ratio = ratioNow();
  const size = [Math.max(1, Math.round(box.width * ratio)), Math.max(1, Math.round(box.height * ratio))];
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  app.ratio = ratio;
  canvas.style.imageRendering = ratio < 1 && app.panes.every(({ grid }) => !app.data.kernels[grid.kernel].basis[1][0]) ? "pixelated" : "auto";
  app.panes.forEach((one, index) => {
    const port = cards.children[index].querySelector(".port").getBoundingClientRect();
    one.port = { x: port.left - box.left, y: port.top - box.top, width: port.width, height: port.height };
    resizeGrid(one);
  });
  app.dirty = true;
}

function newCard(index) {
  const card = document.createElement("section");
  card.className = "card";
  card.innerHTML = `<header class="head"><button class="number" title="Select this grid (${index + 1})">${index + 1}</button><b></b><span class="speed"></span><small class="kind"></small><small class="steps"></small></header><div class="port"></div>`;
  card.querySelector("header").addEventListener("click", () => commands.select(index));
  return card;
}

// CSS pixels a cell, whole where that is possible: about as many cells as any device can step.
function pixelsPerCell({ width, height }) {
  if (app.engine.software) return Math.max(2, 2 * Math.round(Math.sqrt(width * height / 16384) / 2));
  return Math.max(2, Math.round(Math.sqrt(width * height / LOOKING.cells)));
}

// Even: then one of two cells fires in each step, which takes half the work.
const evenSide = (cells) => Math.max(8, 2 * Math.ceil(cells / 2));

function resizeGrid({ grid, port, rate, align }) {
  const cell = pixelsPerCell(port), [, [, down]] = app.data.kernels[grid.kernel].basis;
  const size = sizeOf(app.size) || { width: evenSide(port.width / cell), height: evenSide(port.height / cell / down) };
  if (size.width === grid.width && size.height === grid.height) return;
  grid.resize(size.width, size.height);
  if (!app.ready) return;
  if (rate !== "even") grid.setRate(rate);     // a pattern fits the new size; what a brush painted into that map is gone
  if (align !== "even") grid.setAngle(align);
}

// CSS pixels a cell, of one pane.
function zoomOf({ grid, port }) {
  if (view.zoom) return view.zoom;
  if (!app.size) return pixelsPerCell(port);
  const { width, height } = grid.plane(), ratio = ratioNow();
  const fitting = Math.min(port.width / width, port.height / height) * ratio;
  return (fitting >= 2 ? Math.floor(fitting) : fitting) / ratio;
}

// The plane's point at the port's upper left corner, and the scale: as grid.draw needs them, in canvas pixels.
function viewOf(one) {
  const ratio = ratioNow(), scale = zoomOf(one) * ratio, { width, height } = one.grid.plane();
  const [[ax], [, by]] = app.data.kernels[one.grid.kernel].basis;
  const start = (corner, side, centre, port) => {
    const pixels = Math.round((side / 2 + centre) * scale - port * ratio / 2);
    return pixels / scale + corner;
  };
  return { x: start(-ax / 2, width, view.x, one.port.width), y: start(-by / 2, height, view.y, one.port.height), scale };
}

function pointAt(one, x, y) {
  const shownPart = viewOf(one), ratio = ratioNow();
  return { x: shownPart.x + (x - one.port.x) * ratio / shownPart.scale, y: shownPart.y + (y - one.port.y) * ratio / shownPart.scale };
}

const paneAt = (x, y) => app.panes.find(({ port }) => x >= port.x && y >= port.y && x < port.x + port.width && y < port.y + port.height);

function fit() { Object.assign(view, { x: 0, y: 0, zoom: 0 }); app.dirty = true; }

function pan(dx, dy, one = pane()) {
  const zoom = zoomOf(one);
  view.x -= dx / zoom;
  view.y -= dy / zoom;
  app.dirty = true;
}

// Zoom by a factor so that the point of the plane below (x, y) stays there.
function zoomAt(factor, x, y, one = paneAt(x, y) || pane()) {
  const before = zoomOf(one), after = clamp(before * factor, LOOKING.low, LOOKING.high);
  const dx = x - one.port.x - one.port.width / 2, dy = y - one.port.y - one.port.height / 2;
  view.x += dx / before - dx / after;
  view.y += dy / before - dy / after;
  view.zoom = after;
  app.dirty = true;
}

function drawAll() {
  const ratio = ratioNow();
  for (const one of app.panes) {
    const part = viewOf(one), rect = {};
    for (const key of ["x", "y", "width", "height"]) rect[key] = Math.round(one.port[key] * ratio);
    if (app.size && !app.repeat) cut(part, rect, one);
    const lines = app.lines && part.scale >= 8 ? 0.4 : 0;
    const look = { look: app.look, channel: Math.min(app.channel, modelOf(one).channels - 1), lines, overlay: isMap(app.tool) ? app.tool : undefined };
    if (rect.width > 0 && rect.height > 0) one.grid.draw(part, rect, look);
  }
}

// A grid of a set size shows once: cut the rectangle, in canvas pixels, to the grid's edges.
function cut(part, rect, { grid }) {
  const [[ax], [, by]] = app.data.kernels[grid.kernel].basis, { width, height } = grid.plane();
  for (const [at, long, corner, side] of [["x", "width", -ax / 2, width], ["y", "height", -by / 2, height]]) {
    const low = Math.max(0, Math.round((corner - part[at]) * part.scale));
    const high = Math.min(rect[long], Math.round((corner + side - part[at]) * part.scale));
    part[at] += low / part.scale;
    rect[at] += low;
    rect[long] = high - low;
  }
}

// Look often whether the device is done with a frame, and adapt the number of steps to the time that it took.
// At least one step a frame: with fewer, frames would repeat.
function watch() {
  const { gl } = app, took = performance.now() - pace.sent;
  if (!pace.fence) return;
  if (gl.getSyncParameter(pace.fence, gl.SYNC_STATUS) !== gl.SIGNALED && took < 5000) return setTimeout(watch, 3);
  gl.deleteSync(pace.fence);
  pace.fence = null;
  if (took > SLOW) pace.budget = Math.max(1, pace.budget * 0.75);
  else if (took < SLOW * 0.7 && pace.limited) pace.budget = Math.min(4000, pace.budget * 1.25);
}

// Steps that are due, at most as many as the device can; what is too many is dropped, and the page says so.
function stepAll(passed) {
  const wanted = app.panes.map(({ speed }) => (speed >= UNLIMITED ? pace.budget * 1.5 : speed * passed / 1000));
  const total = wanted.reduce((sum, each) => sum + each, 0), share = Math.min(1, pace.budget / (total || 1));
  pace.limited = share < 1;
  app.panes.forEach((one, index) => {
    one.credit += wanted[index] * share;
    const count = Math.floor(one.credit);
    one.credit -= count;
    one.made += count;
    if (count) {
      one.grid.step(count);
      app.dirty = true;
    }
  });
}

function frame(now) {
  requestAnimationFrame(frame);
  if (now - pace.since > 500) measure(now);
  if (app.lost || pace.fence) return;
  const passed = Math.min(now - pace.last, 250);
  pace.last = now;
  pace.frames += 1;
  paintDue(now);
  if (!app.paused && !app.away) stepAll(passed);
  for (const { grid } of app.panes) if (grid.changes !== grid.saved.changes) app.engine.save(grid);
  if (!app.dirty && !app.recorder) return;   // a video has pictures of what stands still, too
  app.dirty = false;
  if (app.ratio !== ratioNow()) layOut();
  drawAll();
  Object.assign(pace, { fence: app.gl.fenceSync(app.gl.SYNC_GPU_COMMANDS_COMPLETE, 0), sent: now });
  app.gl.flush();
  watch();
  if (!app.shown) hideStill();
}

function measure(now) {
  const seconds = (now - pace.since) / 1000;
  for (const one of app.panes) {
    const rate = app.paused ? 0 : one.made / seconds;
    one.perSecond = one.perSecond && seconds < 2 ? (one.perSecond + rate) / 2 : rate;
    one.made = 0;
  }
  const late = pace.limited && !app.paused && app.panes.some(({ speed, perSecond }) => speed < UNLIMITED && perSecond < speed * 0.95);
  pace.slow = late ? pace.slow + 1 : 0;
  showPace(Math.round(pace.frames / seconds));
  Object.assign(pace, { since: now, frames: 0 });
}
