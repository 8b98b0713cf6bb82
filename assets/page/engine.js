"use strict";
// The engine: the grids of a page, and what outlives a lost context.

const NCA_SAVE_EVERY = 1000; // milliseconds

class Engine {
  constructor(canvas, data) {
    Object.assign(this, { canvas, data, grids: new Set(), lost: false, onlost: null, onrestored: null });
    this.device = new NcaDevice(canvas);
    this.setUp();
    this.listeners = { webglcontextlost: (event) => this.lose(event), webglcontextrestored: () => this.restore() };
    for (const [name, listener] of Object.entries(this.listeners)) canvas.addEventListener(name, listener);
  }

  get half() { return this.device.half; }
  get software() { return this.device.software; }
  get renderer() { return this.device.renderer; }

  setUp() {
    this.weightsOf = new Map();
    this.plainFields = this.device.texture(1, 1, 0, this.device.gl.RGBA32F);
    this.device.fill(this.plainFields, new Float32Array([1, 1, 0, 0]));
  }

  // A model's weights as a texture, 256 vec4s wide.
  weights(model) {
    if (!this.weightsOf.has(model)) {
      const rows = Math.ceil(model.fours / 256), packed = new Float32Array(1024 * rows);
      packed.set(model.numbers);
      const texture = this.device.texture(256, rows, 0, this.device.gl.RGBA32F);
      this.device.fill(texture, packed);
      this.weightsOf.set(model, texture);
    }
    return this.weightsOf.get(model);
  }

  addGrid(options) {
    const grid = new Grid(this, options);
    this.grids.add(grid);
    return grid;
  }

  release() {
    for (const grid of [...this.grids]) grid.remove();
    for (const [name, listener] of Object.entries(this.listeners)) this.canvas.removeEventListener(name, listener);
    this.device.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  // States are saved now and then, without waiting: a lost context takes all textures with it.
  save(grid, fields = false) {
    const { gl } = this.device, now = performance.now();
    if (grid.saving) {
      const { buffer, fence, planes, steps } = grid.saving;
      if (gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) return;
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, planes);
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
      gl.deleteBuffer(buffer);
      gl.deleteSync(fence);
      if (planes.length === 4 * grid.layers * grid.width * grid.height) grid.saved = { ...grid.saved, planes, steps };
      grid.saving = null;
    }
    if (fields) grid.unsaved = true;
    if (now - (grid.savedAt || 0) < NCA_SAVE_EVERY) return;
    grid.savedAt = now;
    if (grid.unsaved) grid.saved.fields = grid.readFields();
    grid.unsaved = false;
    const planes = new Float32Array(4 * grid.layers * grid.width * grid.height), buffer = gl.createBuffer();
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    gl.bufferData(gl.PIXEL_PACK_BUFFER, planes.byteLength, gl.STREAM_READ);
    this.device.read(grid.textures.now, buffer);
    grid.saving = { buffer, planes, steps: grid.steps, fence: gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0) };
  }

  lose(event) {
    event.preventDefault();
    this.lost = true;
    this.onlost?.();
  }

  restore() {
    this.device.setUp();
    this.setUp();
    this.lost = false;
    for (const grid of this.grids) {
      Object.assign(grid, { textures: {}, saving: null, stepped: false });
      const { planes, steps, fields } = grid.saved;
      if (planes.length === 4 * grid.layers * grid.width * grid.height) {
        grid.device.fill(grid.texture("now"), planes);
        grid.steps = steps;
      } else grid.reseed();
      grid.fields = null;
      if (fields && fields.length === 4 * grid.width * grid.height) grid.writeFields(fields);
    }
    this.onrestored?.();
  }
}
