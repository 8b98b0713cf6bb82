#version 430
// One step: every cell perceives its neighbourhood through the kernel's stencils, feeds the small
// net, and adds the net's output to its state if its hash says that it fires.
// Lines that start with "//@" are replaced by code made for one model and kernel (ncaengine/stepcode.py).
// With FIELDS, cells differ in fire rate, scale and angle, and only those of one model are stepped.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

// State before and after the step: layers of (height, width) vec4, four channels a layer.
layout(binding = 0, rgba32f) readonly uniform image2DArray before;
layout(binding = 1, rgba32f) writeonly uniform image2DArray after;

// b2 (channels), then for each hidden unit its b1 (1), its row of w1 (inputs) and its column of
// w2 (channels); without hidden units for each input its column of w2 (channels).
layout(std430, binding = 2) readonly buffer Weights { float weights[]; };

uniform ivec2 size;          // (width, height) in cells
uniform int row_shift;       // columns, 0 ... width - 1: how the torus closes over the top edge
uniform uint step_number;
uniform uint rng_seed;
uniform uint fire_threshold; // a cell fires if its hash is smaller; 0xFFFFFFFF: all fire

#ifdef FIELDS
// Rate, scale, angle in degrees and model of each cell (ncaengine/fields.py). Beyond the image its
// edge goes on, so that a small one serves for defaults.
layout(binding = 3, rgba32f) readonly uniform image2D fields;

uniform float fire_rate;     // that of fire_threshold, for cells of another rate than 1
uniform float scale;         // width of a cell, multiplied by the cell's own
uniform float aspect;        // its height over its width
uniform float angle;         // degrees from +x towards +y, added to the cell's own
uniform float dt;            // the share of its update that a cell takes
uniform int models;          // of the grid; cells of a higher number run the last
uniform int slot;            // the number of this one
#endif

#if COARSE > 0
// What each stencil makes of the state at the coarser scales (coarse.comp): (stencils * layers, height, width) vec4.
layout(binding = 4, rgba32f) readonly uniform image2DArray coarse_0;
layout(binding = 5, rgba32f) readonly uniform image2DArray coarse_1;
layout(binding = 6, rgba32f) readonly uniform image2DArray coarse_2;
uniform ivec2 coarse_size_0, coarse_size_1, coarse_size_2; // (width, height) of each
uniform int coarse_shift_0, coarse_shift_1, coarse_shift_2;  // row_shift of each
#endif

#ifdef ALIVE
layout(binding = 7, r32f) writeonly uniform image2D fresh; // (height, width): the new value of the channel of life
#endif

#include "pcg4d.glsl"
#include "placed.glsl"

#define CHANNELS_SEED 0x9E3779B9u // apart for every four channels that fire by chances of their own

// The weights of as many hidden units as fit, filled together by the workgroup.
shared float part[PART];

void fill_part(int first, int count) {
    for (int i = int(gl_LocalInvocationIndex); i < count; i += GROUP_X * GROUP_Y)
        part[i] = weights[first + i];
    barrier();
}

// Whether a hash says so, for a cell that multiplies the fire rate by `rate`.
bool fires(uint word, float rate) {
    bool plain = fire_threshold == 0xFFFFFFFFu || word < fire_threshold;
#ifdef FIELDS
    // The upper 24 bits as a float, exactly: 2^-24 times a whole number.
    precise float chance = fire_rate * rate;
    return rate == 1.0 ? plain : float(word >> 8u) * 5.9604644775390625e-8 < chance;
#else
    return plain;
#endif
}

void main() {
    // Filled first: on llvmpipe every value that lives across a barrier goes through memory.
    fill_part(0, PART);

    // Invocations beyond the edge repeat its cells: llvmpipe runs code after an early return, or
    // inside an if, many times slower.
    ivec2 cell = min(ivec2(gl_GlobalInvocationID.xy), size - 1);

#ifdef FIELDS
    vec4 field = imageLoad(fields, min(cell, imageSize(fields) - 1));
    float rate = field.x;
    // Factors of derivatives: of first ones along the cell's own axes, of second ones as the mean of both and
    // half their difference, which goes with twice the angle; of what else there is by order.
    vec2 per = 1.0 / (scale * field.y * vec2(1.0, aspect));
    float both = 0.5 * (per.x * per.x + per.y * per.y), apart = 0.5 * (per.x * per.x - per.y * per.y);
    float first = sqrt(per.x * per.y);
    float turn = radians(angle + field.z), along = cos(turn), across = sin(turn);
    float along2 = along * along - across * across, across2 = 2.0 * along * across;
#else
    const float rate = 1.0;
#endif

    //@ neighbourhood

    //@ perception

    //@ network

#ifdef FIELDS
    if (clamp(int(field.w + 0.5), 0, models - 1) == slot)
#endif
    {
        //@ store
    }
}
