// Applies the kernel's stencils to a state at a coarser scale; step.glsl interpolates between the results.

READS(0, rgba32f, before); // (layers, height, width) vec4: the coarser state
WRITES(1, rgba32f, after); // (stencils * layers, height, width) vec4

uniform ivec2 size;    // (width, height) of the coarser state
uniform int row_shift; // columns: how far its torus is shifted where it closes over the top edge

#include "invocation.glsl"

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ neighbourhood

    //@ apply_stencils

    //@ store
}
