// Draws a lattice, with cells in their true (Voronoi) shape; so do ncaengine/core/canvas.py and backends/cpu/drawing.py.
// RASTER (see Raster in ncaengine/core/lattice.py): 0 aligned, 1 boxed, 2 sampled. Sampled: each pixel is the mean of
// `samples` x `samples` points; each point has the colour of the nearest cell, blended with its neighbours' near borders.

WRITES_2D(0, rgba8, picture);    // (height, width) pixels, top row first
uniform sampler2DArray state; // (layers, height, width) vec4, of which layer 0 is read

uniform ivec2 pixels;    // (width, height) of the picture
uniform vec2 basis_x;    // screen step of one column, in cell widths: (pitch, 0)
uniform vec2 basis_y;    // screen step of one row
uniform vec2 origin;     // the picture's upper left corner on the screen's plane, in cell widths
uniform float scale;     // pixels a cell width
uniform int samples;     // points a pixel's side; if boxed, cells that a pixel's side may touch
uniform vec2 colour;     // scale and offset: RGB = state * scale + offset
uniform vec4 background; // RGB behind transparent cells; the last is 1 if the state has alpha, else 0
#ifdef ON_SCREEN
uniform ivec2 corner;    // the lower left corner of the picture on the screen, whose first row is the lowest
#endif
uniform float lines;     // 0 to 1: how dark the lines between cells are

#include "torus.glsl"
#include "invocation.glsl"

vec3 colour_of(vec2 cell) {
    vec4 four = texelFetch(state, ivec3(on_torus(ivec2(cell)), 0), 0);
    vec3 behind = background.rgb * background.a * (1.0 - clamp(four.a, 0.0, 1.0));
    return clamp(four.rgb * colour.x + colour.y + behind, 0.0, 1.0);
}

// How dark a line is at a distance from the border, in cell widths.
float line(float border) { return lines * (1.0 - smoothstep(0.5, 1.5, border * scale)); }

#if RASTER == 0
// The colour at a point, for rectangular cells of whole pixels: no pixel touches two cells.
vec3 look(vec2 point, float fine) {
    vec2 pitch = vec2(basis_x.x, basis_y.y);
    vec2 cell = floor(point / pitch + 0.5);
    vec2 border = (0.5 - abs(point / pitch - cell)) * pitch;
    return colour_of(cell) * (1.0 - line(min(border.x, border.y)));
}
#elif RASTER == 2
// The colour at a point. The nearest cell and its neighbours there are among the two nearest of the row above and the two
// nearest of the row below. A cell's weight rises from 0 to 1 across the border to its nearest rival, over the width of a
// point; `fine` is the number of points a cell width.
vec3 look(vec2 point, float fine) {
    vec2 cell[4], middle[4];
    float squared[4];
    for (int k = 0; k < 4; k++) {
        float row = floor(point.y / basis_y.y) + float(k / 2);
        cell[k] = vec2(floor((point.x - row * basis_y.x) / basis_x.x) + float(k % 2), row);
        middle[k] = cell[k].x * basis_x + row * basis_y;
        squared[k] = dot(point - middle[k], point - middle[k]);
    }
    vec3 sum = vec3(0.0);
    float total = 0.0, border = -1e30;
    for (int k = 0; k < 4; k++) {
        float inside = 1e30;
        for (int j = 0; j < 4; j++)
            if (j != k)
                inside = min(inside, 0.5 * (squared[j] - squared[k]) / distance(middle[j], middle[k]));
        float weight = clamp(0.5 + inside * fine, 0.0, 1.0);
        sum += weight * colour_of(cell[k]);
        total += weight;
        border = max(border, inside);
    }
    return sum / total * (1.0 - line(border));
}
#endif

#if RASTER == 1
// The mean of the rectangular cells that a pixel covers, weighted by area; at most `samples` a side.
vec3 box(vec2 corner) {
    vec2 pitch = vec2(basis_x.x, basis_y.y), share = scale * pitch;
    vec2 low = (corner / scale + origin) / pitch + 0.5, high = low + 1.0 / share, first = floor(low);
    vec3 sum = vec3(0.0);
    for (int j = 0; j < samples; j++)
        for (int i = 0; i < samples; i++) {
            vec2 cell = first + vec2(i, j), part = clamp(min(high, cell + 1.0) - max(low, cell), 0.0, 1.0) * share;
            sum += part.x * part.y * colour_of(cell);
        }
    vec2 middle = 0.5 * (low + high), border = (0.5 - abs(fract(middle) - 0.5)) * pitch;
    return sum * (1.0 - line(min(border.x, border.y)));
}
#endif

void main() {
    ivec2 pixel = cell_of_invocation(pixels);
#ifdef ON_SCREEN
    pixel = ivec2(pixel.x - corner.x, pixels.y - 1 - (pixel.y - corner.y));
#endif
    vec2 corner = vec2(pixel);
#if RASTER == 1
    vec3 rgb = box(corner);
#else
    float n = float(samples);
    vec3 sum = vec3(0.0);
    for (int j = 0; j < samples; j++)
        for (int i = 0; i < samples; i++)
            sum += look((corner + (vec2(i, j) + 0.5) / n) / scale + origin, scale * n);
    vec3 rgb = sum / (n * n);
#endif
    STORE_2D(picture, pixel, vec4(rgb, 1.0));
}
