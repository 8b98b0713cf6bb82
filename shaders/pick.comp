#version 430
// Before a step at which cells fire by coins of their own: lists those that fire, and copies the others, unless
// that is done (COPIED).
// Each workgroup finds room for its own cells at once, so that the list is whole whatever their number.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#include "state.glsl"

// State before and after the step: layers of (height, width) vec4, four channels a layer.
layout(binding = 0, STATE) readonly uniform image2DArray before;
layout(binding = 1, STATE) writeonly uniform image2DArray after;

#ifdef ALIVE
layout(binding = 7, r32f) writeonly uniform image2D fresh; // (height, width): the new value of the channel of life
#endif

uniform ivec2 size; // (width, height) in cells

#ifdef FIELDS
#include "fields.glsl"
#endif
#include "fires.glsl"
#include "invocation.glsl"
#define LISTED_ACCESS
#include "listed.glsl"

shared uint found, start;

void main() {
    if (gl_LocalInvocationIndex == 0u)
        found = 0u;
    barrier();

    ivec2 cell = cell_of_invocation(size);
    bool here = within(size);
#ifdef FIELDS
    vec4 field = field_of(cell);
    float rate = field.x;
    here = here && ours(field);
#else
    const float rate = 1.0;
#endif
    bool fired = here && fires(pcg4d(uvec4(cell, step_number, rng_seed)).x, rate);
    uint place = 0u;
    if (fired)
        place = atomicAdd(found, 1u);
#ifndef COPIED
    if (here && !fired) {
        ivec2 other = cell;
        //@ copy
    }
#endif
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        start = atomicAdd(turns[turn].w, found);
        atomicMax(turns[turn].x, (start + found + CELLS * GROUP_X * GROUP_Y - 1u) / (CELLS * GROUP_X * GROUP_Y));
        if (gl_WorkGroupID.xy == uvec2(0u))
            turns[1 - turn] = uvec4(0u, 1u, 1u, 0u);
    }
    barrier();
    if (fired)
        listed[start + place] = uint(cell.x) + 65536u * uint(cell.y);
}
