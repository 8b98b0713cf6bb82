// Finds the largest |number| of a state, as bits: those of float32 are in the order of the numbers, NaN above infinity.

#include "state.glsl"

READS(0, STATE, state);                                       // (layers, height, width) vec4
layout(std430, binding = 3) buffer Largest { uint largest; }; // 0 at first

uniform ivec2 size;   // of the grid, in cells
uniform int channels; // of the state; the last layer may have more
uniform int rows;     // that an invocation looks at, in one column

void main() {
    int i = int(gl_GlobalInvocationID.x), column = i % size.x, first = i / size.x * rows;
    uvec4 found = uvec4(0u);
    for (int row = first; row < min(first + rows, size.y); row++)
        for (int k = 0; k < (channels + 3) / 4; k++) {
            uvec4 bits = floatBitsToUint(LOAD(state, ivec2(column, row), k)) & 0x7FFFFFFFu;
            found = max(found, bits * uvec4(lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(channels))));
        }
    uint most = max(max(found.x, found.y), max(found.z, found.w));
    if (most > 0u)
        atomicMax(largest, most);
}
