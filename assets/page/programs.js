"use strict";
// WebGL: textures, programs and passes. A pass computes a texture's layers from others, a fragment for each cell.

class NoWebGL extends Error {}

const NCA_COVER = "#version 300 es\nvoid main() { gl_Position = vec4(4.0 * float(gl_VertexID & 1) - 1.0, 2.0 * float(gl_VertexID & 2) - 1.0, 0.0, 1.0); }";
const NCA_TARGETS = 4;           // layers that WebGL 2 can write at once
const NCA_INLINED = 50000;       // the most weights that become part of a program's text

// Programs in software read weights from their own text: ten times as fast as from a texture or a uniform block.
// Loops are unrolled for that.
function ncaInline(text, weights) {
  const loop = /for \(int base = (\d+); base < (\d+); base \+= (\d+)\) \{\n([^]*?)\n\}/g;
  const flat = text.replace(loop, (_, first, end, by, body) => {
    let out = "";
    for (let base = Number(first); base < end; base += Number(by))
      out += body.replace(/base((?: \+ \d+)+)/g, (_, more) => more.split("+").reduce((sum, each) => sum + Number(each), base)) + "\n";
    return out;
  });
  const literal = (index) => `(${(weights[index] || 0).toPrecision(9)})`;
  return ncaDots(flat.replace(/WEIGHT\((\d+)\)(?:\.([xyzw]))?/g, (_, four, lane) =>
    lane ? literal(4 * four + "xyzw".indexOf(lane)) : `vec4(${[0, 1, 2, 3].map((k) => literal(4 * four + k))})`));
}

// Make dot products of four products in a row, which compile in half the time.
function ncaDots(text) {
  const product = /(hidden_\d+_a) \+= (\(\S+\)) \* (cell_a\.inputs\[\d+\])\.([xyzw]);/g;
  const rows = text.split("\n"), parsed = rows.map((row) => (row.startsWith("hidden_") ? [...row.matchAll(product)] : [])), out = [];
  for (let i = 0; i < rows.length; i++) {
    const four = parsed.slice(i, i + 4);
    if (four.length === 4 && four.every((found, lane) => found.length && found[0][4] === "xyzw"[lane])) {
      out.push(four[0].map(([, sum, , input], k) => `${sum} += dot(vec4(${four.map((found) => found[k][2])}), ${input});`).join(" "));
      i += 3;
    } else out.push(rows[i]);
  }
  return out.join("\n");
}

class NcaDevice {
  constructor(canvas) {
    const options = { antialias: false, depth: false, powerPreference: "high-performance" };
    const gl = this.gl = canvas.getContext("webgl2", options);
    if (!gl) throw new NoWebGL("This browser has no WebGL 2, which the texture needs to grow; the picture above is a still.");
    this.setUp();
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    this.renderer = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    this.software = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(this.renderer);
  }

  // Also after a lost context, when nothing is left of what was made before.
  setUp() {
    const { gl } = this;
    this.programs = new Map();
    this.buffers = new Map();
    this.target = gl.createFramebuffer();
    gl.bindVertexArray(gl.createVertexArray());
    gl.disable(gl.DITHER);
    const float = gl.getExtension("EXT_color_buffer_float"), half = float || gl.getExtension("EXT_color_buffer_half_float");
    this.half = !(float && this.draws(gl.RGBA32F));
    if (this.half && !(half && this.draws(gl.RGBA16F)))
      throw new NoWebGL("This browser can't draw into textures of floats, which the texture needs to grow; the picture above is a still.");
  }

  draws(format) {
    const texture = this.texture(4, 4, NCA_TARGETS, format), { gl } = this;
    this.attach(texture, 0, NCA_TARGETS);
    const complete = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
    this.drop(texture);
    return complete;
  }

  // A texture of some layers, or without layers if there are 0. Its format: by default that of states.
  texture(width, height, layers, format = this.half ? this.gl.RGBA16F : this.gl.RGBA32F) {
    const { gl } = this, kind = layers ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D, handle = gl.createTexture();
    gl.bindTexture(kind, handle);
    if (layers) gl.texStorage3D(kind, 1, format, width, height, layers);
    else gl.texStorage2D(kind, 1, format, width, height);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(kind, filter, gl.NEAREST);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(kind, wrap, gl.CLAMP_TO_EDGE);
    return { handle, kind, width, height, layers };
  }

  // Fill a texture with planes of (height, width) vec4.
  fill({ handle, kind, width, height, layers }, planes) {
    const { gl } = this;
    gl.bindTexture(kind, handle);
    if (layers) gl.texSubImage3D(kind, 0, 0, 0, 0, width, height, layers, gl.RGBA, gl.FLOAT, planes);
    else gl.texSubImage2D(kind, 0, 0, 0, width, height, gl.RGBA, gl.FLOAT, planes);
  }

  // Read a texture's planes; into a buffer of WebGL from a byte on, if there is one, which doesn't wait.
  read(texture, buffer = null, start = 0) {
    const { gl } = this, size = 4 * texture.width * texture.height, planes = buffer ? null : new Float32Array(size * (texture.layers || 1));
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    for (let layer = 0; layer < (texture.layers || 1); layer++) {
      this.attach(texture, layer, 1);
      gl.readPixels(0, 0, texture.width, texture.height, gl.RGBA, gl.FLOAT, ...(buffer ? [start + 4 * size * layer] : [planes, size * layer]));
    }
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    return planes;
  }

  drop(texture) { if (texture) this.gl.deleteTexture(texture.handle); }

  // Draw to some layers of a texture.
  attach(texture, first, count) {
    const { gl } = this, points = Array.from({ length: NCA_TARGETS }, (_, k) => gl.COLOR_ATTACHMENT0 + k);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    points.forEach((point, k) => {
      if (texture.layers) gl.framebufferTextureLayer(gl.FRAMEBUFFER, point, k < count ? texture.handle : null, 0, first + k);
      else gl.framebufferTexture2D(gl.FRAMEBUFFER, point, gl.TEXTURE_2D, k < count ? texture.handle : null, 0);
    });
    gl.drawBuffers(points.slice(0, count));
    gl.readBuffer(points[0]);
  }

  // Compile a fragment shader once. defines: names and values. weights: see `inlined`.
  program(text, defines = {}, weights = null) {
    const all = this.half ? { ...defines, HALF: 1 } : defines;
    const key = JSON.stringify(all) + (weights && this.inlines(weights) ? weights.byteOffset : "") + text;
    if (!this.programs.has(key)) this.programs.set(key, this.compile(this.withWeights(text, weights), all));
    return this.programs.get(key);
  }

  inlines(weights) { return this.software && weights.length <= NCA_INLINED; }

  withWeights(text, weights) {
    if (!weights) return text;
    if (this.inlines(weights)) return ncaInline(text, weights);
    if (4 * weights.length > this.gl.getParameter(this.gl.MAX_UNIFORM_BLOCK_SIZE)) return text;
    const block = `layout(std140) uniform Weights { vec4 block[${weights.length / 4}]; };\n#define WEIGHT(i) block[i]`;
    return text.replace(/^#define WEIGHT\(i\).*$/m, block);
  }

  compile(text, defines) {
    const { gl } = this, program = gl.createProgram();
    const head = Object.entries(defines).map(([name, value]) => `#define ${name} ${value}\n`).join("");
    const known = Object.keys(defines).map((name) => `^#define ${name} .*\\n`);
    const rest = known.length ? text.replace(RegExp(known.join("|"), "gm"), "") : text;
    for (const [kind, source] of [[gl.VERTEX_SHADER, NCA_COVER], [gl.FRAGMENT_SHADER, rest.replace("\n", `\n${head}`)]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader));
      throw new Error(`The browser refused a shader: ${[...logs, gl.getProgramInfoLog(program)].filter(Boolean).join(" ").slice(0, 500)}`);
    }
    return { handle: program, uniforms: this.uniformsOf(program) };
  }

  uniformsOf(program) {
    const { gl } = this, found = new Map();
    let unit = 0;
    gl.useProgram(program);
    for (let k = 0; k < (gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) || 0); k++) {
      const { name, type } = gl.getActiveUniform(program, k), place = gl.getUniformLocation(program, name);
      if (!place) continue; // it belongs to a block
      const sampler = type === gl.SAMPLER_2D || type === gl.SAMPLER_2D_ARRAY;
      if (sampler) gl.uniform1i(place, unit);
      found.set(name.replace("[0]", ""), { place, set: this.setter(type), unit: sampler ? unit++ : -1, last: undefined });
    }
    return found;
  }

  setter(type) {
    const { gl } = this, setters = {
      [gl.FLOAT]: "uniform1f", [gl.FLOAT_VEC2]: "uniform2fv", [gl.FLOAT_VEC3]: "uniform3fv", [gl.FLOAT_VEC4]: "uniform4fv",
      [gl.INT]: "uniform1i", [gl.INT_VEC2]: "uniform2iv", [gl.INT_VEC3]: "uniform3iv", [gl.INT_VEC4]: "uniform4iv", [gl.UNSIGNED_INT]: "uniform1ui",
    };
    return setters[type];
  }

  use(program, textures, uniforms) {
    const { gl } = this;
    gl.useProgram(program.handle);
    for (const [name, found] of program.uniforms) {
      if (found.unit >= 0) {
        const texture = textures[name];
        gl.activeTexture(gl.TEXTURE0 + found.unit);
        gl.bindTexture(texture.kind, texture.handle);
      } else {
        const value = uniforms[name], key = typeof value === "object" ? String(value) : value;
        if (key === found.last || value === undefined) continue;
        gl[found.set](found.place, value);
        found.last = key;
      }
    }
    gl.activeTexture(gl.TEXTURE0);
  }

  // Run a pass. parts: [first layer, layers, text] of each shader; target: what is written; weights: of the step's net.
  run(parts, [width, height], target, textures, uniforms, defines = {}, weights = null) {
    const { gl } = this;
    for (const [first, count, text] of parts) {
      const program = this.program(text, defines, weights);
      this.use(program, textures, uniforms);
      if (weights) this.bindBlock(program, weights);
      this.attach(target, first, count);
      gl.viewport(0, 0, width, height);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  bindBlock(program, weights) {
    const { gl } = this;
    if (program.block === undefined) {
      const index = gl.getUniformBlockIndex(program.handle, "Weights");
      program.block = index !== gl.INVALID_INDEX;
      if (program.block) gl.uniformBlockBinding(program.handle, index, 0);
    }
    if (!program.block) return;
    if (!this.buffers.has(weights.byteOffset)) {
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
      gl.bufferData(gl.UNIFORM_BUFFER, weights, gl.STATIC_DRAW);
      this.buffers.set(weights.byteOffset, buffer);
    }
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, this.buffers.get(weights.byteOffset));
  }
}
