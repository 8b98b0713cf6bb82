#version 430
// After a step: a cell lives on if it or a neighbour was alive before and is alive now; else all its channels become 0.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#include "state.glsl"

layout(binding = 0, STATE) readonly uniform image2DArray before; // (layers, height, width) vec4, four channels a layer
layout(binding = 1, STATE) uniform image2DArray after;           // the same shape: after the step; changed in place
layout(binding = 7, r32f) readonly uniform image2D life;         // (height, width): the channel of life after the step

uniform ivec2 size;    // (width, height) in cells
uniform int row_shift; // columns: how far the torus is shifted where it closes over the top edge

#include "invocation.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ find_life

    //@ store
}
