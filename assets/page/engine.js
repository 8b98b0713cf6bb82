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

  // States and fields are saved now and then, without waiting: a lost context takes all textures with it.
  save(grid) {
    const { device } = this, { gl } = device, now = performance.now();
    if (grid.saving) {
      if (gl.getSyncParameter(grid.saving.fence, gl.SYNC_STATUS) !== gl.SIGNALED) return;
      const { buffer, fence, numbers, size, steps, changes } = grid.saving;
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, numbers);
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
      gl.deleteBuffer(buffer);
      gl.deleteSync(fence);
      const fields = numbers.length > size ? numbers.subarray(size) : null;
      if (size === grid.numbers) grid.saved = { planes: numbers.subarray(0, size), steps, fields, changes };
      grid.saving = null;
    }
    if (now - (grid.savedAt || 0) < NCA_SAVE_EVERY || grid.changes === grid.saved.changes) return;
    grid.savedAt = now;
    const size = grid.numbers, numbers = new Float32Array(size + (grid.fields ? 4 * grid.width * grid.height : 0)), buffer = gl.createBuffer();
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    gl.bufferData(gl.PIXEL_PACK_BUFFER, numbers.byteLength, gl.STREAM_READ);
    device.read(grid.textures.now, buffer);
    if (grid.fields) device.read(grid.fields, buffer, 4 * size);
    grid.saving = { buffer, numbers, size, steps: grid.steps, changes: grid.changes, fence: gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0) };
    gl.flush(); // else a page that stands still would wait for it for ever
  }

  // Save all grids at once, because the context is about to be given back.
  keep() {
    for (const grid of this.lost ? [] : this.grids) {
      const { changes, steps, textures } = grid;
      if (grid.saving) grid.saving.size = -1;
      if (changes !== grid.saved.changes) grid.saved = { planes: this.device.read(textures.now), steps, fields: grid.readFields(), changes };
    }
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
      if (planes.length === grid.numbers) {
        grid.device.fill(grid.texture("now"), planes);
        grid.steps = steps;
      } else grid.reseed();
      grid.fields = null;
      if (fields && fields.length === 4 * grid.width * grid.height) grid.writeFields(fields);
    }
    this.onrestored?.();
  }
}
