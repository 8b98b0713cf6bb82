// How a pass of compute shaders reads and writes images; fragment.glsl does the same for fragment shaders.
// Images are layers of (height, width) vec4, or with _2D one such layer. ncaengine/backends/gl/programs.py binds each
// by its name.
layout(local_size_x = GROUP_X, local_size_y = GROUP_Y) in;

#define PRECISE precise
#define READS(unit, format, name) layout(binding = unit, format) readonly uniform image2DArray name
#define READS_2D(unit, format, name) layout(binding = unit, format) readonly uniform image2D name
#define WRITES(unit, format, name) layout(binding = unit, format) writeonly uniform image2DArray name
#define WRITES_2D(unit, format, name) layout(binding = unit, format) writeonly uniform image2D name
#define CHANGES(unit, format, name) layout(binding = unit, format) uniform image2DArray name
#define LOAD(image, cell, layer) imageLoad(image, ivec3(cell, layer))
#define LOAD_2D(image, cell) imageLoad(image, cell)
#define SIZE_2D(image) imageSize(image)
#define STORE(image, cell, layer, value) imageStore(image, ivec3(cell, layer), value)
#define STORE_2D(image, cell, value) imageStore(image, cell, value)
