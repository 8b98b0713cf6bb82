"use strict";
// The page's data: models, kernels, shaders and weights, as ncaengine/formats/exporters/page.py packs them.

const NCA_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%.()*+-;,=:?@^_`{|}~";

// Each five digits are four bytes; the first four bytes are the number of those that follow.
function ncaBytes(text) {
  const value = new Uint8Array(128), count = text.length / 5, bytes = new DataView(new ArrayBuffer(4 * count));
  for (let k = 0; k < 85; k++) value[NCA_DIGITS.charCodeAt(k)] = k;
  for (let i = 0; i < count; i++) {
    let number = 0;
    for (let k = 5 * i; k < 5 * i + 5; k++) number = number * 85 + value[text.charCodeAt(k)];
    bytes.setUint32(4 * i, number);
  }
  return new Uint8Array(bytes.buffer, 4, bytes.getUint32(0));
}

// Numbers whose first bytes come first, then all second bytes, and so on, which compresses better.
function ncaFloats(planes) {
  const count = planes.length / 4, bytes = new Uint8Array(planes.length);
  for (let i = 0; i < count; i++) for (let k = 0; k < 4; k++) bytes[4 * i + k] = planes[k * count + i];
  return new Float32Array(bytes.buffer);
}

let ncaLoaded = null;
function loadData() {
  ncaLoaded = ncaLoaded || ncaUnpack();
  return ncaLoaded;
}

async function ncaUnpack() {
  const packed = new Blob([ncaBytes(document.getElementById("data").textContent.trim())]);
  const inflated = packed.stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(inflated).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const data = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const numbers = ncaFloats(bytes.subarray(4 + length));
  const withTexts = (parts) => parts.map(([first, count, text]) => [first, count, data.texts[text]]);
  for (const model of data.models) {
    for (const forms of Object.values(model.forms)) {
      for (const frame of [forms.plain, forms.framed])
        for (const pass of ["step", "pairs", "coarse"]) if (frame[pass]) frame[pass] = withTexts(frame[pass]);
      for (const pass of ["shrink", "merge", "alive"]) if (forms[pass]) forms[pass] = withTexts(forms[pass]);
      if (forms.combine) forms.combine = forms.combine.map(withTexts);
    }
    model.numbers = numbers.subarray(model.first, model.first + 4 * model.fours);
    if (model.seed.kind === "image") {
      const [height, width, channels] = model.seed.shape;
      model.seed.image = numbers.subarray(model.seed.at, model.seed.at + height * width * channels);
    }
  }
  return data;
}

// The other scripts travel in the data, compressed.
loadData().then(({ script }) => {
  const element = document.createElement("script");
  element.textContent = script;
  document.body.append(element);
}, () => {
  document.getElementById("sentence").textContent =
    "This browser is too old for this page, which needs WebGL 2 and DecompressionStream; the picture above is a still.";
});
