//===- rtl_bench.cpp - a core's RTL with single-cycle memory ---------------===//
//
// SYSTEM is the top module: a core whose requests are granted at once and
// answered in the next cycle. A fetch or access outside the memory map ends the
// run as a fault. ACTIVITY says that the module shows signals whose toggles are
// counted.
//
//===----------------------------------------------------------------------===//

#include "machine.h"
#include "verilated.h"
#include SYSTEM_HEADER
#include <memory>

static const char *const Names[] = {
    "cycles",         "instructions",        "loads",          "stores",
    "branches",       "branches_taken",      "jumps",          "fetches",
#ifdef ACTIVITY
    "multiply_waits", "divide_waits",        "source_toggles", "operand_toggles",
    "result_toggles", "instruction_toggles", "fetch_toggles",  "data_toggles",
#endif
};

/// Counts the bits that differ from one cycle to the next.
struct ToggleCounter {
  uint64_t Last = 0, Toggles = 0;
  void sample(uint64_t Now) {
    Toggles += __builtin_popcountll(Last ^ Now);
    Last = Now;
  }
};

int main(int Count, char **Arguments) {
  auto M = std::make_unique<Machine>();
  if (!readArguments(Count, Arguments, *M))
    return 2;
  auto Context = std::make_unique<VerilatedContext>();
  auto Core = std::make_unique<SYSTEM>(Context.get());
  Core->boot_addr_i = ImageBase;
  Core->instr_rvalid_i = Core->data_rvalid_i = 0;
  Core->rst_ni = 1;
  Core->clk_i = 0;
  Core->eval();
  Core->rst_ni = 0;
  for (int I = 0; I != 20; ++I) {
    Core->clk_i = I & 1;
    Core->eval();
  }
  Core->rst_ni = 1;

  uint64_t Cycles = 0, Loads = 0, Stores = 0, Fetches = 0;
  ToggleCounter Registers, Operands, Results, Decoded, Fetched, Accessed;
  auto Now = [&] {
    return Counts{
        Cycles,
        Core->instructions_o,
        Loads,
        Stores,
        Core->branches_o,
        Core->branches_taken_o,
        Core->jumps_o,
        Fetches,
#ifdef ACTIVITY
        Core->multiply_waits_o,
        Core->divide_waits_o,
        Registers.Toggles,
        Operands.Toggles,
        Results.Toggles,
        Decoded.Toggles,
        Fetched.Toggles,
        Accessed.Toggles,
#endif
    };
  };
  bool InstructionValid = false, DataValid = false;
  uint32_t Instruction = 0, Data = 0;
  while (M->Running && Cycles != M->CycleLimit) {
    Core->clk_i = 0;
    Core->instr_rvalid_i = InstructionValid;
    Core->instr_rdata_i = Instruction;
    Core->data_rvalid_i = DataValid;
    Core->data_rdata_i = Data;
    Core->eval();
#ifdef ACTIVITY
    Registers.sample(Core->registers_o);
    Operands.sample(Core->operands_o);
    Results.sample(Core->results_o);
    Decoded.sample(Core->instruction_o);
    Fetched.sample(uint64_t(Core->instr_addr_o) << 32 | Instruction);
    Accessed.sample(uint64_t(Core->data_wdata_o) << 32 | Data);
#endif
    InstructionValid = Core->instr_req_o;
    if (InstructionValid) {
      ++Fetches;
      uint32_t Address = Core->instr_addr_o;
      if (M->inRam(Address))
        memcpy(&Instruction, M->at(Address & ~3u), 4);
      else
        M->fault(1, Address, Address);
    }
    DataValid = Core->data_req_o;
    if (DataValid) {
      uint32_t Address = Core->data_addr_o & ~3u;
      if (!M->inRam(Address)) {
        if (Core->data_we_o && Address - RegisterBase < 64)
          M->store(Address, Core->data_wdata_o, Now);
        else
          M->fault(Core->data_we_o ? 7 : 5, 0, Core->data_addr_o);
      } else if (Core->data_we_o) {
        ++Stores;
        uint8_t *Bytes = M->at(Address);
        for (unsigned I = 0; I != 4; ++I)
          if (Core->data_be_o >> I & 1)
            Bytes[I] = Core->data_wdata_o >> 8 * I;
      } else {
        ++Loads;
        memcpy(&Data, M->at(Address), 4);
      }
    }
    Core->clk_i = 1;
    Core->eval();
    ++Cycles;
  }
  M->finish(Now);
  return M->report(Names, std::size(Names), Arguments[2]);
}
