"use strict";
// The passes of a step, as ncaengine/backends/gl/passes.py and stages.py run them, and those that draw.

function ncaStep(grid) {
  const { info, textures: { now } } = grid, forms = info.forms[grid.kernel], { device } = grid;
  const from = ncaStage(grid, forms), size = [grid.width, grid.height];
  let result = "next";
  if (forms.alive) {
    result = "living";
    const shift = ncaShift(grid.lattice, grid.height) % grid.width;
    device.run(forms.alive, size, grid.texture(result), { before: now, stepped: from }, { size, row_shift: shift });
  }
  grid.swap("now", result);
  if (result !== "next") grid.swap("next", result); // what was there before the step is `next`, for looks that compare
}

// Make the Euler steps of the model's method, and add them up; return the texture with the result.
function ncaStage(grid, forms) {
  const { info: { stages }, textures: { now } } = grid, size = [grid.width, grid.height], next = grid.texture("next");
  if (!stages.length) return ncaEuler(grid, now, next);
  const kept = [now], stepped = grid.texture("stepped");
  let at = 0;
  for (const [own, shares, into] of stages) {
    ncaEuler(grid, kept[at], stepped);
    const places = [1, 2, 3].map((place) => kept[place] || now), each = [1, 2, 3].map((place) => shares[place] || 0);
    // A pass can't read what it writes, so a stage that overwrites what it reads writes beside it first.
    const target = into ? grid.texture(`kept ${into} ${kept[into] === grid.textures[`kept ${into} 0`] ? 1 : 0}`) : next;
    const reads = { base: now, stepped, kept_1: places[0], kept_2: places[1], kept_3: places[2] };
    grid.device.run(forms.combine[into ? 0 : 1], size, target, reads, { size, shares: [own, ...each] });
    if (into) kept[at = into] = target;
  }
  return next;
}

function ncaEuler(grid, from, into) {
  const { settings, device, engine, width, height } = grid, { models } = engine.data, size = [width, height];
  const plain = !grid.fields && settings.scale === 1 && settings.aspect === 1 && settings.angle === 0 && settings.dt === 1;
  const shift = (rows) => ncaShift(grid.lattice, rows), used = grid.models.length > 1 && grid.fields ? grid.models : grid.models.slice(0, 1);
  const pair = ncaPair(grid);
  const uniforms = {
    size, row_shift: shift(height) % width, step_number: grid.steps, rng_seed: grid.seed, fire_threshold: ncaThreshold(settings.fireRate),
    fire_rate: settings.fireRate, scale: settings.scale, aspect: settings.aspect, angle: settings.angle, dt: settings.dt,
    pair_offset: pair || [0, 0], model_count: used.length,
  };
  // Of each pair, the cell that fires is stepped, in half a grid; merging brings it to its place.
  const covered = pair ? [width - pair[0], height - pair[1]] : size, target = pair ? grid.texture("fired", ...covered) : into;
  used.forEach((index, slot) => {
    const model = models[index], forms = model.forms[grid.kernel], frame = plain ? forms.plain : forms.framed;
    const textures = { before: from, weights: engine.weights(model), fields: grid.fields || engine.plainFields };
    const more = ncaCoarse(grid, model, forms, frame, from, textures);
    device.run(pair ? frame.pairs : frame.step, covered, target, textures, { ...uniforms, ...more, slot }, {}, model.numbers);
  });
  if (pair) device.run(models[used[0]].forms[grid.kernel].merge, size, into, { before: from, fired: target }, uniforms);
  return into;
}

// [columns, rows] between two cells of which one fires; null where each cell fires by itself, see core/pcg.py.
function ncaPair({ settings, rates, info, width, height }) {
  if (!settings.antithetic || settings.fireRate !== 0.5 || rates || info.firing === "channel" || width * height % 2) return null;
  return height % 2 ? [width / 2, 0] : [0, height / 2];
}

// Perceive at coarser scales; add what is found to the step's textures, and return its uniforms.
function ncaCoarse(grid, model, forms, frame, from, textures) {
  const { width, height, lattice, device } = grid, uniforms = {};
  const shift = ([columns, rows]) => ncaShift(lattice, rows) % columns;
  model.scales.forEach((scale, n) => {
    const size = [Math.max(width >> scale, 1), Math.max(height >> scale, 1)];
    const shrunk = grid.texture(`shrunk ${n}`, ...size), found = grid.texture(`found ${n}`, ...size, frame.found);
    device.run(forms.shrink, size, shrunk, { before: from }, { size, fine_size: [width, height], fine_row_shift: shift([width, height]) });
    device.run(frame.coarse, size, found, { before: shrunk }, { size, row_shift: shift(size) });
    Object.assign(textures, { [`coarse_${n}`]: found });
    Object.assign(uniforms, { [`coarse_size_${n}`]: size, [`coarse_row_shift_${n}`]: shift(size) });
  });
  return uniforms;
}

// How a lattice becomes pixels, and the points of a pixel's side; see View in ncaengine/core/lattice.py.
function ncaRaster({ basis: [[ax], [bx, by]] }, { x, y, scale }) {
  const smallest = scale * Math.min(ax, by), whole = (place) => Math.abs(place - Math.round(place)) <= 1e-6;
  if (bx || smallest < 0.5) return [2, smallest >= 2 ? 1 : Math.min(Math.max(Math.ceil(4 / smallest), 3), 6)];
  const aligned = [scale * ax, scale * by, (x + ax / 2) * scale, (y + by / 2) * scale].every(whole);
  return aligned ? [0, 1] : [1, smallest >= 1 ? 2 : 3];
}

const NCA_MODES = ["rgb", "channel", "three", "update", "alive"];

function ncaDraw(grid, view, rect, { look = "rgb", channel = 0, channels = [channel, 1, 2], gain = 1, overlay = "", lines = 0 }) {
  const { device, engine, info, lattice, width, height } = grid, { gl } = device, { shaders } = engine.data;
  const [[ax], [bx, by]] = lattice.basis, { scale: times, offset, alpha, background } = info.colour;
  const common = { size: [width, height], row_shift: ncaShift(lattice, height), colour: [times, offset], background: [...background, alpha ? 1 : 0] };
  let state = grid.textures.now;
  if (look !== "rgb" || (overlay && grid.fields)) {
    const before = grid.stepped ? grid.textures.next : state, { ramps, tints } = engine.data, shown = overlay && grid.fields ? overlay : "";
    const uniforms = {
      ...common, count: info.channels, channels, gain: gain * (look === "update" ? 20 / info.channels : 1), tint: 0.5, alive: 0.1,
      ramp: (ramps[look] || ramps.channel).flat(), tints: (tints[shown] || tints.rate).flat(),
    };
    const defines = { MODE: NCA_MODES.indexOf(look), OVERLAY: shown ? NCA_FIELDS.indexOf(shown) + 1 : 0 };
    const shaded = grid.texture("shaded", width, height, 1, gl.RGBA8);
    device.run([[0, 1, shaders.look]], [width, height], shaded, { state, before, fields: grid.fields || engine.plainFields }, uniforms, defines);
    state = shaded;
    Object.assign(common, { colour: [1, 0], background: [0, 0, 0, 0] });
  }
  const [raster, samples] = ncaRaster(lattice, view), corner = [rect.x, gl.canvas.height - rect.y - rect.height];
  const program = device.program(shaders.canvas, { RASTER: raster, ON_SCREEN: 1 });
  device.use(program, { state }, {
    ...common, pixels: [rect.width, rect.height], corner, basis_x: [ax, 0], basis_y: [bx, by], origin: [view.x, view.y],
    scale: view.scale, samples, lines: lines === true ? 0.3 : Number(lines),
  });
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  gl.viewport(...corner, rect.width, rect.height);
  gl.enable(gl.SCISSOR_TEST);
  gl.scissor(...corner, rect.width, rect.height);
  gl.drawArrays(gl.TRIANGLES, 0, 3);
  gl.disable(gl.SCISSOR_TEST);
}
