// Mixes values into the state of some cells, in place. The cells are distinct.

#include "state.glsl"

CHANGES(0, STATE, state);                              // (layers, height, width) vec4
layout(std430, binding = 2) readonly buffer Cells { ivec2 cells[]; };     // (count): (column, row)
layout(std430, binding = 3) readonly buffer Values { vec4 values[]; };    // (count, layers of `channels`)
layout(std430, binding = 4) readonly buffer Weights { float weights[]; }; // (count): 0 to 1

uniform int count;
uniform int channels; // how many of the state's first channels are mixed into

void main() {
    int invocation = int(gl_GlobalInvocationID.x), i = min(invocation, count - 1), layers = (channels + 3) / 4;
    float weight = weights[i];
    for (int k = 0; k < layers; k++) {
        vec4 old = LOAD(state, cells[i], k), target = values[i * layers + k];
        // What is not finite any more would stay so: NaN + weight * (target - NaN).
        bvec4 lost = greaterThanEqual(floatBitsToUint(old) & 0x7FFFFFFFu, uvec4(0x7F800000u));
        vec4 mixed = weight == 1.0 ? target : mix(old + weight * (target - old), target, lost);
        bvec4 given = lessThan(4 * k + ivec4(0, 1, 2, 3), ivec4(channels));
        if (invocation < count && weight > 0.0)
            STORE(state, cells[i], k, to_storage(mix(old, mixed, given)));
    }
}
