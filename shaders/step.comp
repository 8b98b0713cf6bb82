#version 430
// One step: every cell perceives its neighbourhood through the kernel's stencils, feeds the small
// net, and adds the net's output to its state if its hash says that it fires.
// Lines that start with "//@" are replaced by code made for one model and kernel (ncaengine/backends/gl/shader/perception.py, netcode.py).
// With FIELDS, cells differ in fire rate, scale and angle, and only those of one model are stepped.
// With PAIRS, an invocation steps the one of two cells that fires and copies the other, unless the driver has copied all
// (COPIED); with LISTED, one of the cells that pick.comp found to fire; else each steps a cell, whether that fires or not.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#include "state.glsl"

// State before and after the step: layers of (height, width) vec4, four channels a layer.
layout(binding = 0, STATE) readonly uniform image2DArray before;
layout(binding = 1, STATE) writeonly uniform image2DArray after;

// (rows, WEIGHTS_WIDTH) vec4: b2 (channels), then for each hidden unit its b1 (1), its row of w1 (inputs) and its
// column of w2 (channels); without hidden units for each input its column of w2 (channels). Each of these pieces is
// filled up to whole vec4s. An image, for llvmpipe loads from it twice as fast as from a buffer.
layout(binding = 2, rgba32f) readonly uniform image2D weights;

uniform ivec2 size;          // (width, height) in cells
uniform int row_shift;       // columns, 0 ... width - 1: how the torus closes over the top edge
#ifdef PAIRS
uniform ivec2 partner;       // (columns, rows) from the first half's cells to those that fire when they do not
#endif

#ifdef FIELDS
#include "fields.glsl"

uniform float scale;         // width of a cell, multiplied by the cell's own
uniform float aspect;        // its height over its width
uniform float angle;         // degrees from +x towards +y, added to the cell's own
uniform float dt;            // the share of its update that a cell takes
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

#include "fires.glsl"
#include "invocation.glsl"
#include "placed.glsl"
#ifdef LISTED
#define LISTED_ACCESS readonly
#include "listed.glsl"
#endif

#define CHANNELS_SEED 0x9E3779B9u // apart for every four channels that fire by chances of their own

// The weights of as many hidden units as fit, filled together by the workgroup.
shared vec4 part[PART];

void fill_part(int first, int count) {
    for (int i = int(gl_LocalInvocationIndex); i < count; i += GROUP_X * GROUP_Y)
        part[i] = imageLoad(weights, ivec2((first + i) % WEIGHTS_WIDTH, (first + i) / WEIGHTS_WIDTH));
    barrier();
}

// A cell that is stepped.
struct Cell {
    ivec2 place;
    ivec2 other;         // with PAIRS: the one that does not fire when this one does
    vec4 field;          // with FIELDS: its own, see fields.glsl
    vec4 own[LAYERS];    // its state before the step
    vec4 seen[SEEN];     // the net's inputs, in the order of w1's columns
    vec4 spread[LAYERS]; // what diffusion adds to the update, if the model has any
};

// The nth of the CELLS cells that an invocation steps; they lie far apart. Those beyond the end are another once more.
Cell chosen(int nth) {
    Cell c;
#ifdef LISTED
    uint entry = listed[min(ordinal() + uint(nth) * turns[turn].x * (GROUP_X * GROUP_Y), turns[turn].w - 1u)];
    c.place = ivec2(entry & 65535u, entry >> 16u);
#else
    ivec2 covered = size;
#ifdef PAIRS
    covered -= partner;
#endif
    int rows = (covered.y + CELLS - 1) / CELLS;
    c.place = cell_of_invocation(ivec2(covered.x, rows));
    c.place.y = min(c.place.y + nth * rows, covered.y - 1);
#endif
#ifdef PAIRS
    bool here = pcg4d(uvec4(c.place, step_number, rng_seed)).x < 0x80000000u;
    c.other = here ? c.place + partner : c.place;
    c.place = here ? c.place : c.place + partner;
#endif
#ifdef FIELDS
    c.field = field_of(c.place);
#endif
    return c;
}

void perceive(inout Cell c) {
    ivec2 cell = c.place;
#ifdef FIELDS
    // Factors of derivatives: of first ones along the cell's own axes, of second ones as the mean of both and
    // half their difference, which goes with twice the angle; of what else there is by order.
    vec2 per = 1.0 / (scale * c.field.y * vec2(1.0, aspect));
    float both = 0.5 * (per.x * per.x + per.y * per.y), apart = 0.5 * (per.x * per.x - per.y * per.y);
    float first = sqrt(per.x * per.y);
    float turn = radians(angle + c.field.z), along = cos(turn), across = sin(turn);
    float along2 = along * along - across * across, across2 = 2.0 * along * across;
#endif

    //@ neighbourhood

    //@ perception

    //@ known
}

void keep(Cell c, vec4 u[LAYERS]) {
    ivec2 cell = c.place;
#ifdef FIELDS
    float rate = c.field.x;
    if (ours(c.field))
#else
    const float rate = 1.0;
#endif
    {
        //@ store
    }
#if defined(PAIRS) && !defined(COPIED)
    ivec2 other = c.other;
#ifdef FIELDS
    if (ours(field_of(other)))
#endif
    {
        //@ copy
    }
#endif
}

void main() {
    // Filled first: on llvmpipe every value that lives across a barrier goes through memory.
    fill_part(0, PART);

    Cell a = chosen(0);
    perceive(a);
#if CELLS > 1
    Cell b = chosen(1);
    perceive(b);
#endif

    //@ network

    keep(a, u_a);
#if CELLS > 1
    keep(b, u_b);
#endif
}
