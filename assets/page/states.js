"use strict";
// Random numbers, states and patterns: the same as ncaengine/core/pcg.py, states.py, lattice.py and brushes.py.
// States are Float32Arrays of height * width * channels numbers.

const NCA_UNIFORM = 0xa0000000, NCA_EDIT = 0xb0000000, NCA_ALWAYS = 0xffffffff;

function ncaHash(x, y, z, w) {
  const mix = (a) => (Math.imul(a, 1664525) + 1013904223) | 0;
  x = mix(x); y = mix(y); z = mix(z); w = mix(w);
  for (let turn = 0; ; turn++) {
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
    if (turn) return [x >>> 0, y >>> 0, z >>> 0, w >>> 0];
    x ^= x >>> 16; y ^= y >>> 16; z ^= z >>> 16; w ^= w >>> 16;
  }
}

const ncaNoise = (column, row, channel, seed) => (ncaHash(column, row, channel + NCA_UNIFORM, seed)[1] >>> 8) * 2 ** -24 - 0.5;
const ncaThreshold = (rate) => Math.min(Math.round(rate * 2 ** 32), NCA_ALWAYS);
const ncaModulo = (a, b) => a - b * Math.floor(a / b);

// Columns by which the torus is shifted where it closes over the top and bottom edge.
const ncaShift = ({ basis: [[ax], [bx]] }, height) => Math.floor(height * bx / ax + 1e-9);

function ncaEven(value) {
  const low = Math.floor(value), part = value - low;
  return part < 0.5 || (part === 0.5 && low % 2 === 0) ? low : low + 1;
}

function ncaInitial({ seed, channels }, width, height, randomSeed) {
  const state = new Float32Array(width * height * channels);
  if (seed.kind === "noise") {
    const level = Math.fround(seed.level);
    for (let row = 0, i = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        for (let channel = 0; channel < channels; channel++) state[i++] = ncaNoise(column, row, channel, randomSeed) * level;
  } else if (seed.kind === "point") {
    const middle = ((height >> 1) * width + (width >> 1)) * channels;
    state.fill(seed.level, middle + seed.first, middle + channels);
  } else if (seed.kind === "blobs") ncaBlobs(state, seed.level, width, height, channels, randomSeed);
  else if (seed.kind === "image") {
    const [rows, columns, deep] = seed.shape;
    const top = (height - Math.min(rows, height)) >> 1, left = (width - Math.min(columns, width)) >> 1;
    const above = Math.max(rows - height, 0) >> 1, before = Math.max(columns - width, 0) >> 1;
    for (let row = 0; row < Math.min(rows, height); row++)
      for (let column = 0; column < Math.min(columns, width); column++)
        for (let channel = 0; channel < deep; channel++)
          state[((top + row) * width + left + column) * channels + channel] = seed.image[((above + row) * columns + before + column) * deep + channel];
  }
  return state;
}

// Gaussian spots, one on 14 x 14 cells; the first is in the middle.
function ncaBlobs(state, level, width, height, channels, randomSeed) {
  const count = Math.max(1, ncaEven(width * height / 196));
  const reach = (side) => {
    const most = side < 25 ? (side - 1) >> 1 : 12;
    return Array.from({ length: 2 * most + 1 }, (_, k) => k - most);
  };
  const fall = (at) => Math.exp(-((at / 3) ** 2) / 2);
  for (let spot = 0; spot < count; spot++) {
    const chance = (axis) => (spot ? Math.fround(ncaNoise(spot, 0, axis, randomSeed) + 0.5) : 0.5);
    const column = Math.floor(chance(0) * width), row = Math.floor(chance(1) * height);
    for (const down of reach(height))
      for (const across of reach(width)) {
        const cell = (ncaModulo(row + down, height) * width + ncaModulo(column + across, width)) * channels;
        const added = Math.fround(level * fall(down) * fall(across));
        for (let channel = 0; channel < 3; channel++) state[cell + channel] += added;
      }
  }
}

// The state at another size, its centre kept; `fresh` fills the places that the old content doesn't reach.
function ncaResized(state, [oldWidth, oldHeight], fresh, [width, height], kernel) {
  const [[ax], [bx]] = kernel.basis, channels = fresh.length / width / height, out = fresh.slice();
  const pushed = (row) => Math.floor(row * (bx / ax) + 1e-9);
  const down = Math.trunc((height - oldHeight) / 2);
  const right = Math.trunc((width - oldWidth) / 2) - (down > 0 ? ncaShift(kernel, down) : -ncaShift(kernel, -down));
  for (let newRow = 0; newRow < height; newRow++) {
    const row = newRow - down;
    if (row < 0 || row >= oldHeight) continue;
    for (let k = 0; k < width; k++) {
      const newColumn = k - pushed(newRow), column = newColumn - right, place = column + pushed(row);
      if (width !== oldWidth && (place < 0 || place >= oldWidth)) continue;
      const from = (row * oldWidth + ncaModulo(column, oldWidth)) * channels;
      out.set(state.subarray(from, from + channels), (newRow * width + ncaModulo(newColumn, width)) * channels);
    }
  }
  return out;
}

function ncaWithChannels(state, from, to) {
  if (from === to) return state;
  const cells = state.length / from, out = new Float32Array(cells * to), both = Math.min(from, to);
  for (let cell = 0; cell < cells; cell++) out.set(state.subarray(cell * from, cell * from + both), cell * to);
  return out;
}

// Layers of four channels, as textures hold them, and back.
function ncaPlanes(state, channels) {
  const cells = state.length / channels, layers = Math.ceil(channels / 4), planes = new Float32Array(4 * layers * cells);
  for (let cell = 0; cell < cells; cell++)
    for (let channel = 0; channel < channels; channel++)
      planes[4 * ((channel >> 2) * cells + cell) + (channel & 3)] = state[cell * channels + channel];
  return planes;
}

function ncaState(planes, channels) {
  const cells = planes.length / 4 / Math.ceil(channels / 4), state = new Float32Array(cells * channels);
  for (let cell = 0; cell < cells; cell++)
    for (let channel = 0; channel < channels; channel++)
      state[cell * channels + channel] = planes[4 * ((channel >> 2) * cells + cell) + (channel & 3)];
  return state;
}

const NCA_PATTERNS = { even: [1, 1], halves: [0.25, 1], stripes: [0.25, 1], checks: [0.25, 1], ramp: [0.1, 1] };

// A pattern of rates or, if it is one of directions, of degrees, as `pattern` in core/brushes.py: height * width numbers.
function ncaPattern({ basis: [[ax], [bx, by]] }, width, height, which) {
  const across = width * ax, down = height * by, out = new Float32Array(width * height);
  const [first, second] = NCA_PATTERNS[which] || [0, 0];
  const stripe = (at, side, count) => ncaModulo(Math.floor(at / (side / count)), count) % 2;
  const direction = (x, y) => Math.atan2(y, x) * 180 / Math.PI;
  const shares = {
    even: () => 0,
    halves: (x) => stripe(x, across, 2),
    stripes: (x) => stripe(x, across, 4),
    checks: (x, y) => stripe(x, across, 4) ^ stripe(y, down, 4),
    ramp: (x) => x / across,
  };
  const degrees = {
    polar: (x, y) => direction(x - across / 2, y - down / 2),
    bipolar: (x, y) => direction(x - across / 4, y - down / 2) - direction(x - across * 0.75, y - down / 2),
    "polar-distill": (x, y) => direction(x - across / 2, y - down / 2) - 90,
    dipole(x, y, column, row) {
      let [along, below] = [0, 0];
      for (const [u, v] of [[column - width / 4, row - height / 4], [width * 0.75 - column, height * 0.75 - row]]) {
        const cube = Math.max(Math.hypot(u, v), 1e-9) ** 3;
        along += u / cube;
        below += v / cube;
      }
      return direction(along, below) - 90;
    },
  };
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const x = ncaModulo((column + 0.5) * ax + row * bx, across), y = (row + 0.5) * by, i = row * width + column;
      if (degrees[which]) out[i] = ncaModulo(degrees[which](x, y, column + 0.5, row + 0.5) + 180, 360) - 180;
      else out[i] = first + (second - first) * shares[which](x, y);
    }
  return out;
}

// The stored [column, row] of the cell nearest to a point of the plane.
function ncaCellAt(kernel, width, height, x, y) {
  const [[ax], [bx, by]] = kernel.basis;
  let found = [0, 0], least = Infinity;
  for (let row = Math.floor(y / by); row <= Math.floor(y / by) + 1; row++) {
    const left = Math.floor((x - row * bx) / ax);
    for (const column of [left, left + 1]) {
      const apart = (x - column * ax - row * bx) ** 2 + (y - row * by) ** 2;
      if (apart < least) [found, least] = [[column, row], apart];
    }
  }
  const wraps = Math.floor(found[1] / height);
  return [ncaModulo(found[0] + wraps * ncaShift(kernel, height), width), found[1] - wraps * height];
}
