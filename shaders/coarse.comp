#version 430
// What the kernel's stencils make of a state at a coarser scale; step.comp looks at it between the cells.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;
layout(binding = 0, rgba32f) readonly uniform image2DArray before; // the state there, layers of (height, width) vec4
layout(binding = 1, rgba32f) writeonly uniform image2DArray after; // (stencils * layers, height, width) vec4

uniform ivec2 size;    // (width, height) there
uniform int row_shift; // columns: how the torus closes over the top edge there

#include "invocation.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ neighbourhood

    //@ surroundings

    //@ store
}
