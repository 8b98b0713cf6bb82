// The view of a live widget whose grid runs in Python: pictures that Python sends, and controls that send commands.
const PACE = 800;   // bytes a millisecond; Jupyter drops messages above a megabyte a second
const SLIDERS = [
  ["fire_rate", "Fire rate", 0, 1, 0.01],
  ["scale", "Cell scale", 0.25, 4, 0.05],
  ["angle", "Rotation", -180, 180, 1],
  ["steps_per_second", "Steps/s", 0, 240, 1],
];

const make = (tag, given, ...inside) => {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...inside);
  return element;
};

function range(title, low, high, step, value, change) {
  const input = make("input", { type: "range", min: low, max: high, step, value });
  input.addEventListener("input", () => change(Number(input.value)));
  const label = make("label", {}, title, input);
  label.style.cssText = "display:inline-flex;align-items:center;gap:4px";
  input.style.width = "96px";
  return label;
}

export default {
  render({ model, el }) {
    const command = (type, values) => model.send({ type, ...values });
    const set = (setting, value) => command("Set", { setting, value });
    const picture = make("img", { alt: model.get("title"), draggable: false });
    const said = make("div"), wrong = make("div", { role: "status" }), settings = model.get("settings");
    const asker = crypto.getRandomValues(new Uint32Array(1))[0];   // all views hear every answer; this says whose it is
    picture.style.cssText = "display:block;max-width:100%;image-rendering:pixelated;touch-action:none;cursor:crosshair";
    let paused = settings.paused, radius = 8, view = null, stroke = null, gone = false, timer = 0, url = "";

    const pause = make("button", { onclick: () => set("paused", !paused) });
    const tool = make("select", { title: "Brush" }, ...["erase", "noise"].map((name) => make("option", { value: name }, name)));
    const bar = make("div", {},
      pause,
      make("button", { onclick: () => command("Step", { count: 1 }) }, "Step"),
      make("button", { onclick: () => command("Reseed", { rng_seed: Math.floor(Math.random() * 2 ** 31) }) }, "Reseed"),
      tool, range("Radius", 1, 64, 1, radius, (value) => { radius = value; }),
      ...SLIDERS.map(([name, title, low, high, step]) => range(title, low, high, step, settings[name], (value) => set(name, value))));
    bar.style.cssText = "display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center;padding:6px 0";
    el.style.font = "13px system-ui, sans-serif";

    // Each picture asks for the next one, so Python is never asked for more than it can make.
    function ask(first = false) {
      if (gone) return;
      if (stroke?.path.length) {
        command("Paint", { tool: tool.value, path: stroke.path, radius, more: stroke.more });
        stroke = stroke.ends ? null : { path: [], more: true };
      }
      model.send({ kind: "frame", asker, first });
    }
    function askIn(milliseconds) {
      clearTimeout(timer);
      timer = setTimeout(ask, milliseconds);
    }
    function hear(message, buffers) {
      if (message.kind === "said") {
        wrong.textContent = message.text;
        if (message.asker === asker) askIn(1000);
        return;
      }
      ({ paused, view } = message);
      pause.textContent = paused ? "Play" : "Pause";
      said.textContent = `Step ${message.step}, in Python`;
      if (buffers?.length) {
        URL.revokeObjectURL(url);
        picture.src = url = URL.createObjectURL(new Blob([buffers[0]], { type: "image/jpeg" }));
      }
      if (message.asker === asker) askIn(Math.max(paused ? 100 : 16, (buffers?.[0]?.byteLength ?? 0) / PACE));
    }
    function point({ clientX, clientY }) {
      const box = picture.getBoundingClientRect(), [scale, x, y] = view, across = picture.naturalWidth / box.width;
      stroke.path.push([(clientX - box.left) * across / scale + x, (clientY - box.top) * across / scale + y]);
    }
    picture.addEventListener("pointerdown", (event) => {
      if (!view) return;
      event.preventDefault();
      picture.setPointerCapture(event.pointerId);
      stroke = { path: [], more: false };
      point(event);
    });
    picture.addEventListener("pointermove", (event) => { if (stroke && !stroke.ends) point(event); });
    for (const name of ["pointerup", "pointercancel"]) picture.addEventListener(name, () => { if (stroke) stroke = stroke.path.length ? { ...stroke, ends: true } : null; });

    model.on("msg:custom", hear);
    el.append(picture, bar, said, wrong);
    ask(true);
    return () => {
      gone = true;
      clearTimeout(timer);
      URL.revokeObjectURL(url);
      model.off("msg:custom", hear);
    };
  },
};
