// Which cell of a grid an invocation takes. Groups of one row (llvmpipe's) count on from row to row, so that no width
// leaves invocations idle; others lie side by side over the grid, as suits the caches of GPUs.
#include "floor_div.glsl"

uint ordinal() {
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group * (GROUP_X * GROUP_Y) + gl_LocalInvocationIndex;
}

#if GROUP_Y == 1
bool within(ivec2 size) { return ordinal() < uint(size.x * size.y); }

// Beyond the end it is the last cell once more: llvmpipe runs code after an early return, or inside an if, many times
// slower.
ivec2 cell_of_invocation(ivec2 size) {
    int n = int(min(ordinal(), uint(size.x * size.y) - 1u)), row = floor_div(n, size.x);
    return ivec2(n - row * size.x, row);
}
#else
bool within(ivec2 size) { return all(lessThan(ivec2(gl_GlobalInvocationID.xy), size)); }

// Beyond the edge it is a cell there once more.
ivec2 cell_of_invocation(ivec2 size) { return min(ivec2(gl_GlobalInvocationID.xy), size - 1); }
#endif
