//===- gate_bench.cpp - many programs on a core's gates ----------------------===//
//
// The memory and the registers of simulators/machine.h for every lane of a
// generated netlist simulator. A cycle is one of rtl_bench.cpp: the same cycle
// counts, cycle by cycle.
//
//   gate_simulator CYCLES {IMAGE REPORT}...
//
// With COUNT_NETS: one program, and toggles of each net from cycle BEGIN on.
//
//   gate_simulator CYCLES IMAGE REPORT BEGIN TOGGLES
//
//===----------------------------------------------------------------------===//

#include "gate_netlist.h"
#include "machine.h"
#include <memory>

namespace gates {
extern const int In_rst_ni[], In_boot_addr_i[], In_instr_rvalid_i[], In_instr_rdata_i[], In_data_rvalid_i[],
    In_data_rdata_i[];
extern const int Out_instr_req_o[], Out_instr_addr_o[], Out_data_req_o[], Out_data_we_o[], Out_data_be_o[],
    Out_data_addr_o[], Out_data_wdata_o[];
} // namespace gates

namespace {
using namespace gates;

struct Lane {
  Machine M;
  uint64_t Loads = 0, Stores = 0, Fetches = 0;
  uint32_t Instruction = 0, Data = 0;
};

/// Rows and columns of 64 by 64 bits change places.
void transpose(uint64_t *Rows) {
  uint64_t Mask = 0x00000000ffffffff;
  for (unsigned Step = 32; Step; Step >>= 1, Mask ^= Mask << Step)
    for (unsigned I = 0; I != 64; I = ((I | Step) + 1) & ~Step) {
      uint64_t Swap = ((Rows[I] >> Step) ^ Rows[I | Step]) & Mask;
      Rows[I] ^= Swap << Step;
      Rows[I | Step] ^= Swap;
    }
}

uint64_t energy(unsigned Number) {
  uint64_t Sum = 0;
  for (unsigned I = 0; I != AccumulatorBits; ++I)
    Sum |= (uint64_t(Accumulator[I][Number / 64]) >> Number % 64 & 1) << I;
  return Sum;
}

/// The 64 lanes of one group of words; what a cycle asks of their memories.
class Group {
public:
  Group(unsigned Index, std::vector<std::unique_ptr<Lane>> &All) : Index(Index), All(All) {}

  /// Answers the requests of this cycle with the inputs of the next.
  void exchange(uint64_t Cycles) {
    uint64_t FetchRequest = Net[*Out_instr_req_o][Index], DataRequest = Net[*Out_data_req_o][Index];
    uint64_t Write = Net[*Out_data_we_o][Index] & DataRequest;
    uint64_t Addresses[64], Written[64];
    for (unsigned I = 0; I != 32; ++I) {
      Addresses[I] = Net[Out_instr_addr_o[I]][Index];
      Addresses[32 + I] = Net[Out_data_addr_o[I]][Index];
    }
    transpose(Addresses);
    if (Write) {
      for (unsigned I = 0; I != 64; ++I)
        Written[I] = I < 32   ? Net[Out_data_wdata_o[I]][Index]
                     : I < 36 ? Net[Out_data_be_o[I - 32]][Index]
                              : 0;
      transpose(Written);
    }
    uint64_t Answers[64] = {};
    for (unsigned I = 0; I != 64 && 64 * Index + I < All.size(); ++I) {
      Lane &L = *All[64 * Index + I];
      if (L.M.Running) {
        if (FetchRequest >> I & 1)
          fetch(L, uint32_t(Addresses[I]));
        if (Write >> I & 1)
          store(L, uint32_t(Addresses[I] >> 32), uint32_t(Written[I]), Written[I] >> 32 & 15, 64 * Index + I,
                Cycles);
        else if (DataRequest >> I & 1)
          load(L, uint32_t(Addresses[I] >> 32));
      }
      Answers[I] = uint64_t(L.Data) << 32 | L.Instruction;
    }
    transpose(Answers);
    for (unsigned I = 0; I != 32; ++I) {
      Input[In_instr_rdata_i[I]][Index] = Answers[I];
      Input[In_data_rdata_i[I]][Index] = Answers[32 + I];
    }
    Input[*In_instr_rvalid_i][Index] = FetchRequest;
    Input[*In_data_rvalid_i][Index] = DataRequest;
  }

private:
  static void fetch(Lane &L, uint32_t Address) {
    ++L.Fetches;
    if (L.M.inRam(Address))
      memcpy(&L.Instruction, L.M.at(Address & ~3u), 4);
    else
      L.M.fault(1, Address, Address);
  }
  static void load(Lane &L, uint32_t Address) {
    if (!L.M.inRam(Address))
      return L.M.fault(5, 0, Address);
    ++L.Loads;
    memcpy(&L.Data, L.M.at(Address & ~3u), 4);
  }
  static void store(Lane &L, uint32_t Address, uint32_t Value, unsigned Enable, unsigned Number,
                    uint64_t Cycles) {
    Address &= ~3u;
    if (Address - RegisterBase < 64)
      return L.M.store(Address, Value, [&] { return now(L, Number, Cycles); });
    if (!L.M.inRam(Address))
      return L.M.fault(7, 0, Address);
    ++L.Stores;
    for (unsigned I = 0; I != 4; ++I)
      if (Enable >> I & 1)
        L.M.at(Address)[I] = uint8_t(Value >> 8 * I);
  }

public:
  static Counts now(const Lane &L, unsigned Number, uint64_t Cycles) {
    return {Cycles, energy(Number), L.Loads, L.Stores, L.Fetches};
  }

private:
  unsigned Index;
  std::vector<std::unique_ptr<Lane>> &All;
};

const char *const Names[] = {"cycles", "energy", "loads", "stores", "fetches"};

void drive(const int *Port, unsigned Bits, uint64_t Value) {
  for (unsigned I = 0; I != Bits; ++I)
    Input[Port[I]] = Value >> I & 1 ? ~Word{} : Word{};
}

} // namespace

int main(int Count, char **Arguments) {
  std::vector<std::unique_ptr<Lane>> All;
#ifdef COUNT_NETS
  int Last = 4;
  bool Usage = Count != 6;
#else
  int Last = Count;
  bool Usage = Count < 4 || Count % 2 || unsigned(Count) / 2 - 1 > Lanes;
#endif
  if (Usage) {
    fprintf(stderr, "%s: wrong number of arguments\n", Arguments[0]);
    return 2;
  }
  uint64_t Limit = strtoull(Arguments[1], nullptr, 10);
  for (int I = 2; I != Last; I += 2) {
    All.push_back(std::make_unique<Lane>());
    if (!All.back()->M.load(Arguments[I])) {
      fprintf(stderr, "%s: cannot be read or does not fit in memory\n", Arguments[I]);
      return 2;
    }
  }
  reset();
  drive(In_boot_addr_i, 32, ImageBase);
  drive(In_rst_ni, 1, 0);
  for (int I = 0; I != 10; ++I) {
    settle();
    latch();
  }
  drive(In_rst_ni, 1, 1);
  std::vector<Group> Groups;
  for (unsigned I = 0; I != Lanes / 64; ++I)
    Groups.emplace_back(I, All);
  uint64_t Cycles = 0;
  auto Running = [&] {
    for (auto &L : All)
      if (L->M.Running)
        return true;
    return false;
  };
  for (; Cycles != Limit && (Cycles % 1024 || Running()); ++Cycles) {
#ifdef COUNT_NETS
    if (Cycles == strtoull(Arguments[4], nullptr, 10))
      for (unsigned I = 0; I != NetCount; ++I)
        Toggles[I] = 0;
#endif
    settle();
    for (Group &G : Groups)
      G.exchange(Cycles);
    latch();
  }
#ifdef COUNT_NETS
  FILE *F = fopen(Arguments[5], "w");
  for (unsigned I = 0; F && I != NetCount; ++I)
    fprintf(F, "%" PRIu64 "\n", Toggles[I]);
  if (!F || fclose(F))
    return 1;
#endif
  for (unsigned I = 0; I != All.size(); ++I) {
    All[I]->M.finish([&] { return Group::now(*All[I], I, Cycles); });
    if (All[I]->M.report(Names, std::size(Names), Arguments[3 + 2 * I]))
      return 1;
  }
}
