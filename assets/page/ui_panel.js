"use strict";
// The side bar, the tools and the headers: built once, then `showState` writes the state into them.

const watchers = [];   // functions that write the state into one control each
const icon = (name) => `<svg class="icon" aria-hidden="true"><use href="#i-${name}"/></svg>`;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "html") element.innerHTML = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function button(label, help, action, { symbol = "", key = "", on = null } = {}) {
  const html = (symbol ? icon(symbol) : "") + (label ? `<span>${label}</span>` : "");
  const title = key ? `${help} (${key})` : help;
  const element = make("button", { type: "button", title, "aria-label": label || help, html, onclick: action });
  if (on) watchers.push(() => element.setAttribute("aria-pressed", String(on())));
  return element;
}

const row = (label, help, ...children) => make("div", { class: "row", title: help }, make("span", { class: "label" }, label), ...children);
const group = (label, ...children) => make("div", { class: "choice", role: "group", "aria-label": label }, ...children);

// A slider with its label and value; a double click sets its default.
function slider(info, read, write, start = () => info.start) {
  const input = make("input", { type: "range", min: 0, max: 1000, step: 1, "aria-label": info.title });
  const output = make("output");
  input.addEventListener("input", () => write(valueAt(info, Number(input.value))));
  input.addEventListener("dblclick", () => write(start()));
  watchers.push(() => {
    const value = read(), place = clamp(placeOf(info, value), 0, 1000);
    if (document.activeElement !== input || valueAt(info, Number(input.value)) !== value) input.value = place;
    output.textContent = shown(info, value);
    input.setAttribute("aria-valuetext", output.textContent);
    input.style.setProperty("--at", `${input.value / 10}%`);
  });
  return row(info.title, info.help, input, output);
}

// A field for a whole number: it takes the nearest that is allowed, and shows what it took.
function number(label, low, high, read, write) {
  const input = make("input", { type: "text", inputmode: "numeric", "aria-label": label, maxlength: 12 });
  const put = () => { input.value = read(); };
  input.addEventListener("change", () => {
    const value = clamp(Math.round(Number(input.value)), low, high);
    if (input.value.trim() && Number.isFinite(value) && value !== read()) write(value);
    put();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    put();
    input.blur();
  });
  return watched(input, () => { if (document.activeElement !== input) put(); });
}

const setting = (name, start) => slider(SLIDERS[name], () => (name === "speed" ? pane().speed : pane().grid.settings[name]), (value) => commands.setting(name, value), start);

function section(name, title, ...children) {
  const element = make("details", { id: `section-${name}` }, make("summary", {}, title), make("div", { class: "inside" }, ...children));
  byId("panel").append(element);
  byId("tabs").append(button(title, title, () => openTab(name), { on: () => element.classList.contains("on") }));
  return element;
}

function openTab(name) {
  for (const element of document.querySelectorAll(".panel details")) {
    const on = element.id === `section-${name}`;
    element.classList.toggle("on", on);
    if (on) element.open = true;
  }
  byId("panel").scrollTop = 0;
  refresh();
}

const canPaintModels = () => modelOf(pane()).canPaint.some((index) => index !== pane().grid.model);

function thumbs(label, chosen, choose, offered = () => true) {
  const list = make("div", { class: "thumbs", role: "group", "aria-label": label });
  app.data.models.forEach((model, index) => {
    const name = model.title || model.name;
    const element = make("button", { type: "button", title: name, "aria-label": name }, make("img", { src: model.picture, alt: "", draggable: "false" }), make("span", {}, name));
    element.addEventListener("click", () => choose(index));
    watchers.push(() => { element.setAttribute("aria-pressed", String(chosen() === index)); element.disabled = !offered(index); });
    list.append(element);
  });
  return list;
}

const swatches = (patterns, read, write) => Object.entries(patterns).map(([name, [title, help]]) => {
  const element = button(title, help, () => write(name), { on: () => read() === name });
  element.prepend(make("i", { class: `swatch ${name}`, "aria-hidden": "true" }));
  return element;
});

function buildPanel() {
  const { kernels, models } = app.data;
  byId("run").append(
    watched(button("Pause", "Pause or run", commands.pause, { key: "Space" }), (element) => {
      element.innerHTML = icon(app.paused ? "play" : "pause") + `<span>${app.paused ? "Run" : "Pause"}</span>`;
      element.setAttribute("aria-label", app.paused ? "Run" : "Pause");
    }),
    button("Step", "Make one step", commands.step, { symbol: "step", key: "→" }),
    button("Reseed", "Restart from a new random seed", () => commands.reseed(), { symbol: "reseed", key: "R" }),
    watched(button("", "Next kernel that suits the model", commands.nextKernel, { symbol: "hexagon", key: "K" }), (element) => {
      element.className = "only-small";
      const square = kernels[pane().grid.kernel].basis[1][0] === 0;
      element.innerHTML = icon(square ? "square" : "hexagon") + `<span>${kernels[pane().grid.kernel].title}</span>`;
      element.hidden = modelOf(pane()).kernels.length < 2;
    }),
  );
  const kernelButtons = Object.entries(kernels).map(([name, { title, basis }]) => watched(
    button(title, `Neighbourhood: ${title}`, () => commands.kernel(name), { symbol: basis[1][0] ? "hexagon" : "square", key: "K", on: () => pane().grid.kernel === name }),
    (element) => { element.disabled = !modelOf(pane()).kernels.includes(name); },
  ));
  const seed = number("Random seed", 0, 2 ** 32 - 1, () => pane().grid.seed, commands.seed);
  section("model", "Model", thumbs("Model", () => pane().grid.model, commands.model), row("Kernel", "Which cells a cell looks at", group("Kernel", ...kernelButtons)), row("Seed", "Decides which cells fire, and any noise in the seed; the same seed gives the same run.", seed, button("Restart", "Restart from the same random seed", () => commands.reseed(true), { key: "Shift R" })));
  const speeds = [1, 15, 60, 240, UNLIMITED].map((speed) => button(speed === UNLIMITED ? "∞" : String(speed), speed === UNLIMITED ? "As fast as this device can" : perSecond(String(speed), "step"), () => commands.setting("speed", speed), { on: () => pane().speed === speed }));
  section("settings", "Settings", setting("speed"), row("", "", group("Speeds", ...speeds)), setting("fireRate", () => modelOf(pane()).fireRate), setting("scale"), setting("angle"));
  buildBrush(models);
  const maps = [row("Rate", "Parts of a grid run at different speeds.", group("Rate map", ...swatches(PATTERNS, () => pane().rate, commands.rate)))];
  maps.push(row("Alignment", "The direction of the texture", group("Alignment map", ...swatches(DIRECTIONS, () => pane().align, commands.align))));
  section("maps", "Maps", ...maps, make("p", { class: "note" }, "The tools Rate, Cell scale and Alignment paint maps by hand."), group("Maps", button("Clear", "Reset all maps to their defaults", commands.clearMaps)));
  buildGrids();
  buildView();
  buildAbout();
  byId("corner").append(...corner());
  for (const name of ["model", "settings", "brush", "grids"]) byId(`section-${name}`).open = true;
  openTab("model");
}

function watched(element, write) {
  watchers.push(() => write(element));
  return element;
}

function buildBrush(models) {
  for (const [name, { title, letter, help }] of Object.entries(TOOLS)) {
    if (name === "model" && models.length < 2) continue;
    const element = button("", `${title}: ${help}`, () => commands.tool(name), { symbol: name, key: letter, on: () => app.tool === name });
    element.setAttribute("aria-label", title);
    if (name === "model") watchers.push(() => { element.disabled = !canPaintModels(); });
    byId("tools").append(element);
  }
  const values = Object.entries(TOOLS).filter(([, tool]) => tool.value).map(([name, { value, help }]) => watched(
    slider({ ...value, help }, () => app.values[name], (now) => { app.values[name] = now; refresh(); }),
    (element) => { element.hidden = app.tool !== name; },
  ));
  const other = watched(thumbs("Model to paint", () => otherModel(pane()), (index) => { app.paintModel = index; refresh(); }, (index) => modelOf(pane()).canPaint.includes(index)), (element) => { element.hidden = app.tool !== "model"; });
  const [radius, softness] = ["radius", "softness"].map((name) => watched(
    slider(SLIDERS[name], () => app[name], (value) => { app[name] = value; refresh(); }),
    (element) => element.classList.toggle("off", app.tool === "look"),
  ));
  const about = watched(make("p", { class: "note" }), (element) => { element.textContent = TOOLS[app.tool].help; });
  section("brush", "Brush", about, radius, softness, ...values, other);
}

const sizeNow = () => ({ width: pane().grid.width, height: pane().grid.height });

function buildGrids() {
  const [width, height] = ["width", "height"].map((name) => {
    const set = (cells) => { const size = { ...sizeNow(), [name]: cells }; commands.size(`${size.width}x${size.height}`); };
    const input = number(`${name} in cells`, 8, 4096, () => pane().grid[name], set);
    input.dataset.side = name;
    return input;
  });
  const sizes = ["", "64x64", "128x128", "256x256"].map((text) => button(text ? text.split("x")[0] : "Window", text ? `${text.replace("x", " × ")} cells` : "As large as the window; the texture stays when the window changes", () => commands.size(text), { on: () => app.size === text }));
  const compare = ["kernels", "speeds", "models"].map((what) => button(what[0].toUpperCase() + what.slice(1), `Compare two ${what} side by side`, () => commands.compare(what), { key: { kernels: "X", speeds: "Shift X", models: "Ctrl X" }[what] }));
  watchers.push(() => { compare[0].disabled = modelOf(pane()).kernels.length < 2; compare[2].disabled = app.data.models.length < 2; });
  const two = watched(row("Grids", "Two grids side by side", group("Grids", button("Link", "Linked grids change together", commands.link, { key: "G", on: () => app.link }), button("Remove", "Remove the selected grid", remove, { key: "Del" }))), (element) => { element.hidden = app.panes.length < 2; });
  section("grids", "Grids", row("Size", "In cells; the texture is kept.", make("div", { class: "pair" }, width, make("span", {}, "×"), height)), row("", "", group("Size", ...sizes)), row("Compare", "The same cells side by side", group("Compare", ...compare)), two);
}

function remove() {
  if (app.panes.length < 2) return;
  app.selected = 1 - app.selected;   // the other one stays
  commands.single();
}

function buildView() {
  const show = (name, title, help, key) => button(title, help, () => commands.toggle(name), { key, on: () => app[name] });
  const looks = group("Show", ...Object.entries(LOOKS).map(([name, [title, help]]) => button(title, help, () => { app.look = name; refresh(); }, { key: "W", on: () => app.look === name })));
  const step = watched(row("Channel", "Which channel", group("Channel", button("‹", "Previous channel", () => commands.channel(-1), { key: "," }), make("output", { id: "channel" }), button("›", "Next channel", () => commands.channel(1), { key: "." }))), (element) => {
    element.hidden = app.look !== "channel";
    byId("channel") && (byId("channel").textContent = app.channel);
  });
  const record = watched(button("Record", "Record a video", toggleRecording, { symbol: "film" }), (element) => {
    element.hidden = !canRecord();
    element.setAttribute("aria-pressed", String(Boolean(app.recorder)));
    element.lastChild.textContent = app.recorder ? "Stop" : "Record";
  });
  const framed = location.protocol === "about:";   // a page in a notebook has no address, so no link
  section("view", "View",
    row("Picture", "", group("Picture", button("Fit", "Fit the grid", () => { fit(); refresh(); }, { symbol: "fit", key: "F" }), watched(show("repeat", "Tiles", "Repeat the grid as tiles", "T"), (element) => { element.disabled = !app.size; }), show("lines", "Lines", "Show lines between cells when zoomed in", "L"))),
    row("Show", "What the colour of a cell means.", looks), step,
    row("Save", "", group("Save", button("Picture", "Save a picture (PNG)", savePicture, { symbol: "picture", key: "Shift P" }), record, ...(framed ? [] : [button("Link", "Copy a link to these settings", copyLink, { symbol: "link" })]))));
}

function buildAbout() {
  const credit = watched(make("dl", { class: "credit" }), (element) => {
    const model = modelOf(pane());
    if (element.dataset.model === model.name) return;
    element.dataset.model = model.name;
    element.replaceChildren(...Object.entries(model.credit || {}).filter(([key]) => key).flatMap(([key, text]) => [make("dt", {}, key[0].toUpperCase() + key.slice(1)), make("dd", {}, linkOr(text))]));
  });
  section("about", "About", credit, make("p", { class: "note", id: "about-device" }), group("Page", ...corner(true)), make("p", { class: "note" }, "Made with ncaengine. Each cell looks at its neighbours and updates itself with a tiny neural network; the whole texture grows from that."));
}

// An address as a link, anything else as text; models are strangers' files.
function linkOr(text) {
  return /^https?:\/\/[^\s]+$/.test(text) ? make("a", { href: text, rel: "noopener noreferrer", target: "_blank" }, text.replace(/^https?:\/\//, "")) : String(text);
}

const corner = (labels = false) => [
  button(labels ? "Light or dark" : "", "Light or dark", commands.theme, { symbol: "theme", key: "Shift T" }),
  button("Keys", "All keys", openHelp, { symbol: "keys", key: "?" }),
  ...(labels ? [] : [button("", "Hide or show the side bar", commands.side, { symbol: "side", key: "H" })]),
];

function showState() {
  if (!app.ready) return;
  for (const write of watchers) write();
  const { grid } = pane(), model = modelOf(pane()), grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  byId("name").textContent = byId("name").title = model.title || model.name;
  byId("facts").textContent = `${model.channels} channels · ${model.hidden} hidden · ${grouped(model.weights)} weights`;
  byId("canvas").setAttribute("aria-label", `${model.title || model.name}, ${grid.width} × ${grid.height} cells, ${app.paused ? "paused" : "running"}`);
  if (!app.shown) for (const image of document.querySelectorAll("#still img")) if (!image.src) image.src = model.picture;
  showHeads();
}

function showHeads() {
  byId("cards").classList.toggle("two", app.panes.length > 1);
  app.panes.forEach((one, index) => {
    const card = byId("cards").children[index], write = (which, text) => { const at = card.querySelector(which); if (at.textContent !== text) at.textContent = text; };
    card.classList.toggle("selected", index === app.selected && app.panes.length > 1);
    write("b", modelOf(one).title || modelOf(one).name);
    write(".kind", `${app.data.kernels[one.grid.kernel].title} · ${one.grid.width} × ${one.grid.height}`);
    write(".steps", `step ${one.grid.steps}`);
    const made = counted(one.perSecond), wanted = perSecond(counted(one.speed, 10), "step");
    write(".speed", app.paused ? "paused" : one.speed >= UNLIMITED ? perSecond(made, "step") : `${made} / ${wanted}`);
  });
}

function showPace(frames) {
  if (!app.ready) return;
  showHeads();
  byId("frames").textContent = app.paused ? "" : perSecond(String(frames), "frame");
  const [slow] = app.panes.filter(({ speed, perSecond }) => speed < UNLIMITED && perSecond < speed * 0.95);
  const text = pace.slow > 3 && slow ? `This device makes ${counted(slow.perSecond)} of ${perSecond(counted(slow.speed), "step")}.` : "";
  if (byId("pace").textContent !== text) byId("pace").textContent = text;
}
