// What Hopper's products of experts are made of: barriers, copies into shared memory, wgmma, and the end of a tile.
//
// Two blocks of 384 threads form a cluster. In each, one warpgroup brings tiles to shared memory, a ring of stages, and
// two multiply, 64 rows each. A stage holds 64 steps of the sum: 128 rows of the left factor, which every block copies
// for itself, and 256 columns of the right one, of which each block fetches half for both (multicast).

using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long long;
using int64_t = long long;
using bfloat16 = uint16_t;  // moved, never computed with

struct alignas(64) TensorMap {
    uint64_t words[16];
};

namespace {

constexpr int kRows = 128, kColumns = 256, kStep = 64, kStages = 4;
constexpr int kBoxBytes = 64 * 64 * 2;  // a box of 64 lines of 128 bytes is swizzled as one
constexpr int kLeftBytes = kRows * kStep * 2, kRightBytes = kColumns * kStep * 2;
constexpr int kStageBytes = kLeftBytes + kRightBytes;
constexpr int kPartColumns = 128;  // that a warp writes at a time
constexpr int kPartBytes = 16 * kPartColumns * 2;
constexpr int kPartsOffset = kStages * kStageBytes;
constexpr int kCopyWarps = 4, kMultiplyWarps = 8;
constexpr int kBarriersOffset = kPartsOffset + kMultiplyWarps * kPartBytes;

__device__ inline uint32_t rank_in_cluster() {
    uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ inline void cluster_sync() {
    asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
}

__device__ inline void init_barrier(uint32_t barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

__device__ inline void wait(uint32_t barrier, uint32_t parity) {
    asm volatile(
        "{\n.reg .pred done;\nagain:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again;\n}" ::"r"(barrier), "r"(parity)
        : "memory");
}

// Arrive at a barrier of the block of this rank. What is to be seen there was read, not written: no fence of the
// cluster's scope is asked for, which would cost more than the step.
__device__ inline void arrive_at(uint32_t barrier, uint32_t rank) {
    asm volatile(
        "{\n.reg .b32 remote;\nmapa.shared::cluster.u32 remote, %0, %1;\n"
        "mbarrier.arrive.shared::cluster.b64 _, [remote];\n}" ::"r"(barrier), "r"(rank)
        : "memory");
}

// Arrive, and let the barrier wait for so many bytes of fetches, too.
__device__ inline void expect(uint32_t barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// Fetch a box to the same place in both blocks; their barriers there count its bytes.
__device__ inline void fetch_for_both(uint32_t place, const TensorMap* map, int column, int row, uint32_t barrier) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
        "[%0], [%1, {%2, %3}], [%4], %5;" ::"r"(place), "l"(map), "r"(column), "r"(row), "r"(barrier), "h"((uint16_t)3)
        : "memory");
}

// Copy 16 bytes, or write 16 zeros.
__device__ inline void copy(uint32_t place, const void* from, bool is_real = true) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(is_real ? 16 : 0)
                 : "memory");
}

// Arrive once the copies that this thread has asked for so far are there.
__device__ inline void arrive_with_copies(uint32_t barrier) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}

// Where 16 bytes of a line of 128 lie: lines are swizzled in groups of eight.
__device__ inline uint32_t swizzled(int line, int chunk) { return line * 128 + ((chunk ^ (line & 7)) << 4); }

// Boxes in shared memory as wgmma wants them described: groups of eight lines lie 1,024 bytes apart, boxes side by side
// across the lines `kBoxBytes`.
__device__ inline uint64_t described(uint32_t place) {
    constexpr uint64_t kBoxes = kBoxBytes >> 4, kGroups = 1024 >> 4, kSwizzle128 = 1;
    return (uint64_t)((place & 0x3FFFF) >> 4) | kBoxes << 16 | kGroups << 32 | kSwizzle128 << 62;
}

// Add the product of 64 x 16 and 16 x 256 numbers to `sum`, or, with `add` 0, put it there. A factor is turned if its
// lines run along the sum: line k holds row (left) or column (right) numbers of step k.
template <bool kTurnLeft, bool kTurnRight>
__device__ inline void multiply(float (&sum)[128], uint64_t left, uint64_t right, int add) {
    asm volatile(
        "{\n.reg .pred add;\nsetp.ne.b32 add, %130, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
        "}, %128, %129, add, 1, 1, %131, %132;\n}"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]), "+f"(sum[4]), "+f"(sum[5]),
          "+f"(sum[6]), "+f"(sum[7]), "+f"(sum[8]), "+f"(sum[9]), "+f"(sum[10]), "+f"(sum[11]),
          "+f"(sum[12]), "+f"(sum[13]), "+f"(sum[14]), "+f"(sum[15]), "+f"(sum[16]), "+f"(sum[17]),
          "+f"(sum[18]), "+f"(sum[19]), "+f"(sum[20]), "+f"(sum[21]), "+f"(sum[22]), "+f"(sum[23]),
          "+f"(sum[24]), "+f"(sum[25]), "+f"(sum[26]), "+f"(sum[27]), "+f"(sum[28]), "+f"(sum[29]),
          "+f"(sum[30]), "+f"(sum[31]), "+f"(sum[32]), "+f"(sum[33]), "+f"(sum[34]), "+f"(sum[35]),
          "+f"(sum[36]), "+f"(sum[37]), "+f"(sum[38]), "+f"(sum[39]), "+f"(sum[40]), "+f"(sum[41]),
          "+f"(sum[42]), "+f"(sum[43]), "+f"(sum[44]), "+f"(sum[45]), "+f"(sum[46]), "+f"(sum[47]),
          "+f"(sum[48]), "+f"(sum[49]), "+f"(sum[50]), "+f"(sum[51]), "+f"(sum[52]), "+f"(sum[53]),
          "+f"(sum[54]), "+f"(sum[55]), "+f"(sum[56]), "+f"(sum[57]), "+f"(sum[58]), "+f"(sum[59]),
          "+f"(sum[60]), "+f"(sum[61]), "+f"(sum[62]), "+f"(sum[63]), "+f"(sum[64]), "+f"(sum[65]),
          "+f"(sum[66]), "+f"(sum[67]), "+f"(sum[68]), "+f"(sum[69]), "+f"(sum[70]), "+f"(sum[71]),
          "+f"(sum[72]), "+f"(sum[73]), "+f"(sum[74]), "+f"(sum[75]), "+f"(sum[76]), "+f"(sum[77]),
          "+f"(sum[78]), "+f"(sum[79]), "+f"(sum[80]), "+f"(sum[81]), "+f"(sum[82]), "+f"(sum[83]),
          "+f"(sum[84]), "+f"(sum[85]), "+f"(sum[86]), "+f"(sum[87]), "+f"(sum[88]), "+f"(sum[89]),
          "+f"(sum[90]), "+f"(sum[91]), "+f"(sum[92]), "+f"(sum[93]), "+f"(sum[94]), "+f"(sum[95]),
          "+f"(sum[96]), "+f"(sum[97]), "+f"(sum[98]), "+f"(sum[99]), "+f"(sum[100]), "+f"(sum[101]),
          "+f"(sum[102]), "+f"(sum[103]), "+f"(sum[104]), "+f"(sum[105]), "+f"(sum[106]), "+f"(sum[107]),
          "+f"(sum[108]), "+f"(sum[109]), "+f"(sum[110]), "+f"(sum[111]), "+f"(sum[112]), "+f"(sum[113]),
          "+f"(sum[114]), "+f"(sum[115]), "+f"(sum[116]), "+f"(sum[117]), "+f"(sum[118]), "+f"(sum[119]),
          "+f"(sum[120]), "+f"(sum[121]), "+f"(sum[122]), "+f"(sum[123]), "+f"(sum[124]), "+f"(sum[125]),
          "+f"(sum[126]), "+f"(sum[127])
        : "l"(left), "l"(right), "r"(add), "n"(int(kTurnLeft)), "n"(int(kTurnRight)));
}

__device__ inline void begin_products() {
    // Copies of other threads are seen by wgmma only after this fence.
    asm volatile("fence.proxy.async.shared::cta;\nwgmma.fence.sync.aligned;" ::: "memory");
}

__device__ inline void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int kLeft>
__device__ inline void wait_for_products() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kLeft) : "memory");
}

__device__ inline uint32_t packed(float one, float two) {
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(two), "f"(one));
    return pair;
}

// A warp's 16 x 128 numbers as wgmma leaves them: of eight columns each, two of row lane / 4 and two eight rows below.
using Part = uint32_t[16][2];

__device__ inline void take_part(Part& part, const float (&sum)[128], int side) {
#pragma unroll
    for (int block = 0; block < 16; ++block)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int index = side * 64 + block * 4 + half * 2;
            part[block][half] = packed(sum[index], sum[index + 1]);
        }
}

// Write the first `rows` of a part, through shared memory, so that whole lines are written.
__device__ inline void write_part(const Part& part, uint32_t place, bfloat16* out, int64_t pitch, int rows) {
    const int lane = threadIdx.x % 32, half = lane / 16;
#pragma unroll
    for (int block = 0; block < 16; block += 2) {
        const int row = lane % 16;
        const uint32_t at = place + row * (kPartColumns * 2) + (((block + half) ^ (row & 7)) << 4);
        asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(at), "r"(part[block][0]),
                     "r"(part[block][1]), "r"(part[block + 1][0]), "r"(part[block + 1][1])
                     : "memory");
    }
    __syncwarp();
#pragma unroll
    for (int two = 0; two < 16; two += 2) {
        const int row = two + half;
        uint4 value;
        asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
                     : "r"(place + row * (kPartColumns * 2) + (((lane % 16) ^ (row & 7)) << 4)));
        if (row < rows) *reinterpret_cast<uint4*>(out + row * pitch + (lane % 16) * 8) = value;
    }
    __syncwarp();
}

// The barriers of a block: a stage is full, or empty again.
struct Ring {
    uint32_t base, full, empty;

    __device__ inline void init() const {
        for (int stage = 0; stage < kStages; ++stage) {
            init_barrier(full + 8 * stage, kCopyWarps * 32 + 1);
            init_barrier(empty + 8 * stage, 2 * kMultiplyWarps);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }

    __device__ inline uint32_t place(int step) const { return base + step % kStages * kStageBytes; }
    __device__ inline uint32_t full_at(int step) const { return full + step % kStages * 8; }
    __device__ inline void wait_until_full(int step) const { wait(full_at(step), step / kStages & 1); }
    __device__ inline void wait_until_empty(int step) const {
        wait(empty + step % kStages * 8, (step / kStages & 1) ^ 1);
    }

    // Tell both blocks that this warp has read a stage.
    __device__ inline void release(int step) const {
        if (threadIdx.x % 32 < 2) arrive_at(empty + step % kStages * 8, threadIdx.x % 32);
    }
};

__device__ inline Ring new_ring() {
    extern __shared__ uint8_t memory[];
    const uint32_t base = ((uint32_t)__cvta_generic_to_shared(memory) + 1023) & ~1023u;
    const Ring ring{base, base + kBarriersOffset, base + kBarriersOffset + 8 * kStages};
    if (threadIdx.x == 0) ring.init();
    cluster_sync();
    return ring;
}

}  // namespace

#define KERNEL extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(384, 1)
