"use strict";
// A grid: its state, settings and fields, how it makes a step, and how it is drawn.

class Grid {
  constructor(engine, { model = 0, kernel, width = 128, height = 128, seed = 0 }) {
    this.engine = engine;
    this.device = engine.device;
    Object.assign(this, { width, height, seed, steps: 0, edits: 0, changes: 0, models: [model], fields: null, rates: false, textures: {}, saved: null });
    this.kernel = kernel || engine.data.models[model].kernels[0];
    this.settings = { fireRate: this.info.fireRate, scale: 1, aspect: 1, angle: 0, dt: 1, antithetic: true };
    this.reseed(seed);
  }

  get model() { return this.models[0]; }
  get info() { return this.engine.data.models[this.models[0]]; }
  get lattice() { return this.engine.data.kernels[this.kernel]; }
  get layers() { return Math.ceil(this.info.channels / 4); }

  get numbers() { return 4 * this.layers * this.width * this.height; } // of the state, in textures

  plane() {
    const [[ax], [, by]] = this.lattice.basis;
    return { width: this.width * ax, height: this.height * by };
  }

  reseed(seed = this.seed) {
    this.seed = seed >>> 0;
    this.steps = 0;
    this.dropTexture("fresh");
    this.write(ncaInitial(this.info, this.width, this.height, this.seed));
  }

  // Models that were painted in stay where they can share the grid.
  setModel(index) {
    const before = this.info.channels, next = this.engine.data.models[index], state = next.channels !== before && this.read();
    this.models[0] = index;
    this.keepModels();
    if (state) this.write(ncaWithChannels(state, before, next.channels));
    this.dropTexture("fresh");
  }

  setKernel(name) {
    this.kernel = name;
    this.keepModels();
  }

  keepModels() {
    const [own] = this.models, fits = (index) => this.info.canPaint.includes(index) && this.engine.data.models[index].kernels.includes(this.kernel);
    if (!this.models.slice(1).every(fits)) {
      this.models = [own];
      if (this.fields) this.setPlane("model", new Float32Array(this.width * this.height));
    }
  }

  resize(width, height) {
    const { channels } = this.info, old = [this.width, this.height], state = this.read(), fields = this.readFields();
    const fresh = ncaInitial(this.info, width, height, this.seed);
    this.width = width;
    this.height = height;
    this.release();
    this.write(ncaResized(state, old, fresh, [width, height], this.lattice));
    if (fields) this.writeFields(ncaResized(fields, old, this.plainFields(), [width, height], this.lattice));
  }

  // States: height * width * channels numbers

  read() {
    const { channels } = this.info;
    if (this.engine.lost) return this.saved ? ncaState(this.saved.planes, channels) : ncaInitial(this.info, this.width, this.height, this.seed);
    return ncaState(this.device.read(this.textures.now), channels);
  }

  write(state) {
    const { channels } = this.info, planes = ncaPlanes(state, channels);
    this.saved = { ...this.saved, planes, steps: this.steps };
    this.changes += 1;
    if (this.saving) this.saving.size = -1; // what is being saved is older
    if (this.engine.lost) return;
    this.device.fill(this.texture("now"), this.device.half ? planes.map(ncaRounded) : planes);
    this.stepped = false;
  }

  // A texture of the grid's size, by its name; made when first needed.
  texture(name, width = this.width, height = this.height, layers = this.layers, format = undefined) {
    const old = this.textures[name];
    if (old && old.width === width && old.height === height && old.layers === layers) return old;
    this.dropTexture(name);
    this.textures[name] = this.device.texture(width, height, layers, format);
    return this.textures[name];
  }

  dropTexture(name) {
    this.device.drop(this.textures[name]);
    delete this.textures[name];
  }

  swap(a, b) { [this.textures[a], this.textures[b]] = [this.textures[b], this.textures[a]]; }

  release() {
    for (const name of Object.keys(this.textures)) this.dropTexture(name);
    this.fields = null;
  }

  remove() {
    this.release();
    this.engine.grids.delete(this);
  }

  // Steps

  step(count = 1) {
    if (this.engine.lost) return;
    for (let k = 0; k < count; k++) {
      ncaStep(this);
      this.steps = (this.steps + 1) >>> 0;
      this.stepped = true;
    }
    this.changes += 1;
    this.engine.save(this);
  }

  // Fields: rate, scale, angle and model of each cell

  plainFields() {
    const fields = new Float32Array(4 * this.width * this.height);
    for (let i = 0; i < fields.length; i += 4) fields[i] = fields[i + 1] = 1;
    return fields;
  }

  readFields() { return this.fields && !this.engine.lost ? this.device.read(this.fields) : this.fields && this.saved.fields; }

  writeFields(fields) {
    const { gl } = this.device;
    if (this.saved) this.saved.fields = fields;
    this.changes += 1;
    if (this.engine.lost) return;
    this.fields = this.texture("fields", this.width, this.height, 0, this.device.half ? gl.RGBA16F : gl.RGBA32F);
    this.device.fill(this.fields, fields);
  }

  clearFields() {
    this.dropTexture("fields");
    if (this.saved) this.saved.fields = null;
    this.changes += 1;
    if (this.saving) this.saving.size = -1;
    Object.assign(this, { fields: null, rates: false, models: this.models.slice(0, 1) });
  }

  setPlane(name, values) {
    const fields = this.readFields() || this.plainFields(), plane = NCA_FIELDS.indexOf(name);
    values.forEach((value, cell) => { fields[4 * cell + plane] = value; });
    if (name === "rate") this.rates = values.some((value) => value !== 1);
    if (fields.every((value, i) => value === (i % 4 < 2 ? 1 : 0))) this.clearFields();
    else this.writeFields(fields);
  }

  setRate(pattern) { this.setPlane("rate", ncaPattern(this.lattice, this.width, this.height, pattern)); }

  setAngle(pattern) {
    const values = ncaPattern(this.lattice, this.width, this.height, pattern);
    this.setPlane("angle", pattern === "even" ? values.fill(0) : values);
  }

  // Brushes

  // options: softness, the share of the radius over which the brush fades; strength, 0 to 1; seed, the stroke's number.
  paint(from, to, radius, tool, value = 1, options = {}) {
    if (this.engine.lost) return;
    const { softness = 0.3, strength = 1, seed = this.edits++ } = typeof options === "number" ? { softness: options } : options;
    const stroke = ncaStroke(this.lattice, this.width, this.height, from, to, radius);
    const uniforms = { ...stroke, fade: radius * softness, strength, value, number: seed >>> 0 };
    if (NCA_FIELDS.includes(tool)) this.paintField(tool, uniforms);
    else this.paintState(tool, uniforms);
  }

  paintState(tool, uniforms) {
    const { layers, info } = this, erases = tool === "erase", kind = !erases ? 2 : info.seed.kind === "zeros" ? 0 : 1;
    if (kind === 1 && !this.textures.fresh) this.device.fill(this.texture("fresh"), ncaPlanes(ncaInitial(info, this.width, this.height, this.seed), info.channels));
    const [word] = ncaHash(uniforms.number, this.seed, NCA_EDIT, 0), { now } = this.textures, after = this.texture("next");
    for (let first = 0; first < layers; first += NCA_TARGETS) {
      const defines = { TARGETS: Math.min(NCA_TARGETS, layers - first), FIRST_LAYER: first, CHANNELS: info.channels };
      const parts = [[first, defines.TARGETS, NCA_BRUSH]];
      this.device.run(parts, [this.width, this.height], after, { before: now, fresh: this.textures.fresh || now }, { ...uniforms, kind, word }, defines);
    }
    this.swap("now", "next");
    this.stepped = false;
    this.changes += 1;
    this.engine.save(this);
  }

  paintField(name, uniforms) {
    const field = NCA_FIELDS.indexOf(name), { gl, half } = this.device;
    if (name === "model") {
      const slot = this.slotOf(uniforms.value);
      if (slot < 0 || (slot === 0 && !this.fields)) return;
      uniforms.value = slot;
    }
    if (!this.fields) this.writeFields(this.plainFields());
    if (name === "rate" && uniforms.value !== 1) this.rates = true;
    const after = this.texture("fields after", this.width, this.height, 0, half ? gl.RGBA16F : gl.RGBA32F), word = (this.seed ^ 0xb5297a4d) >>> 0;
    this.device.run([[0, 1, NCA_BRUSH]], [this.width, this.height], after, { before: this.fields }, { ...uniforms, word }, { FIELD: field });
    this.swap("fields", "fields after");
    this.fields = this.textures.fields;
    this.changes += 1;
    this.engine.save(this);
  }

  // The place of a model among those of the grid; it is added if there is room.
  slotOf(index) {
    const known = this.models.indexOf(index);
    if (known >= 0) return known;
    const fits = this.info.canPaint.includes(index) && this.engine.data.models[index].kernels.includes(this.kernel);
    return fits && this.models.length < 8 ? this.models.push(index) - 1 : -1;
  }

  draw(view, rect, look = {}) {
    if (!this.engine.lost) ncaDraw(this, view, rect, look);
  }
}

// To 11 bits, halves to even, as states in 16 bits are; see shaders/include/state.glsl.
const ncaWord = new Uint32Array(1), ncaNumber = new Float32Array(ncaWord.buffer);
function ncaRounded(value) {
  ncaNumber[0] = Math.min(Math.max(value, -65504), 65504);
  ncaWord[0] = (ncaWord[0] + 0xfff + ((ncaWord[0] >>> 13) & 1)) & 0xffffe000;
  return ncaNumber[0];
}
