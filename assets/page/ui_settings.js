"use strict";
// What can be set: the numbers of the sliders, the tools, and the form of all settings in the page's link.

const UNLIMITED = 7200;
const SLIDERS = {
  speed: { title: "Speed", help: "How many steps the grid makes in a second.", low: 1, high: UNLIMITED, log: true, start: 60 },
  fireRate: { title: "Fire rate", help: "A cell's chance to update itself in a step.", low: 0, high: 1, digits: 2, start: 0.5 },
  scale: { title: "Cell scale", help: "Width of a cell (dx): below 1 the texture grows larger, above 1 finer.", low: 0.25, high: 4, log: true, digits: 2, unit: "×", start: 1 },
  angle: { title: "Rotation", help: "Turns the x axis of every cell clockwise, and with it the texture.", low: -180, high: 180, unit: "°", start: 0 },
  radius: { title: "Radius", help: "Radius of the brush (wheel, [ and ]).", low: 0.5, high: 128, log: true, digits: 1, unit: " cells", start: 8 },
  softness: { title: "Softness", help: "Share of the radius over which the brush fades out.", low: 0, high: 1, digits: 2, start: 0.3 },
};
const TOOLS = {
  look: { title: "Look", letter: "V", help: "Drag to move the picture; use the wheel or two fingers to zoom." },
  erase: { title: "Erase", letter: "E", help: "Reset cells to the seed; the texture grows back over them." },
  noise: { title: "Noise", letter: "N", help: "Damage cells: their channels become random numbers.", value: { title: "Noise ±", low: 0, high: 4, digits: 2, start: 1 } },
  model: { title: "Model", letter: "M", help: "Paint cells that run another model: textures grow into each other." },
  rate: { title: "Rate", letter: "S", help: "Paint how often cells update: parts of a grid run at different speeds.", value: { title: "Rate", low: 0, high: 4, digits: 2, unit: "×", start: 0.25 } },
  scale: { title: "Cell scale", letter: "D", help: "Paint the size of cells: below 1 the texture is larger, above 1 finer.", value: { title: "Cell scale", low: 0.25, high: 4, log: true, digits: 2, unit: "×", start: 0.5 } },
  angle: { title: "Alignment", letter: "A", help: "Paint the direction of the cells' x axis: the texture turns with it.", value: { title: "Turn by", low: -180, high: 180, unit: "°", start: 45 } },
};
const PATTERNS = {
  even: ["Even", "The same rate everywhere."],
  halves: ["Halves", "Rate ¼× on the left and 1× on the right."],
  stripes: ["Stripes", "Rate ¼× and 1× in four stripes."],
  ramp: ["Ramp", "Rate from 0.1× at the left to 1× at the right."],
  checks: ["Checks", "Rate ¼× and 1× on a checkerboard."],
};
const DIRECTIONS = {
  even: ["Even", "One direction everywhere."],
  polar: ["Polar", "The texture turns around the middle."],
  bipolar: ["Bipolar", "The texture turns around two poles."],
};
const LOOKS = {
  rgb: ["Colours", "The model's own colours."],
  channel: ["Channel", "One of the numbers in each cell, on a colour scale."],
  update: ["Change", "How much the last step changed each cell."],
};
const LOST = "The graphics device was reset; the grids come back as soon as the browser lets them.";
const OF_GRID = ["model", "kernel", "seed", "speed", "fireRate", "scale", "angle", "rate", "align"];

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const round = (value, digits = 0) => Number(value.toFixed(digits));

function shown(info, value) {
  if (info.high === UNLIMITED) return value >= UNLIMITED ? "unlimited" : perSecond(counted(value), "step");
  return value.toFixed(info.digits && !(info.log && value >= 10) ? info.digits : 0) + (info.unit || "");
}

// A number without decimals, or with one where it is small.
const counted = (value, small = 1) => String(round(value, value < small ? 1 : 0));
const perSecond = (count, what) => `${count} ${what}${count === "1" ? "" : "s"}/s`;

// A slider's place, 0 … 1000, and the value there.
function placeOf(info, value) {
  const { low, high } = info;
  return 1000 * (info.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
}

function valueAt(info, place) {
  const { low, high } = info, share = place / 1000;
  const value = info.log ? low * (high / low) ** share : low + (high - low) * share;
  return share >= 1 ? high : info.log ? Number(value.toPrecision(2)) : round(value, info.digits);
}

// Settings as one flat object of texts: the second grid's have the prefix "b.".
function toTexts(want) {
  const texts = { size: want.size || "window", paused: want.paused ? "1" : "0", grids: String(want.grids.length) };
  want.grids.forEach((grid, index) => {
    for (const key of OF_GRID) texts[index ? `b.${key}` : key] = String(grid[key]);
  });
  return texts;
}

// The opposite: settings from texts; what is missing or wrong takes its default, or that of the first grid.
function fromTexts(texts, data) {
  const grid = (prefix, base) => {
    const text = (key) => texts[prefix + key];
    const one = { ...base };
    if (data.models.some((model) => model.name === text("model"))) one.model = text("model");
    const model = data.models.find((each) => each.name === one.model);
    if (!prefix || model.name !== base.model) one.fireRate = model.fireRate;
    if (model.kernels.includes(text("kernel"))) one.kernel = text("kernel");
    if (!model.kernels.includes(one.kernel)) one.kernel = model.kernels[0];
    if (Object.hasOwn(PATTERNS, text("rate"))) one.rate = text("rate");
    if (Object.hasOwn(DIRECTIONS, text("align"))) one.align = text("align");
    if (/^\d+$/.test(text("seed"))) one.seed = Number(text("seed")) >>> 0;
    for (const key of ["speed", "fireRate", "scale", "angle"]) {
      const value = Number(text(key));
      if (text(key) && Number.isFinite(value)) one[key] = clamp(value, key === "speed" ? 0 : SLIDERS[key].low, SLIDERS[key].high);
    }
    return one;
  };
  const base = { model: data.models[0].name, kernel: data.models[0].kernels[0], seed: 0, speed: 60, scale: 1, angle: 0, rate: "even", align: "even" };
  const first = grid("", base);
  const grids = texts.grids === "2" ? [first, grid("b.", first)] : [first], size = sizeOf(texts.size);
  return { size: size ? `${size.width}x${size.height}` : "", paused: texts.paused === "1", grids };
}

function sizeOf(text) {
  const found = /^(\d+)x(\d+)$/.exec(text || "");
  if (!found) return null;
  const [width, height] = found.slice(1).map((side) => clamp(Number(side), 8, 4096));
  return { width, height };
}

// `data.start`, the settings that the page's author chose, has the same keys; a second grid lies in `grids`.
function startTexts(start = {}) {
  const texts = {};
  const add = (from, prefix) => {
    for (const key of [...OF_GRID, "size"]) if (from[key] !== undefined) texts[prefix + key] = String(from[key]);
  };
  add(start, "");
  if (start.paused) texts.paused = "1";
  if (start.grids && start.grids[0]) {
    texts.grids = "2";
    add(start.grids[0], "b.");
  }
  return texts;
}

function readHash(data) {
  return fromTexts({ ...startTexts(data.start), ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) }, data);
}

// The hash of settings: only what the page would read otherwise, after what stands before it.
function hashOf(want, data) {
  const start = startTexts(data.start), told = {};
  for (const [key, text] of Object.entries(toTexts(want)))
    if (toTexts(fromTexts({ ...start, ...told }, data))[key] !== text) told[key] = text;
  const hash = new URLSearchParams(told).toString();
  return hash && "#" + hash;
}
