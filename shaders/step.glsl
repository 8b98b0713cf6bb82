// One step: every cell perceives its neighbourhood through the kernel's stencils and feeds the small net; the net's
// output is added to its state if its hash says that it fires.
//
// Lines that start with "//@" are replaced by code generated for one model and kernel, by ncaengine/backends/gl/shader/
// perception.py and network.py, which explain its names. Defines:
//   FIELDS  cells differ in fire rate, scale and angle, and only those of one model are stepped
//   PAIRS   of two cells, one fires: an invocation steps that one and copies the other; a fragment leaves it to merge.glsl
//   LISTED  an invocation steps a cell that pick.comp listed; without PAIRS and LISTED, any cell, firing or not
//   COPIED  the driver has copied the cells that don't fire
//   COARSE  how many coarser scales the model perceives at
//   EMBEDDING  how many layers of four numbers a cell's embedding has; 0 if the model reads none
#include "state.glsl"

READS(0, STATE, before); // (LAYERS, height, width) vec4, four channels a layer
WRITES(1, STATE, after); // the same shape: the state after the step

// (rows, WEIGHTS_WIDTH) vec4: b2 (channels), then for each hidden unit its b1 (1), its row of w1 (inputs) and its
// column of w2 (channels); without hidden units, for each input its column of w2 (channels). Each of these units is
// padded to whole vec4s. It is an image because llvmpipe loads from one twice as fast as from a buffer.
READS_2D(2, rgba32f, weights);

uniform ivec2 size;        // (width, height) in cells
uniform int row_shift;     // columns, 0 to width - 1: how far the torus is shifted where it closes over the top edge
#ifdef PAIRS
#include "pairs.glsl"
#endif

#ifdef FIELDS
#include "fields.glsl"
#include "turned.glsl"

uniform float scale;       // width of a cell (dx), multiplied by the cell's own scale
uniform float aspect;      // height of a cell over its width (dy/dx)
uniform float angle;       // degrees from +x towards +y, added to the cell's own angle
uniform float dt;          // share of its update that a cell takes, 0 to 2
#endif

#if COARSE > 0
// What each stencil gives at the coarser scales (coarse.glsl): (stencils * LAYERS, height, width) vec4.
READS(4, rgba32f, coarse_0);
READS(5, rgba32f, coarse_1);
READS(6, rgba32f, coarse_2);
uniform ivec2 coarse_size_0, coarse_size_1, coarse_size_2;              // (width, height) of each
uniform int coarse_row_shift_0, coarse_row_shift_1, coarse_row_shift_2; // row_shift of each
#endif

#if EMBEDDING > 0
READS(7, rgba32f, embedding); // (EMBEDDING, height, width) vec4: which texture each cell makes
#endif

#include "fires.glsl"
#include "invocation.glsl"
#include "bring_inside.glsl"
#ifdef LISTED
#define LISTED_ACCESS readonly
#include "listed.glsl"
#endif

#define CHANNELS_SEED 0x9E3779B9u // added to rng_seed for every four channels that fire independently

vec4 load_weight(int i) { return LOAD_2D(weights, ivec2(i % WEIGHTS_WIDTH, i / WEIGHTS_WIDTH)); }

#ifdef FRAGMENT
#define WEIGHT(i) load_weight(i)
#else
// The weights of as many units as fit, loaded by the whole workgroup; FIRST_WEIGHTS of them before the first units.
shared vec4 shared_weights[SHARED_WEIGHTS];
#define WEIGHT(i) shared_weights[i]

void load_weights(int first, int count) {
    for (int i = int(gl_LocalInvocationIndex); i < count; i += GROUP_X * GROUP_Y)
        shared_weights[i] = load_weight(first + i);
    barrier();
}
#endif

// A cell that is stepped.
struct Cell {
    ivec2 place;            // (column, row)
    ivec2 other;            // with PAIRS: the place of the other cell of the pair, which doesn't fire
    vec4 field;             // with FIELDS: the cell's own rate, scale, angle and model, see fields.glsl
    vec4 state[LAYERS];     // before the step
    vec4 inputs[INPUTS];    // the net's, in the order of w1's columns
    vec4 diffusion[LAYERS]; // what diffusion adds to the update, if the model has any
};

// The nth of the CELLS cells that an invocation steps; they lie far apart. Those beyond the end repeat another one.
Cell choose_cell(int nth) {
    Cell c;
#ifdef LISTED
    uint entry = listed[min(ordinal() + uint(nth) * turns[turn].x * (GROUP_X * GROUP_Y), turns[turn].w - 1u)];
    c.place = ivec2(entry & 65535u, entry >> 16u);
#else
    ivec2 covered = size;
#ifdef PAIRS
    covered -= pair_offset;
#endif
    int rows = (covered.y + CELLS - 1) / CELLS;
    c.place = cell_of_invocation(ivec2(covered.x, rows));
    c.place.y = min(c.place.y + nth * rows, covered.y - 1);
#endif
#ifdef PAIRS
    bool first_fires = fires_first(c.place, step_number, rng_seed);
    c.other = first_fires ? c.place + pair_offset : c.place;
    c.place = first_fires ? c.place : c.place + pair_offset;
#endif
#ifdef FIELDS
    c.field = field_of(c.place);
#endif
    return c;
}

void perceive(inout Cell c) {
    ivec2 cell = c.place;
#ifdef FIELDS
    // Factors of derivatives. First derivatives along the cell's own axes are multiplied by 1/dx and 1/dy. The Laplacian
    // is multiplied by the mean of their squares; half the difference of the squares goes with twice the angle. Other
    // stencils are multiplied by a power of the geometric mean.
    vec2 inverse = 1.0 / (scale * c.field.y * vec2(1.0, aspect));
    float mean_square = 0.5 * (inverse.x * inverse.x + inverse.y * inverse.y);
    float half_difference = 0.5 * (inverse.x * inverse.x - inverse.y * inverse.y);
    float mean_inverse = sqrt(inverse.x * inverse.y);
    vec2 turn = turned(angle + c.field.z);
    float cos_angle = turn.x, sin_angle = turn.y;
    float cos_twice = cos_angle * cos_angle - sin_angle * sin_angle, sin_twice = 2.0 * cos_angle * sin_angle;
#endif

    //@ neighbourhood

    //@ perception

    //@ fill_cell
}

void store_cell(Cell c, vec4 update[LAYERS]) {
    ivec2 cell = c.place;
#ifdef FIELDS
    float rate = c.field.x;
#ifdef FRAGMENT
    if (!runs_this_model(c.field)) discard;
#else
    if (runs_this_model(c.field))
#endif
#else
    const float rate = 1.0;
#endif
    {
        //@ store
    }
#if defined(PAIRS) && !defined(COPIED) && !defined(FRAGMENT)
    ivec2 other = c.other;
#ifdef FIELDS
    if (runs_this_model(field_of(other)))
#endif
    {
        //@ copy
    }
#endif
}

void main() {
#ifndef FRAGMENT
    // The weights are loaded first: on llvmpipe, every value that lives across a barrier goes through memory.
    load_weights(0, FIRST_WEIGHTS);
#endif

    Cell cell_a = choose_cell(0);
    perceive(cell_a);
#if CELLS > 1
    Cell cell_b = choose_cell(1);
    perceive(cell_b);
#endif

    //@ network

    store_cell(cell_a, update_a);
#if CELLS > 1
    store_cell(cell_b, update_b);
#endif
}
