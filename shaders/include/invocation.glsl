// Which cell of a grid an invocation takes. Groups of one row (llvmpipe's) continue from row to row, so no width leaves
// invocations idle; other groups are blocks of the grid, which suits the caches of GPUs.
#include "floor_div.glsl"

#ifdef FRAGMENT
bool within(ivec2 size) { return true; }

ivec2 cell_of_invocation(ivec2 size) { return ivec2(gl_FragCoord.xy); }
#else
uniform uint dispatch_start; // a dispatch may begin further on: at which invocation, or with blocks in which row

// The number of the invocation in the dispatch.
uint ordinal() {
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group * (GROUP_X * GROUP_Y) + gl_LocalInvocationIndex;
}

#if GROUP_Y == 1
// Whether the invocation has a cell of its own.
bool within(ivec2 size) { return dispatch_start + ordinal() < uint(size.x * size.y); }

// Invocations beyond the end repeat the last cell: llvmpipe runs code after an early return, or inside an if, many times
// slower.
ivec2 cell_of_invocation(ivec2 size) {
    int n = int(min(dispatch_start + ordinal(), uint(size.x * size.y) - 1u)), row = floor_div(n, size.x);
    return ivec2(n - row * size.x, row);
}
#else
ivec2 place() { return ivec2(gl_GlobalInvocationID.xy + uvec2(0u, dispatch_start)); }

// Whether the invocation has a cell of its own.
bool within(ivec2 size) { return all(lessThan(place(), size)); }

// Invocations beyond the edge repeat a cell there.
ivec2 cell_of_invocation(ivec2 size) { return min(place(), size - 1); }
#endif
#endif
