#version 430
// After a step: a cell lives on if it or a neighbour was alive before and is alive now; else all its channels are 0.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#include "state.glsl"

layout(binding = 0, STATE) readonly uniform image2DArray before; // the state before the step, layers of (height, width) vec4
layout(binding = 1, STATE) uniform image2DArray after;           // after it; each cell changes its own place alone
layout(binding = 7, r32f) readonly uniform image2D fresh;        // (height, width): the channel of life after it

uniform ivec2 size;    // (width, height) in cells
uniform int row_shift; // columns: how the torus closes over the top edge

#include "invocation.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ living

    //@ store
}
