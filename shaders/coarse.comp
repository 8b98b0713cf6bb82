#version 430
// Applies the kernel's stencils to a state at a coarser scale; step.comp interpolates between the results.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;
layout(binding = 0, rgba32f) readonly uniform image2DArray before; // (layers, height, width) vec4: the coarser state
layout(binding = 1, rgba32f) writeonly uniform image2DArray after; // (stencils * layers, height, width) vec4

uniform ivec2 size;    // (width, height) of the coarser state
uniform int row_shift; // columns: how far its torus is shifted where it closes over the top edge

#include "invocation.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ neighbourhood

    //@ apply_stencils

    //@ store
}
