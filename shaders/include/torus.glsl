// Places on the torus; the same as on_torus in ncaengine/core/lattice.py.
uniform ivec2 size;    // (width, height) of the grid in cells
uniform int row_shift; // columns: how far the torus is shifted where it closes over the top edge

#include "floor_div.glsl"

ivec2 on_torus(ivec2 cell) {
    int wraps = floor_div(cell.y, size.y);
    int column = cell.x + wraps * row_shift;
    return ivec2(column - size.x * floor_div(column, size.x), cell.y - size.y * wraps);
}
