// A point for each cell of a list, on that cell of the grid.
uniform ivec2 sides; // (width, height) of the image, in cells

in vec2 cell; // (column, row)
flat out int number;

void main() {
    number = gl_VertexID;
    gl_Position = vec4(2.0 * (cell + 0.5) / vec2(sides) - 1.0, 0.0, 1.0);
    gl_PointSize = 1.0;
}
