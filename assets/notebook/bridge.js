"use strict";
// Added to a page in a live widget: tells the notebook what is done to the first grid, as commands, and what its cells are.
{
const told = {
  on: false,          // whether there is a grid to tell of
  inside: 0,          // how deep we are in a method whose call is told already
  steps: -1,          // of the grid when Python last knew its cells
  shown: -1, at: 0,   // steps and time when cells were last sent
  fresh: true,        // whether cells changed without a step
  waits: false,       // whether Python has still to answer
  settings: {}, models: [], stroke: null, grid: null,
};
const EVERY = 1000, NUMBERS = 1e6;   // milliseconds between cells; larger grids wait longer, by the million of numbers
const RATES = { even: [1, 1], ramp: [0.1, 1] }, QUARTER = [0.25, 1];
const first = () => app.panes[0].grid;

const tell = (message, cells) => parent.postMessage({ ncaengine: message, cells }, "*");

// kind "cells": for `state()`; "Load": the Simulation must have them before the next command.
function tellCells(kind) {
  const grid = first();
  tell({ kind, size: [grid.width, grid.height], steps: grid.steps }, grid.read().buffer);
}

function settingsOfGrid() {
  const { grid, speed } = app.panes[0], { fireRate, scale, aspect, angle, dt, antithetic } = grid.settings;
  return { steps_per_second: speed, fire_rate: fireRate, scale, aspect, angle, dt, antithetic, paused: app.paused };
}

function tellSettings() {
  const now = settingsOfGrid();
  for (const [setting, value] of Object.entries(now))
    if (told.settings[setting] !== value) tell({ type: "Set", setting, value });
  told.settings = now;
}

function tellModels(grid) {
  const { models } = grid;
  if (models.length < told.models.length) tell({ type: "SetModel", model: -1, slot: models.length });
  models.forEach((model, slot) => { if (told.models[slot] !== model) tell({ type: "SetModel", model, slot }); });
  told.models = [...models];
}

// A change that depends on the cells: Python must have them first.
function loadFirst(grid) {
  if (told.steps !== grid.steps) tellCells("Load");
  told.steps = grid.steps;
}

function endStroke() {
  if (told.stroke) tell(told.stroke.command);
  told.stroke = null;
}

function tellStroke(grid, [from, to, radius, tool, value = 1, { softness = 0.3, strength = 1, seed } = {}]) {
  const old = told.stroke, like = old && old.seed === seed && old.command.tool === tool && Math.abs(radius / old.command.radius - 1) < 0.2;
  if (!like) {
    endStroke();
    const more = Boolean(old && old.seed === seed && old.command.tool === tool);
    told.stroke = { seed, command: { type: "Paint", tool, path: [[from.x, from.y]], radius, softness, strength, value, more } };
  }
  const { path } = told.stroke.command, [x, y] = path[path.length - 1];
  if (to.x !== x || to.y !== y) path.push([to.x, to.y]);
  told.stroke.at = performance.now();
}

const fill = (field, values, pattern = "even") => tell({ type: "Fill", field, pattern, values });
const METHODS = {
  paint: {
    before(grid, given) {
      const [, , , tool] = given, { seed } = given[5] || {};
      if ((tool === "erase" || tool === "noise") && told.stroke?.seed !== seed) loadFirst(grid);
    },
    after(grid, given) {
      const [from, to, radius, tool, value, options] = given;
      if (tool !== "model") return tellStroke(grid, given);
      const slot = grid.slotOf(value);
      tellModels(grid);
      if (slot >= 0) tellStroke(grid, [from, to, radius, tool, slot, options]);
    },
  },
  setRate: { after: (grid, [pattern]) => fill("rate", RATES[pattern] || QUARTER, pattern) },
  setAngle: { after: (grid, [pattern]) => fill("angle", [0, 0], pattern) },
  clearFields: { after: () => { fill("rate", [1, 1]); fill("scale", [1, 1]); fill("angle", [0, 0]); fill("model", [0, 0]); } },
  reseed: { after(grid) { tell({ type: "Reseed", rng_seed: grid.seed }); told.steps = 0; } },
  setModel: { before: loadFirst, after: tellModels },
  setKernel: { after: (grid, [kernel]) => { tell({ type: "SetKernel", kernel }); tellModels(grid); } },
  resize: { before: loadFirst, after: (grid, size) => tell({ type: "Resize", size }) },
};

// Another grid is the first one, because the one before was removed. Maps that were painted by hand are not told.
function tellAnother() {
  const [{ grid, rate, align }] = app.panes;
  if (grid === told.grid) return;
  endStroke();
  Object.assign(told, { grid, steps: grid.steps, fresh: true });
  tell({ type: "SetKernel", kernel: grid.kernel });
  tellModels(grid);
  METHODS.clearFields.after();
  tell({ type: "Reseed", rng_seed: grid.seed });
  tellCells("Load");
  if (rate !== "even") METHODS.setRate.after(grid, [rate]);
  if (align !== "even") METHODS.setAngle.after(grid, [align]);
}

function wrap(name, before, after) {
  const plain = Grid.prototype[name];
  Grid.prototype[name] = function (...given) {
    if (!told.on || told.inside || this !== first()) return plain.apply(this, given);
    told.inside += 1;
    try {
      tellAnother();
      if (name !== "paint") endStroke();
      tellSettings();
      before?.(this, given);
      const result = plain.apply(this, given);
      after(this, given);
      told.fresh = true;
      return result;
    } finally {
      told.inside -= 1;
    }
  };
}

function lookAround() {
  const grid = first(), now = performance.now(), numbers = grid.width * grid.height * grid.info.channels;
  tellAnother();
  tellSettings();
  if (told.stroke && now - told.stroke.at > 300) endStroke();
  const changed = told.fresh || grid.steps !== told.shown;
  if (!changed || told.waits || now - told.at < EVERY * Math.max(1, numbers / NUMBERS)) return;
  Object.assign(told, { fresh: false, shown: grid.steps, at: now, waits: true });
  tellCells("cells");
}

addEventListener("message", async ({ source, data }) => {
  if (source !== parent) return;
  if (data.kind === "seen") told.waits = false;
  if (data.kind !== "begin") return;
  endStroke();
  told.inside += 1;
  try {
    await ncaBegin(data.buffer);
  } finally {
    told.inside -= 1;
  }
  Object.assign(told, { steps: first().steps, fresh: true, models: [...first().models] });
});

// The page's scripts arrive some time after this one.
(async () => {
  await ncaReady();
  const steps = await ncaBegan;
  for (const [name, { before, after }] of Object.entries(METHODS)) wrap(name, before, after);
  Object.assign(told, { on: true, settings: settingsOfGrid(), models: [...first().models], steps: steps ?? -1, grid: first() });
  setInterval(lookAround, 250);
})();
}
