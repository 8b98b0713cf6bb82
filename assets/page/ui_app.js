"use strict";
// The page's state and everything that changes it. Controls, keys and the pointer only call these functions.

const app = {
  data: null, engine: null, panes: [], selected: 0, paused: false, size: "", link: true, ready: false,
  tool: "erase", radius: SLIDERS.radius.start, softness: SLIDERS.softness.start, values: {}, paintModel: -1,
  look: "rgb", channel: 3, lines: false, repeat: false, embed: false, dirty: true,
};
for (const [name, tool] of Object.entries(TOOLS)) if (tool.value) app.values[name] = tool.value.start;

const byId = (id) => document.getElementById(id);
const pane = () => app.panes[app.selected];
const modelOf = (one) => app.data.models[one.grid.model];

function settingsNow() {
  const grids = app.panes.map(({ grid, speed, rate, align }) => ({
    model: app.data.models[grid.model].name, kernel: grid.kernel, seed: grid.seed, speed,
    fireRate: grid.settings.fireRate, scale: grid.settings.scale, angle: grid.settings.angle, rate, align,
  }));
  return { size: app.size, paused: app.paused, grids };
}

// Make the page what `want` says, see fromTexts. Grids restart only where their model's random seed changes.
function apply(want) {
  app.size = want.size;
  app.paused = want.paused;
  while (app.panes.length > want.grids.length) app.panes.pop().grid.remove();
  app.selected = Math.min(app.selected, want.grids.length - 1);
  want.grids.forEach((one, index) => applyGrid(one, index, want.grids.length));
  layOut();
  if (!app.ready) app.panes.forEach(({ grid }, index) => grid.reseed(want.grids[index].seed));
  app.ready = true;
  app.panes.forEach((each, index) => {
    setRate(each, want.grids[index].rate);
    setAlign(each, want.grids[index].align);
  });
  refresh();
}

function applyGrid(one, index) {
  const model = app.data.models.findIndex(({ name }) => name === one.model);
  let here = app.panes[index];
  if (!here) {
    const { width, height } = sizeOf(app.size) || { width: 64, height: 64 };
    const grid = app.engine.addGrid({ model, kernel: one.kernel, width, height, seed: one.seed });
    here = { grid, speed: 60, rate: "even", align: "even", credit: 0, made: 0, perSecond: 0 };
    app.panes.push(here);
  }
  const { grid } = here;
  if (grid.model !== model) grid.setModel(model);
  if (grid.kernel !== one.kernel) grid.setKernel(one.kernel);
  if (grid.seed !== one.seed) grid.reseed(one.seed);
  here.speed = one.speed;
  Object.assign(grid.settings, { fireRate: one.fireRate, scale: one.scale, angle: one.angle });
}

// Panes that a change concerns: the selected one, and the other one if they are linked.
const linked = () => (app.link ? app.panes : [pane()]);

function changed(push = false) {
  if (app.ready) saveHash(push);
  refresh();
}

let hashTimer = 0;
function saveHash(push) {
  clearTimeout(hashTimer);
  const write = () => {
    const hash = hashOf(settingsNow(), app.data);
    if (hash === location.hash) return;
    try {
      history[push ? "pushState" : "replaceState"](null, "", hash || location.pathname + location.search);
    } catch { /* a frame without rights has no history; the page works without a link */ }
  };
  if (push) write();
  else hashTimer = setTimeout(write, 400);
}

const commands = {
  pause() { app.paused = !app.paused; changed(); },
  step() {
    app.paused = true;
    linked().forEach(({ grid }) => grid.step(1));
    changed();
  },
  reseed(same = false) {
    const seed = same ? pane().grid.seed : Math.floor(Math.random() * 2 ** 31);
    linked().forEach(({ grid }) => grid.reseed(seed));
    changed(!same);
  },
  seed(seed) {
    linked().forEach(({ grid }) => grid.reseed(seed));
    changed(true);
  },
  model(index) {
    const { grid } = pane(), was = modelOf(pane()).fireRate, next = app.data.models[index];
    if (grid.settings.fireRate === was) grid.settings.fireRate = next.fireRate;
    grid.setModel(index);
    if (!next.kernels.includes(grid.kernel)) grid.setKernel(next.kernels[0]);
    app.channel = Math.min(app.channel, next.channels - 1);
    changed(true);
  },
  kernel(name) { pane().grid.setKernel(name); changed(true); },
  nextKernel() {
    const names = modelOf(pane()).kernels;
    commands.kernel(names[(names.indexOf(pane().grid.kernel) + 1) % names.length]);
  },
  setting(name, value) {
    if (name === "speed") pane().speed = value;
    else linked().forEach(({ grid }) => { grid.settings[name] = value; });
    changed();
  },
  faster(factor) {
    const { speed } = pane();
    commands.setting("speed", clamp(speed * factor, 1, UNLIMITED));
    say(`Speed ${shown(SLIDERS.speed, pane().speed)}`);
  },
  rate(pattern) { linked().forEach((one) => setRate(one, pattern)); changed(true); },
  align(pattern) { linked().forEach((one) => setAlign(one, pattern)); changed(true); },
  clearMaps() {
    linked().forEach((one) => {
      one.grid.clearFields();
      one.rate = one.align = "even";
    });
    changed(true);
  },
  size(text) { app.size = text; layOut(); fit(); changed(true); },
  tool(name) { app.tool = name; refresh(); },
  radius(notches) { app.radius = clamp(Number((app.radius * 1.15 ** notches).toPrecision(4)), SLIDERS.radius.low, SLIDERS.radius.high); refresh(); },
  select(index) { if (index < app.panes.length) { app.selected = index; refresh(); } },
  compare(what) {
    if (app.panes.length > 1) commands.single();
    const want = settingsNow(), state = pane().grid.read(), [first] = want.grids, second = { ...first };
    const model = modelOf(pane());
    if (what === "speeds") [first.speed, second.speed] = [30, 120];
    if (what === "kernels") second.kernel = model.kernels[(model.kernels.indexOf(first.kernel) + 1) % model.kernels.length];
    if (what === "models") {
      const next = app.data.models[(pane().grid.model + 1) % app.data.models.length];
      second.model = next.name;
      if (first.fireRate === model.fireRate) second.fireRate = next.fireRate;
      if (!next.kernels.includes(second.kernel)) [second.kernel] = next.kernels;
    }
    const sizeThen = [pane().grid.width, pane().grid.height];
    want.grids = [first, second];
    const other = app.engine.addGrid({ model: pane().grid.model, kernel: first.kernel, width: sizeThen[0], height: sizeThen[1], seed: first.seed });
    other.write(state);
    other.steps = pane().grid.steps;
    app.panes.push({ grid: other, speed: 60, rate: "even", align: "even", credit: 0, made: 0, perSecond: 0 });
    apply(want);
    changed(true);
  },
  single() {
    app.panes.splice(1 - app.selected, 1).forEach(({ grid }) => grid.remove());
    app.selected = 0;
    layOut();
    changed(true);
  },
  link() { app.link = !app.link; say(app.link ? "Linked: grids change together." : "Not linked: each grid changes alone."); refresh(); },
  display() {
    const names = Object.keys(LOOKS);
    app.look = names[(names.indexOf(app.look) + 1) % names.length];
    say(app.look === "channel" ? `Channel ${app.channel}` : LOOKS[app.look][0]);
    refresh();
  },
  channel(by) {
    app.look = "channel";
    app.channel = (app.channel + by + modelOf(pane()).channels) % modelOf(pane()).channels;
    say(`Channel ${app.channel}`);
    refresh();
  },
  toggle(name) { app[name] = !app[name]; refresh(); },
  theme() {
    const dark = themeNow() === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("ncaengine-theme", document.documentElement.dataset.theme); } catch { /* no storage in this frame */ }
    refresh();
  },
  side() { document.body.classList.toggle("bare"); layOut(); },
};

const themeNow = () => document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

function setRate(one, pattern) {
  if (one.rate === pattern) return;
  one.rate = pattern;
  one.grid.setRate(pattern);
}

function setAlign(one, pattern) {
  if (one.align === pattern || !one.grid.setAngle) return;
  one.align = pattern;
  one.grid.setAngle(pattern);
}

// A sentence for two seconds; while the device is lost, that is said after it.
let toastTimer = 0;
function say(text) {
  const toast = byId("toast");
  toast.textContent = text;
  toast.classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { if (app.lost && !app.asleep) toast.textContent = LOST; else toast.classList.remove("on"); }, 2200);
}

// Every control shows the state again, once, before the next frame is drawn.
let refreshing = false;
function refresh() {
  app.dirty = true;
  if (refreshing) return;
  refreshing = true;
  queueMicrotask(() => {
    refreshing = false;
    showState();
  });
}
