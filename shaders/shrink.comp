#version 430
// Brings a state to a coarser scale: each new cell lies between four old ones (bilinear, as torch's interpolate
// without aligned corners).
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#include "state.glsl"

layout(binding = 0, STATE) readonly uniform image2DArray before; // LAYERS of (height, width) vec4
layout(binding = 1, rgba32f) writeonly uniform image2DArray after; // LAYERS of (height, width) vec4, the coarser

uniform ivec2 size;      // (width, height) of the coarser
uniform ivec2 from_size; // of the state
uniform int from_shift;  // the state's row_shift

#include "invocation.glsl"
#include "placed.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);
    vec2 at = (vec2(cell) + 0.5) * (vec2(from_size) / vec2(size)) - 0.5;
    ivec2 low = ivec2(floor(at));
    at -= floor(at);
    ivec2 p00 = placed(low, from_size, from_shift), p01 = placed(low + ivec2(1, 0), from_size, from_shift);
    ivec2 p10 = placed(low + ivec2(0, 1), from_size, from_shift), p11 = placed(low + 1, from_size, from_shift);
    for (int k = 0; k < LAYERS; k++) {
        vec4 upper = mix(imageLoad(before, ivec3(p00, k)), imageLoad(before, ivec3(p01, k)), at.x);
        vec4 lower = mix(imageLoad(before, ivec3(p10, k)), imageLoad(before, ivec3(p11, k)), at.x);
        imageStore(after, ivec3(cell, k), mix(upper, lower, at.y));
    }
}
