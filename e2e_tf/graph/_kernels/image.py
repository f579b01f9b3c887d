"""Nodes out of images, dense and sparse. Images are (n, rows, columns, channels)."""

from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import Float32s, Float64s, Int32s, Int64s, inner, kernel
from e2e_tf.graph._kernels.sorting import _sort


@kernel
def occupied(
    images: Float32s,
    n_image: int,
    rows: int,
    columns: int,
    channels: int,
    threshold: float,
    by_channel: int,
    state: Int64s,
    room: int,
    found: Int32s,
    counts: Int32s,
) -> int:
    """Pixels above threshold as (image, row, column, channel), their counts, and whether all are finite.

    ``state`` holds the number of those that are found and the pixel, of all images, with which to go on: the kernel
    stops where there may be too little room.
    """
    used = state[0]
    finite = 1
    for pixel in range(state[1], n_image * rows * columns):
        total = 0.0
        for channel in range(channels):
            total += abs(images[pixel * channels + channel])
        if total <= threshold:
            continue
        if not total < np.inf:
            finite = 0
        if used + channels > room:
            state[0] = used
            state[1] = pixel
            return finite
        image = pixel // (rows * columns)
        for channel in range(channels if by_channel else 1):
            if by_channel and not abs(images[pixel * channels + channel]) > threshold:
                continue
            found[4 * used] = image
            found[4 * used + 1] = pixel // columns % rows
            found[4 * used + 2] = pixel % columns
            found[4 * used + 3] = channel
            used += 1
            counts[image] += 1
    state[0] = used
    state[1] = n_image * rows * columns
    return finite


@inner
def _pixel(
    images: Float32s, first: int, rows: int, columns: int, channels: int, row: int, column: int
) -> float:
    """A pixel of the image that begins at ``first``, 0 outside."""
    if row < 0 or column < 0 or row >= rows or column >= columns:
        return 0.0
    return np.float64(images[first + (row * columns + column) * channels])


@inner
def _derivatives(
    images: Float32s,
    first: int,
    rows: int,
    columns: int,
    channels: int,
    row: int,
    column: int,
    laplacian: Float32s,
    hessian: Float32s,
    at: int,
) -> None:
    """float64 arithmetic on float32 pixels, rounded to float32 at the end."""
    centre = _pixel(images, first, rows, columns, channels, row, column)
    up = _pixel(images, first, rows, columns, channels, row - 1, column)
    down = _pixel(images, first, rows, columns, channels, row + 1, column)
    left = _pixel(images, first, rows, columns, channels, row, column - 1)
    right = _pixel(images, first, rows, columns, channels, row, column + 1)
    corners = _pixel(images, first, rows, columns, channels, row + 1, column + 1)
    corners += _pixel(images, first, rows, columns, channels, row - 1, column - 1)
    corners -= _pixel(images, first, rows, columns, channels, row + 1, column - 1)
    corners -= _pixel(images, first, rows, columns, channels, row - 1, column + 1)
    laplacian[at] = up + down + left + right - 4.0 * centre
    hessian[3 * at] = up + down - 2.0 * centre
    hessian[3 * at + 1] = left + right - 2.0 * centre
    hessian[3 * at + 2] = 0.25 * corners


@kernel
def fill(
    images: Float32s,
    rows: int,
    columns: int,
    channels: int,
    found: Int32s,
    n: int,
    width: int,
    values: Float32s,
    laplacian: Float32s,
    hessian: Float32s,
) -> None:
    """Values and derivatives of ``width`` channels from that of each node on."""
    for node in range(n):
        row = found[4 * node + 1]
        column = found[4 * node + 2]
        for w in range(width):
            first = found[4 * node] * rows * columns * channels + found[4 * node + 3] + w
            at = node * width + w
            values[at] = images[first + (row * columns + column) * channels]
            _derivatives(images, first, rows, columns, channels, row, column, laplacian, hessian, at)


@kernel
def hits(
    hit_cells: Int32s,
    hit_values: Float32s,
    offsets: Int64s,
    n_jet: int,
    crystals: int,
    tower: int,
    window: Float32s,
    coarse: Float32s,
    sums: Float64s,
    seen: Int32s,
    nodes: Int64s,
    touched: Int64s,
    cells: Int32s,
    n_node: Int32s,
    energy: Float32s,
    laplacian: Float32s,
    hessian: Float32s,
) -> int:
    """Nodes of sparse hits, and their number; ``offsets`` (3, n_jet + 1) are those of the channels in the hits.

    ``window`` (crystals, crystals, 2), ``coarse`` (towers, towers), ``sums`` and ``seen`` are zero before and after.
    """
    towers = crystals // tower
    middle = tower // 2
    used = 0
    for jet in range(n_jet):
        count = 0
        for channel in range(3):
            # Entries of one cell are added in float64, in their order.
            at = channel * (n_jet + 1) + jet
            found = 0
            for entry in range(offsets[at], offsets[at + 1]):
                cell = hit_cells[entry]
                if sums[cell] == 0.0 and hit_values[entry] > 0.0:
                    touched[found] = cell
                    found += 1
                sums[cell] += hit_values[entry]
            for i in range(found):
                cell = touched[i]
                node = cell
                if channel < 2:
                    window[2 * cell + channel] = sums[cell]
                else:
                    coarse[cell] = sums[cell]
                    node = (cell // towers * tower + middle) * crystals + cell % towers * tower + middle
                sums[cell] = 0.0
                if seen[node] == 0:
                    seen[node] = 1
                    nodes[count] = node
                    count += 1
        _sort(nodes, 0, count)
        for i in range(count):
            row = nodes[i] // crystals
            column = nodes[i] % crystals
            cells[2 * used] = row
            cells[2 * used + 1] = column
            for c in range(2):
                energy[3 * used + c] = window[2 * nodes[i] + c]
                _derivatives(window, c, crystals, crystals, 2, row, column, laplacian, hessian, 3 * used + c)
            if row % tower == middle and column % tower == middle:
                row //= tower
                column //= tower
                energy[3 * used + 2] = coarse[row * towers + column]
                _derivatives(coarse, 0, towers, towers, 1, row, column, laplacian, hessian, 3 * used + 2)
            used += 1
        for i in range(count):
            node = nodes[i]
            seen[node] = 0
            window[2 * node] = 0.0
            window[2 * node + 1] = 0.0
            coarse[node // crystals // tower * towers + node % crystals // tower] = 0.0
        n_node[jet] = count
    return used
