//===- gate_netlist.h - what a generated netlist simulator offers ----------===//
//
// A word has one bit for each lane; every lane is a machine of its own.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_PLATFORMS_GATE_NETLIST_H
#define MLCOMP_PLATFORMS_GATE_NETLIST_H

#include <cstdint>

namespace gates {

#ifndef LANES
#define LANES 256
#endif
constexpr unsigned Lanes = LANES, AccumulatorBits = 56;
typedef uint64_t Word __attribute__((vector_size(Lanes / 8)));

extern Word Net[], Input[];
extern Word Accumulator[AccumulatorBits]; ///< Of each lane the weights of all toggles, bit by bit.
extern uint64_t Toggles[];                ///< Of each net in the first lane, if nets are counted.
extern const unsigned NetCount;

void reset();
void latch();  ///< The clock's edge: flip-flops see their inputs.
void settle(); ///< Inputs and flip-flops take their values, and all nets theirs.

/// Adds \p Bits, each of weight 2^\p Column.
inline void accumulate(Word Bits, unsigned Column) {
  for (; Column != AccumulatorBits; ++Column) {
    Word Carry = Accumulator[Column] & Bits;
    Accumulator[Column] ^= Bits;
    Bits = Carry;
  }
}

} // namespace gates

#endif
