// Products of experts, one row of the result for each row of the left factor.
//
//   T tokens, K slots per token, R = T * K rows sorted by expert; of expert e: out[r] = left[r] matrix[e]
//
// Left rows lie one after the other, or row r is that of token slot_of_row[r] / K, read where it lies. A cluster takes
// up to 256 rows of one expert, split between its blocks, and 256 columns of the expert's matrix. Clusters go from tile
// to tile, and what a tile reads is on its way before the tile ahead is written.

namespace {

struct Tile {
    int expert, first, end, column;  // the first row, where the expert's rows end, and which block of columns
};

__device__ inline Tile tile_of(const int* tiles, int number, int total, int blocks) {
    const int* entry = tiles + number / blocks * 3;
    const bool is_real = number < total;
    return {is_real ? entry[0] : 0, is_real ? entry[1] : 0, is_real ? entry[2] : 0, number % blocks};
}

// How many rows of a tile each block takes: 128, and 64 of a short one.
__device__ inline int share_of(const Tile& tile) { return tile.end - tile.first <= kRows ? kRows / 2 : kRows; }

// silu(gate) * up of two pairs, with one division for both.
__device__ inline void activate(const float (&gate)[2], const float (&up)[2], float weight, float (&value)[2]) {
    const float one = 1.f + __expf(fminf(-gate[0], 40.f)), two = 1.f + __expf(fminf(-gate[1], 40.f));
    const float share = __fdividef(weight, one * two);
    value[0] = gate[0] * up[0] * (share * two);
    value[1] = gate[1] * up[1] * (share * one);
}

struct Given {
    const bfloat16* left;
    const TensorMap* matrices;
    const float* weights;  // of each slot, in the activation
    const int *slot_of_row, *tiles, *count;
    bfloat16 *out, *kept;
    int width, inner, slots;  // columns of the result; what is summed over; K
};

// kGated: the columns are 128 of gate and 128 of up, and the result is weight * silu(gate) * up; with kKeep gate and up
// are written, too. kTurned: matrices are (inner, width), otherwise (width, inner).
template <bool kGather, bool kTurned, bool kGated, bool kKeep>
__device__ inline void run(const Given& given) {
    const Ring ring = new_ring();
    const uint32_t rank = rank_in_cluster();
    const int columns = kGated ? kColumns / 2 : kColumns;
    const int blocks = given.width / columns, total = *given.count * blocks;
    const int clusters = gridDim.x / 2, steps = given.inner / kStep;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int step_of_all = 0;
    Tile tile = tile_of(given.tiles, blockIdx.x / 2, total, blocks);
    if (warp < kCopyWarps) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 56;");
        const int chunk = threadIdx.x % 8, line = threadIdx.x / 8;
        int source[8];  // left rows that this thread copies 16 bytes of
        auto find_sources = [&](const Tile& next) {
#pragma unroll
            for (int index = 0; index < 8; ++index) {
                const int own = next.first + rank * share_of(next) + line + 16 * index;
                const int row = own < next.end ? own : next.first;
                source[index] = kGather ? given.slot_of_row[row] : row;
            }
        };
        find_sources(tile);
        for (int number = blockIdx.x / 2; number < total; number += clusters) {
            const int lines = share_of(tile) / 16;
            const bfloat16* from[8];
#pragma unroll
            for (int index = 0; index < 8; ++index) {
                const int64_t row = kGather ? source[index] / given.slots : source[index];
                from[index] = given.left + row * given.inner + chunk * 8;
            }
            const int first_column = tile.column * columns;
            Tile next;
            for (int step = 0; step < steps; ++step, ++step_of_all) {
                const uint32_t place = ring.place(step_of_all), full = ring.full_at(step_of_all);
                ring.wait_until_empty(step_of_all);
                if (threadIdx.x == 0) {
                    expect(full, kRightBytes);
#pragma unroll
                    for (int index = 0; index < 2; ++index) {
                        const int box = 2 * rank + index;
                        const uint32_t to = place + kLeftBytes + box * kBoxBytes;
                        if (kTurned) {
                            const int row = tile.expert * given.inner + step * kStep;
                            fetch_for_both(to, given.matrices, first_column + 64 * box, row, full);
                        } else {
                            const int row = kGated ? (2 * tile.expert + rank) * given.width + first_column + 64 * index
                                                   : tile.expert * given.width + first_column + 64 * box;
                            fetch_for_both(to, given.matrices, step * kStep, row, full);
                        }
                    }
                }
#pragma unroll
                for (int index = 0; index < 8; ++index)
                    if (index < lines) copy(place + swizzled(line + 16 * index, chunk), from[index] + step * kStep);
                arrive_with_copies(full);
                // The next tile is looked up on the way, so that nothing waits for it.
                if (step == 0) next = tile_of(given.tiles, number + clusters, total, blocks);
                if (step == min(6, steps - 1)) find_sources(next);
            }
            tile = next;
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 224;");
        const int group = warp / 4 - 1;
        const uint32_t part_place = ring.base + kPartsOffset + (warp - kCopyWarps) * kPartBytes;
        // What a tile gave is held, and written while the next one is computed.
        constexpr int kHeld = kGated && !kKeep ? 1 : 2;
        const int64_t width = given.width, pitch = kKeep ? 2 * width : width;
        Part held[kHeld];
        bfloat16* held_out = nullptr;
        int held_rows = 0;
        auto write_held = [&](int side) {
            write_part(held[side], part_place, held_out + side * (kKeep ? width : kPartColumns), pitch, held_rows);
        };
        for (int number = blockIdx.x / 2; number < total; number += clusters) {
            const Tile next = tile_of(given.tiles, number + clusters, total, blocks);
            const int share = share_of(tile);
            if (group * 64 >= share) {  // nothing to do for this group
                for (int step = 0; step < steps; ++step, ++step_of_all) {
                    ring.wait_until_full(step_of_all);
                    ring.release(step_of_all);
                }
                tile = next;
                continue;
            }
            const int first = tile.first + rank * share + group * 64 + warp % 4 * 16;  // of this warp's rows
            float weight[2] = {};
            if (kGated) {
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    const int row = first + lane / 4 + 8 * half;
                    weight[half] = given.weights[given.slot_of_row[row < tile.end ? row : tile.first]];
                }
            }
            float sum[128];
            for (int step = 0; step < steps; ++step, ++step_of_all) {
                ring.wait_until_full(step_of_all);
                const uint32_t place = ring.place(step_of_all);
                const uint64_t left = described(place + group * kBoxBytes), right = described(place + kLeftBytes);
                begin_products();
#pragma unroll
                for (int sixteen = 0; sixteen < 4; ++sixteen) {
                    constexpr int kAlong = 32 >> 4, kAcross = 16 * 128 >> 4;
                    multiply<false, kTurned>(sum, left + sixteen * kAlong,
                                             right + sixteen * (kTurned ? kAcross : kAlong), step + sixteen);
                }
                commit_products();
                wait_for_products<1>();
                if (step > 0) ring.release(step_of_all - 1);
                if (step == 1) write_held(0);
                if (kHeld == 2 && step == 3) write_held(1);
            }
            wait_for_products<0>();
            ring.release(step_of_all - 1);
            if (steps < 2) write_held(0);
            if (kHeld == 2 && steps < 4) write_held(1);
            held_rows = min(tile.end - first, 16);
            held_out = (kKeep ? given.kept : given.out) + first * pitch + tile.column * columns;
            if (kGated) {
                Part activated;
#pragma unroll
                for (int block = 0; block < 16; ++block)
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        const int index = block * 4 + half * 2;
                        const float gate[2] = {sum[index], sum[index + 1]}, up[2] = {sum[64 + index], sum[65 + index]};
                        float value[2];
                        activate(gate, up, weight[half], value);
                        (kKeep ? activated : held[0])[block][half] = packed(value[0], value[1]);
                    }
                if (kKeep) {
                    bfloat16* out = given.out + first * width + tile.column * columns;
                    write_part(activated, part_place, out, width, held_rows);
                }
            }
            if (!kGated || kKeep) {
#pragma unroll
                for (int side = 0; side < kHeld; ++side) take_part(held[side], sum, side);
            }
            tile = next;
        }
        for (int side = 0; side < kHeld; ++side) write_held(side);
    }
    cluster_sync();  // no block ends while the other still writes to it
}

}  // namespace

#define TAKES                                                                                                  \
    const bfloat16 *left, const __grid_constant__ TensorMap matrices, const float *weights,                    \
        const int *slot_of_row, const int *tiles, const int *count, bfloat16 *out, bfloat16 *kept, int width, \
        int inner, int slots
#define GIVEN {left, &matrices, weights, slot_of_row, tiles, count, out, kept, width, inner, slots}

KERNEL gated(TAKES) { run<true, false, true, false>(GIVEN); }
KERNEL gated_keep(TAKES) { run<true, false, true, true>(GIVEN); }
KERNEL down(TAKES) { run<false, false, false, false>(GIVEN); }
KERNEL gathered_turned(TAKES) { run<true, true, false, false>(GIVEN); }
KERNEL turned(TAKES) { run<false, true, false, false>(GIVEN); }
