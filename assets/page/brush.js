"use strict";
// Brushes: one pass over the grid mixes values into the cells near a stroke, as `stroke` in ncaengine/core/brushes.py and
// simulation/painting.py do.

const NCA_FIELDS = ["rate", "scale", "angle", "model"];

const NCA_BRUSH = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler2DArray;
#ifdef FIELD
uniform sampler2D before;     // rate, scale, angle and model of each cell
layout(location = 0) out vec4 after;
#else
uniform sampler2DArray before, fresh;
layout(location = 0) out vec4 after[TARGETS];
uniform int kind;             // 0: the target is 0; 1: the initial state, in fresh; 2: noise
#endif
uniform vec2 basis_x, basis_y, start, along, period; // cell widths; period: of the torus
uniform float turn;           // cell widths by which the torus is shifted where it closes
uniform float radius, fade, strength, value;
uniform ivec4 copies;         // of the torus: first column and row, last column and row
uniform ivec4 ends;           // the cells nearest to both ends of the stroke
uniform uint number, word;    // of the stroke

uvec4 pcg4d(uvec4 v) {
  v = v * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> 16u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}

float weight_of(ivec2 cell) {
  if (cell == ends.xy || cell == ends.zw) return strength;
  vec2 place = float(cell.x) * basis_x + float(cell.y) * basis_y - start;
  float least = 1e30, over = max(dot(along, along), 1e-30);
  for (int j = copies.y; j <= copies.w; j++)
    for (int i = copies.x; i <= copies.z; i++) {
      vec2 p = place + vec2(float(i) * period.x + float(j) * turn, float(j) * period.y);
      p -= clamp(dot(p, along) / over, 0.0, 1.0) * along;
      least = min(least, dot(p, p));
    }
  float away = sqrt(least);
  float inside = fade > 1e-9 ? clamp((radius - away) / fade, 0.0, 1.0) : away <= radius ? 1.0 : 0.0;
  return strength * inside * inside * (3.0 - 2.0 * inside);
}

float chance(uvec4 hashed) { return float(pcg4d(hashed).y >> 8u) * 5.9604644775390625e-8; }

void main() {
  ivec2 cell = ivec2(gl_FragCoord.xy);
  float weight = weight_of(cell);
#ifdef FIELD
  after = texelFetch(before, cell, 0);
  float now = after[FIELD];
#if FIELD == 3
  if (chance(uvec4(cell, number, word)) < weight) after[FIELD] = value;
#elif FIELD == 2
  float turned = now + weight * (mod(value - now + 180.0, 360.0) - 180.0);
  if (weight > 0.0) after[FIELD] = mod(turned + 180.0, 360.0) - 180.0;
#else
  after[FIELD] = now + weight * (value - now);
#endif
#else
  for (int k = 0; k < TARGETS; k++) {
    int layer = FIRST_LAYER + k;
    vec4 old = texelFetch(before, ivec3(cell, layer), 0), new = vec4(0.0);
    if (kind == 1) new = texelFetch(fresh, ivec3(cell, layer), 0);
    if (kind == 2)
      for (int lane = 0; lane < 4; lane++)
        if (4 * layer + lane < CHANNELS)
          new[lane] = value * 2.0 * (chance(uvec4(cell, uint(4 * layer + lane) + ${NCA_EDIT}u, word)) - 0.5);
    vec4 mixed = weight == 1.0 ? new : old + weight * (new - old);
    if (k == 0) after[0] = mixed;
#if TARGETS > 1
    if (k == 1) after[1] = mixed;
#endif
#if TARGETS > 2
    if (k == 2) after[2] = mixed;
#endif
#if TARGETS > 3
    if (k == 3) after[3] = mixed;
#endif
  }
#endif
}`;

// The uniforms of a stroke from one point of the plane to another.
function ncaStroke(kernel, width, height, from, to, radius) {
  const [[ax], [bx, by]] = kernel.basis, wide = width * ax, high = height * by, turn = height * bx - ncaShift(kernel, height) * ax;
  const wraps = Math.floor(from.y / high), x = from.x - wraps * turn, shifted = x - Math.floor(x / wide) * wide;
  const start = [shifted, from.y - wraps * high], along = [to.x - from.x, to.y - from.y];
  // Farther copies of a cell than half the torus are never the nearest, up to what each turn shifts sideways.
  const turns = turn > 1e-9 ? Math.ceil(wide / 2 * turn / (turn ** 2 + high ** 2)) : 0;
  const reach = [Math.min(radius, wide / 2 + 1e-6), Math.min(radius, (turns + 0.5) * high + 1e-6)];
  const [low, most] = [Math.min, Math.max].map((pick, side) => [0, 1].map((k) => pick(start[k], start[k] + along[k]) + (side ? reach[k] : -reach[k])));
  const first = Math.floor((low[1] - (height - 1) * by) / high), last = Math.ceil(most[1] / high);
  const right = (width - 1) * ax + (height - 1) * bx, shifts = [first * turn, last * turn];
  const left = Math.floor((low[0] - right - Math.max(...shifts)) / wide), end = Math.ceil((most[0] - Math.min(...shifts)) / wide);
  const ends = [from, to].flatMap(({ x, y }) => ncaCellAt(kernel, width, height, x, y));
  return { basis_x: [ax, 0], basis_y: [bx, by], start, along, period: [wide, high], turn, radius, copies: [left, first, end, last], ends };
}
