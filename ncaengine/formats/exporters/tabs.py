"""GLSL templates of the tabs for shadertoy.com, with a $NAME for what depends on the model; see `shadertoy`."""

MADE_BY = "Made by ncaengine"
"""Marks a Shadertoy that ncaengine exported."""
HEAD = """
At shadertoy.com make a new shader, add the tabs below and paste into each the text under its line "// ---- NAME".
Then set the inputs, with the filter "nearest" where there is a choice:
$INPUTS

A pixel of a buffer holds four numbers, so the channels of a cell are in $TILES tiles side by side, four in each.
A tile is as large as the grid, which is the screen divided by ZOOM, the width of a cell in pixels. The pixel above
the first tile holds the resolution; when it changes, the grid starts again from its seed. Row 0 of a tile is the top
row on the screen. Hold the mouse button to erase a disc of cells.
"""
INPUTS = """
    Buffer A: iChannel0 = Buffer A
    Image: iChannel0 = Buffer A
""".strip("\n")
INPUTS_ALIVE = """
    Buffer A: iChannel0 = Buffer B
    Buffer B: iChannel0 = Buffer A, iChannel1 = Buffer B
    Image: iChannel0 = Buffer B
""".strip("\n")

COMMON = """
const int TILES = $TILES, ZOOM = $ZOOM; // ZOOM: pixels per cell, at least as many as there are tiles
const vec2 PITCH = $PITCH; // of columns and of rows, in cell widths
const float SKEW = $SKEW; // columns by which each row is shifted to the right

// Columns and rows of the grid.
ivec2 gridSize(vec2 resolution) {
    ivec2 size = ivec2(resolution / (float(ZOOM) * PITCH));$EVEN
    return clamp(size, ivec2(1), ivec2(int(resolution.x) / TILES, int(resolution.y) - 1));
}

// Wrap a cell on the torus. Over the upper edge it is shifted, so that the torus is a rectangle on the screen.
ivec2 wrapped(ivec2 cell, ivec2 size) {
    int over = int(floor((float(cell.y) + 0.5) / float(size.y)));
    cell += ivec2(over * int(floor(float(size.y) * SKEW + 1e-4)), -over * size.y);
    cell.x -= size.x * int(floor((float(cell.x) + 0.5) / float(size.x)));
    return cell;
}

vec4 stored(sampler2D store, ivec2 cell, int tile, ivec2 size) {
    return texelFetch(store, ivec2(tile * size.x + cell.x, cell.y), 0);
}

// Four channels of a cell that may be beyond the edge.
vec4 around(sampler2D store, ivec2 cell, int tile, ivec2 size) {
    $AROUND
}

// Whether a store was written at another resolution, or never.
bool stale(sampler2D store, vec2 resolution) {
    return texelFetch(store, ivec2(0, gridSize(resolution).y), 0).xy != resolution;
}

// The point under a pixel, in cell widths from the centre of the top left cell; and the cell nearest to it.
vec2 under(vec2 pixel, vec2 resolution) {
    return vec2(pixel.x, resolution.y - pixel.y) / float(ZOOM) - 0.5 * PITCH;
}
vec2 middle(ivec2 cell) { return (vec2(cell) + vec2(float(cell.y) * SKEW, 0.0)) * PITCH; }
ivec2 nearest(vec2 point) {
    $NEAREST
}
"""
AROUND = {
    "circular": "return stored(store, wrapped(cell, size), tile, size);",
    "replicate": "return stored(store, clamp(cell, ivec2(0), size - 1), tile, size);",
    "zero": """ivec2 held = clamp(cell, ivec2(0), size - 1);
    return held == cell ? stored(store, cell, tile, size) : vec4(0.0);""",
}
NEAREST = "return ivec2(floor(point / PITCH + 0.5));"
NEAREST_SKEWED = """ivec2 found;
    float least = 1e30;
    for (int i = 0; i < 4; i++) { // two cells in the row above and two in the row below
        int row = int(floor(point.y / PITCH.y)) + i / 2;
        ivec2 cell = ivec2(int(floor(point.x / PITCH.x - float(row) * SKEW)) + i % 2, row);
        float away = distance(point, middle(cell));
        if (away < least) { least = away; found = cell; }
    }
    return found;"""

BUFFER_A = """
const uint SEED = $SEED; // change it to let other cells fire
const float ERASER = 12.0; // radius in cell widths

$HASH

$CONSTANTS

vec4 seeded(ivec2 cell, int tile, ivec2 size) {
    $SEEDED
}

vec4 stepped(ivec2 cell, int tile, ivec2 size) {
    // The state filtered by each stencil.
    vec4 $STENCILS;
    for (int k = 0; k < TILES; k++) {
        $CLEAR = vec4(0.0);
        for (int i = 0; i < TAPS; i++) {
            vec4 there = around(iChannel0, cell + TAP[i], k, size);
            $ADD
        }
    }
    // The net's inputs.
    vec4 p[INPUTS];
$INPUTS
    // The update.
    vec4 u = B2[tile];
$NETWORK
    uint number = uint(iFrame - 1); // of the step
    $FIRED
    u += stored(iChannel0, cell, tile, size);
    return $CLIPPED;
}

void mainImage(out vec4 fragColor, in vec2 fragCoord) {
    ivec2 size = gridSize(iResolution.xy), pixel = ivec2(fragCoord);
    int tile = pixel.x / size.x;
    ivec2 cell = ivec2(pixel.x - tile * size.x, pixel.y);
    fragColor = pixel == ivec2(0, size.y) ? vec4(iResolution.xy, 0.0, 1.0) : vec4(0.0);
    if (tile >= TILES || cell.y >= size.y) return;
    if (iFrame == 0 || stale(iChannel0, iResolution.xy)) {
        fragColor = seeded(cell, tile, size);
        return;
    }
    vec2 whole = vec2(size) * PITCH, away = middle(cell) - under(iMouse.xy, iResolution.xy);
    away -= whole * floor(away / whole + 0.5);
    if (iMouse.z > 0.0 && length(away) < ERASER) return;
    fragColor = stepped(cell, tile, size);
}
"""
PLACE = """    float x = float(cell.x) + float(cell.y) * SKEW;
    x -= float(size.x) * floor(x / float(size.x));
    x += x < 0.0 ? float(size.x) : x >= float(size.x) ? -float(size.x) : 0.0; // GPUs may divide inexactly
    vec2 place = 2.0 * (vec2(x, cell.y) + 0.5) / vec2(size) - 1.0;
"""
HIDDEN = """    for (int j = 0; j < HIDDEN; j++) {
        float h = B1[j];
        for (int i = 0; i < INPUTS; i++) h += dot(W1[j * INPUTS + i], p[i]);
        u += $UNIT * W2[j * TILES + tile];
    }
"""
DIRECT = """    for (int i = 0; i < INPUTS; i++) u += W2[i * TILES + tile] * p[i];
"""
FIRED = {
    "cell": "if (pcg4d(uvec4(cell, number, SEED)).x >= FIRES) u = vec4(0.0);",
    "channel": """uvec4 words = pcg4d(uvec4(cell, number, SEED + uint(tile) * $APART));
    u = mix(vec4(0.0), u, lessThan(words, uvec4(FIRES))); // each channel has its own chance""",
}

ZEROS = "return vec4(0.0);"
POINT = """ivec4 channel = 4 * tile + ivec4(0, 1, 2, 3);
    return cell == size / 2 ? $LEVEL * vec4(greaterThanEqual(channel, ivec4($FIRST))) : vec4(0.0);"""
CHANCE = """
// A number in [0, 1) for a cell and a channel.
float chance(ivec2 cell, int channel) {
    return float(pcg4d(uvec4(cell, uint(channel) + 0xA0000000u, SEED)).y >> 8u) * exp2(-24.0);
}
"""
NOISE = """vec4 seed;
    for (int i = 0; i < 4; i++) seed[i] = chance(cell, 4 * tile + i) - 0.5;
    return $LEVEL * seed;"""
BLOBS = """vec4 seed = vec4(0.0);
    int count = tile > 0 ? 0 : max(1, int(floor(float(size.x * size.y) / $AREA + 0.5)));
    vec2 reach = min(vec2(4.0 * $RADIUS), vec2((size - 1) / 2));
    for (int i = 0; i < count; i++) {
        vec2 spot = i == 0 ? vec2(0.5) : vec2(chance(ivec2(i, 0), 0), chance(ivec2(i, 0), 1));
        vec2 away = abs(vec2(cell) - floor(spot * vec2(size)));
        away = min(away, vec2(size) - away);
        if (all(lessThanEqual(away, reach))) seed.xyz += $LEVEL * exp(-0.5 * dot(away, away) / ($RADIUS * $RADIUS));
    }
    return seed;"""

BUFFER_B = """
// A cell lives if its life channel or a neighbour's exceeds the threshold, $WHEN the step.
$CONSTANTS

float life(sampler2D store, ivec2 cell, ivec2 size) {
    float most = -1e30;
    for (int i = 0; i < $COUNT; i++) most = max(most, around(store, cell + NEAR[i], $TILE, size)[$LANE]);
    return most;
}

void mainImage(out vec4 fragColor, in vec2 fragCoord) {
    ivec2 size = gridSize(iResolution.xy), pixel = ivec2(fragCoord);
    ivec2 cell = ivec2(pixel.x % size.x, pixel.y);
    fragColor = texelFetch(iChannel0, pixel, 0);
    if (cell.y >= size.y || iFrame == 0 || stale(iChannel1, iResolution.xy)) return;
    if ($LIFE <= $THRESHOLD) fragColor = vec4(0.0);
}
"""

IMAGE = """
void mainImage(out vec4 fragColor, in vec2 fragCoord) {
    ivec2 size = gridSize(iResolution.xy), cell = nearest(under(fragCoord, iResolution.xy));
    vec4 state = stored(iChannel0, wrapped(cell, size), 0, size);
    fragColor = vec4($RGB, 1.0);
}
"""
