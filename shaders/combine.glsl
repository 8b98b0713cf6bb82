// Adds up what a stage of an integrator has left (ncaengine/core/integration.py): base + the shares of what differs
// from it. Defines:
//   LAST   the stage is the last one: the state is limited
#include "state.glsl"

// All (layers, height, width) vec4, four channels a layer.
READS(0, STATE, base);    // before the step
READS(1, STATE, stepped); // what the stage's Euler step gave
READS(2, STATE, kept_1);  // what earlier stages kept
READS(3, STATE, kept_2);
READS(4, STATE, kept_3);
WRITES(5, STATE, after);

uniform ivec2 size;  // (width, height) in cells
uniform vec4 shares; // of the step, and of the three that were kept

#include "invocation.glsl"

// The sum for one layer. Places that the method doesn't use hold anything.
vec4 combined(ivec2 cell, int layer) {
    vec4 from = LOAD(base, cell, layer), sum = from + shares.x * (LOAD(stepped, cell, layer) - from);
    if (shares.y != 0.0) sum += shares.y * (LOAD(kept_1, cell, layer) - from);
    if (shares.z != 0.0) sum += shares.z * (LOAD(kept_2, cell, layer) - from);
    if (shares.w != 0.0) sum += shares.w * (LOAD(kept_3, cell, layer) - from);
    return sum;
}

void main() {
    ivec2 cell = cell_of_invocation(size);

    //@ store
}
