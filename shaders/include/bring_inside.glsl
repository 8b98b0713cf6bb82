// Brings a place that is at most one cell outside a grid back into it: wrapped on the torus (TORUS), else to the edge.
// row_shift: columns, 0 to width - 1, by which the torus is shifted where it closes over the top edge.
ivec2 bring_inside(ivec2 cell, ivec2 size, int row_shift) {
#ifdef TORUS
    cell.x += cell.y < 0 ? -row_shift : cell.y >= size.y ? row_shift : 0;
    cell.y += cell.y < 0 ? size.y : cell.y >= size.y ? -size.y : 0;
    cell.x += cell.x < 0 ? size.x : 0;
    cell.x -= cell.x >= size.x ? size.x : 0;
    return cell;
#else
    return clamp(cell, ivec2(0), size - 1);
#endif
}
