// How a pass of fragment shaders reads and writes images; compute.glsl does the same for compute shaders. A triangle
// covers the grid, so each cell is a fragment. The pass writes TARGETS layers from FIRST_LAYER on; others take passes of
// their own.
#ifdef GL_ES
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler2DArray;
#endif

#define FRAGMENT
#define PRECISE
#define READS(unit, format, name) uniform sampler2DArray name
#define READS_2D(unit, format, name) uniform sampler2D name
#define WRITES(unit, format, name) layout(location = 0) out vec4 name[TARGETS]
#define WRITES_2D(unit, format, name) layout(location = 0) out vec4 name
#define LOAD(image, cell, layer) texelFetch(image, ivec3(cell, layer), 0)
#define LOAD_2D(image, cell) texelFetch(image, cell, 0)
#define SIZE_2D(image) textureSize(image, 0)
#define STORE(image, cell, layer, value) image[(layer) - FIRST_LAYER] = value
#define STORE_2D(image, cell, value) image = value
