#version 430
// Adds up what a stage of an integrator has left (ncaengine/core/integration.py): base + the shares of what differs
// from it. Defines:
//   LAST   the stage is the last one: the state is limited, and ALIVE notes the channel of life
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#include "state.glsl"

// All (LAYERS, height, width) vec4, four channels a layer. The result may be one of the others: each invocation reads a
// cell before it writes it.
layout(binding = 0, STATE) readonly uniform image2DArray base;    // before the step
layout(binding = 1, STATE) writeonly uniform image2DArray result;
layout(binding = 2, STATE) readonly uniform image2DArray stepped; // what the stage's Euler step gave
layout(binding = 3, STATE) readonly uniform image2DArray kept_1;  // what earlier stages kept
layout(binding = 4, STATE) readonly uniform image2DArray kept_2;
layout(binding = 5, STATE) readonly uniform image2DArray kept_3;
#if defined(LAST) && defined(ALIVE)
layout(binding = 7, r32f) writeonly uniform image2D life; // (height, width): the channel of life after the step
#endif

uniform ivec2 size;  // (width, height) in cells
uniform vec4 shares; // of the step, and of the three that were kept

#include "invocation.glsl"

void main() {
    if (!within(size)) return; // a cell that is added up twice would be wrong where the result is one of the others
    ivec2 cell = cell_of_invocation(size);
    for (int k = 0; k < LAYERS; k++) {
        ivec3 at = ivec3(cell, k);
        vec4 from = imageLoad(base, at), sum = from + shares.x * (imageLoad(stepped, at) - from);
        // Places that the method doesn't use hold anything.
        if (shares.y != 0.0) sum += shares.y * (imageLoad(kept_1, at) - from);
        if (shares.z != 0.0) sum += shares.z * (imageLoad(kept_2, at) - from);
        if (shares.w != 0.0) sum += shares.w * (imageLoad(kept_3, at) - from);
        //@ store
    }
}
