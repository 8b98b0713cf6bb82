"use strict";
// The keys: what is pressed, what happens, and how the help describes it; the same as in ncaengine's window.

const tool = (name) => [TOOLS[name].letter.toLowerCase(), TOOLS[name].letter, `Tool: ${TOOLS[name].title}`, () => commands.tool(name)];
const KEYS = {
  Run: [
    [" ", "Space", "Pause or run", () => commands.pause()],
    ["ArrowRight", "→", "Make one step", () => commands.step()],
    ["ArrowUp", "↑", "Twice as fast", () => commands.faster(2)],
    ["ArrowDown", "↓", "Half as fast", () => commands.faster(0.5)],
    ["r", "R", "Restart from a new random seed", () => commands.reseed()],
    ["shift r", "Shift R", "Restart from the same random seed", () => commands.reseed(true)],
  ],
  Look: [
    ["", "Wheel", "Zoom at the pointer, with the tool Look (or Ctrl and the wheel)"],
    ["", "Drag", "Move the view, with the tool Look (or the right button)"],
    ["f", "F", "Fit the grid (or double-click it)", () => { fit(); refresh(); }],
    ["t", "T", "Repeat the grid as tiles", () => commands.toggle("repeat")],
    ["l", "L", "Show lines between cells when zoomed in", () => commands.toggle("lines")],
    ["w", "W", "Next display mode: colours, channels, change …", () => commands.display()],
    [".", ".", "Next channel", () => commands.channel(1)],
    [",", ",", "Previous channel", () => commands.channel(-1)],
  ],
  Paint: [
    ["v", "V", "Look, without a tool (or Esc)", () => commands.tool("look")],
    ["escape", "", "", () => commands.tool("look")],
    ...["erase", "noise", "rate", "scale", "angle"].map(tool),
    ["m", "M", "Tool: Model", () => { if (canPaintModels()) commands.tool("model"); }],
    ["[", "Wheel [ ]", "Smaller or larger brush", () => commands.radius(-1)],
    ["]", "", "", () => commands.radius(1)],
    ["", "Shift Drag", "Paint a map's default"],
  ],
  Grids: [
    ["k", "K", "Switch between square and hexagonal (next kernel)", () => commands.nextKernel()],
    ["1", "1, 2", "Select a grid by number", () => commands.select(0)],
    ["2", "", "", () => commands.select(1)],
    ["delete", "Del", "Remove the grid", () => remove()],
    ["g", "G", "Link the grid: linked grids change together", () => commands.link()],
    ["x", "X", "Compare two kernels side by side", () => { if (modelOf(pane()).kernels.length > 1) commands.compare("kernels"); }],
    ["shift x", "Shift X", "Compare two speeds", () => commands.compare("speeds")],
    ["ctrl x", "Ctrl X", "Compare two models", () => { if (app.data.models.length > 1) commands.compare("models"); }],
  ],
  Window: [
    ["shift p", "Shift P", "Save a picture", () => savePicture()],
    ["h", "H", "Hide or show the side bar", () => commands.side()],
    ["shift t", "Shift T", "Light or dark", () => commands.theme()],
    ["?", "?", "This help (or F1)", () => openHelp()],
    ["f1", "", "", () => openHelp()],
  ],
};
const BY_KEY = new Map(Object.values(KEYS).flat().filter(([key]) => key).map((entry) => [entry[0].toLowerCase(), entry[3]]));
const REPEATING = new Set(["arrowright", "arrowup", "arrowdown", ".", ",", "[", "]"]);

function pressKey(event) {
  const key = event.key.toLowerCase(), { target } = event;
  if (event.altKey || event.metaKey || byId("help").open || !app.ready) return;
  if (target.matches("input[type=text]")) return;
  if (target.matches("input") && key.startsWith("arrow")) return;                 // moves the slider
  if (target.matches("button, summary, a") && (key === " " || key === "enter")) return;   // presses what has the focus
  const letter = /^[a-z]$/.test(key);
  const chord = (event.ctrlKey ? "ctrl " : "") + (event.shiftKey && (letter || key.length > 1) ? "shift " : "") + key;
  const action = BY_KEY.get(chord);
  if (!action || (event.repeat && !REPEATING.has(key))) return;
  event.preventDefault();
  action();
}

function openHelp() {
  const help = byId("help");
  if (!help.firstChild) {
    const tables = Object.entries(KEYS).map(([group, entries]) => make("section", {}, make("h3", {}, group), ...entries.filter(([, shownAs]) => shownAs).map(([, shownAs, text]) => make("p", {}, make("kbd", {}, shownAs), make("span", {}, text)))));
    const touch = make("section", {}, make("h3", {}, "Touch"), ...[["One finger", "Paint (or move the view, with the tool Look)"], ["Two fingers", "Move the view and zoom"]].map(([what, text]) => make("p", {}, make("kbd", {}, what), make("span", {}, text))));
    help.append(make("header", {}, make("h2", { tabindex: -1 }, "Keys"), button("", "Close", () => help.close(), { symbol: "close", key: "Esc" })), make("div", { class: "tables" }, ...tables, touch));
    help.addEventListener("click", (event) => { if (event.target === help) help.close(); });
  }
  help.showModal();
  help.querySelector("h2").focus();
}
