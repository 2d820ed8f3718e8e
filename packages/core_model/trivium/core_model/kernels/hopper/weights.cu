// Gradients of the experts' matrices: products that sum over the rows of an expert.
//
//   T tokens, K slots per token, R = T * K rows sorted by expert
//   of expert e: out[e][m][n] = sum over its rows r of left[slot_of_row[r] / K][m] * right[r][n]
//
// A cluster takes 256 lines m of one expert, half of them in each block, and 256 columns n. Rows of the left factor
// are read where they lie, and those beyond the expert's last are zero: there the right one must hold finite numbers.

namespace {

constexpr int kLookedUpOffset = kBarriersOffset + 2 * 8 * kStages;

// Copy a number, or write zero.
__device__ inline void copy_4(uint32_t place, const int* from, bool is_real) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(place), "l"(from), "r"(is_real ? 4 : 0)
                 : "memory");
}

__device__ inline int read_4(uint32_t place) {
    int value;
    asm volatile("ld.shared.s32 %0, [%1];" : "=r"(value) : "r"(place) : "memory");
    return value;
}

struct Given {
    const bfloat16* left;
    const TensorMap* right;
    const int *slot_of_row, *ends;
    bfloat16* out;
    int experts, height, width, slots;  // E; lines m; columns n; K
};

struct Tile {
    int expert, first, end, line, column;
};

__device__ inline Tile tile_of(const Given& given, int number) {
    const int across = given.width / kColumns, each = given.height / (2 * kRows) * across;
    const int expert = min(number / each, given.experts - 1);
    const int first = expert > 0 ? given.ends[expert - 1] : 0;
    return {expert, first, given.ends[expert], number % each / across * (2 * kRows), number % across * kColumns};
}

// Goes through all rows of a cluster's tiles, a step at a time, past tiles without rows.
struct Cursor {
    const Given& given;
    int number, clusters, total, first;
    Tile tile, next;

    __device__ inline Cursor(const Given& given, int number, int clusters, int total)
        : given(given), number(number), clusters(clusters), total(total), tile(tile_of(given, number)),
          next(tile_of(given, number + clusters)) {
        first = tile.first;
        skip();
    }

    __device__ inline void advance() {
        first += kStep;
        skip();
    }

    __device__ inline void skip() {
        while (first >= tile.end && number < total) {
            number += clusters;
            tile = next;
            first = tile.first;
            next = tile_of(given, number + clusters);
        }
    }
};

// Write 64 x 128 numbers of a warpgroup, each warp holding 16 rows, as 128 lines of 64.
__device__ inline void write_turned(const Part& part, uint32_t place, bfloat16* out, int64_t pitch, int group) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
#pragma unroll
    for (int block = 0; block < 16; block += 2) {
        const int line = (block + lane / 16) * 8 + lane % 8, chunk = warp * 2 + lane / 8 % 2;
        asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(
                         place + swizzled(line, chunk)),
                     "r"(part[block][0]), "r"(part[block][1]), "r"(part[block + 1][0]), "r"(part[block + 1][1])
                     : "memory");
    }
    asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
#pragma unroll
    for (int four = 0; four < 32; four += 4) {
        const int line = warp * 32 + four + lane / 8;
        uint4 value;
        asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
                     : "r"(place + swizzled(line, lane % 8)));
        *reinterpret_cast<uint4*>(out + line * pitch + lane % 8 * 8) = value;
    }
    asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
}

// kTurned: the result is (n, m).
template <bool kTurned>
__device__ inline void run(const Given& given) {
    const Ring ring = new_ring();
    const uint32_t rank = rank_in_cluster();
    const int total = given.experts * (given.height / (2 * kRows)) * (given.width / kColumns);
    const int clusters = gridDim.x / 2, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int step_of_all = 0;
    if (warp < kCopyWarps) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 56;");
        const int chunk = threadIdx.x % 8, line = threadIdx.x / 8;
        // A load would wait for all copies that were asked for before it. So rows are looked up by copies, too, each
        // warp for its own 16 lines: those of a step arrive with the stage four steps before, whose place it takes.
        const uint32_t own = ring.base + kLookedUpOffset + warp * kStages * 64;
        Cursor cursor(given, blockIdx.x / 2, clusters, total);
        auto look_up = [&](int step) {
            const int row = cursor.first + warp * 4 + lane % 4 + lane / 4 * 16;
            const uint32_t place = own + step % kStages * 64 + lane * 4;
            if (lane < 16) copy_4(place, given.slot_of_row + row, row < cursor.tile.end);
            cursor.advance();
        };
        for (int step = 0; step < kStages; ++step) look_up(step);
        asm volatile("cp.async.wait_all;" ::: "memory");
        __syncwarp();
        Tile tile = tile_of(given, blockIdx.x / 2);
        for (int number = blockIdx.x / 2; number < total; number += clusters) {
            const Tile next = tile_of(given, number + clusters);
            const bfloat16* left = given.left + tile.line + rank * kRows + chunk * 8;
            for (int first = tile.first; first < tile.end; first += kStep, ++step_of_all) {
                const uint32_t place = ring.place(step_of_all), full = ring.full_at(step_of_all);
                ring.wait_until_empty(step_of_all);
                if (threadIdx.x == 0) {
                    expect(full, kRightBytes);
#pragma unroll
                    for (int index = 0; index < 2; ++index) {
                        const int box = 2 * rank + index;
                        const uint32_t to = place + kLeftBytes + box * kBoxBytes;
                        fetch_for_both(to, given.right, tile.column + 64 * box, first, full);
                    }
                }
                int slot[4];
#pragma unroll
                for (int index = 0; index < 4; ++index)
                    slot[index] = read_4(own + step_of_all % kStages * 64 + (line % 4 + 4 * index) * 4);
                __syncwarp();
                look_up(step_of_all + kStages);
#pragma unroll
                for (int index = 0; index < 4; ++index) {
                    const bool is_real = first + line + 16 * index < tile.end;
                    const bfloat16* from = left + (int64_t)(slot[index] / given.slots) * given.height;
#pragma unroll
                    for (int box = 0; box < 2; ++box)
                        copy(place + box * kBoxBytes + swizzled(line + 16 * index, chunk), from + 64 * box, is_real);
                }
                arrive_with_copies(full);
            }
            tile = next;
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 224;");
        const int group = warp / 4 - 1;
        const uint32_t parts = ring.base + kPartsOffset;
        // What a tile gave is held, and written while the next one is computed.
        Part held[2];
        Tile held_tile{-1};
        auto write_held = [&](int side) {
            if (held_tile.expert < 0) return;
            const int64_t height = given.height, width = given.width;
            bfloat16* out = given.out + held_tile.expert * height * width;
            const int64_t column = held_tile.column + side * kPartColumns;
            const int64_t line = held_tile.line + rank * kRows + group * 64;
            if (kTurned) {
                write_turned(held[side], parts + group * 4 * kPartBytes, out + column * height + line, height, group);
            } else {
                const uint32_t place = parts + (warp - kCopyWarps) * kPartBytes;
                write_part(held[side], place, out + (line + warp % 4 * 16) * width + column, width, 16);
            }
        };
        Tile tile = tile_of(given, blockIdx.x / 2);
        for (int number = blockIdx.x / 2; number < total; number += clusters) {
            const Tile next = tile_of(given, number + clusters);
            float sum[128];
            if (tile.first == tile.end) {
#pragma unroll
                for (int index = 0; index < 128; ++index) sum[index] = 0.f;
            }
            for (int first = tile.first; first < tile.end; first += kStep, ++step_of_all) {
                const int done = first - tile.first;
                ring.wait_until_full(step_of_all);
                const uint32_t place = ring.place(step_of_all);
                const uint64_t left = described(place + group * kBoxBytes), right = described(place + kLeftBytes);
                begin_products();
#pragma unroll
                for (int sixteen = 0; sixteen < 4; ++sixteen) {
                    constexpr int kAcross = 16 * 128 >> 4;
                    multiply<true, true>(sum, left + sixteen * kAcross, right + sixteen * kAcross, done + sixteen);
                }
                commit_products();
                wait_for_products<1>();
                const int step = done / kStep;
                if (step > 0) ring.release(step_of_all - 1);
                if (step == 1) write_held(0);
                if (step == 3) write_held(1);
            }
            wait_for_products<0>();
            if (tile.first < tile.end) ring.release(step_of_all - 1);
            const int steps = (tile.end - tile.first + kStep - 1) / kStep;
            if (steps < 2) write_held(0);
            if (steps < 4) write_held(1);
            held_tile = tile;
#pragma unroll
            for (int side = 0; side < 2; ++side) take_part(held[side], sum, side);
            tile = next;
        }
        write_held(0);
        write_held(1);
    }
    cluster_sync();  // no block ends while the other still writes to it
}

}  // namespace

#define TAKES                                                                                                 \
    const bfloat16 *left, const __grid_constant__ TensorMap right, const int *slot_of_row, const int *ends, \
        bfloat16 *out, int experts, int height, int width, int slots
#define GIVEN {left, &right, slot_of_row, ends, out, experts, height, width, slots}

KERNEL weights(TAKES) { run<false>(GIVEN); }
KERNEL weights_turned(TAKES) { run<true>(GIVEN); }
