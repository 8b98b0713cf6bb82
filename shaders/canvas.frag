#version 430
// Draws a lattice: each pixel is the mean of `samples` x `samples` points, each the colour of the
// lattice's nearest cell, so that cells have their true (Voronoi) shape. ncaengine/view.py draws
// the same picture in NumPy.
layout(binding = 0) uniform sampler2DArray state; // layer 0 of (layers, height, width) vec4

uniform ivec2 size;      // (width, height) of the grid in cells
uniform vec2 basis_x;    // screen step of one column, in cell widths: (pitch, 0)
uniform vec2 basis_y;    // screen step of one row
uniform int row_shift;   // columns: how the torus closes over the top edge
uniform vec2 origin;     // lattice point, in cell widths, at the picture's upper left corner
uniform float scale;     // pixels a cell width
uniform int samples;
uniform vec2 colour;     // scale and offset: RGB = state * scale + offset
uniform float lines;     // 0 … 1: how dark the lines between cells are

out vec4 pixel;

int floor_div(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// The cell (column, row) on the unrolled plane that is nearest to a point, and in z the distance
// to the line between it and the next nearest, in cell widths.
vec3 nearest(vec2 point) {
    float low = floor(point.y / basis_y.y);
    vec2 best = vec2(0.0);
    float near = 1e30, next = 1e30;
    for (int i = 0; i < 2; i++) {
        float row = low + float(i);
        float exact = (point.x - row * basis_y.x) / basis_x.x;
        float column = floor(exact + 0.5);
        float beside = column + (exact > column ? 1.0 : -1.0);
        for (int j = 0; j < 2; j++) {
            float c = j == 0 ? column : beside;
            float d = distance(point, c * basis_x + row * basis_y);
            if (d < near) { next = near; near = d; best = vec2(c, row); }
            else next = min(next, d);
        }
    }
    return vec3(best, 0.5 * (next - near));
}

ivec2 on_torus(ivec2 cell) {
    int wraps = floor_div(cell.y, size.y);
    int column = cell.x + wraps * row_shift;
    return ivec2(column - size.x * floor_div(column, size.x), cell.y - size.y * wraps);
}

void main() {
    // gl_FragCoord counts rows from the bottom of the framebuffer, whose first row is the picture's
    // top row: textures and read-back images then come out upright.
    vec2 corner = floor(gl_FragCoord.xy);
    vec3 sum = vec3(0.0);
    for (int j = 0; j < samples; j++)
        for (int i = 0; i < samples; i++) {
            vec2 inside = (vec2(i, j) + 0.5) / float(samples);
            vec3 found = nearest((corner + inside) / scale + origin);
            vec3 rgb = texelFetch(state, ivec3(on_torus(ivec2(found.xy)), 0), 0).rgb;
            float line = lines * (1.0 - smoothstep(0.5, 1.5, found.z * scale));
            sum += clamp(rgb * colour.x + colour.y, 0.0, 1.0) * (1.0 - line);
        }
    pixel = vec4(sum / float(samples * samples), 1.0);
}
