// Shades each cell once, for every look except the model's plain colours; canvas.glsl then draws the result as it draws
// a state. shade in ncaengine/core/looks.py does the same in NumPy. Defines:
//   MODE     0 rgb, 1 channel, 2 three, 3 update, 4 alive
//   OVERLAY  0 none, or 1 + the number of a field

uniform sampler2DArray state;  // (layers, height, width) vec4
uniform sampler2DArray before; // the same shape: the state before the last step
uniform sampler2D fields;      // (height, width) vec4: rate, scale, angle, model
WRITES(0, rgba8, shaded);         // (1, height, width): RGB, alpha 1

uniform int count;       // channels of the state
uniform ivec3 channels;  // the look's; MODE 1 reads the first
uniform float gain;      // factor of the shown values; for MODE 3 divided by the number of channels
uniform vec2 colour;     // scale and offset: RGB = state * scale + offset
uniform vec4 background; // RGB behind transparent cells; the last is 1 if the state has alpha, else 0
uniform float tint;      // largest share of a cell's colour that an overlay replaces, 0 to 1
uniform float alive;     // alpha above which a cell lives
uniform vec3 ramp[5];    // colours evenly along the shown values
uniform vec3 tints[8];   // colours evenly along the field's values

#include "torus.glsl"
#include "invocation.glsl"

float channel_of(ivec2 cell, int channel) {
    int layer = min(channel, count - 1) / 4;
    return channel < count ? texelFetch(state, ivec3(cell, layer), 0)[channel % 4] : 0.0;
}

// The values of `channels`.
vec3 three(ivec2 cell) {
    return vec3(channel_of(cell, channels.x), channel_of(cell, channels.y), channel_of(cell, channels.z));
}

// How much the last step changed the cell: the sum of absolute changes over all channels.
float change(ivec2 cell) {
    float sum = 0.0;
    for (int channel = 0; channel < count; channel += 4) {
        ivec3 place = ivec3(cell, channel / 4);
        vec4 moved = abs(texelFetch(state, place, 0) - texelFetch(before, place, 0));
        sum += dot(moved, vec4(lessThan(ivec4(0, 1, 2, 3), ivec4(count - channel))));
    }
    return sum;
}

// The highest alpha of the cell and the eight around it in storage.
float alpha(ivec2 cell) {
    float highest = channel_of(cell, 3);
    for (int k = 0; k < 9; k++)
        highest = max(highest, channel_of(on_torus(cell + ivec2(k % 3, k / 3) - 1), 3));
    return highest;
}

vec3 along_ramp(float place) {
    vec3 rgb = ramp[0];
    for (int k = 1; k < 5; k++) rgb = mix(rgb, ramp[k], clamp(place - float(k - 1), 0.0, 1.0));
    return rgb;
}

vec3 shade(ivec2 cell) {
#if MODE == 0
    vec4 four = texelFetch(state, ivec3(cell, 0), 0);
    vec3 behind = background.rgb * background.a * (1.0 - clamp(four.a, 0.0, 1.0));
    return clamp(four.rgb * colour.x + colour.y + behind, 0.0, 1.0);
#elif MODE == 1
    return along_ramp(2.0 + 2.0 * gain * channel_of(cell, channels.x));
#elif MODE == 2
    return clamp(0.5 + 0.5 * gain * three(cell), 0.0, 1.0);
#elif MODE == 3
    return along_ramp(4.0 * sqrt(gain * change(cell)));
#else
    return along_ramp(alpha(cell) > alive ? 4.0 : 0.0);
#endif
}

// How far below (to -1) or above (to 1) its default a factor is, in steps of 4.
float level(float factor) { return clamp(log2(max(factor, 0.25)) / 2.0, -1.0, 1.0); }

// (Where among `tints` the cell's field lies, 0 to 7; how strong the tint is, 0 to 1.)
vec2 tint_of(vec4 field) {
#if OVERLAY == 1
    float rate = field.x < 1.0 ? max(field.x - 1.0, -1.0) : level(field.x);
    return vec2(3.5 + 3.5 * rate, abs(rate));
#elif OVERLAY == 2
    return vec2(3.5 + 3.5 * level(field.y), abs(level(field.y)));
#elif OVERLAY == 3
    float turn = fract(field.z / 360.0);
    return vec2(7.0 * turn, min(2.0 * sin(radians(180.0) * turn), 1.0));
#else
    float place = clamp(floor(field.w + 0.5), 0.0, 7.0);
    return vec2(place, min(place, 1.0));
#endif
}

void main() {
    ivec2 cell = cell_of_invocation(size);
    vec3 rgb = shade(cell);
#if OVERLAY > 0
    vec2 found = tint_of(texelFetch(fields, cell, 0));
    vec3 over = tints[0];
    for (int k = 1; k < 8; k++) over = mix(over, tints[k], clamp(found.x - float(k - 1), 0.0, 1.0));
    rgb = mix(rgb, over, tint * found.y);
#endif
    STORE(shaded, cell, 0, vec4(rgb, 1.0));
}
