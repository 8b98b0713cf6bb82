// Before a step in which cells fire independently: lists those that fire, and copies the others unless the driver has
// done so (COPIED). Each workgroup reserves room for all its cells at once, so the list is complete, however long.

#include "state.glsl"

READS(0, STATE, before); // (layers, height, width) vec4, four channels a layer
WRITES(1, STATE, after); // the same shape: the state after the step

uniform ivec2 size; // (width, height) in cells

#ifdef FIELDS
#include "fields.glsl"
#endif
#include "fires.glsl"
#include "invocation.glsl"
#define LISTED_ACCESS
#include "listed.glsl"

shared uint count; // cells of the workgroup that fire
shared uint start; // where their entries begin

void main() {
    if (gl_LocalInvocationIndex == 0u)
        count = 0u;
    barrier();

    ivec2 cell = cell_of_invocation(size);
    bool takes_part = within(size);
#ifdef FIELDS
    vec4 field = field_of(cell);
    float rate = field.x;
    takes_part = takes_part && runs_this_model(field);
#else
    const float rate = 1.0;
#endif
    bool fired = takes_part && fires(pcg4d(uvec4(cell, step_number, rng_seed)).x, rate);
    uint place = 0u;
    if (fired)
        place = atomicAdd(count, 1u);
#ifndef COPIED
    if (takes_part && !fired) {
        ivec2 other = cell;
        //@ copy
    }
#endif
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        start = atomicAdd(turns[turn].w, count);
        atomicMax(turns[turn].x, (start + count + CELLS * GROUP_X * GROUP_Y - 1u) / (CELLS * GROUP_X * GROUP_Y));
        if (gl_WorkGroupID.xy == uvec2(0u))
            turns[1 - turn] = uvec4(0u, 1u, 1u, 0u);
    }
    barrier();
    if (fired)
        listed[start + place] = uint(cell.x) + 65536u * uint(cell.y);
}
