// Copies the state of some cells from the image into a buffer.

#include "state.glsl"

READS(0, STATE, state);                                                    // (layers, height, width) vec4
layout(std430, binding = 2) readonly buffer Cells { ivec2 cells[]; };   // (count): (column, row)
layout(std430, binding = 3) writeonly buffer Values { vec4 values[]; }; // (count, layers of the state)

uniform int count;

void main() {
    // Invocations beyond the last cell repeat it.
    int i = min(int(gl_GlobalInvocationID.x), count - 1), layers = imageSize(state).z;
    for (int k = 0; k < layers; k++)
        values[i * layers + k] = LOAD(state, cells[i], k);
}
