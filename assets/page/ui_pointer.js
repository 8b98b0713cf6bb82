"use strict";
// Mouse, touch and pen on the canvas. One pointer paints (or moves the view with the tool Look); two fingers move and zoom.

const pointers = new Map();   // by id, {x, y} in CSS pixels from the canvas's corner
const LATE = 80;              // milliseconds in which a second finger may still come before the first one paints
let stroke = null, drag = null, strokes = 0, lastTap = 0;

const isMap = (tool) => tool === "rate" || tool === "scale" || tool === "angle";

function place(event) {
  const box = byId("canvas").getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function startPointer(event) {
  const at = place(event), one = paneAt(at.x, at.y);
  if (!one) return;
  event.preventDefault();
  byId("canvas").focus({ preventScroll: true });
  byId("canvas").setPointerCapture?.(event.pointerId);
  pointers.set(event.pointerId, at);
  if (pointers.size > 1) {
    stroke = null;
    drag = { one, ...twoFingers() };
    return;
  }
  if (app.panes[app.selected] !== one) commands.select(app.panes.indexOf(one));
  const moves = app.tool === "look" || event.button > 0;
  if (moves) drag = { one, ...at };
  else stroke = { one, from: null, to: at, radius: app.radius, due: event.pointerType === "touch" ? performance.now() + LATE : 0, number: ++strokes, plain: event.shiftKey };
  press(event);
}

// A pen that is pressed softly paints with a smaller radius.
function press(event) {
  if (stroke && event.pointerType === "pen" && event.pressure > 0) stroke.radius = app.radius * (0.35 + 0.9 * event.pressure);
}

function movePointer(event) {
  const at = place(event), before = pointers.get(event.pointerId);
  showCursor(event, at);
  if (!before) return;
  if (pointers.size > 1) {
    pointers.set(event.pointerId, at);
    const now = twoFingers();
    pan(now.x - drag.x, now.y - drag.y, drag.one);
    if (drag.apart > 0) zoomAt(now.apart / drag.apart, now.x, now.y, drag.one);
    Object.assign(drag, now);
    return;
  }
  pointers.set(event.pointerId, at);
  if (drag) pan(at.x - before.x, at.y - before.y, drag.one);
  if (stroke) stroke.to = at;
  press(event);
}

function endPointer(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (event.type === "pointercancel") stroke = null;
  if (stroke) stroke.ends = true;
  drag = null;
  if (pointers.size) {   // one finger is left of two: it moves the view on
    const [at] = pointers.values();
    drag = { one: pane(), ...at };
  }
  if (event.pointerType !== "mouse") byId("cursor").hidden = true;
}

function twoFingers() {
  const [a, b] = pointers.values();
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
}

// Paint what the pointer covered since the last frame; a brush that stands still paints on.
function paintDue(now) {
  if (!stroke || (now < stroke.due && !stroke.ends)) return;
  const { one, number, radius, plain } = stroke, to = pointAt(one, stroke.to.x, stroke.to.y), from = stroke.from || to;
  stroke.from = to;
  const value = valueToPaint(one, plain);
  for (const each of app.link && app.panes.includes(one) ? app.panes : [one]) {
    each.grid.paint(from, to, radius, app.tool, value(each), { softness: app.softness, strength: 1, seed: number });
  }
  app.dirty = true;
  if (stroke.ends) stroke = null;
}

function valueToPaint(one, plain) {
  if (app.tool === "model") return (each) => (plain ? each.grid.model : otherModel(each));
  const value = isMap(app.tool) && plain ? (app.tool === "angle" ? 0 : 1) : app.values[app.tool];
  return () => value;
}

// The model that the brush paints: the chosen one, else the next that isn't the grid's own.
function otherModel({ grid }) {
  const others = app.data.models[grid.model].canPaint;
  if (others.includes(app.paintModel)) return app.paintModel;
  return others.find((each) => each > grid.model) ?? others.find((each) => each !== grid.model) ?? grid.model;
}

function showCursor(event, at) {
  const cursor = byId("cursor"), one = stroke ? stroke.one : paneAt(at.x, at.y);
  cursor.hidden = !one || app.tool === "look" || event.pointerType === "touch";
  byId("canvas").style.cursor = one ? (app.tool === "look" ? "grab" : "none") : "default";
  if (cursor.hidden) return;
  const radius = Math.max(2, app.radius * zoomOf(one));
  Object.assign(cursor.style, { width: `${2 * radius}px`, height: `${2 * radius}px`, transform: `translate(${at.x - radius}px,${at.y - radius}px)` });
  app.pointer = { event, at };
}

function turnWheel(event) {
  const at = place(event), one = paneAt(at.x, at.y);
  if (!one || (app.embed && !event.ctrlKey)) return;   // in a frame, the wheel scrolls the page around it
  event.preventDefault();
  const notches = -event.deltaY / (event.deltaMode ? 3 : 100);
  if (event.shiftKey) return pan(-event.deltaX || -event.deltaY, event.deltaX ? -event.deltaY : 0, one);
  if (event.ctrlKey || app.tool === "look") return zoomAt(1.15 ** clamp(notches * (event.ctrlKey && Math.abs(event.deltaY) < 50 ? 6 : 1), -4, 4), at.x, at.y, one);
  commands.radius(clamp(notches, -4, 4));
  showCursor(event, at);
}

function listenToPointer() {
  const canvas = byId("canvas");
  canvas.addEventListener("pointerdown", startPointer);
  canvas.addEventListener("pointermove", movePointer);
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, endPointer);
  canvas.addEventListener("pointerleave", () => { if (!stroke) byId("cursor").hidden = true; });
  canvas.addEventListener("wheel", turnWheel, { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", () => { if (app.tool === "look") fit(); });
}
