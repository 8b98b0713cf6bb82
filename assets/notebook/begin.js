"use strict";
// Added to a page in a notebook: the page goes on from the cells of a grid in Python, as display.py packs them.

// Return the number of the step from which it goes on.
async function ncaBegin(packed) {
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(inflated).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const { size: [width, height], channels, steps, settings, hasFields } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const numbers = ncaFloats(bytes.subarray(4 + length)), state = width * height * channels;
  await ncaReady();
  const { grid } = app.panes[0];
  if (grid.info.channels !== channels) return;
  if (grid.width !== width || grid.height !== height) grid.resize(width, height);
  Object.assign(grid.settings, settings);
  grid.clearFields();
  grid.steps = steps;
  grid.write(numbers.subarray(0, state));
  if (hasFields) {
    const fields = numbers.slice(state);
    grid.models = app.data.models.map((_, index) => index);
    grid.rates = fields.some((value, place) => place % 4 === 0 && value !== 1);
    grid.writeFields(fields);
  }
  app.dirty = true;
  refresh();
  return steps;
}

const ncaWait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
async function ncaReady() {
  while (typeof app === "undefined" || !app.ready) await ncaWait(20);
}

const ncaPacked = document.getElementById("begin")?.textContent;
const ncaBegan = ncaPacked ? ncaBegin(Uint8Array.from(atob(ncaPacked), (letter) => letter.charCodeAt(0))) : ncaReady();
